//! What can be wrong with an object's bytes.
//!
//! Messages are fragments that name the thing at fault, for a sentence such
//! as "failed to read `x.o`: …". Which file the bytes came from is the
//! caller's to say.

/// Why bytes are not an eBPF object that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The ELF magic is missing.
    #[error("not an ELF file")]
    NotElf,
    /// The ELF class is not the 64-bit one.
    #[error("not a 64-bit ELF file, as eBPF objects are")]
    Not64Bit,
    /// The ELF header names neither byte order.
    #[error("unknown ELF byte order {0}")]
    ByteOrder(u8),
    /// The code is not eBPF.
    #[error("machine code for {}, not eBPF", machine_name(*.0))]
    Machine(u16),
    /// An eBPF file, but not one that a compiler left for a loader.
    #[error("ELF type {0} instead of a relocatable object (1)")]
    NotRelocatable(u16),
    /// The file ends before something that its headers speak of.
    #[error("truncated: {what} ends at byte {end} of {length}")]
    Truncated {
        /// What reaches beyond the end.
        what: String,
        /// Where it would end.
        end: u64,
        /// How long the file is.
        length: u64,
    },
    /// The ELF structures contradict each other.
    #[error("malformed ELF: {0}")]
    Elf(String),
    /// A name is not UTF-8, not terminated, or too long to be one.
    #[error("malformed name of {0}")]
    Name(String),
    /// A program is not made of whole instructions inside its section.
    #[error(
        "program `{name}` does not fit section `{section}`: offset {offset}, size {size} bytes"
    )]
    Program {
        /// The symbol of the program.
        name: String,
        /// The section that it lies in.
        section: String,
        /// Where in the section it starts.
        offset: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// The type information cannot be parsed.
    #[error("malformed BTF: {0}")]
    Btf(#[from] BtfError),
    /// Maps are defined by types, but the types are missing.
    #[error("section `.maps` without the BTF that describes its maps: compile with `-g`")]
    UntypedMaps,
    /// A map's definition cannot be understood.
    #[error("map `{name}`: {reason}")]
    Map {
        /// The name of the map.
        name: String,
        /// What is wrong with it.
        reason: MapError,
    },
}

/// Why a map's definition cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// The variable in `.maps` is no structure.
    #[error("not defined by a structure")]
    NotAStruct,
    /// More members than any kernel knows attributes.
    #[error("{0} members in its definition")]
    TooManyMembers(usize),
    /// A member does not have the type from which its value is read.
    #[error("member `{member}` does not encode a number")]
    NotANumber {
        /// The name of the member.
        member: String,
    },
    /// A number or a size does not fit 32 bits.
    #[error("a size of {0} bytes")]
    TooLarge(u64),
    /// The definition's type information is broken.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// A definition in `maps` is cut short.
    #[error("its definition takes {0} bytes instead of 20 or more")]
    Short(u64),
}

/// Why type information cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BtfError {
    /// The header's magic is not BTF's in the object's byte order.
    #[error("magic {0:#06x} instead of 0xeb9f")]
    Magic(u16),
    /// A version that nobody has defined yet.
    #[error("version {0}")]
    Version(u8),
    /// Something reaches beyond the end of the section.
    #[error("truncated {0}")]
    Truncated(&'static str),
    /// The strings do not begin and end with a null byte.
    #[error("malformed strings")]
    Strings,
    /// A kind whose length is unknown, so that nothing after it can be read.
    #[error("type {id} has the unknown kind {kind}")]
    Kind {
        /// The type's number.
        id: u32,
        /// The kind's number.
        kind: u32,
    },
    /// A type refers to one that does not exist.
    #[error("no type {0}")]
    NoType(u32),
    /// Types refer to each other in a circle, or in too long a chain.
    #[error("type {0} refers to too long a chain of types")]
    TooDeep(u32),
    /// A type that has no size.
    #[error("type {0} has no size")]
    NoSize(u32),
    /// A relocation asks for a member that its type does not have.
    #[error("no type has the member `{0}` that a relocation asks for")]
    Access(String),
    /// A name that is not UTF-8, not in the strings, or too long.
    #[error("malformed name at offset {0}")]
    Name(u32),
}

/// Why DWARF could not be removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StripError {
    /// The bytes are no eBPF object.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A section that cannot be copied without knowing its type.
    #[error("section `{name}` has type {kind:#x}, which cannot be rewritten")]
    Section {
        /// The name of the section.
        name: String,
        /// Its `sh_type`.
        kind: u32,
    },
    /// A section's alignment is not one that objects have.
    #[error("section `{name}` is aligned to {align} bytes")]
    Alignment {
        /// The name of the section.
        name: String,
        /// Its `sh_addralign`.
        align: u64,
    },
    /// The object could not be taken apart or put together.
    #[error("cannot rewrite the object: {0}")]
    Rewrite(String),
}

/// Names an ELF machine, by its number where this table has no row for it.
fn machine_name(machine: u16) -> String {
    let known = [
        (3, "x86"),
        (8, "MIPS"),
        (20, "PowerPC"),
        (21, "64-bit PowerPC"),
        (22, "S/390"),
        (40, "ARM"),
        (62, "x86-64"),
        (183, "AArch64"),
        (243, "RISC-V"),
        (258, "LoongArch"),
    ];
    match known.iter().find(|(number, _)| *number == machine) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("ELF machine {machine}"),
    }
}
