//! Which layout a name means.

use std::os::unix::fs::symlink;

use oci::layout::{Tree, blob_path};
use oci::{Artifact, Digest};

use crate::support::{Running, image, sample, write};

/// A tree in which each repository's image has the repository's path as its
/// text, so that it can be told which one was found.
fn tree(paths: &[&str]) -> (tempfile::TempDir, Tree) {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    for path in paths {
        let image = Artifact::Image(image("linux/amd64", path));
        write(&tree, &[&format!("{path}:v1")], &image);
    }
    (dir, tree)
}

#[test]
fn names_may_leave_the_registry_out() {
    let paths = [
        "quay.io/a/one",
        "quay.io/a/two",
        "ghcr.io/a/two",
        "localhost:5000/a/three",
        "quay.io/deep/er/and/deeper",
        "docker.io/quay.io/a/one",
    ];
    let (_dir, tree) = tree(&paths);
    let server = Running::start(&tree);
    let cases = [
        ("a/one", Ok("quay.io/a/one")),
        ("quay.io/a/two", Ok("quay.io/a/two")),
        ("ghcr.io/a/two", Ok("ghcr.io/a/two")),
        ("a/three", Ok("localhost:5000/a/three")),
        ("localhost_5000/a/three", Ok("localhost:5000/a/three")),
        ("deep/er/and/deeper", Ok("quay.io/deep/er/and/deeper")),
        // In full it is one, in short another: in full it counts.
        ("quay.io/a/one", Ok("quay.io/a/one")),
        ("docker.io/quay.io/a/one", Ok("docker.io/quay.io/a/one")),
        ("a/two", Err("`a/two` may be `ghcr.io/a/two` or `quay.io/a/two`: ask for one")),
        ("one", Err("there is no repository `one`")),
        ("a", Err("there is no repository `a`")),
        ("ghcr.io/a/one", Err("there is no repository `ghcr.io/a/one`")),
        // As containerd asks a mirror.
        ("a/two?ns=quay.io", Ok("quay.io/a/two")),
        ("a/two?ns=ghcr.io", Ok("ghcr.io/a/two")),
        ("a/three?ns=localhost%3A5000", Ok("localhost:5000/a/three")),
        ("a/one?ns=ghcr.io", Err("there is no repository `a/one`")),
        // The tree has no such registry, so another name for this one is meant.
        ("a/one?ns=mirror.local", Ok("quay.io/a/one")),
        ("a/one?ns=..", Ok("quay.io/a/one")),
    ];
    for (name, expected) in cases {
        let (name, query) = name.split_once('?').unwrap_or((name, ""));
        let response = server.get(&format!("/v2/{name}/manifests/v1?{query}"));
        match expected {
            Ok(path) => {
                let digest = image("linux/amd64", path).digest().to_string();
                assert_eq!(response.header("docker-content-digest"), Some(&*digest), "{name}");
            }
            Err(message) => {
                let expected = (404, "NAME_UNKNOWN".to_owned(), message.to_owned());
                assert_eq!(response.refusal(), expected, "{name}");
            }
        }
    }
}

#[test]
fn what_the_catalogue_says_can_be_asked_for() {
    let paths = ["quay.io/a/one", "quay.io/a/two", "ghcr.io/a/two", "[::1]:5000/a/four"];
    let (_dir, tree) = tree(&paths);
    let server = Running::start(&tree);
    let listed = server.get("/v2/_catalog").json()["repositories"].clone();
    let names: Vec<String> = serde_json::from_value(listed).unwrap();
    assert_eq!(names, ["a/four", "a/one", "ghcr.io/a/two", "quay.io/a/two"]);
    for name in names {
        assert_eq!(server.get(&format!("/v2/{name}/tags/list")).status, 200, "{name}");
    }
}

