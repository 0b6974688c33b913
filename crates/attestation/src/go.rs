//! The modules that a program in Go was linked from, as Go notes them in it.
//!
//! Go's linker writes a header and two texts into the section
//! `.go.buildinfo` (debug/buildinfo/buildinfo.go; texts since Go 1.18): its
//! version, and a line for each module (runtime/debug/mod.go). What is older,
//! damaged or of another language has none.

use std::io::{Read, Seek};

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64, PF_W, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::read::{FileKind, ReadCache, ReadRef};

/// What the header begins with, aligned to 16 bytes in its section.
const MAGIC: &[u8] = b"\xff Go buildinf:";

/// How long the header is, and where its flags are.
const HEADER: usize = 32;
const FLAGS: usize = 15;

/// The flag that the texts follow, each behind its length.
const INLINE: u8 = 2;

/// How much of a data segment is searched where the sections have no names.
const SEARCHED_MAX: u64 = 1 << 20;

/// How long the texts may be: those of the largest programs have 100 KB.
const TEXT_MAX: usize = 16 << 20;

/// What stands before and behind the list of modules.
const SENTINEL: usize = 16;

/// What Go notes of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version of Go, such as `go1.25.3`.
    pub go: String,
    /// The package path of the program.
    pub path: String,
    /// The module that it is in.
    pub main: Option<Module>,
    /// The modules that it was linked from; where one is replaced, what
    /// replaces it.
    pub modules: Vec<Module>,
}

/// A module of Go.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Module {
    /// Its path.
    pub path: String,
    /// Its version, such as `v1.2.3`, or `(devel)`.
    pub version: String,
    /// The hash of its content as go.sum has it; empty for what is local.
    pub sum: String,
}

/// Reads what Go has noted in a program; `None` if there is nothing that can be
/// understood.
pub fn read<R: Read + Seek>(program: R) -> Option<BuildInfo> {
    let data = ReadCache::new(program);
    let (go, modules) = match FileKind::parse(&data).ok()? {
        FileKind::Elf64 => texts::<FileHeader64<Endianness>, _>(&data)?,
        FileKind::Elf32 => texts::<FileHeader32<Endianness>, _>(&data)?,
        _ => return None,
    };
    Some(BuildInfo { go, ..parse(&modules) })
}

/// Finds the two texts.
fn texts<'d, H: FileHeader, R: ReadRef<'d>>(data: R) -> Option<(String, String)> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let named = || {
        let sections = header.sections(endian, data).ok()?;
        let (_, section) = sections.section_by_name(endian, b".go.buildinfo")?;
        section.data(endian, data).ok()
    };
    let place = named().or_else(|| {
        let segments = header.program_headers(endian, data).ok()?;
        let is_data = |segment: &&H::ProgramHeader| {
            segment.p_type(endian) == PT_LOAD && segment.p_flags(endian).contains(PF_W)
        };
        let segment = segments.iter().find(is_data)?;
        let (offset, size) = segment.file_range(endian);
        data.read_bytes_at(offset, size.min(SEARCHED_MAX)).ok()
    })?;
    in_place(place)
}

fn in_place(place: &[u8]) -> Option<(String, String)> {
    let begins = |start: &usize| place.get(*start..).is_some_and(|rest| rest.starts_with(MAGIC));
    let start = (0..place.len()).step_by(16).find(begins)?;
    let header = place.get(start..start.checked_add(HEADER)?)?;
    if header[FLAGS] & INLINE == 0 {
        return None;
    }
    let (go, rest) = text(place.get(start + HEADER..)?)?;
    let (modules, _) = text(rest)?;
    // Without modules there are no sentinels either.
    let inner = modules.len().checked_sub(SENTINEL).and_then(|end| modules.get(SENTINEL..end));
    let modules = inner.filter(|inner| inner.ends_with(b"\n")).unwrap_or_default();
    Some((String::from_utf8(go.to_vec()).ok()?, String::from_utf8(modules.to_vec()).ok()?))
}

