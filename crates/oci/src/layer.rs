//! Layers: the file trees of which an image is made.
//!
//! A layer is a tar, here compressed with gzip (OCI image specification,
//! layer.md), with the digest of the blob and that of the tar inside. Made
//! so that equal files have equal bytes: one ustar header with fixed fields,
//! and [`crate::gzip`].

mod build;
mod pack;

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use host::fs::{IoContext, Staged};

pub use build::{Attributes, LayerBuilder};
pub use pack::{Measuring, Packing};

use crate::tarball::{self, Entry, EntryLimits, Member};
use crate::{Blob, Digest, Error, media};

/// One layer of an image.
#[derive(Clone, Debug)]
pub struct Layer {
    blob: Blob,
    diff_id: Digest,
}

impl Layer {
    /// Makes a layer that holds one file: mode 0644, owned by 0:0, changed at
    /// `mtime` (seconds since 1970; 0 unless the user asked for a time).
    ///
    /// # Errors
    ///
    /// Fails if `name` is not a relative path without `..` that fits a
    /// ustar header.
    pub fn single_file(name: &str, bytes: &[u8], mtime: u64) -> Result<Layer, Error> {
        let size = bytes.len() as u64;
        let header = file_header(name, size, mtime)?;
        let mut builder = LayerBuilder::in_memory(mtime);
        builder.put(header.as_bytes())?;
        builder.content(Path::new(name), size, &mut &*bytes)?;
        builder.finish()
    }

    /// Makes a layer of a blob that is one already and the digest of the tar
    /// in it.
    pub fn new(blob: Blob, diff_id: Digest) -> Layer {
        Layer { blob, diff_id }
    }

    /// Returns the same layer under the media type that the OCI specification
    /// has for it.
    pub(crate) fn to_oci(&self) -> Layer {
        let mut descriptor = self.blob.descriptor().clone();
        match descriptor.media_type.as_str() {
            media::DOCKER_LAYER_GZIP => descriptor.media_type = media::LAYER_GZIP.to_owned(),
            media::DOCKER_LAYER_TAR => descriptor.media_type = media::LAYER_TAR.to_owned(),
            _ => {}
        }
        Layer { blob: Blob::new(descriptor, self.blob.content().clone()), diff_id: self.diff_id }
    }

    /// Returns the bytes as they are stored and sent.
    pub fn blob(&self) -> &Blob {
        &self.blob
    }

    /// Returns the digest of the tar, uncompressed.
    pub fn diff_id(&self) -> Digest {
        self.diff_id
    }

    /// Reads the entries of the tar, without unpacking anything.
    ///
    /// # Errors
    ///
    /// Fails if the layer is not a tar or a gzip tar, is larger than
    /// `limits` allow, or its bytes are not those of its digest.
    pub fn entries(&self, limits: EntryLimits) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        self.for_each_entry(limits, &mut |entry| {
            entries.push(entry);
            Ok(())
        })?;
        Ok(entries)
    }

    /// Calls `visit` with the entries of the tar one by one, so that no more
    /// than one of them is in memory.
    ///
    /// # Errors
    ///
    /// As [`Layer::entries`], and as `visit` does.
    pub fn for_each_entry(
        &self,
        limits: EntryLimits,
        visit: &mut dyn FnMut(Entry) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.walk(limits, &mut |member, _, content| {
            let mut entry = Entry::from(member);
            content.take(limits.kept).read_to_end(&mut entry.bytes)?;
            visit(entry).map_err(io::Error::other)
        })
    }

    /// Calls `visit` with the headers of the tar one by one, and where in the
    /// tar the bytes of each start. Names are handed out byte for byte.
    ///
    /// # Errors
    ///
    /// As [`Layer::entries`], and as `visit` does.
    pub fn for_each_member(
        &self,
        limits: EntryLimits,
        visit: &mut dyn FnMut(Member, u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.walk(limits, &mut |member, offset, _| visit(member, offset).map_err(io::Error::other))
    }

    fn walk(
        &self,
        limits: EntryLimits,
        visit: &mut dyn FnMut(Member, u64, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), Error> {
        let mut reader = self.tar(limits.total)?;
        let mut archive = tar::Archive::new(&mut reader);
        archive
            .entries()
            .and_then(|entries| tarball::walk(entries, limits.entries, visit))
            .and_then(|()| io::copy(&mut reader, &mut io::sink()))
            .map_err(|error| self.invalid(error))?;
        Ok(())
    }

    /// Writes the tar, uncompressed, to the file `path`, which is there as a
    /// whole or not at all.
    ///
    /// # Errors
    ///
    /// Fails if the layer cannot be read, its tar has more than `limit` bytes
    /// or is not the one it should be, or the file cannot be written.
    pub fn unpack(&self, path: &Path, limit: u64) -> Result<(), Error> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let staged = BufWriter::with_capacity(1 << 17, Staged::new(directory)?);
        let mut writer = crate::HashingWriter::new(staged);
        // A failed write and a failed read cannot be told apart here.
        io::copy(&mut self.tar(limit)?, &mut writer).map_err(|error| self.invalid(error))?;
        let (mut staged, digest, _) = writer.finish();
        staged.flush().io_context("write", path)?;
        if digest != self.diff_id {
            let reason = format!("its tar is `{digest}` instead of `{}`", self.diff_id);
            return Err(Error::InvalidDocument {
                digest: self.blob.digest(),
                what: "layer",
                reason,
            });
        }
        let staged = staged.into_inner().map_err(|e| e.into_error()).io_context("write", path)?;
        Ok(staged.place(path)?)
    }

    /// Returns the digest that the tar really has.
    pub(crate) fn measure(&self, limit: u64) -> Result<Digest, Error> {
        let mut writer = crate::HashingWriter::new(io::sink());
        io::copy(&mut self.tar(limit)?, &mut writer).map_err(|error| self.invalid(error))?;
        Ok(writer.finish().1)
    }

    /// Opens the tar; reading more than `limit` bytes of it fails.
    fn tar(&self, limit: u64) -> Result<Box<dyn Read>, Error> {
        let media_type = self.blob.descriptor().media_type.as_str();
        let too_large = Error::TooLarge {
            what: format!("the content of the layer `{}`", self.blob.digest()),
            limit,
        };
        let tar: Box<dyn Read> = if media::is_gzip_layer(media_type) {
            let compressed = self.blob.reader()?;
            // What follows the last member is read as well: only at its end
            // is the blob known to be the right one.
            Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, compressed)))
        } else if media::is_tar_layer(media_type) {
            self.blob.reader()?
        } else {
            let reason = format!("the media type `{media_type}` cannot be read");
            return Err(Error::InvalidDocument {
                digest: self.blob.digest(),
                what: "layer",
                reason,
            });
        };
        Ok(Box::new(Capped { inner: tar, left: limit, error: too_large }))
    }

    fn invalid(&self, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => error,
            // Not a failed read of the file: those arrive as `Error` too.
            Err(error) => Error::InvalidDocument {
                digest: self.blob.digest(),
                what: "layer",
                reason: error.to_string(),
            },
        }
    }
}

