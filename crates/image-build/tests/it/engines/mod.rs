//! The same request with real engines: equal files and equal settings.
//!
//! Compared are the platforms and annotations of the index, and of each image
//! the files, the part of the config that a container sees, and the time.
//! Where an engine differs, its case says so and that is checked, too; what
//! is the same in all cases stands in [`Engine::normalize`] and
//! [`Engine::expect`]. What real engines do not do on demand, programs in
//! their place do: `stand_ins`.

mod buildkit;
mod cases;
mod docker;
mod messages;
mod podman;
mod requests;
mod run;
mod stand_ins;

use std::collections::BTreeMap;

use image_build::BuildRequest;
use oci::{Artifact, Digest, EntryKind, EntryLimits, Image, Index};

use crate::support::{World, chain};
use cases::Case;

/// What a file of an image is: kind, mode, owner, link or digest.
type Facts = (EntryKind, u32, u64, u64, String);

/// What is compared of an image.
#[derive(Debug, PartialEq)]
struct Seen {
    files: BTreeMap<String, Facts>,
    config: serde_json::Value,
    platform: String,
    author: Option<serde_json::Value>,
    created: Option<String>,
    annotations: BTreeMap<String, String>,
    /// How many entries each layer has; not of several, for some repeat the
    /// directories.
    layers: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
    Podman,
    BuildKit,
    /// Of docker 20.10, with a BuildKit of its own.
    ClassicDocker,
}

/// The builder that the tests give to buildx.
const BUILDER: &str = "of-the-tests";

impl Seen {
    fn of(image: &Image) -> Seen {
        let (mut files, mut layers) = (BTreeMap::new(), Vec::new());
        let limits = EntryLimits { kept: 1 << 30, ..EntryLimits::default() };
        for layer in image.layers() {
            let entries = layer.entries(limits).unwrap();
            assert!(!entries.is_empty(), "a layer that holds nothing");
            layers.push(entries.len());
            for entry in entries {
                let name = entry.name.trim_start_matches("./").trim_end_matches('/').to_owned();
                assert!(!name.contains(".wh."), "no case removes files");
                let content = match entry.kind {
                    EntryKind::File => Digest::of(&entry.bytes).to_string(),
                    _ => entry.link.unwrap_or_default(),
                };
                files.insert(name, (entry.kind, entry.mode, entry.uid, entry.gid, content));
            }
        }
        if layers.len() > 1 {
            layers.fill(0);
        }
        // The root, where an engine lists it.
        files.remove("");
        let config = image.config();
        Seen {
            files,
            config: serde_json::to_value(&config.config).unwrap(),
            platform: image.platform().to_string().replace("linux/arm/v7", "linux/arm"),
            author: config.extra.get("author").cloned(),
            created: config.created.clone(),
            annotations: image.annotations().clone(),
            layers,
        }
    }
}

/// Returns what the images of an index are.
fn seen(index: &Index) -> impl Iterator<Item = Seen> {
    index.children().iter().map(|child| match child {
        Artifact::Image(image) => Seen::of(image),
        Artifact::Index(_) => panic!("an index in an index"),
    })
}

impl Engine {
    /// Takes out of what an engine made in which it differs from the others.
    fn normalize(self, mut seen: Seen) -> Seen {
        let config = seen.config.as_object_mut().unwrap();
        match self {
            Engine::Podman => {
                // Its OCI configs have no fields of docker's, and an absent
                // directory is the root.
                config.entry("WorkingDir").or_insert("/".into());
            }
            Engine::BuildKit | Engine::ClassicDocker => {
                // Of a command for Windows, wherever a shell is used.
                config.remove("ArgsEscaped");
                if self == Engine::ClassicDocker {
                    // That is a warning.
                    seen.created = None;
                    // An old form of "none".
                    config.retain(|_, value| !value.is_null());
                }
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
        if self == Engine::ClassicDocker {
            seen.created = None;
        }
        seen
    }

    /// Returns the engine to ask for.
    fn real(self) -> image_build::Engine {
        match self {
            Engine::Podman => image_build::Engine::Podman,
            Engine::BuildKit => image_build::Engine::Docker { builder: Some(BUILDER.to_owned()) },
            Engine::ClassicDocker => image_build::Engine::Docker { builder: None },
        }
    }

    /// Builds with the engine and in process, and returns what both made, as
    /// far as it is to be equal; that of the built-in builder first. An engine
    /// may fail.
    fn both(self, world: &World, request: &BuildRequest) -> (Vec<Seen>, Result<Vec<Seen>, String>) {
        let ours = world.build(request).unwrap_or_else(|error| panic!("{}", chain(&error)));
        let mut ours: Vec<Seen> = seen(&ours.index).map(|seen| self.expect(seen)).collect();
        let (theirs, log) = world.build_with(&self.real(), request);
        let theirs = match theirs {
            Ok(built) => built,
            Err(error) => return (ours, Err(format!("{}\n{log}", chain(&error)))),
        };
        assert_eq!(theirs.index.annotations(), &request.annotations);
        let mut theirs: Vec<Seen> = seen(&theirs.index).map(|seen| self.normalize(seen)).collect();
        for (ours, theirs) in ours.iter_mut().zip(&mut theirs) {
            // A stage of podman's is one layer.
            if self == Engine::Podman && ours.layers.len() > 1 {
                ours.layers.clear();
                theirs.layers.clear();
            }
        }
        (ours, Ok(theirs))
    }

    /// Builds every case with the engine and in process.
    fn compare(self, cases: &[Case]) {
        let mut wrong = Vec::new();
        for Case { name, containerfile, arguments, but_not } in cases {
            let mut containerfile = (*containerfile).to_owned();
            if self == Engine::ClassicDocker && !containerfile.contains("COPY") {
                // It cannot save an image without a layer.
                containerfile.push_str("COPY a.txt /\n");
            }
            let world = cases::world(&containerfile);
            let mut request = world.request();
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            request.build_args = arguments.iter().map(owned).collect();
            request.created = 1_000_000_000;
            let (ours, theirs) = self.both(&world, &request);
            if but_not.contains(&self) == (theirs.as_ref() == Ok(&ours)) {
                wrong.push(format!("{name}:\n{ours:?}\n{theirs:?}"));
            }
        }
        assert!(wrong.is_empty(), "{self:?} differs, or does not any more:\n{}", wrong.join("\n"));
    }
}
