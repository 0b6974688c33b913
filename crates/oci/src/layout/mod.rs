//! OCI image layouts: images as files.
//!
//! The format is that of the OCI image specification (image-layout.md): a
//! marker `oci-layout`, an `index.json` that names, and `blobs/sha256/` that
//! holds. A [`Layout`] reads one, in a directory or (see [`crate::archive`])
//! in a tar. A [`Tree`] is a directory of layouts, one per repository, and is
//! the way to write them. Judging a layout is the business of
//! [`crate::verify`].

mod companions;
mod document;
pub(crate) mod edit;
mod prune;
mod seen;
mod tree;
mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use host::fs::{IoContext, STAGED_PREFIX};

pub(crate) use document::{INDEX_FILE, MARKER, MARKER_FILE, parse_index, parse_marker};
pub use prune::{Pruned, Removed};
pub use tree::{Repository, Tree};
pub use write::{WriteOptions, Written};

use crate::image::{DOCUMENT_MAX, parse};
use crate::spec::{self, Descriptor};
use crate::{Artifact, Blob, Content, Digest, Error, Image, Index, media};

/// The annotation that holds an entry's tag; in an archive, its full name
/// (annotations.md).
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation that holds an entry's full name; containerd's own.
pub const IMAGE_NAME: &str = "io.containerd.image.name";

/// How deep indexes may be nested.
pub(crate) const DEPTH_MAX: usize = 8;

/// How many manifests one name may stand for: a small file can name
/// thousands, thousands of times.
const MANIFESTS_MAX: usize = 1000;

/// A layout that can be read: its names are known, its blobs are not yet
/// looked at.
#[derive(Clone, Debug)]
pub struct Layout {
    path: PathBuf,
    files: Files,
    index: spec::Index,
}

/// Where the blobs of a layout are.
#[derive(Clone, Debug)]
pub(crate) enum Files {
    /// Files below the layout's directory.
    Directory,
    /// Parts of the tar: where each starts, and its length.
    Archive(BTreeMap<Digest, (u64, u64)>),
}

impl Layout {
    /// Opens the layout in a directory.
    ///
    /// # Errors
    ///
    /// Fails if the directory is not a layout of the known version, or its
    /// `index.json` cannot be understood.
    pub fn open(directory: &Path) -> Result<Layout, Error> {
        let marker = read_small(&directory.join(MARKER_FILE))?;
        let index = read_small(&directory.join(INDEX_FILE))?;
        Layout::from_files(directory, Files::Directory, marker.as_deref(), index.as_deref())
    }

    pub(crate) fn from_files(
        path: &Path,
        files: Files,
        marker: Option<&[u8]>,
        index: Option<&[u8]>,
    ) -> Result<Layout, Error> {
        let absent = |name| Error::invalid_layout(path, format!("it has no `{name}`"));
        parse_marker(path, marker.ok_or_else(|| absent(MARKER_FILE))?)?;
        let index = parse_index(path, index.ok_or_else(|| absent(INDEX_FILE))?)?;
        Ok(Layout { path: path.to_owned(), files, index })
    }

    /// Returns the directory or the archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the layout's `index.json`: what it names.
    pub fn index(&self) -> &spec::Index {
        &self.index
    }

    /// Returns the names of its entries, as they stand in `ref.name`.
    pub fn tags(&self) -> Vec<&str> {
        self.index.manifests.iter().filter_map(tag_of).collect()
    }

