//! What these tests share: a checkout whose images are in a registry, a key,
//! and cosigns whose calls are written down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci::registry::{Client, Credential, Credentials, Secret, Settings};
use oci::{Artifact, Image, Index, Named, Reference};
use signature::{PublicKey, Signatures};
use tempfile::TempDir;
use test_support::go_tool;

use crate::support::{Checkout, Run, finish, program};

/// The password of the key.
pub(super) const PASSWORD: &str = "the-password-of-the-key";

/// A checkout, a key, and both cosigns.
pub(super) struct Scene {
    pub(super) checkout: Checkout,
    pub(super) dir: TempDir,
    /// The programs that write down how they are called, then do it.
    pub(super) cosigns: [PathBuf; 2],
    /// The programs themselves.
    pub(super) real: [PathBuf; 2],
    pub(super) client: Client,
}

/// One call of a cosign.
#[derive(Debug)]
pub(super) struct Call {
    /// The program's name, then its arguments.
    pub(super) words: Vec<String>,
    pub(super) environment: String,
}

impl Call {
    pub(super) fn line(&self) -> String {
        self.words.join(" ")
    }

    /// Returns what it is called for.
    pub(super) fn command(&self) -> &str {
        &self.words[1]
    }
}

impl Scene {
    /// Makes one with images of the catalogue, `organization/name`; `None`
    /// where cosign is not built.
    pub(super) fn new(images: &[&str]) -> Option<Scene> {
        let real = [go_tool("cosign-2")?, go_tool("cosign-3")?];
        let scene = Scene::with(images, real);
        let mut command = Command::new(&scene.real[1]);
        command.arg("generate-key-pair").current_dir(scene.dir.path());
        let output = command.env("COSIGN_PASSWORD", PASSWORD).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Some(scene)
    }

    /// Makes one whose cosigns are any programs; there is no key.
    pub(super) fn with(images: &[&str], real: [PathBuf; 2]) -> Scene {
        let (checkout, dir) = (Checkout::cold(), tempfile::tempdir().unwrap());
        checkout.catalogue(&images.iter().map(|image| entry(image)).collect::<String>());
        let recorder = |name: &str, real: &Path| {
            let path = dir.path().join("bin").join(name);
            let calls = dir.path().join("calls");
            std::fs::create_dir_all(&calls).unwrap();
            program(&path, &record(name, &calls, real));
            path
        };
        let cosigns = [recorder("cosign-2", &real[0]), recorder("cosign-3", &real[1])];
        Scene { checkout, dir, cosigns, real, client: Client::new(Settings::default()) }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file beside the key and returns its path as text.
    pub(super) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Returns a command of somebody who has no credentials and no cosign but
    /// those of the scene.
    pub(super) fn command(&self, name: &str, registry: &str, args: &[&str]) -> Command {
        let mut command = self.checkout.command(&[name, "--registry", registry]);
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        command.env("PATH", path).env("HOME", self.path("home")).args(args);
        command.env("COSIGN_PASSWORD", PASSWORD);
        command
    }

    /// Returns `sign-images` with the key.
    pub(super) fn sign_command(&self, registry: &str, args: &[&str]) -> Command {
        let key = self.path("cosign.key");
        let key = ["--key", key.to_str().unwrap()];
        self.command("sign-images", registry, &[&key, args].concat())
    }

    pub(super) fn sign(&self, registry: &str, args: &[&str]) -> Run {
        finish(self.sign_command(registry, args).output().unwrap())
    }

    /// Pushes an index of two images under names of the registry, and returns
    /// its repository and digest.
    pub(super) fn push(&self, names: &[String]) -> Reference {
        let image = |platform: &str| {
            let image = Image::builder(platform.parse().unwrap());
            // Others have other digests.
            image.label("name", &names[0]).build().unwrap()
        };
        let images = vec![image("linux/amd64"), image("linux/s390x")];
        let index = Index::new(images, BTreeMap::new()).unwrap();
        let references: Vec<Reference> = names.iter().map(|name| name.parse().unwrap()).collect();
        let pinned = references[0].with_digest(index.digest()).without_tag();
        let named = Named { references, artifact: Artifact::Index(index) };
        self.client.push(&[named], &|_| {}).remove(0).unwrap();
        pinned
    }

    /// Returns the calls since the last time, in the order of their ends.
    pub(super) fn calls(&self) -> Vec<Call> {
        let files = host::fs::read_dir(&self.path("calls")).unwrap();
        let call = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).unwrap();
            std::fs::remove_file(path).unwrap();
            let (words, environment) = text.split_once("\n--- environment\n").unwrap();
            let words = words.lines().map(str::to_owned).collect();
            Call { words, environment: environment.to_owned() }
        };
        files.iter().map(call).collect()
    }

    /// Returns what was called since the last time, sorted.
    pub(super) fn commands(&self) -> Vec<String> {
        let mut commands: Vec<_> = self
            .calls()
            .iter()
            .map(|call| format!("{} {}", call.words[0], call.command()))
            .collect();
        commands.sort();
        commands
    }

    pub(super) fn key(&self) -> PublicKey {
        let text = std::fs::read_to_string(self.path("cosign.pub")).unwrap();
        PublicKey::from_pem(&text).unwrap()
    }

    pub(super) fn signatures(&self, subject: &Reference) -> Signatures {
        Signatures::read(&self.client, subject, subject.digest().unwrap()).unwrap()
    }

    /// Lets cosign itself verify something; returns whether it does.
    pub(super) fn verifies(&self, major: usize, subject: &Reference, more: &[&str]) -> bool {
        let mut command = Command::new(&self.real[major - 2]);
        command.args(["verify", "--insecure-ignore-tlog=true", "--key"]);
        command.arg(self.path("cosign.pub")).args(more).arg(subject.to_string());
        command.env("TUF_ROOT", self.path("tuf")).output().unwrap().status.success()
    }
}

/// Returns the block of an image.
fn entry(image: &str) -> String {
    let (organization, name) = image.split_once('/').unwrap();
    format!(
        "  - {{name: {name}, organization: {organization}, description: d, licenses: MIT, \
         bytecode: bpf/{name}.bpf.c}}\n"
    )
}

/// Writes down a call, then makes it.
pub(super) fn record(name: &str, calls: &Path, real: &Path) -> String {
    let (calls, real) = (calls.display(), real.display());
    format!(
        "{{ echo {name}; for word; do echo \"$word\"; done; echo '--- environment'; env; }} \
         >'{calls}'/$$\nexec '{real}' \"$@\""
    )
}

/// Returns a client with a name and password for a part of a registry.
pub(super) fn client_as(key: &str, username: &str, password: &str) -> Client {
    let password = Secret::new(password);
    let credential = Credential::Password { username: username.into(), password };
    let credentials = Credentials::none().with(key, credential, "the test");
    Client::new(Settings { credentials, ..Settings::default() })
}

/// Returns the calls that one run makes before it signs anything.
pub(super) const BEFORE: [&str; 3] =
    ["cosign-2 version", "cosign-3 public-key", "cosign-3 version"];
