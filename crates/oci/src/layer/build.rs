//! Makes a layer of entries, one after another.
//!
//! Equal entries in equal order make equal bytes: headers are ustar with
//! fixed fields, and the long names of GNU tar (its manual, "Basic Tar Format")
//! come before an entry only where its name or link does not fit. Not those of
//! pax, whose records many readers split at a newline in a name. What grows
//! beyond a few megabytes goes to a file, so that memory stays flat. Not here:
//! which entries, and in which order.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use host::fs::Staged;
use tar::EntryType;

use super::{BLOCK, Layer};
use crate::blob::for_each_chunk;
use crate::error::check_interrupt;
use crate::spec::Descriptor;
use crate::{Blob, Content, Error, HashingWriter, gzip, media};

/// Whose an entry is, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// The permission bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
}

/// Makes a layer of entries.
#[derive(Debug)]
pub struct LayerBuilder {
    tar: HashingWriter<gzip::Encoder<HashingWriter<Sink>>>,
    mtime: u64,
}

impl LayerBuilder {
    /// Starts a layer whose entries were all changed at `mtime` (seconds since
    /// 1970). If it becomes large, it is put into the directory `work`, which
    /// must exist, and must stay while the layer is used.
    pub fn new(mtime: u64, work: &Path) -> LayerBuilder {
        LayerBuilder::with_sink(mtime, Some(work.to_owned()))
    }

    /// Starts a layer that stays in memory whatever its size.
    pub(super) fn in_memory(mtime: u64) -> LayerBuilder {
        LayerBuilder::with_sink(mtime, None)
    }

    fn with_sink(mtime: u64, work: Option<PathBuf>) -> LayerBuilder {
        let sink = HashingWriter::new(Sink::Memory(Vec::new(), work));
        LayerBuilder { tar: HashingWriter::new(gzip::Encoder::new(sink)), mtime }
    }

    /// Adds a directory. Its parents are not added with it.
    ///
    /// # Errors
    ///
    /// Fails if `path` is not a relative path without `..`, or if the file
    /// that holds the layer cannot be written.
    pub fn directory(&mut self, path: &Path, attributes: Attributes) -> Result<(), Error> {
        self.header(path, EntryType::Directory, attributes, 0, None)
    }

    /// Adds a symbolic link to `target`, which may be anything.
    ///
    /// # Errors
    ///
    /// As [`LayerBuilder::directory`].
    pub fn symlink(
        &mut self,
        path: &Path,
        target: &OsStr,
        attributes: Attributes,
    ) -> Result<(), Error> {
        self.header(path, EntryType::Symlink, attributes, 0, Some(target))
    }

    /// Adds a file of `size` bytes, which are read from `content`.
    ///
    /// # Errors
    ///
    /// As [`LayerBuilder::directory`], and if `content` cannot be read or has
    /// another length. The layer is worth nothing then.
    pub fn file(
        &mut self,
        path: &Path,
        attributes: Attributes,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        self.header(path, EntryType::Regular, attributes, size, None)?;
        self.content(path, size, content)
    }

    /// Writes the end, and returns the layer.
    ///
    /// # Errors
    ///
    /// Fails if the file that holds the layer cannot be written.
    pub fn finish(mut self) -> Result<Layer, Error> {
        // Two empty blocks are the end of a tar.
        self.put(&[0; 2 * BLOCK])?;
        self.seal()
    }

    /// Makes a layer of a tar that exists, as [`LayerBuilder::new`] does of
    /// entries.
    pub(crate) fn compress(tar: &Blob, work: &Path) -> Result<Layer, Error> {
        let mut builder = LayerBuilder::new(0, work);
        tar.for_each_chunk(&mut |chunk| {
            check_interrupt()?;
            builder.put(chunk)
        })?;
        builder.seal()
    }

    fn seal(self) -> Result<Layer, Error> {
        let (encoder, diff_id, _) = self.tar.finish();
        let (sink, digest, size) = encoder.finish().map_err(unpack)?.finish();
        let content = sink.finish(&digest.hex())?;
        let blob = Blob::new(Descriptor::new(media::LAYER_GZIP, digest, size), content);
        Ok(Layer::new(blob, diff_id))
    }