    /// Finds what is meant by a tag, a full name, or the digest of a
    /// manifest.
    ///
    /// # Errors
    ///
    /// Fails if nothing is, or two different things.
    pub fn resolve(&self, name: &str) -> Result<Descriptor, Error> {
        let named =
            |entry: &&Descriptor| tag_of(entry) == Some(name) || full_name_of(entry) == Some(name);
        let mut found: Vec<_> = self.index.manifests.iter().filter(named).collect();
        found.dedup_by_key(|entry| entry.digest);
        match (found.as_slice(), name.parse::<Digest>()) {
            ([entry], _) => Ok((*entry).clone()),
            ([], Ok(digest)) => self.describe(digest),
            ([], Err(_)) => Err(Error::NotFound {
                name: name.to_owned(),
                place: self.path.clone(),
                known: self.tags().into_iter().map(str::to_owned).collect(),
            }),
            _ => Err(Error::Ambiguous { name: name.to_owned(), place: self.path.clone() }),
        }
    }

    /// Finds out what the manifest of this digest is.
    fn describe(&self, digest: Digest) -> Result<Descriptor, Error> {
        if let Some(entry) = self.index.manifests.iter().find(|entry| entry.digest == digest) {
            return Ok(entry.clone());
        }
        let Some((_, size)) = self.find(digest)? else {
            return Err(Error::MissingBlob { digest, place: self.path.clone() });
        };
        let mut descriptor = Descriptor::new("", digest, size);
        let document: Kind = parse(&self.blob(&descriptor)?, "manifest")?;
        descriptor.media_type = match (document.media_type, document.manifests.is_some()) {
            (Some(media_type), _) => media_type,
            (None, true) => media::INDEX.to_owned(),
            (None, false) => media::MANIFEST.to_owned(),
        };
        Ok(descriptor)
    }

    /// Returns the bytes of a manifest or an index, verified.
    ///
    /// # Errors
    ///
    /// Fails if they are missing, corrupt, or more than 4 MiB.
    pub fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.blob(descriptor)?.read(DOCUMENT_MAX)
    }

    /// Returns a blob, which is verified when it is read.
    ///
    /// # Errors
    ///
    /// Fails if it is missing or of another length.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<Blob, Error> {
        let digest = descriptor.digest;
        let Some((content, size)) = self.find(digest)? else {
            return Err(Error::MissingBlob { digest, place: self.path.clone() });
        };
        let blob = Blob::new(descriptor.clone(), content);
        if size != descriptor.size {
            let reason = format!("it is {size} bytes long instead of {}", descriptor.size);
            let place = blob.place().to_owned();
            return Err(Error::CorruptBlob { digest, place, reason });
        }
        Ok(blob)
    }

    /// Loads what a descriptor names. Manifests and configs are verified
    /// now, layers when they are read.
    ///
    /// # Errors
    ///
    /// Fails if a blob is missing or of another length, a document is
    /// corrupt or cannot be understood, or indexes are nested too deep.
    pub fn load(&self, descriptor: &Descriptor) -> Result<Artifact, Error> {
        self.load_at(descriptor, 0, &mut 0)
    }

    fn load_at(
        &self,
        descriptor: &Descriptor,
        depth: usize,
        count: &mut usize,
    ) -> Result<Artifact, Error> {
        *count += 1;
        if *count > MANIFESTS_MAX || depth > DEPTH_MAX {
            let (digest, place) = (descriptor.digest, self.path.clone());
            return Err(Error::TooManyManifests { digest, place });
        }
        let blob = self.document(descriptor)?;
        if media::is_index(&descriptor.media_type) {
            let document: spec::Index = parse(&blob, "image index")?;
            let children = document.manifests.iter();
            let children = children.map(|child| self.load_at(child, depth + 1, count));
            let children = children.collect::<Result<_, _>>()?;
            return Ok(Artifact::Index(Index::from_parts(blob, children)?));
        }
        let document: spec::Manifest = parse(&blob, "image manifest")?;
        let config = self.document(&document.config)?;
        let layers = document.layers.iter().map(|layer| self.blob(layer));
        Ok(Artifact::Image(Image::from_parts(blob, config, layers.collect::<Result<_, _>>()?)?))
    }

    /// Takes a document into memory, so that it is read and verified once.
    fn document(&self, descriptor: &Descriptor) -> Result<Blob, Error> {
        let bytes = self.blob(descriptor)?.read(DOCUMENT_MAX)?;
        // Annotations and platform belong to the place that named it.
        let Descriptor { media_type, digest, size, .. } = descriptor;
        Ok(Blob::new(Descriptor::new(media_type, *digest, *size), Content::Memory(bytes.into())))
    }

    /// Returns where a blob is and how long, if it is there.
    pub(crate) fn find(&self, digest: Digest) -> Result<Option<(Content, u64)>, Error> {
        let (path, offset, size) = match &self.files {
            Files::Archive(blobs) => match blobs.get(&digest) {
                Some(&(offset, size)) => (self.path.clone(), offset, size),
                None => return Ok(None),
            },
            Files::Directory => {
                let path = blob_path(&self.path, digest);
                match regular_file(&path)? {
                    Some(size) => (path, 0, size),
                    None => return Ok(None),
                }
            }
        };
        Ok(Some((Content::File { path: path.into(), offset }, size)))
    }

    /// Returns the files that killed writers left.
    pub(crate) fn leftovers(&self) -> Result<Vec<PathBuf>, Error> {
        let Files::Directory = self.files else { return Ok(Vec::new()) };
        leftovers(&self.path)
    }

    /// Returns the digests of all blobs that are there.
    pub(crate) fn blobs_present(&self) -> Result<Vec<Digest>, Error> {
        match &self.files {
            Files::Archive(blobs) => Ok(blobs.keys().copied().collect()),
            Files::Directory => {
                let directory = blob_directory(&self.path);
                if !directory.exists() {
                    return Ok(Vec::new());
                }
                let paths = host::fs::read_dir(&directory)?;
                Ok(paths.iter().filter_map(|path| digest_of_file(path)).collect())
            }
        }
    }
}

