//! The variables of an object: where each lies, and how its type is laid out.

use std::collections::HashMap;

use object::elf::STT_OBJECT;

use crate::btf::{Btf, Kind};
use crate::elf::Elf;
use crate::{Binding, BtfError, ReadError, map};

/// A variable in one of the sections that loaders make maps of.
///
/// A loader may set it before it loads the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// The name of the variable.
    pub name: String,
    /// Its section, such as `.rodata`.
    pub section: String,
    /// Its type as C writes it, without qualifiers; `None` without BTF.
    pub type_name: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Where in the section it starts.
    pub offset: u64,
    /// The binding of its symbol. cilium/ebpf does not see
    /// [`Binding::Static`] ones.
    pub binding: Binding,
}

/// How a variable's type is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The size of the whole in bytes.
    pub size: u64,
    /// The members in their order; none where the type is no structure.
    pub members: Vec<Member>,
}

/// A member of a structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, empty for an anonymous structure or union.
    pub name: String,
    /// Where in the structure it starts, in bytes; a bit field's first byte.
    pub offset: u64,
    /// The size of its type in bytes.
    pub size: u64,
}

/// Returns the variables in the order of section and offset.
pub(crate) fn read(elf: &Elf<'_>, btf: Option<&Btf>) -> Result<Vec<Global>, ReadError> {
    let types = match btf {
        Some(btf) => types_by_place(btf)?,
        None => HashMap::new(),
    };
    let mut globals = Vec::new();
    for (symbol, section) in elf.symbols_in_order(STT_OBJECT.0) {
        if !map::is_data(section) {
            continue;
        }
        let type_name = match (btf, types.get(&(section.name, symbol.name))) {
            (Some(btf), Some(id)) => Some(btf.spell(*id)?),
            _ => None,
        };
        globals.push(Global {
            name: symbol.name.to_owned(),
            section: section.name.to_owned(),
            type_name,
            size: symbol.size,
            offset: symbol.value,
            binding: symbol.binding,
        });
    }
    Ok(globals)
}

/// Returns the type of every variable by its section and name. Offsets do
/// not serve: in an object file, BTF leaves those of global variables to be
/// relocated.
fn types_by_place(btf: &Btf) -> Result<HashMap<(&str, &str), u32>, BtfError> {
    let mut types = HashMap::new();
    for (_, section) in btf.all(Kind::Datasec) {
        let name = btf.name(section)?;
        for variable in btf.variables(section) {
            let variable = variable?;
            types.entry((name, variable.name)).or_insert(variable.kind);
        }
    }
    Ok(types)
}

/// Returns the layout of the variable's type, if there is such a variable
/// with a size.
pub(crate) fn layout(btf: &Btf, variable: &str) -> Option<Layout> {
    let named = |(_, of): &(u32, &crate::btf::Type)| btf.name(of) == Ok(variable);
    let (id, _) = btf.all(Kind::Var).find(named)?;
    let size = btf.size(id).ok()?;
    let (_, of) = btf.plain(id).ok()?;
    let mut members = Vec::new();
    if matches!(of.kind, Kind::Struct | Kind::Union) {
        for member in btf.members(of) {
            let member = member.ok()?;
            members.push(Member {
                name: member.name.to_owned(),
                offset: u64::from(member.offset / 8),
                size: btf.size(member.kind).ok()?,
            });
        }
    }
    Some(Layout { size, members })
}

/// Returns the number that a variable's type encodes, as
/// `__uint(dispatcher_version, 2) SEC("xdp_metadata")` has it.
pub(crate) fn metadata(btf: &Btf, section: &str, variable: &str) -> Option<u32> {
    let named = |(_, of): &(u32, &crate::btf::Type)| btf.name(of) == Ok(section);
    let (_, of) = btf.all(Kind::Datasec).find(named)?;
    let found = btf.variables(of).flatten().find(|found| found.name == variable)?;
    btf.number(found.kind).ok()?
}