    /// Writes the bytes of the entry whose header was written last.
    pub(super) fn content(
        &mut self,
        path: &Path,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        let mut length = 0;
        for_each_chunk(&mut content.take(size + 1), path, &mut |chunk| {
            check_interrupt()?;
            length += chunk.len() as u64;
            self.put(chunk)
        })?;
        if length != size {
            let verb = if length < size { "ends before" } else { "goes on after" };
            let path = path.display();
            return Err(Error::Assembly(format!("`{path}` {verb} its {size} bytes")));
        }
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.put(&[0; BLOCK][..padding as usize])
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.tar.write_all(bytes).map_err(unpack)
    }

    fn header(
        &mut self,
        path: &Path,
        kind: EntryType,
        attributes: Attributes,
        size: u64,
        link: Option<&OsStr>,
    ) -> Result<(), Error> {
        check_path(path)?;
        let mut name = path.as_os_str().as_bytes().to_vec();
        if kind == EntryType::Directory {
            name.push(b'/');
        }
        let link = link.map(OsStr::as_bytes);
        let Attributes { mode, uid, gid } = attributes;
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_mtime(self.mtime);
        header.set_size(size);
        if header.set_path(OsStr::from_bytes(&name)).is_err() {
            // The checked path can only be too long. What stands in the header
            // then is for readers that do not know long names.
            self.long_name(EntryType::GNULongName, &name)?;
            header.as_old_mut().name.copy_from_slice(&name[..100]);
        }
        if let Some(link) = link
            && header.set_link_name_literal(link).is_err()
        {
            if link.contains(&0) {
                return Err(Error::Assembly(format!("`{}` is no link", path.display())));
            }
            self.long_name(EntryType::GNULongLink, link)?;
            header.as_old_mut().linkname.copy_from_slice(&link[..100]);
        }
        header.set_cksum();
        self.put(header.as_bytes())
    }

    fn long_name(&mut self, kind: EntryType, name: &[u8]) -> Result<(), Error> {
        let size = name.len() as u64 + 1;
        let mut header = tar::Header::new_gnu();
        let label = b"././@LongLink";
        header.as_old_mut().name[..label.len()].copy_from_slice(label);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.put(header.as_bytes())?;
        // A zero is the end of the name.
        self.content(Path::new("a long name"), size, &mut name.chain(&[0][..]))
    }
}

fn check_path(path: &Path) -> Result<(), Error> {
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    // Components forget doubled and trailing slashes.
    let parts: PathBuf = path.components().collect();
    let is_clean = parts.as_os_str() == path.as_os_str();
    let bytes = path.as_os_str().as_bytes();
    if is_plain && is_clean && !bytes.is_empty() && !bytes.contains(&0) {
        return Ok(());
    }
    let path = path.display();
    Err(Error::Assembly(format!("`{path}` is not a path that a layer can hold")))
}

/// How many compressed bytes are kept in memory before they go to a file.
const MEMORY_MAX: usize = 4 << 20;

/// Where the compressed bytes go.
#[derive(Debug)]
enum Sink {
    /// And the directory for more, if they may leave memory.
    Memory(Vec<u8>, Option<PathBuf>),
    File(Staged, PathBuf),
}

