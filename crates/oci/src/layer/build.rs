//! Makes a layer of entries, one after another.
//!
//! Equal entries in equal order make equal bytes: headers are ustar with
//! fixed fields, and the long names of GNU tar (its manual, "Basic Tar Format")
//! come before an entry only where its name or link does not fit. Not those of
//! pax, whose records many readers split at a newline in a name. Not here:
//! which entries, in which order, and where the bytes go ([`super::pack`]).

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use tar::EntryType;

use super::pack::{Measuring, Packing, unpack};
use super::{BLOCK, Layer};
use crate::blob::for_each_chunk;
use crate::error::check_interrupt;
use crate::{Blob, Digest, Error};

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

/// Makes a layer of entries, or measures the one that they would make.
#[derive(Debug)]
pub struct LayerBuilder<O = Packing> {
    out: O,
    mtime: u64,
}

impl LayerBuilder<Packing> {
    /// Starts a layer whose entries were all changed at `mtime` (seconds since
    /// 1970). If it becomes large, it is put into the directory `work`, which
    /// must exist, and must stay while the layer is used.
    pub fn new(mtime: u64, work: &Path) -> LayerBuilder {
        LayerBuilder { out: Packing::new(Some(work.to_owned())), mtime }
    }

    /// Starts a layer that stays in memory whatever its size.
    pub(super) fn in_memory(mtime: u64) -> LayerBuilder {
        LayerBuilder { out: Packing::new(None), mtime }
    }

    /// Returns what tells layers that this makes from those that others make
    /// of the same tar, as another version of a compressor does: the digest of
    /// a small layer.
    ///
    /// # Errors
    ///
    /// Fails if no layer can be made.
    pub fn identity() -> Result<Digest, Error> {
        static IDENTITY: OnceLock<Digest> = OnceLock::new();
        if let Some(identity) = IDENTITY.get() {
            return Ok(*identity);
        }
        // Long enough to be cut into pieces, and not all alike.
        let content: Vec<u8> = (0..280_000u32).map(|i| (i * (i >> 7) % 251) as u8).collect();
        let mut builder = LayerBuilder::in_memory(0);
        let attributes = Attributes { mode: 0o644, uid: 0, gid: 0 };
        builder.file(Path::new("sample"), attributes, content.len() as u64, &mut &*content)?;
        let digest = builder.finish()?.blob().digest();
        Ok(*IDENTITY.get_or_init(|| digest))
    }

    /// Writes the end, and returns the layer.
    ///
    /// # Errors
    ///
    /// Fails if the file that holds the layer cannot be written.
    pub fn finish(mut self) -> Result<Layer, Error> {
        self.put(&END)?;
        self.out.finish()
    }

    /// Makes a layer of a tar that exists, as [`LayerBuilder::new`] does of
    /// entries.
    pub(crate) fn compress(tar: &Blob, work: &Path) -> Result<Layer, Error> {
        let mut builder = LayerBuilder::new(0, work);
        tar.for_each_chunk(&mut |chunk| {
            check_interrupt()?;
            builder.put(chunk)
        })?;
        builder.out.finish()
    }
}

impl LayerBuilder<Measuring> {
    /// Starts to measure: nothing is compressed or kept, which takes a small
    /// part of the time.
    pub fn measuring(mtime: u64) -> LayerBuilder<Measuring> {
        LayerBuilder { out: Measuring::default(), mtime }
    }

    /// Returns the digest that the layer's tar would have.
    pub fn diff_id(self) -> Digest {
        self.out.finish(&END)
    }
}

/// Two empty blocks are the end of a tar.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

impl<O: Write> LayerBuilder<O> {
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
        self.out.write_all(bytes).map_err(unpack)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Entry, EntryKind, EntryLimits};
    use proptest::prelude::*;
    use std::io;

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
    fn what_is_measured_is_what_is_made() {
        fn fill<O: Write>(builder: &mut LayerBuilder<O>, length: usize) {
            let long = format!("{}/x", "long".repeat(70));
            builder.directory(Path::new("a"), PLAIN).unwrap();
            let bytes = vec![7; length];
            builder.file(Path::new(&long), PLAIN, length as u64, &mut &*bytes).unwrap();
            builder.symlink(Path::new("l"), OsStr::new(&long), PLAIN).unwrap();
        }
        for length in [0, 1000, 3_000_000] {
            let (mut made, mut measured) = (LayerBuilder::in_memory(5), LayerBuilder::measuring(5));
            fill(&mut made, length);
            fill(&mut measured, length);
            assert_eq!(measured.diff_id(), made.finish().unwrap().diff_id());
        }
    }

    /// What this way of making layers is called; if it changes, so do layers.
    #[test]
    fn the_identity_is_this() {
        let identity = LayerBuilder::identity().unwrap();
        let expected = "sha256:a734d70418692153c945f156ad225b2cf5590e9232732b55575db0984c109dc1";
        assert_eq!(identity.to_string(), expected);
        assert_eq!(LayerBuilder::identity().unwrap(), identity);
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