/// Reads a text behind its length (encoding/binary, `Uvarint`), and returns
/// what follows.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length: u64 = 0;
    for (i, byte) in bytes.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let length = usize::try_from(length).ok().filter(|length| *length <= TEXT_MAX)?;
            return bytes[i + 1..].split_at_checked(length);
        }
    }
    None
}

/// Reads the list of modules; lines that are not understood say nothing.
fn parse(text: &str) -> BuildInfo {
    let mut info = BuildInfo::default();
    let mut last_is_main = false;
    for line in text.lines() {
        let mut fields = line.split('\t');
        let word = fields.next().unwrap_or_default();
        let mut field = || fields.next().unwrap_or_default().to_owned();
        let mut module = || Module { path: field(), version: field(), sum: field() };
        match word {
            "path" => info.path = field(),
            "mod" => {
                info.main = Some(module());
                last_is_main = true;
            }
            "dep" => {
                info.modules.push(module());
                last_is_main = false;
            }
            "=>" if last_is_main => info.main = Some(module()),
            "=>" => {
                info.modules.pop();
                info.modules.push(module());
            }
            _ => {}
        }
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    const MODULES: &str = "path\texample.com/me/prog\n\
        mod\texample.com/me\t(devel)\t\n\
        dep\tgithub.com/cilium/ebpf\tv0.20.0\th1:abc=\n\
        dep\tgolang.org/x/sys\tv0.1.0\n\
        =>\t../sys\t(devel)\t\n\
        build\t-compiler=gc\n";

    /// What Go's linker writes.
    fn place(go: &str, modules: &str) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes.extend(MAGIC);
        bytes.extend([8, INLINE]);
        bytes.resize(16 + HEADER, 0);
        let modules = format!("{}{modules}{}", "0".repeat(SENTINEL), "1".repeat(SENTINEL));
        for text in [go, &modules] {
            let mut length = text.len();
            while length >= 0x80 {
                bytes.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn modules_are_read() {
        let (go, text) = in_place(&place("go1.25.3", MODULES)).unwrap();
        assert_eq!((go.as_str(), text.as_str()), ("go1.25.3", MODULES));
        let module = |path: &str, version: &str, sum: &str| Module {
            path: path.into(),
            version: version.into(),
            sum: sum.into(),
        };
        let info = parse(&text);
        assert_eq!(info.path, "example.com/me/prog");
        assert_eq!(info.main, Some(module("example.com/me", "(devel)", "")));
        let expected = [
            module("github.com/cilium/ebpf", "v0.20.0", "h1:abc="),
            module("../sys", "(devel)", ""),
        ];
        assert_eq!(info.modules, expected);
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        assert_eq!(in_place(b""), None);
        assert_eq!(in_place(MAGIC), None);
        let mut old = place("go1.17", MODULES);
        old[16 + FLAGS] = 0;
        assert_eq!(in_place(&old), None, "pointers instead of texts");
        let (_, none) = in_place(&place("go1.25.3", "")).unwrap();
        assert_eq!(none, "");
        assert_eq!(read(Cursor::new(b"\x7fELF no program")), None);
        assert_eq!(parse("=>\tx\ty\tz\n").modules.len(), 1);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(Cursor::new(&bytes));
            let _ = in_place(&bytes);
            let _ = text(&bytes);
            let _ = parse(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn damaged_places_never_panic(at in 0usize..400, byte: u8, cut in 0usize..400) {
            let mut bytes = place("go1.25.3", MODULES);
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut);
            let _ = in_place(&bytes);
        }

        #[test]
        fn whatever_text_goes_in_comes_out(go in "[ -~]{0,200}", text in "([ -~\t]{1,40}\n){1,9}") {
            prop_assert_eq!(in_place(&place(&go, &text)), Some((go, text)));
        }
    }
}