/// As much of a manifest or an index as tells them apart.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
}

/// Returns the tag (in an archive, the full name) of a layout's entry.
pub fn tag_of(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(REF_NAME).map(String::as_str)
}

/// Returns the full name of a layout's entry, where it has one.
pub fn full_name_of(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(IMAGE_NAME).map(String::as_str)
}

pub(crate) fn blob_directory(layout: &Path) -> PathBuf {
    layout.join("blobs/sha256")
}

/// Returns the path of a blob in the layout of a directory.
pub fn blob_path(layout: &Path, digest: Digest) -> PathBuf {
    blob_directory(layout).join(digest.hex())
}

/// Returns the files of a layout that are someone's unfinished ones, or were.
fn leftovers(layout: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_staged = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(STAGED_PREFIX) && path.symlink_metadata().is_ok_and(|file| !file.is_dir())
    };
    let mut found = host::fs::read_dir(layout)?;
    let blobs = blob_directory(layout);
    if blobs.is_dir() {
        found.extend(host::fs::read_dir(&blobs)?);
    }
    found.retain(is_staged);
    Ok(found)
}

fn digest_of_file(path: &Path) -> Option<Digest> {
    Digest::from_hex(path.file_name()?.to_str()?)
}

/// Returns the length of a regular file, or `None` if there is none.
pub(crate) fn regular_file(path: &Path) -> Result<Option<u64>, Error> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
        // Reading a pipe would wait for ever.
        Ok(_) => Err(Error::invalid_layout(path, "it is not a regular file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(host::fs::IoError::new("read", path, error).into()),
    }
}

/// Reads a document, or returns `None` if there is none.
fn read_small(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    if regular_file(path)?.is_none() {
        return Ok(None);
    }
    let file = File::open(path).io_context("open", path)?;
    let mut bytes = Vec::new();
    file.take(DOCUMENT_MAX + 1).read_to_end(&mut bytes).io_context("read", path)?;
    if bytes.len() as u64 > DOCUMENT_MAX {
        let what = format!("`{}`", path.display());
        return Err(Error::TooLarge { what, limit: DOCUMENT_MAX });
    }
    Ok(Some(bytes))
}
