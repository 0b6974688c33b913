//! OCI archives: a layout in one tar file, as `oci-archive:` names them.
//!
//! The entries stand under full names in both annotations, because
//! containerd imports an unnamed archive as nothing, and readers of a file
//! have no directory to tell the repository by. Equal artifacts make equal
//! archives: entries are sorted, and no header holds a time or an owner.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use host::fs::{IoContext, IoError, Staged};

use crate::digest::Digest;
use crate::error::check_interrupt;
use crate::layer::file_header;
use crate::layout::{
    Files, INDEX_FILE, Layout, MARKER, MARKER_FILE, WriteOptions, edit, regular_file,
};
use crate::spec::{Descriptor, Index, to_bytes};
use crate::tarball::{self, Entry, EntryKind, invalid};
use crate::{Artifact, Blob, Content, Error, HashingWriter, Named, Reference};

/// What became of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Whether the file had to be written: it was not there with these
    /// bytes.
    pub changed: bool,
    /// The archive's length.
    pub size: u64,
}

/// Writes artifacts under their full names into one archive, in place of
/// what is there. An archive that has these bytes already is left alone.
///
/// # Errors
///
/// Fails if a reference has no tag, contradicts its digest or another of the
/// batch, `path` is something else than a file, or a file cannot be read or
/// written. What was there is then as it was.
pub fn write(path: &Path, batch: &[Named], options: WriteOptions) -> Result<Archived, Error> {
    place(path, &members(batch)?, options)
}

/// Writes one artifact under its digest in a repository, instead of a tag:
/// so engines keep what belongs to an index and has no name of its own.
///
/// # Errors
///
/// As [`write()`].
pub fn write_digested(
    path: &Path,
    repository: &Reference,
    artifact: &Artifact,
    options: WriteOptions,
) -> Result<Archived, Error> {
    let name = format!("{}@{}", repository.name(), artifact.digest());
    let entry = edit::named(artifact.descriptor(), &name, &name);
    place(path, &files(vec![entry], std::iter::once(artifact))?, options)
}

