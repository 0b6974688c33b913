//! Programs that are built for the tests: a registry that keeps lists of
//! referrers, and crane, which reads what we push and pushes what we read.

use std::path::{Path, PathBuf};

use host::Cmd;
use oci::layout::{Tree, WriteOptions};
use oci::spec::Descriptor;
use oci::{Artifact, Blob, Digest, Layout, media};
use test_support::Registry;

use crate::proxy::Proxy;
use crate::support::*;

/// An index in a registry, and something to attach to it.
struct Subject {
    artifact: Artifact,
    name: String,
}

impl Subject {
    fn pushed(to: &str) -> Subject {
        let (artifact, name) = (index("one"), format!("{to}/org/image:v1"));
        push(&client(), &[named(std::slice::from_ref(&name), &artifact)]);
        Subject { artifact, name }
    }

    /// Attaches a manifest of this type. Its blobs are those of an image that
    /// is there; what differs is an annotation.
    fn attach(&self, artifact_type: &str, number: usize) -> Descriptor {
        let mut document = self.artifact.images()[0].manifest().clone();
        document.subject = Some(self.artifact.descriptor().clone());
        document.annotations.insert("number".into(), number.to_string());
        document.extra.insert("artifactType".into(), artifact_type.into());
        let manifest = Blob::from_bytes(media::MANIFEST, serde_json::to_vec(&document).unwrap());
        let mut descriptor = manifest.descriptor().clone();
        descriptor.extra.insert("artifactType".into(), artifact_type.into());
        let (name, subject) = (reference(&self.name), self.artifact.digest());
        client().attach(&name, &manifest, &descriptor, subject).unwrap();
        descriptor
    }

    fn referrers(&self, artifact_type: Option<&str>) -> Vec<Digest> {
        let found =
            client().referrers(&reference(&self.name), self.artifact.digest(), artifact_type);
        let mut digests: Vec<_> = found.unwrap().iter().map(|found| found.digest).collect();
        digests.sort();
        digests
    }
}

fn digests(of: &[&Descriptor]) -> Vec<Digest> {
    let mut digests: Vec<_> = of.iter().map(|descriptor| descriptor.digest).collect();
    digests.sort();
    digests
}

#[test]
fn olareg_keeps_the_list_of_what_is_attached() {
    let Some(registry) = Registry::olareg() else { return };
    let proxy = Proxy::before(&registry.address);
    let subject = Subject::pushed(&proxy.address);
    assert_eq!(subject.referrers(None), []);
    proxy.take();

    let signature = subject.attach("application/vnd.example.signature", 1);
    let put = format!("PUT /v2/org/image/manifests/{}", signature.digest);
    assert_eq!(proxy.take(), [put], "OCI-Subject: no list under a tag is kept beside it");
    let other = subject.attach("application/vnd.example.signature", 2);
    let bill = subject.attach("application/vnd.example.bill", 3);
    assert_eq!(subject.referrers(None), digests(&[&signature, &other, &bill]));
    let tag = format!("{}/org/image:sha256-{}", proxy.address, subject.artifact.digest().hex());
    assert_eq!(client().resolve(&reference(&tag)).unwrap(), None);
    proxy.take();

    let filtered = subject.referrers(Some("application/vnd.example.signature"));
    assert_eq!(filtered, digests(&[&signature, &other]));
    assert_eq!(subject.referrers(Some("application/vnd.example.none")), []);
    let asked = |word: &str| {
        let subject = subject.artifact.digest();
        format!("GET /v2/org/image/referrers/{subject}?artifactType=application/vnd.example.{word}")
    };
    assert_eq!(proxy.take(), [asked("signature"), asked("none")]);
}

#[test]
fn olareg_takes_what_docker_registry_takes() {
    let Some(registry) = Registry::olareg() else { return };
    let client = client();
    let (one, two) = (index("one"), index("two"));
    let batch = [
        named(&[registry.name("org/one:v1"), registry.name("other/one:v1")], &one),
        named(&[registry.name("org/two:v1")], &two),
    ];
    let unchanged = |outcomes: Vec<Vec<oci::registry::Pushed>>| -> Vec<bool> {
        outcomes.concat().iter().map(|pushed| pushed.unchanged).collect()
    };
    assert_eq!(unchanged(push(&client, &batch)), [false; 3]);
    assert_eq!(unchanged(push(&client, &batch)), [true; 3]);
    for (name, artifact) in [("org/one:v1", &one), ("other/one:v1", &one), ("org/two:v1", &two)] {
        assert_arrived(&client, &registry.name(name), artifact);
    }
}

