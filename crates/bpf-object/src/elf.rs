//! The ELF file as checked tables: header, sections, symbols.
//!
//! Everything that later code indexes by is checked here, once. Relocations
//! are looked up, and may name what is not there. Not here: what sections and
//! symbols mean.

use std::collections::HashMap;

use bpf_arch::Endian;
use object::elf::{
    EM_BPF, ET_REL, FileHeader64, SHF_EXECINSTR, SHN_UNDEF, SHT_NOBITS, SHT_PROGBITS, SHT_SYMTAB,
    STB_GLOBAL, STB_WEAK, STT_FILE,
};
use object::read::elf::{FileHeader, Rel, SectionHeader, Sym, SymbolTable};
use object::{Endianness, SectionIndex};

use crate::{Binding, ReadError};

/// A longer name is an attack: it could be cloned for each of the thousands
/// of symbols and types that share it.
pub(crate) const NAME_MAX: usize = 1023;

const HEADER_SIZE: usize = 64;

/// A parsed ELF file; indices are those of the file.
pub(crate) struct Elf<'data> {
    pub(crate) endian: Endian,
    /// The size of the file in bytes.
    pub(crate) length: usize,
    pub(crate) sections: Vec<Section<'data>>,
    pub(crate) symbols: Vec<Symbol<'data>>,
    /// The symbols of no section by their index in the file: what the object
    /// expects of others.
    pub(crate) externs: HashMap<usize, Extern<'data>>,
    /// The symbol that an offset of a section is relocated by.
    relocations: HashMap<(usize, u64), usize>,
    /// Whether a symbol names the source file.
    pub(crate) has_file_symbol: bool,
}

/// A section; the first of a file is the empty one that ELF demands.
pub(crate) struct Section<'data> {
    pub(crate) name: &'data str,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) size: u64,
    pub(crate) align: u64,
    /// Empty where the section takes no room in the file.
    pub(crate) data: &'data [u8],
}

impl Section<'_> {
    /// Whether loaders look for programs here, as libbpf decides it.
    pub(crate) fn is_code(&self) -> bool {
        let executable = self.flags & SHF_EXECINSTR.0 != 0 && self.kind == SHT_PROGBITS.0;
        executable && !self.data.is_empty() && !is_dwarf(self.name.as_bytes())
    }
}

/// A symbol that the object uses and does not define.
#[derive(Clone, Copy)]
pub(crate) struct Extern<'data> {
    pub(crate) name: &'data str,
    /// Whether the object can do without.
    pub(crate) weak: bool,
}

/// What a relocation names.
pub(crate) enum Target<'elf, 'data> {
    Symbol(&'elf Symbol<'data>),
    Extern(Extern<'data>),
}

/// A symbol that lies in a section; `section` is a valid index.
pub(crate) struct Symbol<'data> {
    /// Its place in the file's table; they are in its order.
    index: usize,
    pub(crate) name: &'data str,
    pub(crate) kind: u8,
    pub(crate) binding: Binding,
    pub(crate) section: usize,
    pub(crate) value: u64,
    pub(crate) size: u64,
}

type Header = FileHeader64<Endianness>;

