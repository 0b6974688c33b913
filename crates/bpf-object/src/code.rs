//! What the code of a function does that somebody else must know: the helpers
//! and functions it calls, the version of the instruction set it needs.
//!
//! Code is looked at in a line, not followed: what is behind a condition
//! counts. Every byte of a file is looked at once, whatever its headers say.

use std::collections::{BTreeSet, HashMap};

use object::elf::STT_FUNC;

use crate::elf::{Elf, Target, overlap};
use crate::instruction::{Call, Extra, Instruction, Isa, SLOT};
use crate::{Helper, ReadError};

/// More than the names in all calls of any object take together. Functions
/// may share code, thousands of them one.
const NAMES_MAX: usize = 16 << 20;

/// What a function does. Every list is sorted and names each thing once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The helpers it calls.
    pub helpers: Vec<Helper>,
    /// The functions of the kernel that it calls by name.
    pub kfuncs: Vec<Kfunc>,
    /// The functions of the same object that it calls.
    pub calls: Vec<String>,
    /// The version of the instruction set it needs.
    pub isa: Isa,
    /// Whether it reads what its first argument points to: a program's
    /// context, which for probes is the registers. Followed in a line, not
    /// along jumps, so not beyond doubt.
    pub reads_context: bool,
    pub(crate) extras: Vec<Extra>,
}

/// A function of the kernel, known by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kfunc {
    /// Its name; empty where a loader has already put its number in.
    pub name: String,
    /// Whether the program can do without.
    pub weak: bool,
}

impl Code {
    /// About as many bytes as its names take.
    fn weight(&self) -> usize {
        let names = self.kfuncs.iter().map(|kfunc| &kfunc.name).chain(&self.calls);
        self.helpers.len() * size_of::<Helper>()
            + names.map(|name| name.len() + size_of::<Kfunc>()).sum::<usize>()
    }
}

/// Reads code, and remembers how much of it is left to be read.
pub(crate) struct Reader<'elf, 'data> {
    elf: &'elf Elf<'data>,
    /// The name of the function that starts at an offset of a section.
    functions: HashMap<(usize, u64), &'data str>,
    bytes_left: usize,
    names_left: usize,
    /// What was read last: functions at one place come one after another.
    last: Option<(usize, u64, u64, Code)>,
}

impl<'elf, 'data> Reader<'elf, 'data> {
    pub(crate) fn new(elf: &'elf Elf<'data>) -> Reader<'elf, 'data> {
        let mut functions = HashMap::new();
        for symbol in elf.symbols.iter().filter(|symbol| symbol.kind == STT_FUNC.0) {
            functions.entry((symbol.section, symbol.value)).or_insert(symbol.name);
        }
        let (bytes_left, names_left) = (elf.length, NAMES_MAX);
        Reader { elf, functions, bytes_left, names_left, last: None }
    }

    /// Reads the code from `start` on, `size` bytes in whole slots.
    pub(crate) fn read(
        &mut self,
        section: usize,
        start: u64,
        size: u64,
    ) -> Result<Code, ReadError> {
        let code = match &self.last {
            Some((of, at, long, code)) if (*of, *at, *long) == (section, start, size) => {
                code.clone()
            }
            _ => self.scan(section, start, size)?,
        };
        self.names_left = self.names_left.checked_sub(code.weight()).ok_or_else(overlap)?;
        self.last = Some((section, start, size, code.clone()));
        Ok(code)
    }

    fn scan(&mut self, section: usize, start: u64, size: u64) -> Result<Code, ReadError> {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        self.bytes_left = self.bytes_left.checked_sub(length).ok_or_else(overlap)?;
        let data = self.elf.sections[section].data;
        let bytes = usize::try_from(start).ok().and_then(|start| data.get(start..)?.get(..length));
        let (slots, _) = bytes.unwrap_or_default().as_chunks::<SLOT>();
        let (mut helpers, mut kfuncs) = (BTreeSet::new(), BTreeSet::new());
        let (mut calls, mut extras) = (BTreeSet::new(), BTreeSet::new());
        // The first argument is in register 1.
        let (mut context, mut reads_context) = (0b10, false);
        let mut at = 0;
        while let Some(slot) = slots.get(at) {
            let instruction = Instruction::read(*slot, self.elf.endian);
            let offset = start + (at * SLOT) as u64;
            at += instruction.slots();
            extras.extend(instruction.extra());
            let (copies, reads) = instruction.follow(context);
            (context, reads_context) = (copies, reads_context || reads);
            match instruction.call() {
                Some(Call::Helper(number)) => drop(helpers.insert(Helper(number))),
                Some(Call::Function(distance)) => match self.callee(section, offset, distance) {
                    Some(Callee::Function(name)) => drop(calls.insert(name.to_owned())),
                    Some(Callee::Kernel(kfunc)) => drop(kfuncs.insert(kfunc)),
                    None => {}
                },
                Some(Call::Kernel) => {
                    kfuncs.insert(Kfunc { name: String::new(), weak: false });
                }
                None => {}
            }
        }
        Ok(Code {
            helpers: helpers.into_iter().collect(),
            kfuncs: kfuncs.into_iter().collect(),
            calls: calls.into_iter().collect(),
            isa: extras.iter().map(|extra: &Extra| extra.isa()).max().unwrap_or_default(),
            reads_context,
            extras: extras.into_iter().collect(),
        })
    }

    /// Returns what is called at an offset. A relocation names the function,
    /// or the section in which it lies at the distance, counted from the next
    /// slot; without one it is as far from here.
    fn callee(&self, section: usize, offset: u64, distance: i32) -> Option<Callee<'data>> {
        let from = |base: u64, distance: i32| {
            let slots = i64::from(distance) + 1;
            base.checked_add_signed(slots.checked_mul(SLOT as i64)?)
        };
        let place = match self.elf.target(section, offset) {
            Some(Target::Extern(found)) => {
                let kfunc = Kfunc { name: found.name.to_owned(), weak: found.weak };
                return Some(Callee::Kernel(kfunc));
            }
            Some(Target::Symbol(symbol)) if symbol.kind == STT_FUNC.0 => {
                return Some(Callee::Function(symbol.name));
            }
            Some(Target::Symbol(symbol)) => (symbol.section, from(symbol.value, distance)?),
            None => (section, from(offset, distance)?),
        };
        self.functions.get(&place).map(|name| Callee::Function(name))
    }
}

/// What a call that is no helper's leads to.
enum Callee<'data> {
    Function(&'data str),
    Kernel(Kfunc),
}
