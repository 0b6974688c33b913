//! The maps of an object, however it defines them.
//!
//! Three ways: a variable in `.maps` whose type spells the attributes, a
//! structure of numbers in `maps` as old sources have it, and the data
//! sections, for which loaders make a map each.

use bpf_arch::Endian;
use object::elf::STT_OBJECT;

use crate::btf::{Btf, Kind, Variable};
use crate::elf::{Elf, Section};
use crate::error::MapError;
use crate::{MapKind, ReadError};

/// More members than the attributes that loaders know, several times over.
const MEMBERS_MAX: usize = 64;

/// `LIBBPF_PIN_BY_NAME`.
const PIN_BY_NAME: u32 = 1;

/// `BPF_F_RDONLY_PROG`: programs may only read it.
const READ_ONLY: u32 = 1 << 7;

/// How an object defines a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapOrigin {
    /// By a variable in `.maps` and its BTF.
    Btf,
    /// By a structure in `maps`; libbpf from 1.0 on refuses it.
    Legacy,
    /// By a section of variables.
    Data,
}

/// A map that a loader makes for the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The name of the variable, or of the section for [`MapOrigin::Data`].
    pub name: String,
    /// The type.
    pub kind: MapKind,
    /// The size of a key in bytes, 0 where the kind has none.
    pub key_size: u32,
    /// The size of a value in bytes, 0 where the kind has none, and for
    /// `.kconfig`, which loaders lay out themselves.
    pub value_size: u32,
    /// How many entries it takes, 0 where the loader decides.
    pub max_entries: u32,
    /// The flags of `BPF_MAP_CREATE`.
    pub flags: u32,
    /// Whether loaders are asked to pin it under its name.
    pub pinned_by_name: bool,
    /// How the object defines it.
    pub origin: MapOrigin,
    /// Whether it holds the program's own data, so that labels leave it out.
    pub internal: bool,
}

impl Map {
    fn new(name: &str, origin: MapOrigin) -> Map {
        // Rust's and Go's rule of what is internal, both.
        let internal = name.starts_with('.')
            || [".rodata", ".bss", ".data"].iter().any(|part| name.contains(part));
        Map {
            name: name.to_owned(),
            kind: MapKind(0),
            key_size: 0,
            value_size: 0,
            max_entries: 0,
            flags: 0,
            pinned_by_name: false,
            origin,
            internal,
        }
    }
}

/// Returns whether loaders make a map of the section.
pub(crate) fn is_data(section: &Section<'_>) -> bool {
    let kind = section.name.strip_prefix('.').and_then(|name| name.split('.').next());
    section.size != 0 && matches!(kind, Some("rodata" | "data" | "bss"))
}

/// Returns the maps in the order of their definitions: `.maps`, `maps`, the
/// data sections.
pub(crate) fn read(elf: &Elf<'_>, btf: Option<&Btf>) -> Result<Vec<Map>, ReadError> {
    let mut maps = typed_maps(elf, btf)?;
    legacy_maps(elf, &mut maps)?;
    for section in elf.sections.iter().filter(|section| is_data(section)) {
        let mut map = Map::new(section.name, MapOrigin::Data);
        map.value_size = fit(section.size).map_err(|reason| at(section.name, reason))?;
        if section.name.starts_with(".rodata") {
            map.flags = READ_ONLY;
        }
        maps.push(data_map(map));
    }
    if let Some(btf) = btf
        && has_section(btf, ".kconfig")?
    {
        let map = Map { flags: READ_ONLY, ..Map::new(".kconfig", MapOrigin::Data) };
        maps.push(data_map(map));
    }
    Ok(maps)
}

fn data_map(map: Map) -> Map {
    Map { kind: MapKind::ARRAY, key_size: 4, max_entries: 1, ..map }
}

fn has_section(btf: &Btf, name: &str) -> Result<bool, ReadError> {
    for (_, section) in btf.all(Kind::Datasec) {
        if btf.name(section)? == name {
            return Ok(true);
        }
    }
    Ok(false)
}