impl<'data> Elf<'data> {
    pub(crate) fn parse(bytes: &'data [u8]) -> Result<Elf<'data>, ReadError> {
        let endian = check_header(bytes)?;
        let header = Header::parse(bytes).map_err(elf_error)?;
        let endianness = header.endian().map_err(elf_error)?;
        check_section_table(header, endianness, bytes.len())?;
        let sections = parse_sections(header, endianness, bytes)?;
        let table = header.sections(endianness, bytes).map_err(elf_error)?;
        let table = table.symbols(endianness, bytes, SHT_SYMTAB).map_err(elf_error)?;
        let has_file_symbol = table.iter().skip(1).any(|symbol| symbol.st_type() == STT_FILE);
        let (symbols, externs) = parse_symbols(&table, endianness, &sections)?;
        let relocations = parse_relocations(header, endianness, bytes)?;
        Ok(Elf {
            endian,
            length: bytes.len(),
            sections,
            symbols,
            externs,
            relocations,
            has_file_symbol,
        })
    }

    /// Returns what the bytes at `offset` of a section are relocated by.
    pub(crate) fn target(&self, section: usize, offset: u64) -> Option<Target<'_, 'data>> {
        let index = *self.relocations.get(&(section, offset))?;
        if let Ok(at) = self.symbols.binary_search_by_key(&index, |symbol| symbol.index) {
            return Some(Target::Symbol(&self.symbols[at]));
        }
        self.externs.get(&index).map(|found| Target::Extern(*found))
    }

    /// Returns the first section of that name.
    pub(crate) fn section(&self, name: &str) -> Option<&Section<'data>> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Returns the symbols of a kind with their sections, in the order of
    /// section and offset. Symbols at one place keep the file's order, which
    /// is the compiler's.
    pub(crate) fn symbols_in_order(&self, kind: u8) -> Vec<(&Symbol<'data>, &Section<'data>)> {
        let mut symbols: Vec<_> =
            self.symbols.iter().filter(|symbol| symbol.kind == kind).collect();
        symbols.sort_by_key(|symbol| (symbol.section, symbol.value));
        symbols.into_iter().map(|symbol| (symbol, &self.sections[symbol.section])).collect()
    }
}

/// Returns the string at `offset` of a string table.
///
/// Never looks further than [`NAME_MAX`], so that many names in one long
/// string do not take quadratic time.
pub(crate) fn string_at(strings: &[u8], offset: usize) -> Option<&str> {
    let rest = strings.get(offset..)?;
    let within = rest.get(..=NAME_MAX).unwrap_or(rest);
    let end = within.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(&within[..end]).ok()
}

/// Returns a section's or symbol's name; 0 is none where there are no names.
fn name_at(names: &[u8], offset: u32) -> Option<&str> {
    if names.is_empty() && offset == 0 { Some("") } else { string_at(names, offset as usize) }
}

/// Whether the name is that of a section of DWARF, or of its relocations.
pub(crate) fn is_dwarf(name: &[u8]) -> bool {
    [&b".debug_"[..], b".rel.debug_", b".rela.debug_"].iter().any(|prefix| name.starts_with(prefix))
}

/// Checks by hand what `object` would refuse without saying what it saw.
fn check_header(bytes: &[u8]) -> Result<Endian, ReadError> {
    if !bytes.starts_with(b"\x7fELF") {
        return Err(ReadError::NotElf);
    }
    let Some(header) = bytes.get(..HEADER_SIZE) else {
        return Err(truncated("the ELF header", HEADER_SIZE as u64, bytes.len()));
    };
    if header[4] != 2 {
        return Err(ReadError::Not64Bit);
    }
    let endian = match header[5] {
        1 => Endian::Little,
        2 => Endian::Big,
        other => return Err(ReadError::ByteOrder(other)),
    };
    let half = |at: usize| match endian {
        Endian::Little => u16::from_le_bytes([header[at], header[at + 1]]),
        Endian::Big => u16::from_be_bytes([header[at], header[at + 1]]),
    };
    match (half(18), half(16)) {
        (machine, _) if machine != EM_BPF.0 => Err(ReadError::Machine(machine)),
        (_, kind) if kind != ET_REL.0 => Err(ReadError::NotRelocatable(kind)),
        _ => Ok(endian),
    }
}

/// A file that was cut short lacks its section table first: it comes last.
fn check_section_table(
    header: &Header,
    endian: Endianness,
    length: usize,
) -> Result<(), ReadError> {
    let count = u64::from(header.e_shnum(endian));
    let size = count * u64::from(header.e_shentsize(endian));
    let end = header.e_shoff(endian).saturating_add(size);
    if end > length as u64 {
        return Err(truncated("the section table", end, length));
    }
    Ok(())
}

fn parse_sections<'data>(
    header: &Header,
    endian: Endianness,
    bytes: &'data [u8],
) -> Result<Vec<Section<'data>>, ReadError> {
    let table = header.sections(endian, bytes).map_err(elf_error)?;
    let names_index = header.section_strings_index(endian, bytes).map_err(elf_error)?;
    let names = if names_index == SectionIndex(0) {
        &[]
    } else {
        let section = table.section(names_index).map_err(elf_error)?;
        section.data(endian, bytes).map_err(elf_error)?
    };
    let mut sections = Vec::with_capacity(table.len());
    for (index, section) in table.enumerate() {
        let name = name_at(names, section.sh_name(endian))
            .ok_or_else(|| ReadError::Name(format!("section {}", index.0)))?;
        let size = section.sh_size(endian);
        let end = section.sh_offset(endian).saturating_add(size);
        let kind = section.sh_type(endian);
        let data = if kind == SHT_NOBITS || index.0 == 0 {
            &[]
        } else if end > bytes.len() as u64 {
            return Err(truncated(&format!("section `{name}`"), end, bytes.len()));
        } else {
            section.data(endian, bytes).map_err(elf_error)?
        };
        let flags = section.sh_flags(endian).0;
        let align = section.sh_addralign(endian);
        sections.push(Section { name, kind: kind.0, flags, size, align, data });
    }
    Ok(sections)
}

