//! Batches as large as they come: quick if nothing changed, and few files
//! open.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use host::Cmd;
use oci::layout::Tree;
use oci::{Artifact, Named};

use crate::support::{DURABLE, image, index, named, valid_names, write};

/// Tells [`writer`] where to write.
const WRITE: &str = "OCI_TEST_WRITE_MANY";

fn many() -> Vec<Named> {
    let artifact = Artifact::Image(image("linux/amd64", "text"));
    (0..200).map(|i| named(&[&format!("quay.io/a/b{i}")], artifact.clone())).collect()
}

/// Not a test of its own: the process that may have few files open.
#[test]
fn writer() {
    if let Some(directory) = std::env::var_os(WRITE) {
        let outcomes = Tree::new(PathBuf::from(directory)).write(&many(), DURABLE).unwrap();
        outcomes.into_iter().for_each(|outcome| assert!(outcome.unwrap().changed));
    }
}

#[test]
fn many_repositories_need_few_open_files() {
    let dir = tempfile::tempdir().unwrap();
    let command = Cmd::new("/bin/sh")
        .args(["-c", r#"ulimit -n 24 && exec "$@""#, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "scale::writer", "--quiet"])
        .env(WRITE, dir.path());
    command.run().unwrap_or_else(|error| panic!("{error}\n{}", error.stderr));
    assert_eq!(valid_names(&Tree::new(dir.path())).len(), 200);
}

#[test]
fn comparing_is_quick() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let batch: Vec<_> =
        (0..30).map(|i| named(&[&format!("quay.io/a/b{i}")], index(&format!("{i}")))).collect();
    write(&tree, &batch);
    // The best of many: this machine has other work as well.
    let time = (0..20).map(|_| {
        let start = Instant::now();
        assert!(write(&tree, &batch).iter().all(|written| !written.changed));
        start.elapsed()
    });
    let best = time.min().unwrap();
    assert!(best < Duration::from_millis(20), "{best:?}");
}