const BLOCK: usize = 512;

/// Makes the header of a regular file with fixed owner and mode.
pub(crate) fn file_header(name: &str, size: u64, mtime: u64) -> Result<tar::Header, Error> {
    let mut header = tar::Header::new_ustar();
    if name.is_empty() || name.contains('\0') || name.ends_with('/') {
        return Err(Error::Assembly(format!("`{name}` is not the name of a file")));
    }
    header.set_path(name).map_err(|error| Error::Assembly(error.to_string()))?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

/// Fails when more than a number of bytes are read, instead of ending as
/// [`io::Take`] does.
struct Capped {
    inner: Box<dyn Read>,
    left: u64,
    error: Error,
}

impl Read for Capped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A small blob can be gigabytes here.
        crate::error::check_interrupt().map_err(io::Error::other)?;
        let n = self.inner.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => {
                self.left = left;
                Ok(n)
            }
            None => Err(io::Error::other(self.error.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tarball::EntryKind;
    use proptest::prelude::*;

    fn only_entry(layer: &Layer) -> Entry {
        let mut entries = layer.entries(EntryLimits::default()).unwrap();
        assert_eq!(entries.len(), 1);
        entries.remove(0)
    }

    #[test]
    fn a_file_is_one_entry_with_fixed_fields() {
        for length in [0, 1, 511, 512, 513, 70_000] {
            let bytes = vec![b'x'; length];
            let layer = Layer::single_file("prog.bpf.o", &bytes, 5).unwrap();
            let expected = Entry {
                name: "prog.bpf.o".into(),
                kind: EntryKind::File,
                mode: 0o644,
                uid: 0,
                gid: 0,
                mtime: 5,
                size: length as u64,
                link: None,
                bytes,
            };
            assert_eq!(only_entry(&layer), expected);
            assert_eq!(layer.measure(1 << 20).unwrap(), layer.diff_id());
        }
    }

    /// Published digests hang on these bytes.
    #[test]
    fn the_bytes_are_these() {
        let golden = [
            (100, "sha256:d7aa981de59adbc3ffbd80d28088ac8cefabfe523d7110e365c6b1688e3744a1"),
            (100_000, "sha256:664a4d8996c3e844602a68c3fdd6e698ebd772c7b1e6e6426e13c9abe9ebdc12"),
        ];
        for (length, digest) in golden {
            let layer = Layer::single_file("a.o", &vec![1; length], 0).unwrap();
            assert_eq!(layer.blob().digest().to_string(), digest);
        }
    }

    #[test]
    fn names_that_are_no_files_are_refused() {
        let long = "x".repeat(300);
        for name in ["", "/etc/passwd", "../x", "a/../../x", "a/", "a\0b", &long] {
            assert!(Layer::single_file(name, b"", 0).is_err(), "{name}");
        }
    }

    #[test]
    fn a_bomb_is_cut_off() {
        let layer = Layer::single_file("zeros", &vec![0; 10_000_000], 0).unwrap();
        let limits = EntryLimits { total: 1 << 20, ..EntryLimits::default() };
        let error = layer.entries(limits).unwrap_err().to_string();
        let digest = layer.blob().digest();
        assert_eq!(
            error,
            format!("the content of the layer `{digest}` is larger than 1048576 bytes")
        );
        let limits = EntryLimits { kept: 3, ..EntryLimits::default() };
        assert_eq!(layer.entries(limits).unwrap()[0].bytes, [0, 0, 0]);
    }

    proptest! {
        #[test]
        fn mutated_layers_never_panic(edits: Vec<(u16, u8)>, cut: u16) {
            let layer = Layer::single_file("a.o", b"some bytes", 0).unwrap();
            let mut bytes = layer.blob().read(1 << 20).unwrap();
            for (at, byte) in edits {
                let at = usize::from(at) % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(usize::from(cut).max(1));
            let layer = Layer::new(Blob::from_bytes(media::LAYER_GZIP, bytes), layer.diff_id());
            let limits = EntryLimits { total: 1 << 20, ..EntryLimits::default() };
            let _ = layer.entries(limits);
            let _ = layer.measure(1 << 20);
        }
    }
}