/// crane, and a home of its own for it.
struct Crane {
    program: PathBuf,
    home: tempfile::TempDir,
}

impl Crane {
    fn find() -> Option<Crane> {
        let program = test_support::go_tool("crane")?;
        Some(Crane { program, home: tempfile::tempdir().unwrap() })
    }

    /// Runs it, and returns its standard output.
    fn run(&self, args: &[&str]) -> Vec<u8> {
        let command = Cmd::new(&self.program).args(args).env("DOCKER_CONFIG", self.home.path());
        let output = command.run();
        output.unwrap_or_else(|error| panic!("{command}: {error}\n{}", error.stderr)).stdout
    }
}

/// The registries that crane is tried with, those that are here.
fn registries() -> Vec<Registry> {
    [Registry::anonymous(), Registry::olareg()].into_iter().flatten().collect()
}

#[test]
fn crane_reads_what_is_pushed() {
    let Some(crane) = Crane::find() else { return };
    for registry in registries() {
        let artifact = index("one");
        let name = registry.name("org/image:v1");
        push(&client(), &[named(std::slice::from_ref(&name), &artifact)]);
        let Artifact::Index(document) = &artifact else { panic!("it is an index") };
        assert_eq!(crane.run(&["manifest", &name]), document.blob().read(u64::MAX).unwrap());
        for image in artifact.images() {
            let child = registry.name(&format!("org/image@{}", image.digest()));
            let manifest = image.manifest_blob().read(u64::MAX).unwrap();
            assert_eq!(crane.run(&["manifest", &child]), manifest);
            assert_eq!(crane.run(&["config", &child]), image.config_blob().read(u64::MAX).unwrap());
        }
        // It reads every layer, and compares its digest, size and diff ID.
        let said = String::from_utf8(crane.run(&["validate", "--remote", &name])).unwrap();
        assert_eq!(said.trim(), format!("PASS: {name}"));

        // What it keeps of it is the same image.
        let kept = crane.home.path().join("kept").display().to_string();
        crane.run(&["pull", "--format", "oci", &name, &kept]);
        let layout = Layout::open(Path::new(&kept)).unwrap();
        let [entry] = &layout.index().manifests[..] else { panic!("one image") };
        assert_eq!(contents(&layout.load(entry).unwrap()), contents(&artifact));
        std::fs::remove_dir_all(kept).unwrap();
    }
}

#[test]
fn what_crane_pushes_is_read() {
    let Some(crane) = Crane::find() else { return };
    let dir = tempfile::tempdir().unwrap();
    // An index of ours from a layout, to be pushed by crane.
    let artifact = index("two");
    let tree = Tree::new(dir.path().join("tree"));
    let batch = [named(&["localhost/org/two:v1".into()], &artifact)];
    tree.write(&batch, WriteOptions { durable: false }).unwrap();
    let layout = tree.directory(&reference("localhost/org/two:v1")).display().to_string();
    // An image of crane's own making.
    let layer = dir.path().join("layer.tar");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(6);
    header.set_mode(0o644);
    tar.append_data(&mut header, "prog.o", &b"object"[..]).unwrap();
    host::fs::write_atomic(&layer, &tar.into_inner().unwrap()).unwrap();
    let layer = layer.display().to_string();

    for registry in &registries() {
        let name = registry.name("org/two:v1");
        crane.run(&["push", &layout, &name]);
        assert_arrived(&client(), &name, &artifact);
        // Nothing is left to do where another tool has done it.
        let outcome = push(&client(), &[named(std::slice::from_ref(&name), &artifact)]);
        assert!(outcome[0][0].unchanged);

        let name = registry.name("org/own:v1");
        crane.run(&["append", "--new_layer", &layer, "--new_tag", &name]);
        let digest = String::from_utf8(crane.run(&["digest", &name])).unwrap();
        let pulled = client().pull(&reference(&name), None).unwrap();
        assert_eq!(pulled.digest().to_string(), digest.trim());
        let [image] = pulled.images()[..] else { panic!("one image") };
        let entries = image.layers()[0].entries(Default::default()).unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(names, ["prog.o"]);
    }
}
