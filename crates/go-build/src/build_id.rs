//! What stands for the content of a program that Go has linked.
//!
//! Go writes a build ID into each program, whose last part is the hash of all
//! the rest (cmd/go/internal/work/buildid.go). To read it takes the head of
//! the file, where hashing takes all of it. It says nothing of a program that
//! another tool has changed since.

use std::fs::File;
use std::path::Path;

use host::fs::{IoContext, IoError};
use object::Endianness;
use object::elf::{FileHeader32, FileHeader64, NoteType};
use object::read::elf::{FileHeader, ProgramHeader};
use object::read::{FileKind, ReadCache, ReadRef};

/// The owner and the type of Go's note (cmd/link/internal/ld/elf.go,
/// `ELFNOTEGOSIG` and `ELFNOTEGOBUILDID`).
const OWNER: &[u8] = b"Go";
const BUILD_ID: NoteType = NoteType(4);

/// Returns the build ID of a program; `None` if it is no program of Go.
///
/// # Errors
///
/// Fails if the file cannot be read.
pub fn build_id(path: &Path) -> Result<Option<String>, IoError> {
    let file = File::open(path).io_context("open", path)?;
    let data = ReadCache::new(file);
    Ok(match FileKind::parse(&data) {
        Ok(FileKind::Elf64) => in_notes::<FileHeader64<Endianness>, _>(&data),
        Ok(FileKind::Elf32) => in_notes::<FileHeader32<Endianness>, _>(&data),
        _ => None,
    })
}

fn in_notes<'d, H: FileHeader, R: ReadRef<'d>>(data: R) -> Option<String> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    for segment in header.program_headers(endian, data).ok()? {
        let Ok(Some(mut notes)) = segment.notes(endian, data) else { continue };
        while let Ok(Some(note)) = notes.next() {
            if note.name() == OWNER && note.n_type(endian) == BUILD_ID {
                return String::from_utf8(note.desc().to_vec()).ok();
            }
        }
    }
    None
}