impl Sink {
    fn finish(self, name: &str) -> Result<Content, Error> {
        match self {
            Sink::Memory(bytes, _) => Ok(Content::Memory(bytes.into())),
            Sink::File(staged, work) => {
                let path = work.join(name);
                staged.place(&path)?;
                Ok(Content::File { path: path.into(), offset: 0 })
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Sink::Memory(kept, Some(work)) = self
            && kept.len() + bytes.len() > MEMORY_MAX
        {
            let mut staged = Staged::new(work).map_err(pack)?;
            staged.put(kept).map_err(pack)?;
            *self = Sink::File(staged, std::mem::take(work));
        }
        match self {
            Sink::Memory(kept, _) => kept.extend_from_slice(bytes),
            Sink::File(staged, _) => staged.put(bytes).map_err(pack)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends an error through [`Write`]; [`unpack`] takes it out again.
fn pack(error: host::fs::IoError) -> io::Error {
    io::Error::other(Error::from(error))
}

fn unpack(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::Assembly(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, EntryKind, EntryLimits};
    use proptest::prelude::*;

    const PLAIN: Attributes = Attributes { mode: 0o644, uid: 0, gid: 0 };

    fn entries(layer: &Layer) -> Vec<Entry> {
        layer.entries(EntryLimits::default()).unwrap()
    }

    #[test]
    fn entries_come_back_as_they_were_put_in() {
        let work = tempfile::tempdir().unwrap();
        let long = format!("{}/x", "long".repeat(70));
        let mut builder = LayerBuilder::new(7, work.path());
        let attributes = Attributes { mode: 0o4755, uid: 3_000_000, gid: 5 };
        builder.directory(Path::new("a"), attributes).unwrap();
        builder.file(Path::new("a/f"), attributes, 3, &mut &b"abc"[..]).unwrap();
        builder.file(Path::new(&long), PLAIN, 0, &mut io::empty()).unwrap();
        builder.symlink(Path::new("a/l"), OsStr::new("../..//x/"), PLAIN).unwrap();
        builder.symlink(Path::new("m"), OsStr::new(&long), PLAIN).unwrap();
        let layer = builder.finish().unwrap();
        let seen: Vec<_> = entries(&layer)
            .into_iter()
            .map(|e| (e.name, e.kind, e.mode, e.uid, e.gid, e.mtime, e.link, e.bytes))
            .collect();
        let none = Vec::new;
        let expected = [
            ("a/".into(), EntryKind::Directory, 0o4755, 3_000_000, 5, 7, None, none()),
            ("a/f".into(), EntryKind::File, 0o4755, 3_000_000, 5, 7, None, b"abc".to_vec()),
            (long.clone(), EntryKind::File, 0o644, 0, 0, 7, None, none()),
            ("a/l".into(), EntryKind::Symlink, 0o644, 0, 0, 7, Some("../..//x/".into()), none()),
            ("m".into(), EntryKind::Symlink, 0o644, 0, 0, 7, Some(long), none()),
        ];
        assert_eq!(seen, expected);
        assert_eq!(layer.measure(1 << 20).unwrap(), layer.diff_id());
    }

    #[test]
    fn a_large_layer_is_a_file_and_the_same_layer() {
        let work = tempfile::tempdir().unwrap();
        // Not compressible: a multiplicative generator.
        let bytes: Vec<u8> = (0..6_000_000u64)
            .scan(1u64, |state, _| {
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                Some((*state >> 56) as u8)
            })
            .collect();
        let make = |mut builder: LayerBuilder| {
            builder.file(Path::new("f"), PLAIN, bytes.len() as u64, &mut &*bytes).unwrap();
            builder.finish().unwrap()
        };
        let (large, small) =
            (make(LayerBuilder::new(0, work.path())), make(LayerBuilder::in_memory(0)));
        assert_eq!(large.blob().descriptor(), small.blob().descriptor());
        let path = work.path().join(large.blob().digest().hex());
        assert!(matches!(large.blob().content(), Content::File { path: p, .. } if **p == *path));
        assert!(matches!(small.blob().content(), Content::Memory(_)));
        assert_eq!(large.measure(1 << 30).unwrap(), small.diff_id());
        assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_an_entry_is_refused() {
        let mut builder = LayerBuilder::in_memory(0);
        for path in ["", "/a", "..", "a/../b", "./a", "a/", "a//b", "a\0b"] {
            let error = builder.directory(Path::new(path), PLAIN).unwrap_err().to_string();
            let expected = format!("`{path}` is not a path that a layer can hold");
            assert_eq!(error, format!("failed to assemble the image: {expected}"));
        }
        for (size, verb) in [(2, "goes on after its 2 bytes"), (4, "ends before its 4 bytes")] {
            let error = builder.file(Path::new("f"), PLAIN, size, &mut &b"abc"[..]).unwrap_err();
            assert_eq!(error.to_string(), format!("failed to assemble the image: `f` {verb}"));
        }
    }

    #[test]
    fn a_full_place_is_an_error_that_names_it() {
        let absent = Path::new("/no/such/place");
        let mut builder = LayerBuilder::new(0, absent);
        let noise: Vec<u8> =
            (0..200_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        let error = (0..40)
            .find_map(|i| {
                let name = format!("f{i}");
                let size = noise.len() as u64;
                builder.file(Path::new(&name), PLAIN, size, &mut &*noise).err()
            })
            .unwrap();
        assert_eq!(error.to_string(), "failed to create a file in `/no/such/place`");
    }

    proptest! {
        #[test]
        fn any_name_comes_back(
            name in prop::collection::vec("[^/\0]{1,120}", 1..6),
            target in "[^\0]{1,300}",
        ) {
            let path = name.join("/");
            prop_assume!(check_path(Path::new(&path)).is_ok());
            let mut builder = LayerBuilder::in_memory(0);
            builder.symlink(Path::new(&path), OsStr::new(&target), PLAIN).unwrap();
            let entry = entries(&builder.finish().unwrap()).remove(0);
            prop_assert_eq!((entry.name, entry.link), (path, Some(target)));
        }
    }
}
