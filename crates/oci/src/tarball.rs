//! Reads tar archives of strangers: walks the entries, never unpacks.
//!
//! The format is POSIX ustar with the long names of GNU tar and of pax.
//! Names are handed out as they stand, `..` and all. Everything a header can
//! claim is bounded: the number of entries, names, and through the caller's
//! reader the bytes. Not here: writing, which `layer` and `archive` do.

use std::io::{self, Read};

use tar::EntryType;

/// What an entry of a tar archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier entry.
    Hardlink,
    /// A device, a pipe or something else, by its type flag.
    Other(u8),
}

/// An entry of a tar archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path as it stands in the archive; bytes that are not UTF-8 are
    /// replaced.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner's number.
    pub uid: u64,
    /// Its group's number.
    pub gid: u64,
    /// Its time in seconds since 1970.
    pub mtime: u64,
    /// How many bytes follow it.
    pub size: u64,
    /// What a link points to.
    pub link: Option<String>,
    /// The first of its bytes, as many as were asked for.
    pub bytes: Vec<u8>,
}

/// The header of an entry, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path as it stands in the archive.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner's number.
    pub uid: u64,
    /// Its group's number.
    pub gid: u64,
    /// Its time in seconds since 1970.
    pub mtime: u64,
    /// How many bytes follow it.
    pub size: u64,
    /// What a link points to.
    pub link: Option<Vec<u8>>,
    /// Whether it has extended attributes, such as capabilities.
    pub has_xattrs: bool,
}

impl From<Member> for Entry {
    fn from(member: Member) -> Entry {
        let Member { name, kind, mode, uid, gid, mtime, size, link, has_xattrs: _ } = member;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (name, link, bytes) = (text(&name), link.as_deref().map(text), Vec::new());
        Entry { name, kind, mode, uid, gid, mtime, size, link, bytes }
    }
}

/// How much of an archive is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryLimits {
    /// How many bytes of the whole archive, once decompressed. More is an
    /// error.
    pub total: u64,
    /// How many entries. More is an error.
    pub entries: usize,
    /// How many bytes of each file are kept. The rest is skipped.
    pub kept: u64,
}

impl Default for EntryLimits {
    /// 4 GiB, a million entries, 1 MiB of each file.
    fn default() -> EntryLimits {
        EntryLimits { total: 4 << 30, entries: 1_000_000, kept: 1 << 20 }
    }
}

/// The most a long name or a block of pax records may take.
const EXTENSION_MAX: u64 = 1 << 20;

/// Calls `visit` with every entry, where its bytes start in the archive, and
/// a reader of them.
pub(crate) fn walk<'a, R: Read + 'a>(
    entries: tar::Entries<'a, R>,
    limit: usize,
    visit: &mut dyn FnMut(Member, u64, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut pending = Extension::default();
    // Raw: the crate would read a long name of any length into memory.
    for (count, raw) in entries.raw(true).enumerate() {
        let mut raw = raw?;
        if count >= limit {
            return Err(invalid("it has too many entries"));
        }
        let kind = raw.header().entry_type();
        if pending.take_up(kind, &mut raw)? {
            continue;
        }
        let extension = std::mem::take(&mut pending);
        let size = raw.header().entry_size()?;
        if extension.size.is_some_and(|pax| pax != size) {
            return Err(invalid("an entry has two sizes"));
        }
        let member = describe(raw.header(), size, extension)?;
        let position = raw.raw_file_position();
        visit(member, position, &mut raw)?;
    }
    Ok(())
}

pub(crate) fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn describe(header: &tar::Header, size: u64, extension: Extension) -> io::Result<Member> {
    let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
    let link = extension.link.or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
    let kind = match header.entry_type() {
        // An old archive marks a directory by its name alone.
        EntryType::Regular if name.ends_with(b"/") => EntryKind::Directory,
        EntryType::Regular | EntryType::Continuous => EntryKind::File,
        EntryType::Directory => EntryKind::Directory,
        EntryType::Symlink => EntryKind::Symlink,
        EntryType::Link => EntryKind::Hardlink,
        other => EntryKind::Other(other.as_byte()),
    };
    let fields = header.as_old();
    let is_link = matches!(kind, EntryKind::Symlink | EntryKind::Hardlink);
    Ok(Member {
        name,
        kind,
        mode: number(&fields.mode, header.mode())? & 0o7777,
        uid: number(&fields.uid, header.uid())?,
        gid: number(&fields.gid, header.gid())?,
        mtime: number(&fields.mtime, header.mtime())?,
        size,
        link: link.filter(|_| is_link),
        has_xattrs: extension.has_xattrs,
    })
}

/// A blank field is zero, as every other reader has it.
fn number<T: Default>(field: &[u8], parsed: io::Result<T>) -> io::Result<T> {
    let is_blank = field.iter().all(|byte| matches!(byte, 0 | b' '));
    if is_blank { Ok(T::default()) } else { parsed }
}

/// What the entries before a file say about it.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    has_xattrs: bool,
}

