//! Several processes, processes that are killed, and disks that are full.

#![expect(clippy::disallowed_methods, reason = "a process must be killed while it runs")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oci::layout::Tree;
use oci::{Artifact, Layer, Named};

use crate::support::{DURABLE, FAST, files, index, named, snapshot, valid_names, write};

/// Tells [`writer`] what to write where.
const WRITE: &str = "OCI_TEST_WRITE";

/// The batch of one writer: many blobs, some of them shared with the other
/// writers, so that a killed process has a chance to be in the middle.
fn batch(number: usize) -> Vec<Named> {
    let entry = |i: usize| {
        let own = format!("quay.io/a/b{i}:writer{number}");
        let shared = format!("quay.io/a/b{}:shared", i + 1);
        let mut references = vec![own.as_str()];
        references.extend((number == 0).then_some(shared.as_str()));
        named(&references, index(&format!("text {}", i % 3)))
    };
    (0..6).map(entry).collect()
}

fn names(numbers: &[usize]) -> Vec<String> {
    let batches = numbers.iter().flat_map(|number| batch(*number));
    let mut names: Vec<_> =
        batches.flat_map(|named| named.references).map(|name| name.to_string()).collect();
    names.sort();
    names
}

/// Not a test of its own: the process that the others start, and kill.
#[test]
fn writer() {
    if let Ok(task) = std::env::var(WRITE) {
        let (number, directory) = task.split_once(' ').unwrap();
        let tree = Tree::new(directory);
        for outcome in tree.write(&batch(number.parse().unwrap()), DURABLE).unwrap() {
            outcome.unwrap();
        }
    }
}

fn start(number: usize, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::writer", "--quiet", "--nocapture"])
        .env(WRITE, format!("{number} {}", directory.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_writer_leaves_valid_layouts() {
    let mut cut_short = 0;
    for delay in (0..30).map(|i| Duration::from_micros(1000 * i)) {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        let mut child = start(0, dir.path());
        // Until it is at work; from then on, a little longer each time.
        while !dir.path().join(".lock").exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(100));
        }
        std::thread::sleep(delay);
        child.kill().unwrap();
        child.wait().unwrap();
        let whole = valid_names(&tree);
        cut_short += usize::from(whole != names(&[0]));
        // The next run completes what is there, and pruning takes the rest.
        write(&tree, &batch(0));
        assert_eq!(valid_names(&tree), names(&[0]));
        assert!(tree.unfinished().unwrap().is_empty());
        tree.prune(None, FAST).unwrap();
        assert_eq!(valid_names(&tree), names(&[0]));
        assert!(files(dir.path()).iter().all(|file| !file.contains(".staged-")));
    }
    assert!(cut_short > 0, "every writer was done before it was killed");
}

#[test]
fn several_writers_and_a_pruner_get_along() {
    for _ in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        let children: Vec<_> = (0..3).map(|number| start(number, dir.path())).collect();
        for _ in 0..20 {
            // What it takes are blobs of dead writers, never of live ones.
            assert!(tree.prune(None, FAST).unwrap().skipped.is_empty());
            valid_names(&tree);
        }
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(valid_names(&tree), names(&[0, 1, 2]));
        assert!(tree.prune(None, FAST).unwrap().removed.is_empty());
    }
}

/// A directory that not even root can write to, until it is dropped.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    fn make(path: &'a Path) -> Option<ReadOnly<'a>> {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o555)).unwrap();
        let read_only = ReadOnly(path);
        let mount = |options: &[&str]| host::Cmd::new("mount").args(options).arg(path);
        let is_writable = || host::fs::write_atomic(&path.join("probe"), b"").is_ok();
        if !is_writable() {
            return Some(read_only);
        }
        let bound = mount(&["--bind"]).arg(path).run();
        let mounted = bound.and_then(|_| mount(&["-o", "remount,bind,ro"]).run());
        if let Err(error) = mounted {
            test_support::not_run("mount", &format!("root may write everywhere: {error}"));
            return None;
        }
        assert!(!is_writable());
        Some(read_only)
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _ = host::Cmd::new("umount").arg(self.0).run();
        let _ = std::fs::set_permissions(self.0, PermissionsExt::from_mode(0o755));
    }
}

