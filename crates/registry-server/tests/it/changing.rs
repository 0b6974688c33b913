//! The tree changes while it is served.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use oci::layout::{Tree, WriteOptions};
use oci::registry::{Client, Settings};
use oci::{Artifact, Digest};

use crate::support::{Running, image, index, sample, write};

const FAST: WriteOptions = WriteOptions { durable: false };

#[test]
fn what_is_written_is_served_and_what_is_removed_is_not() {
    let dir = tempfile::tempdir().unwrap();
    // Not even the directory is there.
    let tree = Tree::new(dir.path().join("tree"));
    let server = Running::start(&tree);
    let digest = |name: &str| {
        let response = server.get(&format!("/v2/{name}"));
        response.header("docker-content-digest").map(str::to_owned)
    };
    assert_eq!(server.get("/v2/_catalog").text(), r#"{"repositories":[]}"#);
    assert_eq!(digest("a/manifests/v1"), None);
    let (one, two) = (index("one"), index("two"));
    write(&tree, &["quay.io/a:v1"], &one);
    assert_eq!(digest("a/manifests/v1"), Some(one.digest().to_string()));
    write(&tree, &["quay.io/a:v1"], &two);
    assert_eq!(digest("a/manifests/v1"), Some(two.digest().to_string()));
    // Whoever has begun to pull the old one can go on, until it is pruned.
    let old = one.images()[0].digest();
    assert_eq!(digest(&format!("a/manifests/{old}")), Some(old.to_string()));
    tree.prune(None, FAST).unwrap();
    assert_eq!(digest(&format!("a/manifests/{old}")), None);
    tree.prune(Some(&[]), FAST).unwrap();
    assert_eq!(server.get("/v2/a/manifests/v1").refusal().1, "NAME_UNKNOWN");
    std::fs::remove_dir_all(tree.root()).unwrap();
    assert_eq!(server.get("/v2/a/tags/list").refusal().1, "NAME_UNKNOWN");
}

#[test]
fn every_answer_is_of_a_whole_state() {
    let (_dir, tree, first) = sample();
    let artifacts: Vec<Artifact> = (0..8)
        .map(|number| Artifact::Image(image("linux/amd64", &format!("text {number}"))))
        .collect();
    let mut known: BTreeSet<Digest> = artifacts.iter().map(Artifact::digest).collect();
    known.insert(first.digest());
    let mut server = Running::start(&tree);
    let done = AtomicBool::new(false);
    let statuses = std::thread::scope(|scope| {
        let readers = (0..3).map(|_| {
            scope.spawn(|| {
                let mut statuses = BTreeSet::new();
                while !done.load(Ordering::Relaxed) {
                    let response = server.get("/v2/a/one/manifests/v1");
                    statuses.insert(response.status);
                    if response.status == 200 {
                        assert!(known.contains(&Digest::of(&response.body)));
                    }
                    statuses.insert(server.get("/v2/_catalog").status);
                    statuses.insert(server.get("/v2/a/one/tags/list").status);
                    let subject = Digest::of(b"");
                    statuses.insert(server.get(&format!("/v2/a/one/referrers/{subject}")).status);
                }
                statuses
            })
        });
        let readers: Vec<_> = readers.collect();
        for round in 0..60 {
            let artifact = &artifacts[round % artifacts.len()];
            write(&tree, &["quay.io/a/one:v1"], artifact);
            write(&tree, &["quay.io/a/two:v1"], artifact);
            let keep = ["quay.io/a/one:v1".parse().unwrap()];
            tree.prune((round % 3 == 0).then_some(&keep), FAST).unwrap();
            if round % 10 == 9 {
                // All of it goes, and comes back.
                tree.prune(Some(&[]), FAST).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect::<BTreeSet<u16>>()
    });
    assert!(statuses.is_subset(&BTreeSet::from([200, 404])), "{statuses:?}");
    server.stop();
    let unread: Vec<_> =
        server.events().into_iter().filter(|event| event.starts_with('`')).collect();
    assert_eq!(unread, [""; 0]);
}

#[test]
fn a_tag_that_moves_is_always_there() {
    let (_dir, tree, _) = sample();
    let server = Running::start(&tree);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut statuses = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                statuses.insert(server.get("/v2/a/one/manifests/v1").status);
            }
            statuses
        });
        for round in 0..300 {
            let image = Artifact::Image(image("linux/amd64", &format!("text {}", round % 2)));
            write(&tree, &["quay.io/a/one:v1"], &image);
            tree.prune(None, FAST).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(reader.join().unwrap(), BTreeSet::from([200]));
    });
}

#[test]
fn a_pull_outlives_a_moved_tag() {
    let (_dir, tree, _) = sample();
    let server = Running::start(&tree);
    let done = AtomicBool::new(false);
    let (one, two) = (index("one"), index("two"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200 {
                let artifact = if round % 2 == 0 { &two } else { &one };
                write(&tree, &["quay.io/a/one:v1"], artifact);
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut pulls = 0;
        while !done.load(Ordering::Relaxed) || pulls < 3 {
            let reference = server.name("a/one:v1").parse().unwrap();
            let pulled = Client::new(Settings::default()).pull(&reference, None).unwrap();
            for blob in pulled.blobs() {
                blob.for_each_chunk(&mut |_| Ok(())).unwrap();
            }
            assert!([one.digest(), two.digest()].contains(&pulled.digest()));
            pulls += 1;
        }
    });
}
