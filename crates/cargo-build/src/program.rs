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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The head of an ELF file without anything behind it.
    fn head(arch: Arch, kind: u16) -> Vec<u8> {
        let ElfMachine { number, bits, endian } = arch.elf();
        let is_big = endian == Endian::Big;
        let put = |n: u16| if is_big { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut head = vec![0; if bits == 64 { 64 } else { 52 }];
        head[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', bits / 32, 1 + u8::from(is_big), 1]);
        head[16..18].copy_from_slice(&put(kind));
        head[18..20].copy_from_slice(&put(number));
        head
    }

    #[test]
    fn a_program_is_for_its_machine_alone() {
        for arch in Arch::ALL {
            for wanted in Arch::ALL {
                let found = examine(&head(arch, 2), wanted);
                let foreign = Fault::Foreign { wanted, found: Some(arch) };
                assert_eq!(found, if arch == wanted { Ok(()) } else { Err(foreign) });
            }
            assert_eq!(examine(&head(arch, 3), arch), Ok(()), "one that may lie anywhere");
            assert_eq!(examine(&head(arch, 1), arch), Err(Fault::NoProgram));
        }
        assert_eq!(examine(b"#!/bin/sh\n", Arch::Amd64), Err(Fault::NoElf));
        assert_eq!(examine(&head(Arch::Amd64, 2)[..40], Arch::Amd64), Err(Fault::NoElf));
    }

    #[test]
    fn what_the_tests_themselves_are_is_seen() {
        // Linked dynamically, as cargo does unless told otherwise.
        let program = std::env::current_exe().unwrap();
        let Some(host) = Arch::host().filter(|_| cfg!(target_env = "gnu")) else { return };
        let error = check_program(&program, host).unwrap_err().to_string();
        let start = format!("`{}` is not static: it needs `/lib", program.display());
        assert!(error.starts_with(&start), "{error}");
        let wanted = if host == Arch::S390x { Arch::Amd64 } else { Arch::S390x };
        let error = check_program(&program, wanted).unwrap_err().to_string();
        let end = format!("` is a program for {host}, not for {wanted}");
        assert!(error.ends_with(&end), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(tail: Vec<u8>, at in 0_usize..64, byte: u8) {
            let _ = examine(&tail, Arch::Amd64);
            let mut bytes = head(Arch::Amd64, 2);
            bytes[at] = byte;
            bytes.extend(&tail);
            let _ = examine(&bytes, Arch::Amd64);
        }
    }
}
