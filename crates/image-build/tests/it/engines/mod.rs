//! The same request with real engines: equal files and equal settings.
//!
//! Compared are the files of the whole image, and the part of the config that
//! a container sees. Where an engine differs, its case says so and that is
//! checked, too; what is the same in all cases stands in
//! [`Engine::normalize`] and [`Engine::expect`].

mod buildkit;
mod cases;
mod podman;

use std::collections::BTreeMap;

use image_build::BuildRequest;
use oci::{Artifact, Digest, EntryKind, EntryLimits, Image, Layout};

use crate::support::World;
use cases::Case;

/// What a file of an image is: kind, mode, owner, link or digest.
type Facts = (EntryKind, u32, u64, u64, String);

/// What is compared of an image.
#[derive(Debug, PartialEq)]
struct Seen {
    files: BTreeMap<String, Facts>,
    config: serde_json::Value,
    architecture: String,
    author: Option<serde_json::Value>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
    Podman,
    BuildKit,
}

impl Seen {
    fn of(image: &Image) -> Seen {
        let mut files = BTreeMap::new();
        let limits = EntryLimits { kept: 1 << 30, ..EntryLimits::default() };
        for layer in image.layers() {
            for entry in layer.entries(limits).unwrap() {
                let name = entry.name.trim_start_matches("./").trim_end_matches('/').to_owned();
                assert!(!name.contains(".wh."), "no case removes files");
                let content = match entry.kind {
                    EntryKind::File => Digest::of(&entry.bytes).to_string(),
                    _ => entry.link.unwrap_or_default(),
                };
                files.insert(name, (entry.kind, entry.mode, entry.uid, entry.gid, content));
            }
        }
        // The root, where an engine lists it.
        files.remove("");
        let config = image.config();
        Seen {
            files,
            config: serde_json::to_value(&config.config).unwrap(),
            architecture: config.architecture.clone(),
            author: config.extra.get("author").cloned(),
        }
    }
}

impl Engine {
    /// Takes out of what an engine made in which it differs from the others.
    fn normalize(self, mut seen: Seen) -> Seen {
        let config = seen.config.as_object_mut().unwrap();
        match self {
            Engine::Podman => {
                // It signs what it makes.
                if let Some(labels) = config.get_mut("Labels") {
                    labels.as_object_mut().unwrap().remove("io.buildah.version");
                    if labels.as_object().unwrap().is_empty() {
                        config.remove("Labels");
                    }
                }
                // Its OCI configs have no fields of docker's, and an absent
                // directory is the root.
                config.entry("WorkingDir").or_insert("/".into());
            }
            Engine::BuildKit => {
                // Of a command for Windows, wherever a shell is used.
                config.remove("ArgsEscaped");
            }
        }
        seen
    }

    /// Takes out of what the built-in builder made what an engine cannot have.
    fn expect(self, mut seen: Seen) -> Seen {
        if self == Engine::Podman {
            let config = seen.config.as_object_mut().unwrap();
            config.retain(|field, _| !matches!(field.as_str(), "Healthcheck" | "Shell"));
        }
        seen
    }

    /// Builds every case with the engine and in process.
    fn compare(self, cases: &[Case], build: &dyn Fn(&World, &BuildRequest) -> Layout) {
        for Case { name, containerfile, arguments, but_not } in cases {
            let world = cases::world(containerfile);
            let mut request = world.request();
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            request.build_args = arguments.iter().map(owned).collect();
            let ours = Artifact::Index(world.build(&request).unwrap().index);
            let layout = build(&world, &request);
            let theirs = layout.load(&layout.index().manifests[0]).unwrap();
            let seen = |artifact: &Artifact| Seen::of(artifact.images()[0]);
            let (ours, theirs) = (self.expect(seen(&ours)), self.normalize(seen(&theirs)));
            if but_not.contains(&self) {
                assert_ne!(ours, theirs, "{self:?} does not differ any more: {name}");
            } else {
                assert_eq!(ours, theirs, "{self:?} and the built-in builder (left): {name}");
            }
        }
    }
}
