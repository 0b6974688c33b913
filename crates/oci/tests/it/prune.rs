//! What pruning takes and what it leaves.

use oci::layout::{Tree, WriteOptions};
use oci::{Blob, Reference};

use crate::support::{FAST, files, image, index, named, valid_names, write};

fn references(words: &[&str]) -> Vec<Reference> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

#[test]
fn what_nothing_names_goes() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    write(&tree, &[named(&["quay.io/a:v1", "quay.io/b:v1"], index("old"))]);
    write(&tree, &[named(&["quay.io/a:v1", "quay.io/a:v2"], index("new"))]);
    let blobs = dir.path().join("quay.io/a/blobs/sha256");
    host::fs::write_atomic(&blobs.join(".staged-killed"), b"half").unwrap();
    host::fs::write_atomic(&dir.path().join("quay.io/a/.staged-killed"), b"half").unwrap();
    host::fs::write_atomic(&dir.path().join("quay.io/a/README"), b"of the user").unwrap();
    host::fs::write_atomic(&blobs.join("notes"), b"of the user").unwrap();
    // A repository whose first writing was cut short.
    let unfinished = dir.path().join("quay.io/c/blobs/sha256");
    host::fs::create_dir_all(&unfinished).unwrap();
    let stray = Blob::from_bytes("", *b"stray");
    host::fs::write_atomic(&unfinished.join(stray.digest().hex()), b"stray").unwrap();

    let pruned = tree.prune(None, WriteOptions { durable: true }).unwrap();
    let names: Vec<_> = pruned
        .removed
        .iter()
        .map(|removed| removed.path.strip_prefix(dir.path()).unwrap().display().to_string())
        .collect();
    let mut expected: Vec<_> = index("old")
        .blobs()
        .map(|blob| format!("quay.io/a/blobs/sha256/{}", blob.digest().hex()))
        .chain([
            "quay.io/a/.staged-killed".to_owned(),
            "quay.io/a/blobs/sha256/.staged-killed".to_owned(),
            format!("quay.io/c/blobs/sha256/{}", stray.digest().hex()),
        ])
        .collect();
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(pruned.bytes(), index("old").size() + 4 + 4 + 5);
    assert!(pruned.names.is_empty() && pruned.skipped.is_empty());
    assert_eq!(valid_names(&tree), ["quay.io/a:v1", "quay.io/a:v2", "quay.io/b:v1"]);
    assert!(!dir.path().join("quay.io/c").exists());
    assert!(dir.path().join("quay.io/a/README").exists() && blobs.join("notes").exists());
    assert!(tree.prune(None, FAST).unwrap().removed.is_empty());
}

#[test]
fn what_is_not_wanted_goes() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let one = index("one");
    let signature = format!("quay.io/a:sha256-{}.sig", one.digest().hex());
    let stale = format!("quay.io/a:sha256-{}.sig", index("gone").digest().hex());
    let attached = |text| oci::Artifact::Image(image("linux/amd64", text));
    write(
        &tree,
        &[
            named(&["quay.io/a:v1", "localhost:5000/a:v1"], one),
            named(&["quay.io/a:v2"], index("two")),
            named(&[&signature], attached("signature")),
            named(&[&stale], attached("stale")),
            named(&["quay.io/b:v1", "quay.io/a/nested:v1"], index("three")),
        ],
    );
    let pruned =
        tree.prune(Some(&references(&["quay.io/a:v1", "localhost:5000/a:v1"])), FAST).unwrap();
    let mut names = pruned.names;
    names.sort();
    let mut expected = ["quay.io/a:v2", "quay.io/b:v1", "quay.io/a/nested:v1", &stale];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(valid_names(&tree), ["localhost:5000/a:v1", &signature, "quay.io/a:v1"]);
    assert!(!dir.path().join("quay.io/b").exists());
    assert!(!dir.path().join("quay.io/a/nested").exists());
    // What stayed is whole and nothing else did.
    let pruned = tree.prune(Some(&[]), FAST).unwrap();
    assert_eq!(pruned.names.len(), 3);
    assert_eq!(files(dir.path()), [".lock", ".lock-indexes"]);
}

#[test]
fn a_directory_that_is_no_tree_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = dir.path().join("quay.io/a/blobs/sha256");
    host::fs::create_dir_all(&blobs).unwrap();
    host::fs::write_atomic(&blobs.join("0".repeat(64)), b"someone else's").unwrap();
    assert!(tree_prune_all(dir.path()).removed.is_empty());
    assert!(tree_prune_all(&dir.path().join("absent")).removed.is_empty());
    assert_eq!(files(dir.path()).len(), 1);
}

fn tree_prune_all(path: &std::path::Path) -> oci::layout::Pruned {
    Tree::new(path).prune(Some(&[]), FAST).unwrap()
}

#[test]
fn a_layout_that_cannot_be_understood_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    for damage in ["index.json", "manifest"] {
        let old = named(&["quay.io/a:v1", "quay.io/b:v1"], index("old"));
        let new = named(&["quay.io/a:v1", "quay.io/b:v1"], index("new"));
        write(&tree, &[old]);
        write(&tree, std::slice::from_ref(&new));
        let layout = dir.path().join("quay.io/a");
        let path = match damage {
            "manifest" => layout.join("blobs/sha256").join(new.artifact.digest().hex()),
            file => layout.join(file),
        };
        let good = host::fs::read(&path).unwrap();
        host::fs::write_atomic(&path, b"{").unwrap();
        let before = files(&layout);
        let pruned = tree.prune(None, FAST).unwrap();
        assert_eq!(pruned.skipped.len(), 1, "{damage}");
        assert_eq!(files(&layout), before);
        assert_eq!(pruned.removed.len(), index("old").blobs().count());
        host::fs::write_atomic(&path, &good).unwrap();
    }
}
