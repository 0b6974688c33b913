//! Removes from a tree what nothing names any more.
//!
//! Blobs that no entry reaches, files that killed writers left, and, on
//! request, whatever is not wanted by name. Only files that a layout is made
//! of are ever removed, and directories only when empty. Indexes are replaced
//! before blobs go, so a process killed half-way leaves valid layouts.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use host::Lock;
use host::fs::write_atomic;
use serde::Deserialize;

use super::document::{INDEX_FILE, MARKER_FILE, parse_index};
use super::tree::Tree;
use super::{
    Files, Layout, WriteOptions, blob_directory, digest_of_file, leftovers, read_small, tag_of,
};
use crate::error::check_interrupt;
use crate::image::DOCUMENT_MAX;
use crate::spec::{Descriptor, Index, to_bytes};
use crate::{Digest, Error, Reference, media};

/// What pruning did.
#[derive(Clone, Debug, Default)]
pub struct Pruned {
    /// The files that are gone, in the order of their paths.
    pub removed: Vec<Removed>,
    /// The names that are gone: `registry/repository:tag`.
    pub names: Vec<String>,
    /// Layouts that were left alone, because what they need cannot be told.
    pub skipped: Vec<Error>,
}

/// A file that is gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removed {
    /// Its path.
    pub path: PathBuf,
    /// How many bytes it held. A file with several names counts at each.
    pub bytes: u64,
}

impl Pruned {
    /// Returns the number of bytes that were removed.
    pub fn bytes(&self) -> u64 {
        self.removed.iter().map(|removed| removed.bytes).sum()
    }
}

impl Tree {
    /// Removes what no entry of any layout reaches and, if `keep` is given,
    /// first the entries that it does not name. Signatures and other
    /// attachments of what stays stay too.
    ///
    /// Waits until no one writes to the tree, and lets no one begin.
    ///
    /// # Errors
    ///
    /// Fails if the tree cannot be locked, listed or flushed, or a file not
    /// removed. A layout that cannot be understood is skipped, whole.
    pub fn prune(
        &self,
        keep: Option<&[Reference]>,
        options: WriteOptions,
    ) -> Result<Pruned, Error> {
        // Whoever writes a tree leaves its lock file. A directory without
        // one is something else, and not to be touched.
        if !self.lock_file().is_file() {
            return Ok(Pruned::default());
        }
        let _alone = Lock::exclusive(&self.lock_file())?;
        let wanted = keep.map(|keep| wanted(self, keep));
        let mut pruned = Pruned::default();
        let mut doomed = Vec::new();
        let mut emptied = Vec::new();
        let mut replaced = false;
        for repository in self.directories()? {
            check_interrupt()?;
            let nothing = BTreeSet::new();
            let tags = wanted.as_ref().map(|w| w.get(&repository.path).unwrap_or(&nothing));
            match Plan::of(&repository.path, tags) {
                Ok(plan) => {
                    let names = plan.dropped.iter().map(|tag| format!("{}:{tag}", repository.name));
                    pruned.names.extend(names);
                    replaced |= plan.replace_index(&repository.path)?;
                    doomed.extend(plan.doomed);
                    emptied.extend(plan.is_empty.then_some(repository.path));
                }
                Err(error) => pruned.skipped.push(error),
            }
        }
        if options.durable && replaced {
            host::fs::sync(self.root())?;
        }
        for path in doomed {
            let bytes = path.symlink_metadata().map_or(0, |metadata| metadata.len());
            host::fs::remove_file(&path)?;
            pruned.removed.push(Removed { path, bytes });
        }
        emptied.iter().for_each(|layout| self.remove_empty(layout));
        pruned.removed.sort();
        Ok(pruned)
    }

    /// Removes a layout's directories as far up as they are empty. Failing
    /// to is no harm: an empty directory is nobody's layout.
    fn remove_empty(&self, layout: &Path) {
        let _ = std::fs::remove_dir(blob_directory(layout));
        let _ = std::fs::remove_dir(layout.join("blobs"));
        for directory in layout.ancestors() {
            if directory == self.root() || std::fs::remove_dir(directory).is_err() {
                break;
            }
        }
    }
}

/// Sorts references by the layout that holds them.
fn wanted<'a>(tree: &Tree, keep: &'a [Reference]) -> BTreeMap<PathBuf, BTreeSet<&'a str>> {
    let mut wanted: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for reference in keep {
        wanted.entry(tree.directory(reference)).or_default().extend(reference.tag());
    }
    wanted
}

/// What is to happen to one layout.
struct Plan {
    /// The index that takes the place of the old one; with no entries left,
    /// the layout goes.
    index: Option<Index>,
    is_empty: bool,
    dropped: Vec<String>,
    doomed: Vec<PathBuf>,
}

impl Plan {
    fn of(directory: &Path, wanted: Option<&BTreeSet<&str>>) -> Result<Plan, Error> {
        let index = match read_small(&directory.join(INDEX_FILE))? {
            Some(bytes) => Some(parse_index(directory, &bytes)?),
            None => None,
        };
        let is_unfinished = index.is_none();
        let index = index.unwrap_or_else(|| Index::new(Vec::new()));
        let path = directory.to_owned();
        let layout = Layout { path, files: Files::Directory, index };
        let (kept, reached) = keep(&layout, wanted)?;
        let drops = |entry: &&Descriptor| !kept.contains(entry);
        let dropped: Vec<_> = layout.index.manifests.iter().filter(drops).collect();
        let is_empty = kept.is_empty() && (wanted.is_some() || is_unfinished);
        Ok(Plan {
            doomed: doomed(directory, &reached, is_empty)?,
            is_empty,
            dropped: dropped.iter().filter_map(|entry| tag_of(entry)).map(str::to_owned).collect(),
            index: (!dropped.is_empty() && !is_empty)
                .then(|| Index { manifests: kept, ..layout.index.clone() }),
        })
    }

