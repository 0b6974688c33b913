//! The tools that users have pull what is served.

use std::path::Path;

use oci::layout::Tree;
use oci::{Artifact, Layout};

use crate::support::{Running, image, run, sample, write};

/// `a/one` and `a/plain`, served.
fn served() -> (tempfile::TempDir, Tree, Artifact, Running) {
    let (dir, tree, artifact) = sample();
    write(&tree, &["quay.io/a/plain:v1"], &Artifact::Image(image("linux/arm64", "plain")));
    let server = Running::start(&tree);
    (dir, tree, artifact, server)
}

#[test]
fn skopeo_sees_and_copies_our_bytes() {
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let (dir, _, artifact, server) = served();
    let Artifact::Index(index) = &artifact else { panic!("it is an index") };
    let bytes = String::from_utf8(index.blob().read(1 << 20).unwrap()).unwrap();
    for (number, name) in ["a/one:v1", "quay.io/a/one:v2"].iter().enumerate() {
        let source = format!("docker://{}", server.name(name));
        let inspect = ["inspect", "--tls-verify=false"];
        assert_eq!(run(&skopeo, &[&inspect[..], &["--raw", &source]].concat()), bytes);
        let s390x = [&["--override-arch", "s390x"][..], &inspect, &[&source]].concat();
        let said: serde_json::Value = serde_json::from_str(&run(&skopeo, &s390x)).unwrap();
        assert_eq!(said["Architecture"], "s390x");
        assert_eq!(said["RepoTags"], serde_json::json!(["v1", "v2", "v3"]));
        let copy = dir.path().join(format!("copy{number}"));
        let to = format!("oci:{}:v1", copy.display());
        let options = ["--insecure-policy", "copy", "--all", "--src-tls-verify=false"];
        run(&skopeo, &[&options[..], &[&source, &to]].concat());
        let layout = Layout::open(&copy).unwrap();
        assert_eq!(layout.resolve("v1").unwrap().digest, artifact.digest());
        assert_eq!(oci::verify::layout(&layout, Default::default()).problems, []);
    }
}

/// Runs podman with a storage of its own.
fn podman(podman: &Path, dir: &Path, args: &[&str]) -> String {
    let place = |name: &str| dir.join(name).display().to_string();
    let (root, run_root, registries) =
        (place("storage"), place("run"), dir.join("registries.conf"));
    let store = ["--root", &root, "--runroot", &run_root, "--storage-driver", "vfs"];
    let command =
        host::Cmd::new(podman).args(store).args(args).env("CONTAINERS_REGISTRIES_CONF", registries);
    let output =
        command.run().unwrap_or_else(|error| panic!("{command}: {error}\n{}", error.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn podman_pulls_by_tag_and_by_digest_and_from_a_mirror() {
    let Some(tool) = test_support::tool("podman") else { return };
    let (dir, _, artifact, server) = served();
    let address = server.address;
    // With the registry's name in the mirror's location, and without it.
    let mirrors = format!(
        "[[registry]]\nlocation = \"quay.io\"\n\
         [[registry.mirror]]\nlocation = \"{address}/quay.io\"\ninsecure = true\n\
         [[registry]]\nlocation = \"elsewhere.invalid\"\n\
         [[registry.mirror]]\nlocation = \"{address}\"\ninsecure = true\n"
    );
    host::fs::write_atomic(&dir.path().join("registries.conf"), mirrors.as_bytes()).unwrap();
    let digest = artifact.digest();
    let cases = [
        server.name("a/one:v1"),
        server.name(&format!("a/one@{digest}")),
        "quay.io/a/one:v2".to_owned(),
        "elsewhere.invalid/a/one:v3".to_owned(),
    ];
    let s390x = artifact.images()[2].config_blob().digest();
    for name in cases {
        let options = ["pull", "--quiet", "--tls-verify=false", "--arch", "s390x"];
        let id = podman(&tool, dir.path(), &[&options[..], &[&name]].concat());
        assert_eq!(format!("sha256:{}", id.trim()), s390x.to_string(), "{name}");
        podman(&tool, dir.path(), &["rmi", "--all", "--force"]);
    }
    server.says(" /v2/quay.io/a/one/");
}
