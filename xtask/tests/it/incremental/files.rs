//! What is below a directory, to be compared with what was there before.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use oci::Digest;

/// The mark of a file that is not finished.
const UNFINISHED: &str = ".staged-";

/// The files of a tree of layouts that are no part of what is in it: what it is
/// locked with, and what was seen of its own files.
const OWN: [&str; 3] = [".lock", ".lock-indexes", ".seen"];

/// What changes about a file or a directory when anyone writes to it, even
/// the same bytes: inode, and time of modification and of change.
pub type Stamp = (u64, (i64, i64), (i64, i64));

/// Returns everything below `dir`, directories too, by its path.
pub fn stamps(dir: &Path) -> BTreeMap<String, Stamp> {
    all(dir)
        .into_iter()
        .map(|name| {
            let meta = std::fs::symlink_metadata(dir.join(&name)).unwrap();
            let stamp =
                (meta.ino(), (meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
            (name, stamp)
        })
        .collect()
}

/// Returns mode and digest of every file below `dir`, by its path; without
/// what a tree of layouts has for itself.
pub fn contents(dir: &Path) -> BTreeMap<String, (u32, Digest)> {
    let is_own = |name: &str| OWN.iter().any(|own| name.ends_with(own));
    let files = all(dir).into_iter().filter(|name| !is_own(name) && dir.join(name).is_file());
    files
        .map(|name| {
            let path = dir.join(&name);
            let mode = std::fs::metadata(&path).unwrap().mode() & 0o7777;
            (name, (mode, Digest::of(&std::fs::read(path).unwrap())))
        })
        .collect()
}

/// Gives every file below `dir` an earlier time of modification.
pub fn age(dir: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    for name in contents(dir).into_keys() {
        let file = std::fs::File::options().write(true).open(dir.join(name)).unwrap();
        file.set_modified(then).unwrap();
    }
}

/// Returns the names that a run added, removed or wrote.
pub fn changed<T: PartialEq>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
) -> BTreeSet<String> {
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// Returns the temporary files and directories below `dir`.
pub fn unfinished(dir: &Path) -> Vec<String> {
    all(dir).into_iter().filter(|name| name.contains(UNFINISHED)).collect()
}

/// Returns what is directly in `dir`, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Returns the paths of everything below `dir`, relative to it. What is
/// removed meanwhile is left out.
fn all(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                pending.push(path);
            }
        }
    }
    found.sort();
    found
}
