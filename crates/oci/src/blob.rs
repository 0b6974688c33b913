//! Blobs: bytes with a digest, in memory, in a file or in a registry.
//!
//! What is not in memory is never held there as a whole, and never trusted:
//! it is hashed while it is read, and reading ends in an error if the hash
//! is another.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::fs::IoContext;

use crate::digest::Hasher;
use crate::spec::Descriptor;
use crate::{Digest, Error};

/// Where a blob's bytes are.
#[derive(Clone, Debug)]
pub enum Content {
    /// Here.
    Memory(Arc<[u8]>),
    /// In a file, from `offset` on: a file of its own, or part of a tar.
    File {
        /// The file.
        path: Arc<Path>,
        /// Where in it the blob starts.
        offset: u64,
    },
    /// Elsewhere; every reading fetches them.
    Remote(Arc<dyn Source>),
}

/// A place elsewhere that blobs are read from.
pub trait Source: fmt::Debug + Send + Sync {
    /// Starts to read a blob. The last read fails if the bytes are not those
    /// of the descriptor.
    ///
    /// # Errors
    ///
    /// Fails if the place cannot be reached, or has no such blob.
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error>;

    /// Returns the name of the place, for errors: its registry and
    /// repository, joined by a slash.
    fn name(&self) -> &str;
}

/// Bytes that have a digest, a length and a media type.
#[derive(Clone, Debug)]
pub struct Blob {
    descriptor: Descriptor,
    content: Content,
    /// The registry and repository it was read from, joined by a slash.
    origin: Option<Arc<str>>,
}

impl Blob {
    /// Makes a blob of bytes in memory.
    pub fn from_bytes(media_type: &str, bytes: impl Into<Arc<[u8]>>) -> Blob {
        let bytes = bytes.into();
        let descriptor = Descriptor::of(media_type, &bytes);
        Blob::new(descriptor, Content::Memory(bytes))
    }

    /// Makes a blob of a file, which is read once to learn its digest and
    /// must stay as it is while the blob is used.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn from_file(media_type: &str, path: &Path) -> Result<Blob, Error> {
        let mut file = File::open(path).io_context("open", path)?;
        let mut hasher = Hasher::default();
        for_each_chunk(&mut file, path, &mut |chunk| {
            hasher.update(chunk);
            Ok(())
        })?;
        let (digest, size) = hasher.finish();
        Ok(Blob::of_file(Descriptor::new(media_type, digest, size), path))
    }

    /// Makes a blob of a file that is said to be what the descriptor says.
    /// It is not read now; reading it later fails if it is something else.
    pub fn of_file(descriptor: Descriptor, path: &Path) -> Blob {
        Blob::new(descriptor, Content::File { path: path.into(), offset: 0 })
    }

    /// Makes a blob of a descriptor and the content it is said to have,
    /// which must be verified already if it is in memory.
    pub(crate) fn new(descriptor: Descriptor, content: Content) -> Blob {
        Blob { descriptor, content, origin: None }
    }

    /// Notes the registry and repository that has the blob.
    pub(crate) fn with_origin(self, name: &Arc<str>) -> Blob {
        Blob { origin: Some(Arc::clone(name)), ..self }
    }

    /// Returns the repository of `registry` that is known to have the blob:
    /// it can be mounted from there.
    pub(crate) fn repository_in(&self, registry: &str) -> Option<&str> {
        self.origin.as_deref()?.strip_prefix(registry)?.strip_prefix('/')
    }

    /// Returns what the blob is, which and how long.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Returns the digest.
    pub fn digest(&self) -> Digest {
        self.descriptor.digest
    }

    /// Returns the number of bytes.
    pub fn size(&self) -> u64 {
        self.descriptor.size
    }

    /// Returns where the bytes are.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Opens the bytes for reading. The last read fails, with
    /// [`io::ErrorKind::InvalidData`], if they are not those of the digest.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be opened.
    pub fn reader(&self) -> Result<Box<dyn Read + Send>, Error> {
        match &self.content {
            Content::Memory(bytes) => Ok(Box::new(io::Cursor::new(Arc::clone(bytes)))),
            Content::File { path, offset } => {
                let mut file = File::open(path).io_context("open", path)?;
                file.seek(SeekFrom::Start(*offset)).io_context("read", path)?;
                Ok(Box::new(Verifying {
                    inner: file.take(self.size()),
                    hasher: Hasher::default(),
                    digest: self.digest(),
                    size: self.size(),
                    place: path.to_path_buf(),
                    checked: false,
                }))
            }
            Content::Remote(source) => source.open(&self.descriptor),
        }
    }

    /// Hands the bytes over piece by piece, verified at the end: an error
    /// means that what was handed over is worth nothing.
    ///
    /// # Errors
    ///
    /// Fails if the bytes cannot be read or are not those of the digest, or
    /// as `sink` does.
    pub fn for_each_chunk(
        &self,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match &self.content {
            Content::Memory(bytes) => sink(bytes),
            Content::File { .. } | Content::Remote(_) => {
                for_each_chunk(&mut self.reader()?, self.place(), sink)
            }
        }
    }

    /// Reads the whole blob, verified.
    ///
    /// # Errors
    ///
    /// Fails if it is larger than `limit`, cannot be read, or is not what
    /// its digest says.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>, Error> {
        if self.size() > limit {
            return Err(Error::TooLarge { what: format!("`{}`", self.digest()), limit });
        }
        let mut bytes = Vec::new();
        self.for_each_chunk(&mut |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Returns the file to name in an error about the content.
    pub(crate) fn place(&self) -> &Path {
        match &self.content {
            Content::Memory(_) => Path::new("memory"),
            Content::File { path, .. } => path,
            Content::Remote(source) => Path::new(source.name()),
        }
    }
}