impl Extension {
    /// Takes the entry up if it is one that describes the next; returns
    /// whether it is.
    fn take_up(&mut self, kind: EntryType, reader: &mut impl Read) -> io::Result<bool> {
        match kind {
            EntryType::GNULongName => self.name = Some(read_name(reader)?),
            EntryType::GNULongLink => self.link = Some(read_name(reader)?),
            EntryType::XHeader => self.take_up_pax(&read_bounded(reader)?)?,
            EntryType::XGlobalHeader => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_up_pax(&mut self, records: &[u8]) -> io::Result<()> {
        for record in tar::PaxExtensions::new(records) {
            let record = record?;
            match record.key_bytes() {
                b"path" => self.name = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                b"size" => {
                    let size = record.value().ok().and_then(|size| size.parse().ok());
                    self.size = Some(size.ok_or_else(|| invalid("an entry's size is no number"))?);
                }
                key => self.has_xattrs |= key.starts_with(b"SCHILY.xattr."),
            }
        }
        Ok(())
    }
}

fn read_bounded(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(EXTENSION_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > EXTENSION_MAX {
        return Err(invalid("a name is too long"));
    }
    Ok(bytes)
}

fn read_name(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut name = read_bounded(reader)?;
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    name.truncate(end);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(bytes: &[u8]) -> io::Result<Vec<(String, EntryKind)>> {
        let mut names = Vec::new();
        walk(tar::Archive::new(bytes).entries()?, 100, &mut |member, _, _| {
            let entry = Entry::from(member);
            names.push((entry.name, entry.kind));
            Ok(())
        })?;
        Ok(names)
    }

    fn sample() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(3);
        let long = "long/".repeat(40);
        builder.append_data(&mut header, "short", &b"abc"[..]).unwrap();
        builder.append_pax_extensions([("path", b"by/pax".as_slice())]).unwrap();
        builder.append_data(&mut header, "replaced", &b"abc"[..]).unwrap();
        builder.append_data(&mut header, format!("{long}name"), &b"abc"[..]).unwrap();
        header.set_size(0);
        header.set_entry_type(EntryType::Symlink);
        builder.append_link(&mut header, "link", "short").unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn long_names_of_both_kinds_are_read() {
        let expected = [
            ("short".to_owned(), EntryKind::File),
            ("by/pax".to_owned(), EntryKind::File),
            (format!("{}name", "long/".repeat(40)), EntryKind::File),
            ("link".to_owned(), EntryKind::Symlink),
        ];
        assert_eq!(names(&sample()).unwrap(), expected);
    }

    #[test]
    fn limits_hold() {
        let bytes = sample();
        let error =
            walk(tar::Archive::new(&bytes[..]).entries().unwrap(), 1, &mut |_, _, _| Ok(()));
        assert_eq!(error.unwrap_err().to_string(), "it has too many entries");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(1 << 40);
        header.set_cksum();
        let endless = io::Cursor::new(header.as_bytes().to_vec()).chain(io::repeat(b'a'));
        let mut archive = tar::Archive::new(endless);
        let error = walk(archive.entries().unwrap(), 100, &mut |_, _, _| Ok(()));
        assert_eq!(error.unwrap_err().to_string(), "a name is too long");
    }

    proptest! {
        #[test]
        fn mutated_archives_never_panic(edits: Vec<(u16, u8)>, cut: u16) {
            let mut bytes = sample();
            for (at, byte) in edits {
                let at = usize::from(at) % bytes.len();
                bytes[at] = byte;
            }
            let _ = names(&bytes);
            bytes.truncate(usize::from(cut));
            let _ = names(&bytes);
        }

        #[test]
        fn any_size_claim_is_survived(size: u64, kind in 0u8..128) {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_entry_type(EntryType::new(kind));
            header.set_cksum();
            let _ = names(&[header.as_bytes().as_slice(), &[0; 1024]].concat());
        }
    }
}
