//! Writes artifacts to a tree, so that no reader ever sees a half of one.
//!
//! Blobs first, under temporary names and then their digests; they are
//! content-addressed, so writers need not keep out of each other's way. Then,
//! one writer at a time, every `index.json` is made beside its place; then
//! everything is flushed at once; then the indexes are renamed. What is there
//! already with the right bytes is left alone; large blobs that have not changed
//! since are not read for that. However large the batch, a
//! handful of files is open.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use host::Lock;
use host::fs::{IoError, STAGED_PREFIX, Staged};

use super::document::{INDEX_FILE, MARKER, MARKER_FILE, parse_index, parse_marker};
use super::seen::{Seen, Stamp, is_large};
use super::tree::Tree;
use super::{blob_directory, edit, read_small};
use crate::error::check_interrupt;
use crate::spec::{Index, to_bytes};
use crate::tasks;
use crate::{Artifact, Blob, Content, Digest, Error, Named, Reference};

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Whether a power cut must leave names that lead to whole blobs: what
    /// was written is flushed before the names change, once per write.
    pub durable: bool,
}

/// What became of one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The names it now has.
    pub references: Vec<Reference>,
    /// Its digest.
    pub digest: Digest,
    /// Whether anything had to be written for it.
    pub changed: bool,
    /// How many files were written or linked.
    pub files_written: usize,
    /// How many bytes were written to them.
    pub bytes_written: u64,
}

type Outcome = Result<Written, Error>;

impl Tree {
    /// Writes artifacts under their names, and returns what became of each,
    /// in the given order.
    ///
    /// Other tags of the same repositories stay; entries of the same tags
    /// are replaced. Several processes may write to one tree at once.
    ///
    /// # Errors
    ///
    /// Fails as a whole, before anything is written, if a reference has no
    /// tag or contradicts its digest or another of the batch; later, if the
    /// tree cannot be locked or flushed. An artifact fails alone if a blob
    /// of it, or the index of a repository of it, cannot be read or written.
    pub fn write(&self, batch: &[Named], options: WriteOptions) -> Result<Vec<Outcome>, Error> {
        let targets = plan(self, batch)?;
        host::fs::create_dir_all(self.root())?;
        let _shared = Lock::shared(&self.lock_file())?;
        let mut run = Run::new(batch, Seen::read(self));
        for target in &targets {
            run.write_blobs(target);
        }
        let _alone = Lock::exclusive(&self.index_lock_file())?;
        let edits: Vec<_> = targets.iter().filter_map(|target| run.stage(target)).collect();
        let wrote = run.outcomes.iter().flatten().any(|written| written.files_written > 0);
        if options.durable && (wrote || !edits.is_empty()) {
            host::fs::sync(self.root())?;
        }
        for edit in edits {
            run.place(edit);
        }
        run.seen.keep();
        Ok(run.outcomes)
    }
}

/// One repository of a batch: which artifacts it is to hold under which
/// tags.
struct Target<'a> {
    directory: PathBuf,
    entries: Vec<Tagged<'a>>,
}

struct Tagged<'a> {
    /// The artifact's place in the batch.
    number: usize,
    reference: &'a Reference,
    tag: &'a str,
}

/// Sorts a batch by repository.
fn plan<'a>(tree: &Tree, batch: &'a [Named]) -> Result<Vec<Target<'a>>, Error> {
    let mut targets: BTreeMap<PathBuf, BTreeMap<&str, Tagged<'a>>> = BTreeMap::new();
    for (number, named) in batch.iter().enumerate() {
        let digest = named.artifact.digest();
        for (reference, tag) in named.tagged()? {
            let tagged = Tagged { number, reference, tag };
            let tags = targets.entry(tree.directory(reference)).or_default();
            let other = tags.insert(tag, tagged).map(|other| batch[other.number].artifact.digest());
            if other.is_some_and(|other| other != digest) {
                let reference = Box::new(reference.clone());
                let reason = "two different images have that name";
                return Err(Error::Unwritable { reference, reason });
            }
        }
    }
    let target = |(directory, tags): (_, BTreeMap<_, _>)| Target {
        directory,
        entries: tags.into_values().collect(),
    };
    Ok(targets.into_iter().map(target).collect())
}

/// A batch on its way.
struct Run<'a> {
    batch: &'a [Named],
    outcomes: Vec<Outcome>,
    /// Files of this tree that are known to hold a blob.
    known: HashMap<Digest, PathBuf>,
    seen: Seen,
}

/// What is to happen to a repository's index.
struct Edit {
    index: Option<Ready>,
    marker: Option<Ready>,
    /// The artifacts whose entries change, and all whose fate it is.
    changed: Vec<usize>,
    concerned: Vec<usize>,
    bytes: u64,
}

