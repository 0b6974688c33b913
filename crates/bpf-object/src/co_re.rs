//! CO-RE: what an object asks of the kernel's types, from `.BTF.ext`.
//!
//! A loader looks each type and field up in the running kernel and writes
//! offsets and sizes into the code. The format is that of the kernel's
//! `Documentation/bpf/llvm_reloc.rst` ("CO-RE Relocations") and
//! `Documentation/bpf/btf.rst`. Not here: the other parts of `.BTF.ext`.

use std::collections::BTreeMap;
use std::fmt;

use object::elf::STT_FUNC;

use crate::btf::{Btf, Kind, MAGIC, half, word};
use crate::elf::{Elf, overlap};
use crate::error::BtfError;
use crate::{ReadError, elf};

/// More than the names in all relocations of any object take together.
const NAMES_MAX: usize = 16 << 20;

/// Up to the length of the CO-RE relocations.
const HEADER_SIZE: usize = 32;

/// Up to the relocations' kind.
const RECORD_SIZE: usize = 16;

/// What is asked: a number of the kernel's `enum bpf_core_relo_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreKind(pub u32);

/// At index N the word of number N.
static KINDS: [&str; 13] = [
    "field offset",
    "field size",
    "field exists",
    "field is signed",
    "field shift left",
    "field shift right",
    "local type id",
    "type id",
    "type exists",
    "type size",
    "value exists",
    "value",
    "type matches",
];

impl CoreKind {
    /// Whether a field is there.
    pub const FIELD_EXISTS: CoreKind = CoreKind(2);

    /// Returns whether it is about a field, rather than a type or a value of
    /// an enumeration.
    pub fn is_of_field(self) -> bool {
        self.0 <= 5
    }

    /// Returns whether the program goes on where the kernel has no such
    /// thing: it asks for that.
    pub fn is_question(self) -> bool {
        matches!(self.0, 2 | 8 | 10 | 12)
    }

    fn is_of_value(self) -> bool {
        matches!(self.0, 10 | 11)
    }
}

impl fmt::Display for CoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match usize::try_from(self.0).ok().and_then(|number| KINDS.get(number)) {
            Some(word) => f.write_str(word),
            None => write!(f, "relocation kind {}", self.0),
        }
    }
}

/// One thing that is asked of the kernel's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreRelocation {
    /// The function that asks.
    pub function: Option<String>,
    /// What is asked.
    pub kind: CoreKind,
    /// The type as the kernel names it: `struct task_struct`.
    pub type_name: String,
    /// The field or the value of an enumeration: `mm.owner`.
    pub member: Option<String>,
}

impl fmt::Display for CoreRelocation {
    /// Prints what is accessed: `struct task_struct.pid`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.type_name)?;
        match &self.member {
            Some(member) if member.starts_with('[') => f.write_str(member),
            Some(member) => write!(f, ".{member}"),
            None => Ok(()),
        }
    }
}

/// Returns the relocations in the order of the file.
pub(crate) fn read(elf: &Elf<'_>, btf: &Btf) -> Result<Vec<CoreRelocation>, ReadError> {
    let Some(section) = elf.section(".BTF.ext") else { return Ok(Vec::new()) };
    let body = body(section, btf)?;
    let functions = functions(elf);
    let mut relocations = Vec::new();
    let mut names_left = NAMES_MAX;
    for record in records(body, btf)? {
        let found = functions.get(record.section).and_then(|of| of.at(u64::from(record.offset)));
        let relocation = CoreRelocation { function: found, ..relocation(btf, &record)? };
        let names = [&relocation.function, &relocation.member];
        let names = names.into_iter().flatten().map(String::len).sum::<usize>();
        let weight = names + relocation.type_name.len() + size_of::<CoreRelocation>();
        names_left = names_left.checked_sub(weight).ok_or_else(overlap)?;
        relocations.push(relocation);
    }
    Ok(relocations)
}

/// Returns the part of the section that holds the relocations.
fn body<'data>(section: &elf::Section<'data>, btf: &Btf) -> Result<&'data [u8], BtfError> {
    let data = section.data;
    let truncated = || BtfError::Truncated("extension");
    let word = |at| word(btf.endian(), data, at).map(|word| word as usize).ok_or_else(truncated);
    let magic = data.get(..2).ok_or_else(truncated)?;
    let magic = half(btf.endian(), [magic[0], magic[1]]);
    if magic != MAGIC {
        return Err(BtfError::Magic(magic));
    }
    let length = word(4)?;
    if length < HEADER_SIZE {
        return Ok(&[]); // Of before CO-RE.
    }
    let (start, size) = (length.saturating_add(word(24)?), word(28)?);
    data.get(start..start.saturating_add(size)).ok_or_else(truncated)
}

