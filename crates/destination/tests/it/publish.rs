//! What publishing says and does, destination by destination.

use std::collections::BTreeMap;
use std::path::Path;

use destination::{Destination, Published};
use oci::layout::Tree;
use oci::verify::Limits;
use oci::{Artifact, Index, Layout, Named};

use crate::support::{image, publish as publish_to};

fn batch() -> Vec<Named> {
    let images = vec![image("linux/amd64", "one"), image("linux/arm64", "one")];
    let named = |words: &[&str], artifact| Named {
        references: words.iter().map(|word| word.parse().unwrap()).collect(),
        artifact,
    };
    vec![
        named(
            &["quay.io/z/index:v1"],
            Artifact::Index(Index::new(images, BTreeMap::new()).unwrap()),
        ),
        named(
            &["quay.io/a/plain:v1", "quay.io/a/plain:v2"],
            Artifact::Image(image("linux/s390x", "two")),
        ),
    ]
}

fn publish(word: &str, base: &Path) -> Vec<Published> {
    let destination: Destination = word.parse().unwrap();
    let outcomes = publish_to(&destination.relative_to(base), &batch()).unwrap();
    outcomes.into_iter().map(Result::unwrap).collect()
}

/// What is to be said, but for what was written.
fn expected(changed: bool) -> Vec<Published> {
    let published = |named: Named| Published {
        digest: named.artifact.digest(),
        platforms: named.artifact.platforms(),
        size: named.artifact.size(),
        references: named.references,
        changed,
        files_written: 0,
        bytes_written: 0,
    };
    batch().into_iter().map(published).collect()
}

fn without_counts(published: Vec<Published>) -> Vec<Published> {
    let strip = |published| Published { files_written: 0, bytes_written: 0, ..published };
    published.into_iter().map(strip).collect()
}

#[test]
fn results_come_in_the_given_order_and_nothing_is_done_twice() {
    for word in ["oci:images", "oci-archive:out/images.tar"] {
        let dir = tempfile::tempdir().unwrap();
        let first = publish(word, dir.path());
        assert!(first[0].files_written > 0, "{word}");
        assert!(first[0].bytes_written >= first[0].size, "{word}");
        assert_eq!(without_counts(first), expected(true), "{word}");
        assert_eq!(publish(word, dir.path()), expected(false), "{word}");
    }
}

#[test]
fn both_hold_the_same() {
    let dir = tempfile::tempdir().unwrap();
    publish("oci:images", dir.path());
    publish("oci-archive:images.tar", dir.path());
    let names = |layout: &Layout| {
        let report = oci::verify::layout(layout, Limits::default());
        assert_eq!(report.problems, []);
        let facts = report.names.into_iter().map(|name| (name.full_name, name.descriptor.digest));
        facts.collect::<Vec<_>>()
    };
    let in_archive = names(&oci::archive::open(&dir.path().join("images.tar")).unwrap());
    let mut in_tree = Vec::new();
    for repository in Tree::new(dir.path().join("images")).layouts().unwrap() {
        in_tree.extend(names(&Layout::open(&repository.path).unwrap()));
    }
    assert_eq!(in_tree, in_archive);
    assert_eq!(in_tree.len(), 3);
}

#[test]
fn one_failure_is_its_own_where_the_destination_allows_it() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("images/quay.io/z");
    host::fs::create_dir_all(blocked.parent().unwrap()).unwrap();
    host::fs::write_atomic(&blocked, b"a file").unwrap();
    let destination = Destination::Oci(dir.path().join("images"));
    let outcomes = publish_to(&destination, &batch()).unwrap();
    let error = outcomes[0].as_ref().unwrap_err().to_string();
    let directory = blocked.join("index/blobs/sha256");
    assert_eq!(error, format!("failed to create the directory `{}`", directory.display()));
    assert_eq!(without_counts(vec![outcomes[1].clone().unwrap()]), expected(true)[1..]);

    // An archive is one file: it is written or not.
    let archive = blocked.join("x.tar");
    let destination = Destination::OciArchive(archive.clone());
    let error = publish_to(&destination, &batch()).unwrap_err().to_string();
    assert_eq!(error, format!("failed to read `{}`", archive.display()));
}

#[test]
fn a_docker_archive_holds_one_platform_and_is_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out/images.tar");
    let destination = Destination::DockerArchive(file.clone());
    assert!(destination.takes_one_platform());
    let batch = batch();
    let publish = |batch: &[Named]| {
        let outcomes = publish_to(&destination, batch).unwrap().into_iter();
        outcomes.map(Result::unwrap).collect::<Vec<_>>()
    };
    let amd64 = image("linux/amd64", "one");
    let expected = |changed, files_written, bytes_written| Published {
        references: batch[0].references.clone(),
        digest: amd64.digest(),
        platforms: vec![amd64.platform()],
        size: Artifact::Image(amd64.clone()).size(),
        changed,
        files_written,
        bytes_written,
    };
    let first = publish(&batch[..1]);
    let bytes = host::fs::read(&file).unwrap();
    assert_eq!(first, [expected(true, 1, bytes.len() as u64)]);
    assert_eq!(publish(&batch[..1]), [expected(false, 0, 0)]);
    std::fs::remove_file(&file).unwrap();
    publish(&batch[..1]);
    assert_eq!(host::fs::read(&file).unwrap(), bytes);

    // The second has no such platform: nothing is written.
    let error = publish_to(&destination, &batch).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hint().as_deref()),
        (
            "`quay.io/a/plain:v1` is not for linux/amd64; it is for linux/s390x",
            Some("`--platform` says which one is wanted where only one is taken")
        )
    );
    assert_eq!(host::fs::read(&file).unwrap(), bytes);
}