/// Writes files into one archive, in place of what is there.
pub(crate) fn place(
    path: &Path,
    members: &BTreeMap<String, Blob>,
    options: WriteOptions,
) -> Result<Archived, Error> {
    // Renamed into its place, an archive would replace `/dev/stdout`, too.
    let old_size = regular_file(path)?;
    let size = members.values().map(|blob| 512 + blob.size().next_multiple_of(512)).sum::<u64>()
        + 2 * 512 // the two directories
        + 2 * 512; // the end
    if old_size == Some(size) {
        let old = File::open(path).io_context("open", path)?;
        let comparison = Comparison { old: io::BufReader::new(old), is_equal: true };
        if render(members, comparison, path)?.is_equal {
            return Ok(Archived { changed: false, size });
        }
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    host::fs::create_dir_all(directory)?;
    let staged = BufWriter::with_capacity(1 << 17, Staged::new(directory)?);
    let staged = render(members, staged, path)?;
    let staged = staged.into_inner().map_err(|error| written(path, error.into_error()))?;
    if options.durable {
        host::fs::sync(directory)?;
    }
    staged.place(path)?;
    Ok(Archived { changed: true, size })
}

/// Opens an archive for reading: where its blobs are is looked up once, and
/// they are read in place.
///
/// # Errors
///
/// Fails if the file is not a tar, or what is in it not a layout of the
/// known version.
pub fn open(path: &Path) -> Result<Layout, Error> {
    regular_file(path)?;
    let file = File::open(path).io_context("open", path)?;
    let length = file.metadata().io_context("read", path)?.len();
    let (mut marker, mut index, mut blobs) = (None, None, BTreeMap::new());
    let mut archive = tar::Archive::new(file);
    let entries = archive.entries_with_seek().io_context("read", path)?;
    tarball::walk(entries, MEMBERS_MAX, &mut |member, position, content| {
        let entry = Entry::from(member);
        // Skipping by seeking would not notice a file that ends too early.
        if position.checked_add(entry.size).is_none_or(|end| end > length) {
            return Err(invalid("it ends in the middle of an entry"));
        }
        let name = entry.name.trim_start_matches("./");
        match (entry.kind, name, name.strip_prefix(BLOBS).and_then(Digest::from_hex)) {
            (EntryKind::File, MARKER_FILE, _) => marker = Some(read_document(content)?),
            (EntryKind::File, INDEX_FILE, _) => index = Some(read_document(content)?),
            (EntryKind::File, _, Some(digest)) => {
                blobs.insert(digest, (position, entry.size));
            }
            _ => {}
        }
        Ok(())
    })
    .map_err(|error| {
        Error::invalid_layout(path, format!("it is not a tar of one: {}", quotable(&error)))
    })?;
    Layout::from_files(path, Files::Archive(blobs), marker.as_deref(), index.as_deref())
}

/// Returns what can be told of a tar that cannot be read: what is no header
/// is quoted by the tar crate as it is.
pub(crate) fn quotable(error: &io::Error) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Opens a part of a file.
pub(crate) fn part(path: &Path, position: u64, size: u64) -> Result<io::Take<File>, Error> {
    let mut file = File::open(path).io_context("open", path)?;
    file.seek(SeekFrom::Start(position)).io_context("read", path)?;
    Ok(file.take(size))
}

/// Returns the digest of a part of a file.
pub(crate) fn digest(path: &Path, position: u64, size: u64) -> Result<Digest, Error> {
    let mut writer = HashingWriter::new(io::sink());
    io::copy(&mut part(path, position, size)?, &mut writer).io_context("read", path)?;
    Ok(writer.finish().1)
}

pub(crate) const BLOBS: &str = "blobs/sha256/";

/// How many entries an archive may have.
pub(crate) const MEMBERS_MAX: usize = 1_000_000;

fn read_document(content: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.take(crate::image::DOCUMENT_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the files of the layout by name.
pub(crate) fn members(batch: &[Named]) -> Result<BTreeMap<String, Blob>, Error> {
    let mut entries = BTreeMap::new();
    for named in batch {
        let artifact = &named.artifact;
        for (reference, tag) in named.tagged()? {
            let full = format!("{}:{tag}", reference.name());
            let entry = edit::named(artifact.descriptor(), &full, &full);
            let other = entries.insert(full, entry);
            if other.is_some_and(|other| other.digest != artifact.digest()) {
                let reference = Box::new(reference.clone());
                let reason = "two different images have that name";
                return Err(Error::Unwritable { reference, reason });
            }
        }
    }
    let artifacts = batch.iter().map(|named| &named.artifact);
    files(entries.into_values().collect(), artifacts)
}

fn files<'a>(
    entries: Vec<Descriptor>,
    artifacts: impl Iterator<Item = &'a Artifact>,
) -> Result<BTreeMap<String, Blob>, Error> {
    let blobs = artifacts.flat_map(Artifact::blobs);
    let mut members: BTreeMap<_, _> =
        blobs.map(|blob| (format!("{BLOBS}{}", blob.digest().hex()), blob.clone())).collect();
    let index = Index::new(edit::sorted(entries));
    members.insert(INDEX_FILE.to_owned(), Blob::from_bytes("", to_bytes(&index)?));
    members.insert(MARKER_FILE.to_owned(), Blob::from_bytes("", MARKER));
    Ok(members)
}

/// Writes the tar.
fn render<W: Write>(members: &BTreeMap<String, Blob>, sink: W, path: &Path) -> Result<W, Error> {
    let mut writer = Sink { inner: sink, path };
    for name in ["blobs/", BLOBS] {
        let mut header = file_header(name.trim_end_matches('/'), 0, 0)?;
        header.set_path(name).map_err(|error| written(path, error))?;
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_cksum();
        writer.put(header.as_bytes())?;
    }
    for (name, blob) in members {
        check_interrupt()?;
        writer.put(file_header(name, blob.size(), 0)?.as_bytes())?;
        match blob.content() {
            Content::Memory(bytes) => writer.put(bytes)?,
            Content::File { .. } | Content::Remote(_) => {
                blob.for_each_chunk(&mut |chunk| writer.put(chunk))?;
            }
        }
        let padding = blob.size().next_multiple_of(512) - blob.size();
        writer.put(&[0; 512][..padding as usize])?;
    }
    writer.put(&[0; 1024])?;
    Ok(writer.inner)
}

struct Sink<'a, W> {
    inner: W,
    path: &'a Path,
}

impl<W: Write> Sink<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.inner.write_all(bytes).map_err(|error| written(self.path, error))
    }
}

fn written(path: &Path, error: io::Error) -> Error {
    IoError::new("write", path, error).into()
}

/// Takes bytes as if to write them, and finds out whether a file has them.
struct Comparison<R> {
    old: R,
    is_equal: bool,
}

impl<R: Read> Write for Comparison<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_equal {
            let mut old = vec![0; bytes.len()];
            // What cannot be read is written anew.
            self.is_equal = self.old.read_exact(&mut old).is_ok() && old == bytes;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