const CHUNK: usize = 128 * 1024;

pub(crate) fn for_each_chunk(
    reader: &mut dyn Read,
    path: &Path,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => sink(&chunk[..n])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::from_read(path, error)),
        }
    }
}

/// Checks length and digest when the end is reached.
struct Verifying<R> {
    inner: io::Take<R>,
    hasher: Hasher,
    digest: Digest,
    size: u64,
    place: PathBuf,
    checked: bool,
}

impl<R: Read> Read for Verifying<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && !self.checked {
            self.checked = true;
            let (digest, size) = std::mem::take(&mut self.hasher).finish();
            let reason = if size != self.size {
                format!("it ends after {size} of {} bytes", self.size)
            } else if digest != self.digest {
                format!("its bytes are those of `{digest}`")
            } else {
                return Ok(0);
            };
            let (digest, place) = (self.digest, self.place.clone());
            let error = Error::CorruptBlob { digest, place, reason };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("blob");
        host::fs::write_atomic(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn a_file_reads_as_memory_does() {
        let bytes = vec![7; 3 * CHUNK + 1];
        let (_dir, path) = file_of(&bytes);
        let from_file = Blob::from_file("m", &path).unwrap();
        let from_bytes = Blob::from_bytes("m", bytes.clone());
        assert_eq!(from_file.descriptor(), from_bytes.descriptor());
        assert_eq!(from_file.read(u64::MAX).unwrap(), bytes);
        assert_eq!(from_bytes.read(u64::MAX).unwrap(), bytes);
    }

    #[test]
    fn a_changed_file_is_an_error() {
        let (_dir, path) = file_of(b"right");
        let blob = Blob::from_file("m", &path).unwrap();
        let name = format!("`{}` in `{}` is corrupt", blob.digest(), path.display());
        host::fs::write_atomic(&path, b"wrong").unwrap();
        let reason = format!("its bytes are those of `{}`", Digest::of(b"wrong"));
        assert_eq!(blob.read(99).unwrap_err().to_string(), format!("{name}: {reason}"));
        host::fs::write_atomic(&path, b"rig").unwrap();
        let error = blob.read(99).unwrap_err();
        assert_eq!(error.to_string(), format!("{name}: it ends after 3 of 5 bytes"));
    }

    #[test]
    fn a_large_blob_is_not_read_whole() {
        let blob = Blob::from_bytes("m", *b"12345");
        let error = blob.read(4).unwrap_err().to_string();
        assert_eq!(error, format!("`{}` is larger than 4 bytes", blob.digest()));
    }
}