/// Symbols of sections in the file's order, and the others by their index.
type Symbols<'data> = (Vec<Symbol<'data>>, HashMap<usize, Extern<'data>>);

fn parse_symbols<'data>(
    table: &SymbolTable<'data, Header>,
    endian: Endianness,
    sections: &[Section<'data>],
) -> Result<Symbols<'data>, ReadError> {
    let names = sections.get(table.string_section().0).map_or(&[][..], |section| section.data);
    let mut symbols = Vec::with_capacity(table.len());
    let mut externs = HashMap::new();
    // The first entry is reserved and stands for no symbol (gABI, "Symbol
    // Table"), whatever it holds.
    for (index, symbol) in table.enumerate().skip(1) {
        let name = name_at(names, symbol.st_name(endian))
            .ok_or_else(|| ReadError::Name(format!("symbol {}", index.0)))?;
        let section = table.symbol_section(endian, symbol, index).map_err(elf_error)?;
        let Some(SectionIndex(section)) = section else {
            if symbol.st_shndx(endian) == SHN_UNDEF && !name.is_empty() {
                externs.insert(index.0, Extern { name, weak: symbol.st_bind() == STB_WEAK });
            }
            continue;
        };
        if section >= sections.len() {
            return Err(ReadError::Elf(format!("symbol `{name}` in no section ({section})")));
        }
        symbols.push(Symbol {
            index: index.0,
            name,
            kind: symbol.st_type().0,
            binding: match symbol.st_bind() {
                STB_GLOBAL => Binding::Global,
                STB_WEAK => Binding::Weak,
                _ => Binding::Static,
            },
            section,
            value: symbol.st_value(endian),
            size: symbol.st_size(endian),
        });
    }
    Ok((symbols, externs))
}

/// Reads all relocations; of two for one place the first counts.
fn parse_relocations(
    header: &Header,
    endian: Endianness,
    bytes: &[u8],
) -> Result<HashMap<(usize, u64), usize>, ReadError> {
    let table = header.sections(endian, bytes).map_err(elf_error)?;
    let mut relocations = HashMap::new();
    let mut left = bytes.len();
    for section in table.iter() {
        let applies_to = section.sh_info(endian) as usize;
        if let Some((entries, _)) = section.rel(endian, bytes).map_err(elf_error)? {
            // Sections may lie on top of each other, thousands of them.
            left = left.checked_sub(size_of_val(entries)).ok_or_else(overlap)?;
            for entry in entries {
                let place = (applies_to, entry.r_offset(endian));
                relocations.entry(place).or_insert(entry.r_sym(endian) as usize);
            }
        }
    }
    Ok(relocations)
}

/// What is said where bytes are claimed more than once, which could take time
/// and memory without end.
pub(crate) fn overlap() -> ReadError {
    ReadError::Elf("sections or functions overlap".to_owned())
}

fn truncated(what: &str, end: u64, length: usize) -> ReadError {
    ReadError::Truncated { what: what.to_owned(), end, length: length as u64 }
}

fn elf_error(error: object::read::Error) -> ReadError {
    ReadError::Elf(error.to_string())
}
