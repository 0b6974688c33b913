//! Judges a layout: is everything there, whole, and what it says it is?
//!
//! Every blob that a name leads to is hashed, every layer decompressed, every
//! claim of a descriptor compared with what it describes, through any nesting
//! of indexes. All that is wrong is collected, with the way that leads there.
//! The content may be hostile: what it can make this module do is bounded.

mod measure;
mod walk;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::layout::{Layout, full_name_of, tag_of};
use crate::spec::{Descriptor, ImageConfig, Manifest};
use crate::{Digest, Error, Platform};

/// How much of a layout is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes a layer may have when decompressed.
    pub layer: u64,
    /// How many bytes of manifests, indexes and configs are read in all: they
    /// stay in memory, at up to twenty times that.
    pub documents: u64,
    /// How many descriptors are followed in all.
    pub descriptors: usize,
    /// How many findings are reported.
    pub findings: usize,
}

impl Default for Limits {
    /// 4 GiB, 32 MiB, 100,000 and 1000.
    fn default() -> Limits {
        Limits { layer: 4 << 30, documents: 32 << 20, descriptors: 100_000, findings: 1000 }
    }
}

/// What a layout holds, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What it names, in the order of its index.
    pub names: Vec<Name>,
    /// What is wrong. Empty: the layout is valid.
    pub problems: Vec<Finding>,
    /// What is worth knowing but not wrong.
    pub notes: Vec<Finding>,
}

/// An entry of a layout.
#[derive(Clone, Debug)]
pub struct Name {
    /// Its tag; in an archive, its full name.
    pub tag: Option<String>,
    /// Its full name.
    pub full_name: Option<String>,
    /// The manifest or index it names.
    pub descriptor: Descriptor,
    /// The images that were understood, each once, in the order of the
    /// index.
    pub images: Vec<VerifiedImage>,
}

/// An image whose documents were understood. Whether it is without fault is
/// said by the report's problems.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedImage {
    /// The machine it is for, by its config.
    pub platform: Platform,
    /// Its manifest's descriptor, without platform and annotations.
    pub descriptor: Descriptor,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// Its config.
    pub config: Arc<ImageConfig>,
}

/// Something that is wrong or worth knowing, and where it hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The way there: the tag, then a platform or digest per step. Empty for
    /// the layout itself.
    pub trail: Vec<String>,
    /// The blob that it is about.
    pub digest: Option<Digest>,
    /// What it is.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.trail.iter().enumerate() {
            write!(f, "{}`{step}`", if i == 0 { "" } else { " → " })?;
        }
        let colon = if self.trail.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)
    }
}

/// Judges a layout, whole. What is beyond the limits is not looked at, which
/// is a problem of its own.
pub fn layout(layout: &Layout, limits: Limits) -> Report {
    let mut walker = walk::Walker::new(layout, limits);
    let mut tags = HashSet::new();
    for entry in &layout.index().manifests {
        let tag = tag_of(entry).map(str::to_owned);
        let first = tag.clone().unwrap_or_else(|| entry.digest.to_string());
        let is_repeated = tag.as_ref().is_some_and(|tag| !tags.insert(tag.clone()));
        let images = walker.name(entry, first, is_repeated);
        walker.report.names.push(Name {
            tag,
            full_name: full_name_of(entry).map(str::to_owned),
            descriptor: entry.clone(),
            images,
        });
    }
    let (mut report, seen) = walker.finish();
    match useless(layout, seen.as_ref()) {
        Ok(notes) => report.notes.extend(notes.into_iter().map(whole)),
        Err(error) => report.problems.push(whole(error.to_string())),
    }
    report
}

/// Makes a finding about the layout itself.
fn whole(message: String) -> Finding {
    Finding { trail: Vec::new(), digest: None, message }
}

/// Says which files are of no use, and would go when the tree is pruned.
/// Which blobs are is known only if everything that is named was `seen`.
fn useless(layout: &Layout, seen: Option<&HashSet<Digest>>) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    if let Some(seen) = seen {
        let mut unnamed = layout.blobs_present()?;
        unnamed.retain(|digest| !seen.contains(digest));
        match unnamed.as_slice() {
            [] => {}
            [digest] => notes.push(format!("nothing names the blob `{digest}`")),
            [digest, ..] => {
                let count = unnamed.len();
                notes.push(format!("nothing names {count} of its blobs, `{digest}` for one"));
            }
        }
    }
    let leftovers = layout.leftovers()?;
    match leftovers.as_slice() {
        [] => {}
        [path] => notes.push(format!("an interrupted write left `{}`", path.display())),
        [path, ..] => {
            let (count, path) = (leftovers.len(), path.display());
            notes.push(format!("interrupted writes left {count} files, `{path}` for one"));
        }
    }
    Ok(notes)
}