fn typed_maps(elf: &Elf<'_>, btf: Option<&Btf>) -> Result<Vec<Map>, ReadError> {
    let is_typed = |section: &Section<'_>| section.name == ".maps" && section.size != 0;
    let mut maps = Vec::new();
    if let Some(btf) = btf {
        for (_, section) in btf.all(Kind::Datasec) {
            if btf.name(section)? == ".maps" {
                for variable in btf.variables(section) {
                    let variable = variable?;
                    let map = typed_map(btf, &variable);
                    maps.push(map.map_err(|reason| at(variable.name, reason))?);
                }
            }
        }
    }
    if maps.is_empty() && elf.sections.iter().any(is_typed) {
        return Err(ReadError::UntypedMaps);
    }
    Ok(maps)
}

/// Reads the attributes from the type of a map's variable. Members that say
/// nothing about a label are left to the loader's judgement.
fn typed_map(btf: &Btf, variable: &Variable<'_>) -> Result<Map, MapError> {
    let mut map = Map::new(variable.name, MapOrigin::Btf);
    let (_, definition) = btf.plain(variable.kind)?;
    if definition.kind != Kind::Struct {
        return Err(MapError::NotAStruct);
    }
    if definition.count > MEMBERS_MAX {
        return Err(MapError::TooManyMembers(definition.count));
    }
    for member in btf.members(definition) {
        let member = member?;
        let number = || {
            let not_a_number = || MapError::NotANumber { member: member.name.to_owned() };
            btf.number(member.kind)?.ok_or_else(not_a_number)
        };
        match member.name {
            "type" => map.kind = MapKind(number()?),
            "key_size" => map.key_size = number()?,
            "value_size" => map.value_size = number()?,
            "max_entries" => map.max_entries = number()?,
            "map_flags" => map.flags = number()?,
            "pinning" => map.pinned_by_name = number()? == PIN_BY_NAME,
            "key" => map.key_size = pointed_size(btf, member.kind)?,
            "value" => map.value_size = pointed_size(btf, member.kind)?,
            // Maps or programs, which a value names by a 32-bit number.
            "values" => map.value_size = 4,
            _ => {}
        }
    }
    Ok(map)
}

/// Returns the size of what a member points to: `key` and `value` are
/// pointers that are never followed.
fn pointed_size(btf: &Btf, id: u32) -> Result<u32, MapError> {
    let (id, pointer) = btf.plain(id)?;
    if pointer.kind != Kind::Ptr {
        return Err(crate::BtfError::NoSize(id).into());
    }
    fit(btf.size(pointer.word)?)
}

fn legacy_maps(elf: &Elf<'_>, maps: &mut Vec<Map>) -> Result<(), ReadError> {
    for (symbol, section) in elf.symbols_in_order(STT_OBJECT.0) {
        if section.name != "maps" && !section.name.starts_with("maps/") {
            continue;
        }
        let start = usize::try_from(symbol.value).unwrap_or(usize::MAX);
        let size = usize::try_from(symbol.size).unwrap_or(usize::MAX);
        let bytes = section.data.get(start..start.saturating_add(size)).unwrap_or_default();
        let map = legacy_map(symbol.name, bytes, elf.endian)
            .ok_or_else(|| at(symbol.name, MapError::Short(bytes.len() as u64)))?;
        maps.push(map);
    }
    Ok(())
}

/// Reads `struct bpf_map_def`: five numbers, and in some sources an id and
/// a pinning after them.
fn legacy_map(name: &str, bytes: &[u8], endian: Endian) -> Option<Map> {
    let number = |index: usize| {
        let bytes = bytes.get(index * 4..index * 4 + 4)?.try_into().ok()?;
        Some(match endian {
            Endian::Little => u32::from_le_bytes(bytes),
            Endian::Big => u32::from_be_bytes(bytes),
        })
    };
    Some(Map {
        kind: MapKind(number(0)?),
        key_size: number(1)?,
        value_size: number(2)?,
        max_entries: number(3)?,
        flags: number(4)?,
        pinned_by_name: number(6) == Some(PIN_BY_NAME),
        ..Map::new(name, MapOrigin::Legacy)
    })
}

fn fit(size: u64) -> Result<u32, MapError> {
    u32::try_from(size).map_err(|_| MapError::TooLarge(size))
}

fn at(name: &str, reason: MapError) -> ReadError {
    ReadError::Map { name: name.to_owned(), reason }
}
