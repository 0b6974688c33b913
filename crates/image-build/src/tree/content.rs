//! The bytes of files, where they are: on the host, or in a layer.

use std::fs::{File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::fs::{IoContext, IoError};
use oci::Layer;

use crate::Error;

/// Where the bytes of a file are, and which file it was when it was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    Host { path: Arc<Path>, identity: Identity },
    Packed { layer: Packed, offset: u64, size: u64 },
}

/// Tells a file of the host from another, or from itself once it is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Identity {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A layer whose tar is written to a file as soon as someone reads in it.
#[derive(Clone, Debug)]
pub(crate) struct Packed(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    layer: Layer,
    /// Where the file goes.
    work: PathBuf,
}

/// The most that the tar of one layer may have: layers are of strangers.
pub(super) const TAR_MAX: u64 = 64 << 30;

impl Packed {
    pub(super) fn new(layer: Layer, work: &Path) -> Packed {
        Packed(Arc::new(Parts { layer, work: work.to_owned() }))
    }

    /// Returns the file with the tar. Two who come at once both write it, and
    /// the same.
    fn tar(&self) -> Result<PathBuf, Error> {
        let Parts { layer, work } = &*self.0;
        let path = work.join(format!("{}.tar", layer.diff_id().hex()));
        if !path.exists() {
            layer.unpack(&path, TAR_MAX)?;
        }
        Ok(path)
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Packed) -> bool {
        self.0.layer.diff_id() == other.0.layer.diff_id()
    }
}

impl Eq for Packed {}

impl Hash for Packed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.layer.diff_id().hash(state);
    }
}

impl Content {
    /// Returns the number of bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Content::Host { identity, .. } => identity.size,
            Content::Packed { size, .. } => *size,
        }
    }

    /// Opens the bytes and hands them to `reader`.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be read, or are not those of the file that was
    /// found; and as `reader` does.
    pub(crate) fn read<T>(
        &self,
        reader: impl FnOnce(&mut dyn Read) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self {
            Content::Host { path, identity } => {
                let mut file = host::fs::open_regular(path)?;
                same(&file, path, identity)?;
                let value = reader(&mut file)?;
                same(&file, path, identity)?;
                Ok(value)
            }
            Content::Packed { layer, offset, size } => {
                let path = layer.tar()?;
                let mut file = host::fs::open_regular(&path)?;
                file.seek(SeekFrom::Start(*offset)).io_context("read", &path)?;
                reader(&mut file.take(*size))
            }
        }
    }

    /// Returns the first bytes, at most `limit`.
    ///
    /// # Errors
    ///
    /// As [`Content::read`].
    pub(crate) fn head(&self, limit: u64) -> Result<Vec<u8>, Error> {
        self.read(|reader| {
            let mut head = Vec::new();
            let path = match self {
                Content::Host { path, .. } => path,
                Content::Packed { layer, .. } => layer.0.work.as_path(),
            };
            reader.take(limit).read_to_end(&mut head).io_context("read", path)?;
            Ok(head)
        })
    }
}

fn same(file: &File, path: &Path, expected: &Identity) -> Result<(), Error> {
    let found = Identity::of(&file.metadata().io_context("read", path)?);
    if found == *expected {
        return Ok(());
    }
    let source = io::Error::other("it was changed while the image was built");
    Err(IoError::new("read", path, source).into())
}
