//! What a program must be before it is handed on: for its machine, linked
//! statically, without symbols.

use std::fmt;
use std::path::{Path, PathBuf};

use bpf_arch::{Arch, ElfMachine, Endian};
use host::fs::IoError;
use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::FileKind;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};

/// Why a program is not handed on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// It is not what it has to be.
    #[error("`{}` {fault}", program.display())]
    Fault {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// What is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is no ELF file, or a damaged one.
    NoElf,
    /// It is not linked, or a library.
    NoProgram,
    /// It is for another machine.
    Foreign {
        /// What it had to be for.
        wanted: Arch,
        /// What it is for, where that is known.
        found: Option<Arch>,
    },
    /// It needs a loader, or libraries, when it is started.
    Dynamic {
        /// The first of what it needs.
        needs: String,
    },
    /// It has a table of symbols.
    Symbols,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoElf => write!(f, "is no ELF file"),
            Fault::NoProgram => write!(f, "is no program"),
            Fault::Foreign { wanted, found: Some(found) } => {
                write!(f, "is a program for {found}, not for {wanted}")
            }
            Fault::Foreign { wanted, found: None } => {
                write!(f, "is a program for an unknown machine, not for {wanted}")
            }
            Fault::Dynamic { needs } => write!(f, "is not static: it needs `{needs}`"),
            Fault::Symbols => write!(f, "has symbols, which are to be stripped"),
        }
    }
}

/// Checks a program.
///
/// # Errors
///
/// Fails if it cannot be read, or is not a static and stripped program for the
/// architecture.
pub fn check_program(program: &Path, arch: Arch) -> Result<(), ProgramError> {
    let bytes = host::fs::read(program)?;
    examine(&bytes, arch)
        .map_err(|fault| ProgramError::Fault { program: program.to_owned(), fault })
}

fn examine(bytes: &[u8], arch: Arch) -> Result<(), Fault> {
    match FileKind::parse(bytes) {
        Ok(FileKind::Elf64) => examine_elf::<FileHeader64<Endianness>>(bytes, 64, arch),
        Ok(FileKind::Elf32) => examine_elf::<FileHeader32<Endianness>>(bytes, 32, arch),
        _ => Err(Fault::NoElf),
    }
}

fn examine_elf<H: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    bits: u8,
    arch: Arch,
) -> Result<(), Fault> {
    let damaged = |_: object::Error| Fault::NoElf;
    let header = H::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    // A static program that may lie anywhere is a shared object to ELF.
    if ![elf::ET_EXEC, elf::ET_DYN].contains(&header.e_type(endian)) {
        return Err(Fault::NoProgram);
    }
    let machine = ElfMachine {
        number: header.e_machine(endian).0,
        bits,
        endian: if header.is_big_endian() { Endian::Big } else { Endian::Little },
    };
    if machine != arch.elf() {
        return Err(Fault::Foreign { wanted: arch, found: Arch::of_elf(machine) });
    }
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    for segment in segments {
        if let Some(loader) = segment.interpreter(endian, bytes).map_err(damaged)? {
            return Err(Fault::Dynamic { needs: String::from_utf8_lossy(loader).into_owned() });
        }
        let Some(entries) = segment.dynamic(endian, bytes).map_err(damaged)? else { continue };
        if entries.iter().any(|entry| entry.tag(endian) == elf::DT_NEEDED) {
            return Err(Fault::Dynamic { needs: "shared libraries".to_owned() });
        }
    }
    let sections = header.section_headers(endian, bytes).map_err(damaged)?;
    if sections.iter().any(|section| section.sh_type(endian) == elf::SHT_SYMTAB) {
        return Err(Fault::Symbols);
    }
    Ok(())
}
