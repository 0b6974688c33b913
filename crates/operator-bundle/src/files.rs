//! The files of a bundle: its layers, one on the other.
//!
//! The rules are those of the OCI image specification (layer.md, "Applying
//! Changesets", "Whiteouts"), as far as plain files go: what reads bundles
//! follows no links in them.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Entry, EntryKind, EntryLimits, Image};

use crate::Finding;

/// How many bytes a file may have; a definition of a resource has some 100,000.
const FILE_MAX: u64 = 4 << 20;

/// How many bytes all layers may have, and how many entries each.
const TOTAL_MAX: u64 = 256 << 20;
const ENTRIES_MAX: usize = 20_000;

/// How a name starts that removes what lower layers have, and the one that
/// removes all of a directory.
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// What a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A file that is read.
    File(Vec<u8>),
    /// A file that is too large to be read.
    Large,
    /// A link, a pipe or the like.
    Other,
}

/// All that is no directory, by the path from the root without a slash before
/// it.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<String, Node>);

impl Files {
    /// Reads all layers.
    pub(crate) fn of(image: &Image, findings: &mut Vec<Finding>) -> Result<Files, oci::Error> {
        let limits = EntryLimits { total: TOTAL_MAX, entries: ENTRIES_MAX, kept: FILE_MAX };
        let mut files = Files::default();
        for layer in image.layers() {
            // What this layer brings: its own whiteouts do not touch it.
            let mut own = BTreeSet::new();
            layer.for_each_entry(limits, &mut |entry| {
                files.apply(entry, &mut own);
                Ok(())
            })?;
        }
        for (path, node) in &files.0 {
            match node {
                Node::File(_) => {}
                Node::Large => {
                    let message = format!("it has more than {FILE_MAX} bytes");
                    findings.push(Finding::error(path, message));
                }
                Node::Other => findings.push(Finding::error(path, "it is no regular file")),
            }
        }
        Ok(files)
    }

    fn apply(&mut self, entry: Entry, own: &mut BTreeSet<String>) {
        let path = clean(&entry.name);
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == OPAQUE {
            return self.remove(directory, own);
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            return self.remove(&join(directory, hidden), own);
        }
        if path.is_empty() || entry.kind == EntryKind::Directory {
            // A directory in the place of a file.
            self.0.remove(&path);
            return;
        }
        let node = match (entry.kind, entry.link) {
            (EntryKind::File, _) if entry.size > FILE_MAX => Node::Large,
            (EntryKind::File, _) => Node::File(entry.bytes),
            (EntryKind::Hardlink, Some(link)) => {
                self.0.get(&clean(&link)).cloned().unwrap_or(Node::Other)
            }
            _ => Node::Other,
        };
        self.remove_below(&path, &BTreeSet::new());
        own.insert(path.clone());
        self.0.insert(path, node);
    }

    /// Removes a path, and all below it, that lower layers have.
    fn remove(&mut self, path: &str, own: &BTreeSet<String>) {
        if !own.contains(path) {
            self.0.remove(path);
        }
        self.remove_below(path, own);
    }

    fn remove_below(&mut self, path: &str, own: &BTreeSet<String>) {
        let start = join(path, "");
        self.0.retain(|other, _| !other.starts_with(&start) || own.contains(other));
    }

    /// Returns the files in a directory and below.
    pub(crate) fn below(&self, directory: &str) -> impl Iterator<Item = (&str, &Node)> {
        let start = join(&clean(directory), "");
        let below = self.0.iter().filter(move |(path, _)| path.starts_with(&start));
        below.map(|(path, node)| (path.as_str(), node))
    }

    /// Returns a file in a directory.
    pub(crate) fn get(&self, directory: &str, name: &str) -> Option<&Node> {
        self.0.get(&join(&clean(directory), name))
    }
}

/// Returns the path of what is in a directory; of the root that is its name.
pub(crate) fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}

/// Returns a path from the root without empty parts and dots; nothing leads
/// out of the root.
pub(crate) fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
