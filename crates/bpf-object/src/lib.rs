//! Bytes of an eBPF object to facts about it, on any host and for either
//! byte order.
//!
//! [`read`] tells what a loader would find: programs with what they call,
//! maps, variables, the licence, and the lowest kernel that all of it implies;
//! [`strip_debug`] removes what no loader reads; [`section`] tells
//! what each loader makes of a section's name. Neither input can make these
//! panic, loop or fill the memory. Not here: files, processes, the kernel,
//! images.

#![forbid(unsafe_code)]

mod btf;
mod co_re;
mod code;
mod elf;
mod error;
mod global;
mod helper;
mod instruction;
mod kernel;
mod kind;
mod map;
mod program;
mod requirement;
pub mod section;
mod strip;

use bpf_arch::Endian;

pub use co_re::{CoreKind, CoreRelocation};
pub use code::{Code, Kfunc};
pub use error::{BtfError, MapError, ReadError, StripError};
pub use global::{Global, Layout, Member};
pub use helper::Helper;
pub use instruction::Isa;
pub use kind::{MapKind, ProgramKind, SectionKind};
pub use map::{Map, MapOrigin};
pub use program::{Program, Subprogram};
pub use requirement::{KernelVersion, Requirement, Requirements};
pub use strip::strip_debug;

use crate::btf::Btf;
use crate::elf::Elf;

/// Who may refer to a function or variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Binding {
    /// Everybody.
    Global,
    /// Everybody, but another definition takes its place.
    Weak,
    /// Only its own object.
    Static,
}

/// A section of the ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// What it is for.
    pub kind: SectionKind,
}

/// What an object holds. Every list is in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The byte order.
    pub endian: Endian,
    /// What loaders can load by name.
    pub programs: Vec<Program>,
    /// The functions of `.text`, which programs call.
    pub subprograms: Vec<Subprogram>,
    /// The maps, the internal ones included.
    pub maps: Vec<Map>,
    /// The variables in data sections.
    pub globals: Vec<Global>,
    /// What the section `license` says, if there is one.
    pub license: Option<String>,
    /// Every section but the empty first.
    pub sections: Vec<Section>,
    /// What is asked of the kernel's types.
    pub core: Vec<CoreRelocation>,
    btf: Option<Btf>,
}

impl ObjectInfo {
    /// Creates the description of an object that holds nothing, for building
    /// one by hand.
    pub fn new(endian: Endian) -> ObjectInfo {
        ObjectInfo {
            endian,
            programs: Vec::new(),
            subprograms: Vec::new(),
            maps: Vec::new(),
            globals: Vec::new(),
            license: None,
            sections: Vec::new(),
            core: Vec::new(),
            btf: None,
        }
    }

    /// Returns whether the object carries BTF.
    pub fn has_btf(&self) -> bool {
        self.btf.is_some()
    }

    /// Returns how many bytes of BTF the object carries.
    pub fn btf_size(&self) -> Option<u64> {
        self.btf.as_ref()?;
        self.sections.iter().find(|section| section.kind == SectionKind::Btf).map(|of| of.size)
    }

    /// Returns the version of the instruction set that its code needs.
    pub fn isa(&self) -> Isa {
        let programs = self.programs.iter().map(|program| program.code.isa);
        let subprograms = self.subprograms.iter().map(|subprogram| subprogram.code.isa);
        programs.chain(subprograms).max().unwrap_or_default()
    }

    /// Returns what in the object implies which kernel. The highest is
    /// implied by the object; that it runs there is not said.
    pub fn requirements(&self) -> Requirements {
        requirement::of(self)
    }

    /// Returns whether the object carries DWARF, which [`strip_debug`]
    /// removes.
    pub fn has_dwarf(&self) -> bool {
        self.sections.iter().any(|section| elf::is_dwarf(section.name.as_bytes()))
    }

    /// Returns how the type of a variable is laid out; `None` where BTF knows
    /// no such variable.
    pub fn variable(&self, name: &str) -> Option<Layout> {
        global::layout(self.btf.as_ref()?, name)
    }

    /// Returns the number that the type of a variable in a metadata section
    /// encodes, such as `dispatcher_version` in `xdp_metadata`.
    ///
    /// The variable is a pointer to an array and the number is the array's
    /// length; its bytes mean nothing.
    pub fn metadata_uint(&self, section: &str, name: &str) -> Option<u32> {
        global::metadata(self.btf.as_ref()?, section, name)
    }
}

/// Tells what the object holds.
///
/// # Errors
///
/// Fails if the bytes are not a relocatable 64-bit eBPF ELF file, or if what
/// they hold contradicts itself.
pub fn read(bytes: &[u8]) -> Result<ObjectInfo, ReadError> {
    let elf = Elf::parse(bytes)?;
    let btf = match elf.section(".BTF") {
        Some(section) => Some(Btf::parse(section.data, elf.endian)?),
        None => None,
    };
    let (programs, subprograms) = program::read(&elf)?;
    let to_section = |section: &elf::Section<'_>| Section {
        name: section.name.to_owned(),
        size: section.size,
        kind: SectionKind::of(section),
    };
    let core = btf.as_ref().map_or_else(|| Ok(Vec::new()), |btf| co_re::read(&elf, btf))?;
    Ok(ObjectInfo {
        endian: elf.endian,
        programs,
        subprograms,
        maps: map::read(&elf, btf.as_ref())?,
        globals: global::read(&elf, btf.as_ref())?,
        license: license(&elf)?,
        sections: elf.sections.iter().skip(1).map(to_section).collect(),
        core,
        btf,
    })
}

/// The kernel reads the licence up to its null byte.
fn license(elf: &Elf<'_>) -> Result<Option<String>, ReadError> {
    // Whatever its name, a table of symbols is none: it changes when it is
    // stripped.
    let says_it = |section: &&elf::Section<'_>| SectionKind::of(section) == SectionKind::License;
    let Some(section) = elf.sections.iter().find(says_it) else { return Ok(None) };
    let text = section.data.split(|byte| *byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(text) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(ReadError::Name("the licence".to_owned())),
    }
}
