//! Interrupted, killed, run twice at once, with little of everything: what is
//! there afterwards is whole.

pub mod kill;
mod leftovers;
mod many;
mod pipe;
mod prune;
mod signals;
mod together;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::incremental::{PASS, entry, files};
use crate::support::{Checkout, Run, finish};

/// What the images of [`several`] are made of.
const SOURCES: usize = 3;

/// Makes a checkout with `images` images of three sources; nothing is
/// compiled yet.
fn several(images: usize) -> Checkout {
    let checkout = Checkout::with_source(PASS);
    for number in 0..SOURCES {
        let source = PASS.replace("XDP_PASS", &format!("{number}"));
        checkout.write(&format!("bpf/source{number}.bpf.c"), &source);
    }
    let source = |number: usize| format!("bpf/source{}.bpf.c", number % SOURCES);
    let entries = (0..images).map(|number| entry(&format!("image{number}"), &source(number)));
    checkout.catalogue(&entries.collect::<String>());
    // What was written a moment ago might still change, and is not kept.
    files::age(&checkout.path().join("bpf"), 60);
    checkout
}

/// The directory that a checkout's runs put temporary files in.
fn temporary(checkout: &Checkout) -> PathBuf {
    let dir = checkout.path().join("tmp");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Returns `build-images` with a temporary directory of its own.
fn build(checkout: &Checkout, args: &[&str]) -> Command {
    let mut command = checkout.build_images_command(args);
    command.env("TMPDIR", temporary(checkout));
    command
}

/// Runs a command that must succeed.
fn succeed(command: &mut Command) -> Run {
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    run
}

/// Returns all temporary files: anything in the temporary directory, and
/// what is marked so elsewhere.
fn temporary_files(checkout: &Checkout) -> Vec<String> {
    let mut found = files::names(&temporary(checkout));
    found.extend(files::unfinished(checkout.path()));
    found
}

/// Asserts that what is named in the default tree is whole; it may be
/// nothing.
fn assert_valid(checkout: &Checkout, when: &str) {
    let run = checkout.run(&["inspect-images"]);
    let tree = checkout.path().join("target/images");
    match run.code {
        0 => assert!(run.stderr.contains(": 0 problems"), "{when}: {}", run.stderr),
        4 => assert!(!has_index_and_marker(&tree), "{when}: {}", run.stderr),
        code => panic!("{when}: exit {code}: {}", run.stderr),
    }
}

/// Returns whether any layout of a tree is complete.
fn has_index_and_marker(tree: &Path) -> bool {
    files::contents(tree).keys().any(|name| name.ends_with("/oci-layout"))
}

/// Returns the default tree's files.
fn tree(checkout: &Checkout) -> BTreeMap<String, (u32, oci::Digest)> {
    files::contents(&checkout.path().join("target/images"))
}

/// Asserts that two trees hold the same files.
fn assert_same<T: PartialEq>(one: &BTreeMap<String, T>, other: &BTreeMap<String, T>, when: &str) {
    let differ: Vec<_> = files::changed(one, other).into_iter().collect();
    assert_eq!(differ, [""; 0], "{when}");
    assert!(!one.is_empty(), "{when}");
}

/// Sends a signal to a process that was started here.
pub fn send(signal: &str, pid: u32) {
    let pid = pid.to_string();
    let status = Command::new("/bin/sh").args(["-c", "kill -$0 $1", signal, &pid]).status();
    assert!(status.unwrap().success());
}