/// A relocation as it stands.
struct Record<'a> {
    section: &'a str,
    /// In the section, in bytes.
    offset: u32,
    /// The number of the type.
    id: u32,
    /// Where among the names the access is.
    access: u32,
    kind: CoreKind,
}

fn records<'a>(body: &[u8], btf: &'a Btf) -> Result<Vec<Record<'a>>, BtfError> {
    let truncated = || BtfError::Truncated("CO-RE relocation");
    let word = |at: usize| word(btf.endian(), body, at).ok_or_else(truncated);
    let mut records = Vec::new();
    if body.is_empty() {
        return Ok(records);
    }
    let each = word(0)? as usize;
    if each < RECORD_SIZE {
        return Err(truncated());
    }
    let mut at = 4;
    while at < body.len() {
        let (section, count) = (btf.string(word(at)?)?, word(at + 4)?);
        at += 8;
        for _ in 0..count {
            let [offset, id, access] = [word(at)?, word(at + 4)?, word(at + 8)?];
            records.push(Record { section, offset, id, access, kind: CoreKind(word(at + 12)?) });
            at = at.checked_add(each).ok_or_else(truncated)?;
        }
    }
    Ok(records)
}

/// The functions of one section by where they start.
#[derive(Default)]
struct Functions<'data>(BTreeMap<u64, (u64, &'data str)>);

impl Functions<'_> {
    /// Returns the name of the function around an offset.
    fn at(&self, offset: u64) -> Option<String> {
        let (start, (size, name)) = self.0.range(..=offset).next_back()?;
        (offset - start < *size).then(|| (*name).to_owned())
    }
}

fn functions<'data>(elf: &Elf<'data>) -> BTreeMap<&'data str, Functions<'data>> {
    let mut functions: BTreeMap<&str, Functions<'_>> = BTreeMap::new();
    for symbol in elf.symbols.iter().filter(|symbol| symbol.kind == STT_FUNC.0) {
        let of_section = functions.entry(elf.sections[symbol.section].name).or_default();
        of_section.0.entry(symbol.value).or_insert((symbol.size, symbol.name));
    }
    functions
}

fn relocation(btf: &Btf, record: &Record<'_>) -> Result<CoreRelocation, BtfError> {
    let Record { id, access, kind, .. } = *record;
    let mut type_name = btf.spell(id)?;
    // `task_struct___old` is what a program calls a `task_struct`.
    if let Some(at) =
        type_name.rfind("___").filter(|at| !type_name[..*at].ends_with(' ') && *at > 0)
    {
        type_name.truncate(at);
    }
    let access = btf.string(access)?;
    let member = match kind {
        _ if kind.is_of_field() => Some(field(btf, id, access)?),
        _ if kind.is_of_value() => Some(value(btf, id, access)?),
        _ => None,
    };
    Ok(CoreRelocation { function: None, kind, type_name, member })
}

/// Reads numbers joined by colons.
fn numbers(access: &str) -> impl Iterator<Item = Result<u32, BtfError>> {
    access.split(':').map(|word| word.parse().map_err(|_| BtfError::Access(access.to_owned())))
}

/// Follows an access from a type on. The first number counts objects, as
/// indexing a pointer does; each other is a member or an element.
fn field(btf: &Btf, id: u32, access: &str) -> Result<String, BtfError> {
    let mut path = String::new();
    let mut at = id;
    for (step, number) in numbers(access).enumerate() {
        let number = number?;
        let wrong = || BtfError::Access(access.to_owned());
        if step == 0 {
            if number != 0 {
                path += &format!("[{number}]");
            }
            continue;
        }
        if step > crate::btf::DEPTH_MAX {
            return Err(BtfError::TooDeep(id));
        }
        let (_, of) = btf.plain(at)?;
        match of.kind {
            Kind::Struct | Kind::Union => {
                let member = btf.member(of, number as usize).ok_or_else(wrong)??;
                if !path.is_empty() && !member.name.is_empty() {
                    path.push('.');
                }
                path += member.name;
                at = member.kind;
            }
            Kind::Array => {
                path += &format!("[{number}]");
                (at, _) = btf.array(of)?;
            }
            _ => return Err(wrong()),
        }
    }
    Ok(path)
}

fn value(btf: &Btf, id: u32, access: &str) -> Result<String, BtfError> {
    let wrong = || BtfError::Access(access.to_owned());
    let number = numbers(access).next().ok_or_else(wrong)??;
    let (_, of) = btf.plain(id)?;
    let name = btf.enumerator(of, number as usize).ok_or_else(wrong)??;
    let name = name.rfind("___").filter(|at| *at > 0).map_or(name, |at| &name[..at]);
    Ok(name.to_owned())
}
