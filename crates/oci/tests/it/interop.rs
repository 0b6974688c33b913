//! The readers that users have, on what this crate writes.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use host::Cmd;
use oci::archive;
use oci::layout::Tree;
use oci::{Artifact, Layout};

use crate::support::{FAST, image, index, judge, named, texts, valid_names, write};

/// A tree and an archive of the same artifacts.
struct Sample {
    dir: tempfile::TempDir,
    artifact: Artifact,
    tree: Tree,
}

fn sample() -> Sample {
    // podman makes an image's name of the path, and wants it lowercase.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("oci-interop-{}-{count}", std::process::id());
    let dir = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir().unwrap();
    let artifact = index("one");
    let batch = [
        named(&["quay.io/a/one:v1", "quay.io/a/one:v2", "localhost:5000/one:v1"], artifact.clone()),
        named(&["quay.io/a/plain:v1"], Artifact::Image(image("linux/arm64", "plain"))),
    ];
    let tree = Tree::new(dir.path().join("tree"));
    write(&tree, &batch);
    archive::write(&dir.path().join("x.tar"), &batch, FAST).unwrap();
    Sample { dir, artifact, tree }
}

impl Sample {
    /// The index under every kind of name.
    fn sources(&self) -> Vec<String> {
        let tree = self.tree.root().display();
        let archive = self.archive();
        vec![
            format!("oci:{tree}/quay.io/a/one:v1"),
            format!("oci:{tree}/localhost_5000/one:v1"),
            format!("oci-archive:{archive}:quay.io/a/one:v2"),
            format!("oci-archive:{archive}:localhost:5000/one:v1"),
        ]
    }

    fn archive(&self) -> String {
        self.dir.path().join("x.tar").display().to_string()
    }
}

fn run(tool: &Path, args: &[&str]) -> String {
    let command = Cmd::new(tool).args(args);
    let output =
        command.run().unwrap_or_else(|error| panic!("{command}: {error}\n{}", error.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn skopeo_inspects() {
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let sample = sample();
    let Artifact::Index(index) = &sample.artifact else { panic!("it is an index") };
    let bytes = String::from_utf8(index.blob().read(1 << 20).unwrap()).unwrap();
    for source in sample.sources() {
        assert_eq!(run(&skopeo, &["inspect", "--raw", &source]), bytes, "{source}");
        let text = run(&skopeo, &["--override-arch", "s390x", "inspect", &source]);
        let facts: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(facts["Architecture"], "s390x", "{source}");
        assert_eq!(facts["Labels"]["io.ebpf.programs"], r#"{"pass":"xdp"}"#);
    }
    let plain = format!("oci-archive:{}:quay.io/a/plain:v1", sample.archive());
    let text = run(&skopeo, &["--override-arch", "arm64", "inspect", &plain]);
    assert!(text.contains(r#""Architecture": "arm64""#), "{text}");
}

#[test]
fn skopeo_copies_everything() {
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let sample = sample();
    for (number, source) in sample.sources().into_iter().enumerate() {
        let copy = sample.dir.path().join(format!("copy{number}"));
        run(
            &skopeo,
            &["--insecure-policy", "copy", "--all", &source, &format!("oci:{}:v1", copy.display())],
        );
        let report = judge(&copy);
        assert_eq!(texts(&report.problems), [""; 0], "{source}");
        assert_eq!(report.names[0].descriptor.digest, sample.artifact.digest());
        assert_eq!(report.names[0].images.len(), 3);
    }
}

/// What skopeo wrote is read, loaded and kept.
#[test]
fn what_skopeo_writes_is_read() {
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let sample = sample();
    let source = &sample.sources()[0];
    let archive = sample.dir.path().join("theirs.tar");
    let name = format!("oci-archive:{}:quay.io/b/copy:v1", archive.display());
    run(&skopeo, &["--insecure-policy", "copy", "--all", source, &name]);
    let layout = archive::open(&archive).unwrap();
    assert_eq!(layout.tags(), ["quay.io/b/copy:v1"]);
    let loaded = layout.load(&layout.resolve("quay.io/b/copy:v1").unwrap()).unwrap();
    assert_eq!(loaded.digest(), sample.artifact.digest());

    let theirs = sample.tree.root().join("quay.io/theirs");
    host::fs::create_dir_all(&theirs).unwrap();
    let name = format!("oci:{}:v1", theirs.display());
    run(&skopeo, &["--insecure-policy", "copy", "--all", source, &name]);
    write(&sample.tree, &[named(&["quay.io/theirs:v2"], loaded)]);
    let layout = Layout::open(&theirs).unwrap();
    assert_eq!(layout.tags(), ["v1", "v2"]);
    assert_eq!(judge(&theirs).problems, []);
    assert_eq!(
        run(&skopeo, &["inspect", "--raw", &name]),
        run(&skopeo, &["inspect", "--raw", source])
    );
}

#[test]
fn umoci_unpacks() {
    let Some(umoci) = test_support::tool("umoci") else { return };
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let host = match std::env::consts::ARCH {
        "x86_64" => "linux/amd64",
        "aarch64" => "linux/arm64",
        other => return test_support::not_run("umoci", &format!("no sample for {other}")),
    };
    write(&tree, &[named(&["quay.io/a:v1"], Artifact::Image(image(host, "the object")))]);
    let layout = dir.path().join("quay.io/a");
    let bundle = dir.path().join("bundle");
    let source = format!("{}:v1", layout.display());
    let listed = run(&umoci, &["ls", "--layout", &layout.display().to_string()]);
    assert_eq!(listed, "v1\n");
    run(&umoci, &["unpack", "--rootless", "--image", &source, &bundle.display().to_string()]);
    let object = host::fs::read_to_string(&bundle.join("rootfs/prog.bpf.o")).unwrap();
    assert_eq!(object, "the object");
    assert_eq!(valid_names(&tree), ["quay.io/a:v1"]);
}

#[test]
fn podman_loads() {
    let Some(podman) = test_support::tool("podman") else { return };
    let sample = sample();
    let storage = sample.dir.path().join("storage");
    let root = storage.display().to_string();
    let run_root = sample.dir.path().join("run").display().to_string();
    let store = ["--root", &root, "--runroot", &run_root, "--storage-driver", "vfs"];
    let podman_run = |args: &[&str]| run(&podman, &[&store[..], args].concat());
    for source in sample.sources() {
        podman_run(&["pull", "--quiet", "--arch", "s390x", &source]);
    }
    let names = podman_run(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    assert!(names.contains("quay.io/a/one:v2"), "{names}");
    let ids = podman_run(&["images", "--quiet", "--no-trunc"]);
    let images = sample.artifact.images();
    let s390x = images[2].config_blob().digest().to_string();
    assert!(ids.lines().any(|id| id == s390x), "{ids}");
}

#[test]
fn an_unpacked_archive_is_a_layout() {
    let Some(tar) = test_support::tool("tar") else { return };
    let sample = sample();
    let unpacked = sample.dir.path().join("unpacked");
    host::fs::create_dir_all(&unpacked).unwrap();
    run(&tar, &["-xf", &sample.archive(), "-C", &unpacked.display().to_string()]);
    let report = judge(&unpacked);
    assert_eq!((report.problems, report.notes), (vec![], vec![]));
    assert_eq!(report.names.len(), 4);
    let listed = run(&tar, &["-tvf", &sample.archive(), "--full-time", "--utc"]);
    let fixed = |line: &str| line.contains(" 0/0 ") && line.contains(" 1970-01-01 00:00:00 ");
    assert!(listed.lines().all(fixed), "{listed}");
}
