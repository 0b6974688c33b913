//! What a rehearsal needs: a repository, a registry, a key to sign with, and
//! the programs of a runner.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::event::Event;
use super::plans::secrets;
use super::quay::{ORGANIZATIONS, Quay, encoded};
use super::read;
use super::runner::{Record, World, run};
use crate::desk::{compilers, stand_in_for_cargo};
use crate::examples::programs::has_go;
use crate::support::Checkout;

/// Some of each kind, for when the whole catalogue takes too long: an object
/// for all architectures and one for each, all organizations, and a program.
const SOME: [&str; 5] = [
    "bpfman/xdp-dispatcher",
    "bpfman-bytecode/go-xdp-counter",
    "bpfman-bytecode/kprobe",
    "bpfman-bytecode/xdp_pass_private",
    "bpfman-userspace/go-target",
];

/// The images to rehearse with. The workflow names none, so that it is the
/// same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Images {
    Some,
    All,
}

/// The repository, and what is around it.
pub(super) struct Stage {
    pub(super) repository: Checkout,
    pub(super) quay: Quay,
    /// Its public half is with the repository's variables.
    pub(super) keys: Option<Keys>,
    /// What runs leave behind.
    dir: TempDir,
}

/// A key that signs in place of the workflow's identity.
pub(super) struct Keys {
    pub(super) dir: TempDir,
}

/// The password of the key.
const PASSWORD: &str = "open-sesame-of-the-key";

impl Stage {
    /// Sets one up; `None` where something is missing, which is said.
    pub(super) fn set(images: Images) -> Option<Stage> {
        if test_support::tool("clang").is_none() || !has_go() {
            return None;
        }
        let repository = Checkout::repository();
        if images == Images::Some {
            repository.write("images.yaml", &reduced(&repository.read("images.yaml")));
        }
        let dir = tempfile::tempdir().unwrap();
        stand_in_for_cargo(&dir.path().join("bin"));
        Some(Stage { repository, quay: Quay::start()?, keys: None, dir })
    }

    /// The same, with what signs.
    pub(super) fn set_to_sign(images: Images) -> Option<Stage> {
        let keys = Keys::make()?;
        test_support::go_tool("cosign-3")?;
        Some(Stage { keys: Some(keys), ..Stage::set(images)? })
    }

    /// Runs the workflow that builds images, to the end or to where it fails.
    pub(super) fn run(&self, event: &Event) -> Record {
        let mut vars = vec![("IMAGE_REGISTRY", self.quay.gate.address.clone())];
        vars.extend(self.keys.as_ref().map(|keys| ("COSIGN_PUBLIC_KEY", keys.text("cosign.pub"))));
        let world = World {
            dir: self.dir.path().join("run"),
            source: self.repository.path().to_owned(),
            programs: self.dir.path().join("bin"),
            machine: compilers(),
            vars: vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            secrets: self.secrets(),
            pretends: false,
        };
        let (workflow, _) = read("image-build");
        run(&workflow, event, &world).unwrap()
    }

    fn secrets(&self) -> BTreeMap<String, String> {
        let mut secrets = secrets();
        if let Some(keys) = &self.keys {
            secrets.insert("COSIGN_PRIVATE_KEY".to_owned(), keys.text("cosign.key"));
            secrets.insert("COSIGN_PASSWORD".to_owned(), PASSWORD.to_owned());
        }
        secrets
    }

    /// Returns what nobody may read anywhere: the secrets, and what they are
    /// sent as. User names are none.
    pub(super) fn hidden(&self) -> Vec<String> {
        let secrets = self.secrets().into_iter();
        let secrets = secrets.filter(|(name, _)| !name.ends_with("_USERNAME"));
        // Of a key of many lines, one is as bad as all.
        let lines = secrets.map(|(_, value)| value.lines().nth(1).unwrap_or(&value).to_owned());
        let sent = ORGANIZATIONS.map(|(_, [name, password])| encoded(name.1, password.1));
        lines.chain(sent).chain([super::event::TOKEN.to_owned()]).collect()
    }

    /// Returns the images that a plain run makes: `organization/name`.
    pub(super) fn images(&self) -> Vec<String> {
        let listed = self.asked(&["list-images"]);
        let images = listed["images"].as_array().unwrap().iter();
        let images = images.filter(|image| image["default"] == true).map(|image| {
            let name = image["reference"].as_str().unwrap().strip_prefix("quay.io/").unwrap();
            name.strip_suffix(":latest").unwrap().to_owned()
        });
        images.collect()
    }

    /// Returns the images that the jobs left to each other, with their
    /// digests: `organization/name` and `sha256:…`.
    pub(super) fn made(&self) -> BTreeMap<String, String> {
        let archive = self.artifacts().join("images/images.tar");
        let inspected = self.asked(&["inspect-images", archive.to_str().unwrap()]);
        let images = inspected["images"].as_array().unwrap().iter().map(|image| {
            let (_, name) = image["name"].as_str().unwrap().split_once('/').unwrap();
            let name = name.strip_suffix(":latest").unwrap().to_owned();
            (name, image["digest"].as_str().unwrap().to_owned())
        });
        images.collect()
    }

    pub(super) fn artifacts(&self) -> std::path::PathBuf {
        self.dir.path().join("run/artifacts")
    }

    /// Returns what a command of the repository prints as JSON.
    fn asked(&self, args: &[&str]) -> Value {
        let run = self.repository.run(&[args, &["--format", "json"]].concat());
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    }
}

impl Keys {
    fn make() -> Option<Keys> {
        let cosign = test_support::go_tool("cosign-2")?;
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(cosign);
        command.arg("generate-key-pair").env("COSIGN_PASSWORD", PASSWORD).current_dir(&dir);
        let output = command.env("HOME", dir.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Keys { dir })
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    pub(super) fn public(&self) -> std::path::PathBuf {
        self.dir.path().join("cosign.pub")
    }
}

/// Returns a catalogue whose plain run makes [`SOME`] alone.
fn reduced(catalogue: &str) -> String {
    let mut lines = Vec::new();
    let (mut name, mut kept) = ("", Vec::new());
    for line in catalogue.lines() {
        lines.push(line.to_owned());
        name = line.strip_prefix("  - name: ").unwrap_or(name);
        let Some(organization) = line.strip_prefix("    organization: ") else { continue };
        let full = format!("{organization}/{name}");
        match SOME.contains(&full.as_str()) {
            true => kept.push(full),
            false => lines.push("    default: false".to_owned()),
        }
    }
    assert_eq!(kept.len(), SOME.len(), "{kept:?}");
    // Some say so themselves.
    let text = lines.join("\n") + "\n";
    let mut once = String::new();
    for block in text.split_inclusive("\n  - name: ") {
        let mut said = false;
        for line in block.split_inclusive('\n') {
            let says = line == "    default: false\n";
            if !(says && said) {
                once.push_str(line);
            }
            said |= says;
        }
    }
    once
}

/// Returns whether a file has this text in it, whatever else it holds.
pub(super) fn has_text(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