#[test]
fn a_read_only_repository_fails_alone_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    write(&tree, &[named(&["quay.io/a:v1"], index("one"))]);
    let blobs = dir.path().join("quay.io/a/blobs/sha256");
    let Some(_read_only) = ReadOnly::make(&blobs) else { return };
    let batch = [named(&["quay.io/a:v2"], index("two")), named(&["quay.io/b:v2"], index("two"))];
    let outcomes = tree.write(&batch, FAST).unwrap();
    let error = outcomes[0].as_ref().unwrap_err().to_string();
    assert_eq!(error, format!("failed to create a file in `{}`", blobs.display()));
    assert!(outcomes[1].as_ref().unwrap().changed);
    assert_eq!(valid_names(&tree), ["quay.io/a:v1", "quay.io/b:v2"]);
}

#[test]
fn a_file_where_a_directory_should_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    host::fs::create_dir_all(&dir.path().join("quay.io")).unwrap();
    host::fs::write_atomic(&dir.path().join("quay.io/a"), b"").unwrap();
    let batch = [named(&["quay.io/a:v2"], index("two")), named(&["quay.io/b:v2"], index("two"))];
    let outcomes = tree.write(&batch, FAST).unwrap();
    let error = outcomes[0].as_ref().unwrap_err().to_string();
    let blobs = dir.path().join("quay.io/a/blobs/sha256");
    assert_eq!(error, format!("failed to create the directory `{}`", blobs.display()));
    assert_eq!(valid_names(&tree), ["quay.io/b:v2"]);
}

/// A small file system of its own, gone when dropped.
struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn mount(path: &'a Path) -> Option<Tmpfs<'a>> {
        let mount = host::Cmd::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]);
        match mount.arg(path).run() {
            Ok(_) => Some(Tmpfs(path)),
            Err(error) => {
                test_support::not_run("mount", &format!("no tmpfs can be mounted: {error}"));
                None
            }
        }
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        let _ = host::Cmd::new("umount").arg(self.0).run();
    }
}

#[test]
fn a_full_disk_fails_what_does_not_fit_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_tmpfs) = Tmpfs::mount(dir.path()) else { return };
    let tree = Tree::new(dir.path());
    let layer = Layer::single_file("big", &[7; 60_000], 0).unwrap();
    let big = oci::Image::builder("linux/amd64".parse().unwrap()).layer(layer, "COPY");
    let big = Artifact::Image(big.build().unwrap());
    let small = Artifact::Image(crate::support::image("linux/amd64", "small"));
    write(&tree, &[named(&["quay.io/a:v1"], small.clone())]);
    let before = snapshot(&dir.path().join("quay.io/a"));
    let batch = [named(&["quay.io/a:v1"], big), named(&["quay.io/b:v1"], small)];
    let outcomes = tree.write(&batch, DURABLE).unwrap();
    let blobs = dir.path().join("quay.io/a/blobs/sha256");
    let error = outcomes[0].as_ref().unwrap_err();
    assert_eq!(error.to_string(), format!("failed to write a file in `{}`", blobs.display()));
    let cause = std::error::Error::source(error).unwrap().to_string();
    assert!(cause.contains("No space left"), "{cause}");
    assert!(outcomes[1].as_ref().unwrap().changed);
    assert_eq!(valid_names(&tree), ["quay.io/a:v1", "quay.io/b:v1"]);
    assert_eq!(snapshot(&dir.path().join("quay.io/a")).len(), before.len());

    let archive = dir.path().join("x.tar");
    let error = oci::archive::write(&archive, &batch[..1], FAST).unwrap_err();
    assert_eq!(error.to_string(), format!("failed to write `{}`", archive.display()));
    assert!(!archive.exists());

    // With more space the same is completed.
    let remount = host::Cmd::new("mount").args(["-o", "remount,size=1m"]).arg(dir.path());
    remount.run().unwrap();
    assert!(write(&tree, &batch).iter().any(|written| written.changed));
    assert_eq!(valid_names(&tree), ["quay.io/a:v1", "quay.io/b:v1"]);
    let layout = oci::Layout::open(&dir.path().join("quay.io/a")).unwrap();
    assert_eq!(layout.resolve("v1").unwrap().digest, batch[0].artifact.digest());
    assert!(oci::archive::write(&archive, &batch, FAST).unwrap().changed);
}

/// Hard links end where a file system does: then it is a copy.
#[test]
fn a_tree_may_span_file_systems() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("quay.io");
    host::fs::create_dir_all(&other).unwrap();
    let Some(_tmpfs) = Tmpfs::mount(&other) else { return };
    let tree = Tree::new(dir.path());
    let image = Artifact::Image(crate::support::image("linux/amd64", "small"));
    write(&tree, &[named(&["docker.io/x/a:v1", "quay.io/a:v1"], image)]);
    assert_eq!(valid_names(&tree), ["docker.io/x/a:v1", "quay.io/a:v1"]);
}