#[test]
fn other_directories_are_no_repositories() {
    let (_dir, tree, artifact) = sample();
    let one = tree.root().join("quay.io/a/one");
    // Without its marker, or its index, a directory is not a layout (yet).
    for (missing, name) in [("oci-layout", "a/beginning"), ("index.json", "a/end")] {
        write(&tree, &[&format!("quay.io/{name}:v1")], &artifact);
        std::fs::remove_file(tree.root().join("quay.io").join(name).join(missing)).unwrap();
    }
    let server = Running::start(&tree);
    for name in ["a/beginning", "a/end", "quay.io", "a/one/blobs", "quay.io/a"] {
        assert_eq!(server.get(&format!("/v2/{name}/manifests/v1")).status, 404, "{name}");
    }
    // One that is broken is no client's fault, and whoever runs it hears why.
    host::fs::write_atomic(&one.join("index.json"), b"{").unwrap();
    let refusal = server.get("/v2/a/one/manifests/v1").refusal();
    let message = "the registry cannot read what it has; whoever runs it sees why";
    assert_eq!(refusal, (500, "UNKNOWN".to_owned(), message.to_owned()));
    let reason = "`index.json` is not valid: ";
    server.says(&format!("`{}` is not a usable OCI image layout: {reason}", one.display()));
}

#[test]
fn links_that_lead_outside_are_not_followed() {
    let (dir, tree, artifact) = sample();
    let (outside, inside) = (dir.path().join("outside"), tree.root().join("quay.io"));
    let other = Tree::new(&outside);
    write(&other, &["quay.io/a/secret:v1"], &artifact);
    let secret = outside.join("quay.io/a/secret");
    let server = Running::start(&tree);
    let status = |target: String| server.get(&target).status;

    // A repository, a whole registry, an index, a marker.
    symlink(&secret, inside.join("a/secret")).unwrap();
    symlink(outside.join("quay.io"), tree.root().join("elsewhere.io")).unwrap();
    for name in ["a/secret", "elsewhere.io/a/secret", "quay.io/a/secret"] {
        assert_eq!(status(format!("/v2/{name}/manifests/v1")), 404, "{name}");
    }
    for file in ["index.json", "oci-layout"] {
        write(&tree, &["quay.io/a/linked:v1"], &artifact);
        let path = inside.join("a/linked").join(file);
        std::fs::remove_file(&path).unwrap();
        symlink(secret.join(file), &path).unwrap();
        assert_eq!(status("/v2/a/linked/manifests/v1".into()), 404, "{file}");
        std::fs::remove_file(&path).unwrap();
    }

    // A blob, a manifest.
    let one = inside.join("a/one");
    let file = dir.path().join("secret");
    host::fs::write_atomic(&file, b"{\"mediaType\":\"secret\"}").unwrap();
    let digest = Digest::of(b"{\"mediaType\":\"secret\"}");
    symlink(&file, blob_path(&one, digest)).unwrap();
    assert_eq!(status(format!("/v2/a/one/blobs/{digest}")), 404);
    assert_eq!(status(format!("/v2/a/one/manifests/{digest}")), 404);

    // Those that stay inside are as good as files; a loop leads nowhere.
    let blob = artifact.images()[0].layers()[0].blob().digest();
    write(&tree, &["quay.io/a/links:v1"], &artifact);
    let link = blob_path(&inside.join("a/links"), blob);
    std::fs::remove_file(&link).unwrap();
    symlink(blob_path(&one, blob), &link).unwrap();
    assert_eq!(status(format!("/v2/a/links/blobs/{blob}")), 200);
    std::fs::remove_file(&link).unwrap();
    std::fs::create_dir(&link).unwrap();
    assert_eq!(status(format!("/v2/a/links/blobs/{blob}")), 404, "a directory");
}

#[test]
fn a_manifest_that_is_not_what_it_should_be_is_not_given_out() {
    let (_dir, tree, artifact) = sample();
    let digest = artifact.digest();
    let path = blob_path(&tree.root().join("quay.io/a/one"), digest);
    host::fs::write_atomic(&path, b"{\"mediaType\":\"other\"}").unwrap();
    let server = Running::start(&tree);
    for reference in ["v1".to_owned(), digest.to_string()] {
        let response = server.get(&format!("/v2/a/one/manifests/{reference}"));
        assert_eq!(response.refusal().0, 500);
    }
    let found = Digest::of(b"{\"mediaType\":\"other\"}");
    server.says(&format!("`{}` is corrupt: its bytes are those of `{found}`", path.display()));
}
