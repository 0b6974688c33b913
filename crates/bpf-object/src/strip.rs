//! Removes DWARF from an object and leaves everything loaders read, BTF
//! included, as `llvm-strip -g` does but without a process.

use object::build::elf::{Builder, SectionData};
use object::elf::{
    SHT_NOBITS, SHT_NULL, SHT_PROGBITS, SHT_REL, SHT_RELA, SHT_STRTAB, SHT_SYMTAB, STT_FILE,
};

use crate::StripError;
use crate::elf::{Elf, Section, is_dwarf};

/// No section of an object asks for more; padding to a hostile alignment
/// would fill the memory.
const ALIGN_MAX: u64 = 4096;

/// The types of sections that compilers put into eBPF objects and that can be
/// rewritten when indices of sections and symbols change.
const REWRITABLE: [u32; 7] =
    [SHT_NULL.0, SHT_PROGBITS.0, SHT_SYMTAB.0, SHT_STRTAB.0, SHT_RELA.0, SHT_NOBITS.0, SHT_REL.0];

/// Returns the object without its DWARF sections, their relocations and
/// symbols, and without the name of the source file.
///
/// The result depends on the bytes alone. An object that has nothing to
/// remove comes back as it is, so stripping twice is stripping once.
///
/// # Errors
///
/// Fails where [`crate::read`] refuses the ELF file, and where it holds a
/// section that cannot be rewritten: clang's `.llvm_addrsig`, for one, which
/// `-fno-addrsig` prevents.
pub fn strip_debug(bytes: &[u8]) -> Result<Vec<u8>, StripError> {
    let elf = Elf::parse(bytes)?;
    let has_dwarf = elf.sections.iter().any(|section| is_dwarf(section.name.as_bytes()));
    if !has_dwarf && !elf.has_file_symbol {
        return Ok(bytes.to_vec());
    }
    elf.sections.iter().try_for_each(check)?;
    rewrite(bytes)
}

fn check(section: &Section<'_>) -> Result<(), StripError> {
    let name = || section.name.to_owned();
    if !REWRITABLE.contains(&section.kind) {
        return Err(StripError::Section { name: name(), kind: section.kind });
    }
    if section.align > ALIGN_MAX || !section.align.max(1).is_power_of_two() {
        return Err(StripError::Alignment { name: name(), align: section.align });
    }
    Ok(())
}

fn rewrite(bytes: &[u8]) -> Result<Vec<u8>, StripError> {
    let failed = |error: object::build::Error| StripError::Rewrite(error.to_string());
    let mut object = Builder::read(bytes).map_err(failed)?;
    link_relocations(&mut object);
    for section in &mut object.sections {
        section.delete = is_dwarf(&section.name);
        // ELF allows 0 for "none", the writer does not.
        section.sh_addralign = section.sh_addralign.max(1);
    }
    for symbol in &mut object.symbols {
        symbol.delete = symbol.st_type() == STT_FILE;
    }
    object.delete_orphan_symbols();
    check_relocations(&object)?;
    let has_names = |data: &SectionData<'_>| matches!(data, SectionData::SectionString);
    if !object.sections.iter().any(|section| !section.delete && has_names(&section.data)) {
        // LLVM keeps the names of sections among those of symbols, which
        // the writer does not.
        let names = object.sections.add();
        names.name = ".shstrtab".into();
        names.sh_type = SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    let mut stripped = Vec::new();
    object.write(&mut stripped).map_err(failed)?;
    Ok(stripped)
}

/// Makes relocations follow the section that they apply to, whose index
/// changes. The writer does it by itself only where a flag says that the
/// field is an index, and LLVM sets that flag only in later versions.
fn link_relocations(object: &mut Builder<'_>) {
    let ids: Vec<_> = object.sections.iter().map(|section| section.id()).collect();
    for section in &mut object.sections {
        if matches!(section.sh_type, SHT_REL | SHT_RELA) && section.sh_info_section.is_none() {
            let index =
                section.sh_info.checked_sub(1).and_then(|index| usize::try_from(index).ok());
            section.sh_info_section = index.and_then(|index| ids.get(index)).copied();
        }
    }
}

/// A relocation that stays must not lose its symbol: the writer would let it
/// refer to none, and say nothing.
fn check_relocations(object: &Builder<'_>) -> Result<(), StripError> {
    for section in object.sections.iter().filter(|section| !section.delete) {
        let SectionData::Relocation(relocations) = &section.data else { continue };
        let symbols = relocations.iter().filter_map(|relocation| relocation.symbol);
        for symbol in symbols.map(|id| object.symbols.get(id)) {
            if symbol.delete {
                let (section, symbol) = (&section.name, &symbol.name);
                let message = format!("`{section}` refers to `{symbol}`, which is debug data");
                return Err(StripError::Rewrite(message));
            }
        }
    }
    Ok(())
}