    /// Returns whether anything was replaced or removed.
    fn replace_index(&self, directory: &Path) -> Result<bool, Error> {
        if self.is_empty {
            // Without its marker a directory is no layout: nothing that is
            // missing from it is missed.
            host::fs::remove_file(&directory.join(MARKER_FILE))?;
            host::fs::remove_file(&directory.join(INDEX_FILE))?;
        } else if let Some(index) = &self.index {
            write_atomic(&directory.join(INDEX_FILE), &to_bytes(index)?)?;
        }
        Ok(self.is_empty || self.index.is_some())
    }
}

/// Returns the files of a layout that are to go.
fn doomed(directory: &Path, reached: &HashSet<Digest>, all: bool) -> Result<Vec<PathBuf>, Error> {
    let mut doomed = leftovers(directory)?;
    let blobs = blob_directory(directory);
    if blobs.is_dir() {
        let is_unreached = |path: &PathBuf| {
            digest_of_file(path).is_some_and(|digest| all || !reached.contains(&digest))
                && path.symlink_metadata().is_ok_and(|file| !file.is_dir())
        };
        doomed.extend(host::fs::read_dir(&blobs)?.into_iter().filter(is_unreached));
    }
    Ok(doomed)
}

/// Returns the entries that stay, and all that they reach.
fn keep(
    layout: &Layout,
    wanted: Option<&BTreeSet<&str>>,
) -> Result<(Vec<Descriptor>, HashSet<Digest>), Error> {
    let entries = &layout.index.manifests;
    let by_name = |entry: &Descriptor| match wanted {
        None => true,
        Some(tags) => tag_of(entry).is_some_and(|tag| tags.contains(tag)),
    };
    let mut stays: Vec<bool> = entries.iter().map(by_name).collect();
    let (mut followed, mut reached) = (HashSet::new(), HashSet::new());
    // An attachment can have attachments: until nothing is added.
    loop {
        for (entry, _) in entries.iter().zip(&stays).filter(|(_, stays)| **stays) {
            reach(layout, entry, &mut followed, &mut reached)?;
        }
        let mut added = false;
        for (entry, stays) in entries.iter().zip(&mut stays).filter(|(_, stays)| !**stays) {
            *stays = is_attached(layout, entry, &reached)?;
            added |= *stays;
        }
        if !added {
            break;
        }
    }
    let kept = entries.iter().zip(stays).filter(|(_, stays)| *stays);
    Ok((kept.map(|(entry, _)| entry.clone()).collect(), reached))
}

/// Returns whether an entry is about something that stays: by a tag such as
/// `sha256-<hex>.sig`, as cosign names signatures, or by its subject.
fn is_attached(
    layout: &Layout,
    entry: &Descriptor,
    reached: &HashSet<Digest>,
) -> Result<bool, Error> {
    if let Some(tag) = tag_of(entry) {
        let hex = tag.strip_prefix("sha256-").and_then(|rest| rest.get(..64));
        return Ok(hex.and_then(Digest::from_hex).is_some_and(|digest| reached.contains(&digest)));
    }
    let subject = links(layout, entry)?.and_then(|links| links.subject);
    Ok(subject.is_some_and(|subject| reached.contains(&subject.digest)))
}

/// What a manifest or an index names.
#[derive(Deserialize)]
struct Links {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    subject: Option<Descriptor>,
}

/// Adds what `entry` names, directly and indirectly.
fn reach(
    layout: &Layout,
    entry: &Descriptor,
    followed: &mut HashSet<Digest>,
    reached: &mut HashSet<Digest>,
) -> Result<(), Error> {
    let mut pending = vec![entry.clone()];
    while let Some(manifest) = pending.pop() {
        // Not the same as being reached: a manifest can be a layer, too.
        if !followed.insert(manifest.digest) {
            continue;
        }
        reached.insert(manifest.digest);
        if let Some(links) = links(layout, &manifest)? {
            reached.extend(links.config.iter().chain(&links.layers).map(|blob| blob.digest));
            pending.extend(links.manifests);
            pending.extend(links.subject);
        }
    }
    Ok(())
}

/// Reads what a manifest names. One that is missing names nothing; one that
/// is there but cannot be read might name anything, which is an error.
fn links(layout: &Layout, manifest: &Descriptor) -> Result<Option<Links>, Error> {
    if layout.find(manifest.digest)?.is_none() {
        return Ok(None);
    }
    let media_type = manifest.media_type.as_str();
    let is_known = media::is_index(media_type) || media::is_manifest(media_type);
    if !is_known && manifest.size > DOCUMENT_MAX {
        return Ok(None);
    }
    let bytes = layout.manifest(manifest)?;
    match serde_json::from_slice(&bytes) {
        Ok(links) => Ok(Some(links)),
        Err(_) if !is_known => Ok(None),
        Err(error) => Err(Error::InvalidDocument {
            digest: manifest.digest,
            what: "manifest",
            reason: error.to_string(),
        }),
    }
}
