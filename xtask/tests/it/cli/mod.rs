//! The command line as its user meets it: what is printed, where, how much of
//! it, and in which words.

mod bench;
mod colour;
mod destinations;
mod doctor;
mod dry_run;
mod go_tools;
mod help;
mod install_deps;
mod json;
mod kind;
mod list;
pub mod machine;
mod objects;
mod results;
mod serve;
pub mod snapshot;
mod verbosity;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::Checkout;

/// The commands, in the order of the help.
pub const COMMANDS: [&str; 16] = [
    "build-ebpf",
    "build-binaries",
    "build-images",
    "list-images",
    "inspect-images",
    "diff-images",
    "sign-images",
    "verify-images",
    "check-registry",
    "reproduce",
    "serve-images",
    "doctor",
    "test",
    "lint",
    "ci",
    "bench",
];

/// Returns a text with the checkout's path written as `ROOT`.
fn rooted(checkout: &Checkout, text: &str) -> String {
    let root = std::fs::canonicalize(checkout.path()).unwrap();
    text.replace(&root.display().to_string(), "ROOT")
}

/// Returns a text without how long something took.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| match line.rsplit_once(" written in ") {
        Some((before, _)) => format!("{before} written in TIME\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// Returns every file below `dir` with its content.
pub fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
