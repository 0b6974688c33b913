//! The functions of an object: programs, which loaders load, and
//! sub-programs, which programs call.

use object::elf::STT_FUNC;

use crate::code::Reader;
use crate::elf::{Elf, Section, Symbol};
use crate::{Binding, Code, ProgramKind, ReadError, instruction, section};

/// An eBPF instruction takes one slot of 8 bytes; loading a 64-bit constant
/// takes two.
const SLOT: u64 = instruction::SLOT as u64;

/// The section of functions that are not programs of their own.
const SUBPROGRAMS: &str = ".text";

/// A program that a loader can load by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The name of the function.
    pub name: String,
    /// The section as the ELF file calls it, such as `classifier/x`; several
    /// programs may share one.
    pub section: String,
    /// What the section makes it, or `None` where no loader infers anything.
    pub kind: Option<ProgramKind>,
    /// How many slots of 8 bytes its instructions take.
    pub instructions: usize,
    /// The binding of its symbol. Loaders refuse [`Binding::Static`] ones.
    pub binding: Binding,
    /// What its own code does, without the functions it calls.
    pub code: Code,
}

impl Program {
    /// Returns whether it is loaded only when asked for: its section begins
    /// with `?`.
    pub fn on_demand(&self) -> bool {
        section::on_demand(&self.section)
    }
}

/// A function that programs call and extensions may replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subprogram {
    /// The name of the function.
    pub name: String,
    /// How many slots of 8 bytes its instructions take.
    pub instructions: usize,
    /// The binding of its symbol; only [`Binding::Global`] and
    /// [`Binding::Weak`] ones can be replaced.
    pub binding: Binding,
    /// What its own code does.
    pub code: Code,
}

/// Returns the programs and the sub-programs, each in the order of section
/// and offset.
pub(crate) fn read(elf: &Elf<'_>) -> Result<(Vec<Program>, Vec<Subprogram>), ReadError> {
    let mut programs = Vec::new();
    let mut subprograms = Vec::new();
    let mut reader = Reader::new(elf);
    for (symbol, section) in elf.symbols_in_order(STT_FUNC.0) {
        if !section.is_code() {
            continue;
        }
        let instructions = instructions(symbol, section)?;
        let (name, binding) = (symbol.name.to_owned(), symbol.binding);
        let code = reader.read(symbol.section, symbol.value, symbol.size)?;
        if section.name == SUBPROGRAMS {
            subprograms.push(Subprogram { name, instructions, binding, code });
        } else {
            let kind = ProgramKind::from_section(section.name);
            let section = section.name.to_owned();
            programs.push(Program { name, section, kind, instructions, binding, code });
        }
    }
    Ok((programs, subprograms))
}

fn instructions(symbol: &Symbol<'_>, section: &Section<'_>) -> Result<usize, ReadError> {
    let end = symbol.value.checked_add(symbol.size);
    let fits = end.is_some_and(|end| end <= section.size);
    let whole = symbol.size.is_multiple_of(SLOT) && symbol.value.is_multiple_of(SLOT);
    let slots =
        usize::try_from(symbol.size / SLOT).ok().filter(|slots| *slots != 0 && fits && whole);
    slots.ok_or_else(|| ReadError::Program {
        name: symbol.name.to_owned(),
        section: section.name.to_owned(),
        offset: symbol.value,
        size: symbol.size,
    })
}