/// A file that is ready to be renamed into its place, and not open. Dropped
/// unplaced, it is removed.
struct Ready {
    staged: PathBuf,
    place: PathBuf,
}

impl Ready {
    /// The temporary name is always the same: one writer at a time has the
    /// lock.
    fn new(directory: &Path, name: &str, bytes: &[u8]) -> Result<Ready, IoError> {
        let staged = directory.join(format!("{STAGED_PREFIX}{name}"));
        let place = directory.join(name);
        host::fs::write_atomic(&staged, bytes)
            .map_err(|error| IoError::new("write", &place, error.source))?;
        Ok(Ready { staged, place })
    }

    fn place(&self) -> Result<(), IoError> {
        host::fs::rename(&self.staged, &self.place)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        let _ = host::fs::remove_file(&self.staged);
    }
}

impl<'a> Run<'a> {
    fn new(batch: &'a [Named], seen: Seen) -> Run<'a> {
        let untouched = |named: &Named| {
            Ok(Written {
                references: named.references.clone(),
                digest: named.artifact.digest(),
                changed: false,
                files_written: 0,
                bytes_written: 0,
            })
        };
        let outcomes = batch.iter().map(untouched).collect();
        Run { batch, outcomes, known: HashMap::new(), seen }
    }

    fn write_blobs(&mut self, target: &Target<'_>) {
        let numbers: BTreeSet<usize> = target.entries.iter().map(|entry| entry.number).collect();
        for number in numbers {
            if self.outcomes[number].is_ok() {
                let artifact = &self.batch[number].artifact;
                let result = self.write_artifact(&target.directory, artifact);
                self.settle(&[number], result);
            }
        }
    }

    /// Returns how many files were written, and how many bytes.
    fn write_artifact(
        &mut self,
        layout: &Path,
        artifact: &Artifact,
    ) -> Result<(usize, u64), Error> {
        let directory = blob_directory(layout);
        host::fs::create_dir_all(&directory)?;
        let mut written = self.fetch(&directory, artifact)?;
        for blob in artifact.blobs() {
            check_interrupt()?;
            if let Some(bytes) = self.put(&directory, blob)? {
                written = (written.0 + 1, written.1 + bytes);
            }
        }
        Ok(written)
    }

    /// Downloads what of an artifact is elsewhere and not here, several blobs
    /// at a time; the rest is written one by one, as fast as the disk allows.
    fn fetch(&mut self, directory: &Path, artifact: &Artifact) -> Result<(usize, u64), Error> {
        let is_remote = |blob: &&Blob| matches!(blob.content(), Content::Remote(_));
        let (here, wanted): (Vec<&Blob>, Vec<&Blob>) =
            artifact.blobs().filter(is_remote).partition(|blob| {
                self.known.contains_key(&blob.digest())
                    || self.holds(&directory.join(blob.digest().hex()), blob)
            });
        let outcomes = tasks::each(&wanted, DOWNLOADS, |blob| write_blob(directory, blob));
        outcomes.into_iter().collect::<Result<(), Error>>()?;
        for blob in &wanted {
            self.seen.note_written(&directory.join(blob.digest().hex()), blob);
        }
        for blob in here.iter().chain(&wanted) {
            let path = directory.join(blob.digest().hex());
            self.known.entry(blob.digest()).or_insert(path);
        }
        Ok((wanted.len(), wanted.iter().map(|blob| blob.size()).sum()))
    }

    /// Makes sure that a blob is in `directory`. Returns how many bytes were
    /// written, `None` if the file was there.
    fn put(&mut self, directory: &Path, blob: &Blob) -> Result<Option<u64>, Error> {
        let path = directory.join(blob.digest().hex());
        let known = self.known.get(&blob.digest()).cloned();
        if known.as_ref().is_some_and(|known| same_file(known, &path)) {
            return Ok(None);
        }
        if self.holds(&path, blob) {
            self.known.entry(blob.digest()).or_insert(path);
            return Ok(None);
        }
        // Only where nothing is: what is there is corrupt, or another writer's
        // since the check, and renaming one name of a file onto another would
        // leave both.
        if let Some(known) = known
            && std::fs::hard_link(&known, &path).is_ok()
        {
            self.seen.note_written(&known, blob);
            return Ok(Some(0));
        }
        write_blob(directory, blob)?;
        self.seen.note_written(&path, blob);
        self.known.entry(blob.digest()).or_insert(path);
        Ok(Some(blob.size()))
    }

    /// Returns whether a file holds the blob. One that was seen to is not read
    /// again, if it is large.
    fn holds(&mut self, path: &Path, blob: &Blob) -> bool {
        if !is_large(blob) {
            return holds(path, blob);
        }
        let before = Stamp::of(path);
        let holds = self.seen.has(path) || holds(path, blob);
        if holds {
            self.seen.note(path, before);
        }
        holds
    }

    /// Makes a repository's new index beside its place, if it needs one.
    fn stage(&mut self, target: &Target<'_>) -> Option<Edit> {
        let live = |entry: &&Tagged<'_>| self.outcomes[entry.number].is_ok();
        let entries: Vec<_> = target.entries.iter().filter(live).collect();
        if entries.is_empty() {
            return None;
        }
        match stage(&target.directory, &entries, self.batch) {
            Ok(edit) => edit,
            Err(error) => {
                let numbers: Vec<_> = entries.iter().map(|entry| entry.number).collect();
                self.settle(&numbers, Err(error));
                None
            }
        }
    }

    fn place(&mut self, edit: Edit) {
        let Edit { index, marker, changed, concerned, bytes } = edit;
        let files = usize::from(index.is_some()) + usize::from(marker.is_some());
        // The marker comes last: a directory with one is complete.
        let result = index.iter().chain(&marker).try_for_each(Ready::place);
        if let Err(error) = result {
            return self.settle(&concerned, Err(error.into()));
        }
        // The files are counted once, with the first artifact they are for.
        let first = changed.first().or(concerned.first()).copied();
        self.settle(first.as_slice(), Ok((files, bytes)));
        for number in changed {
            if let Ok(written) = &mut self.outcomes[number] {
                written.changed = true;
            }
        }
    }

    /// Adds the result of a step to the outcomes of those it was done for.
    fn settle(&mut self, numbers: &[usize], result: Result<(usize, u64), Error>) {
        for &number in numbers {
            match (&mut self.outcomes[number], &result) {
                (Ok(written), Ok((files, bytes))) => {
                    written.files_written += files;
                    written.bytes_written += bytes;
                    written.changed |= *files > 0;
                }
                (outcome @ Ok(_), Err(error)) => *outcome = Err(error.clone()),
                (Err(_), _) => {}
            }
        }
    }
}

fn stage(
    directory: &Path,
    entries: &[&Tagged<'_>],
    batch: &[Named],
) -> Result<Option<Edit>, Error> {
    let has_marker = match read_small(&directory.join(MARKER_FILE))? {
        Some(bytes) => parse_marker(directory, &bytes).map(|()| true)?,
        None => false,
    };
    let old = match read_small(&directory.join(INDEX_FILE))? {
        Some(bytes) => parse_index(directory, &bytes)?,
        None => Index::new(Vec::new()),
    };
    let new = entries.iter().map(|entry| {
        let artifact = batch[entry.number].artifact.descriptor();
        edit::entry(artifact, entry.reference, entry.tag)
    });
    let (index, tags) = match edit::insert(&old, new.collect()) {
        Some((index, tags)) => (Some(to_bytes(&index)?), tags),
        None if has_marker => return Ok(None),
        None => (None, BTreeSet::new()),
    };
    let marker = (!has_marker).then_some(MARKER);
    let changed = entries.iter().filter(|entry| tags.contains(entry.tag));
    let ready = |bytes, name| Ready::new(directory, name, bytes);
    Ok(Some(Edit {
        bytes: [index.as_deref(), marker].iter().flatten().map(|bytes| bytes.len() as u64).sum(),
        index: index.as_deref().map(|bytes| ready(bytes, INDEX_FILE)).transpose()?,
        marker: marker.map(|bytes| ready(bytes, MARKER_FILE)).transpose()?,
        changed: changed.map(|entry| entry.number).collect(),
        concerned: entries.iter().map(|entry| entry.number).collect(),
    }))
}

/// How many blobs are downloaded at a time.
const DOWNLOADS: usize = 8;

fn write_blob(directory: &Path, blob: &Blob) -> Result<(), Error> {
    let mut staged = Staged::new(directory)?;
    blob.for_each_chunk(&mut |chunk| Ok(staged.put(chunk)?))?;
    Ok(staged.place(&directory.join(blob.digest().hex()))?)
}

fn same_file(a: &Path, b: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    identity(a).is_some_and(|a| identity(b) == Some(a))
}

/// Returns whether a file holds the blob, byte for byte. One that cannot be
/// read does not: writing it anew says what is wrong.
fn holds(path: &Path, blob: &Blob) -> bool {
    let is_candidate = |file: std::fs::Metadata| file.is_file() && file.len() == blob.size();
    if !path.metadata().is_ok_and(is_candidate) {
        return false;
    }
    match blob.content() {
        Content::Memory(bytes) => host::fs::read(path).is_ok_and(|there| there[..] == bytes[..]),
        Content::File { .. } | Content::Remote(_) => {
            let content = Content::File { path: path.into(), offset: 0 };
            let there = Blob::new(blob.descriptor().clone(), content);
            there.for_each_chunk(&mut |_| Ok(())).is_ok()
        }
    }
}
