//! BTF, the type information of eBPF objects, as far as loaders need it.
//!
//! Parses the section `.BTF` of either byte order; the format is that of the
//! kernel's `Documentation/bpf/btf.rst`. The bytes are kept and decoded on
//! demand: whatever they hold, memory stays proportional to their length, and
//! a walk ends after [`DEPTH_MAX`] steps. Not here: `.BTF.ext`, which
//! `co_re` reads, and writing.

use std::fmt;

use bpf_arch::Endian;

use crate::elf::string_at;
use crate::error::BtfError;

/// As deep as the kernel resolves types.
pub(crate) const DEPTH_MAX: usize = 32;

const POINTER_SIZE: u64 = 8;
const HEADER_SIZE: usize = 24;
pub(crate) const MAGIC: u16 = 0xeb9f;

/// The kinds of types; the numbers are the format's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Void,
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    Datasec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
}

/// At index N the kind of number N: bytes that follow every type of it, and
/// bytes that follow per counted element.
static KINDS: [(Kind, usize, usize); 20] = [
    (Kind::Void, 0, 0),
    (Kind::Int, 4, 0),
    (Kind::Ptr, 0, 0),
    (Kind::Array, 12, 0),
    (Kind::Struct, 0, 12),
    (Kind::Union, 0, 12),
    (Kind::Enum, 0, 8),
    (Kind::Fwd, 0, 0),
    (Kind::Typedef, 0, 0),
    (Kind::Volatile, 0, 0),
    (Kind::Const, 0, 0),
    (Kind::Restrict, 0, 0),
    (Kind::Func, 0, 0),
    (Kind::FuncProto, 0, 8),
    (Kind::Var, 4, 0),
    (Kind::Datasec, 0, 12),
    (Kind::Float, 0, 0),
    (Kind::DeclTag, 4, 0),
    (Kind::TypeTag, 0, 0),
    (Kind::Enum64, 0, 12),
];

/// A type; what its kind adds is decoded on demand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Type {
    name: u32,
    pub(crate) kind: Kind,
    /// In a structure: member offsets hold the sizes of bit fields too.
    flag: bool,
    pub(crate) count: usize,
    /// The size, or the type that this one refers to.
    pub(crate) word: u32,
    /// Where in the types what the kind adds begins.
    rest: usize,
}

const VOID: Type = Type { name: 0, kind: Kind::Void, flag: false, count: 0, word: 0, rest: 0 };

/// Three numbers of an array, a member, or a variable in a section.
type Triple = [u32; 3];

/// A member of a structure.
pub(crate) struct Member<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: u32,
    /// In bits.
    pub(crate) offset: u32,
}

/// A variable of a section.
pub(crate) struct Variable<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: u32,
}

/// Parsed type information.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Btf {
    endian: Endian,
    types: Vec<Type>,
    type_data: Vec<u8>,
    strings: Vec<u8>,
}

impl fmt::Debug for Btf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Btf").field("types", &self.types.len()).finish_non_exhaustive()
    }
}

impl Btf {
    pub(crate) fn parse(section: &[u8], endian: Endian) -> Result<Btf, BtfError> {
        let header = section.get(..HEADER_SIZE).ok_or(BtfError::Truncated("header"))?;
        let magic = half(endian, [header[0], header[1]]);
        if magic != MAGIC {
            return Err(BtfError::Magic(magic));
        }
        if header[2] != 1 {
            return Err(BtfError::Version(header[2]));
        }
        let word = |at| word(endian, header, at).map(|word| word as usize);
        let body = word(4)
            .filter(|length| *length >= HEADER_SIZE)
            .and_then(|length| section.get(length..))
            .ok_or(BtfError::Truncated("header"))?;
        let part = |at| {
            let (start, length) = (word(at)?, word(at + 4)?);
            body.get(start..start.checked_add(length)?)
        };
        let type_data = part(8).ok_or(BtfError::Truncated("types"))?;
        let strings = part(16).ok_or(BtfError::Truncated("strings"))?;
        if strings.first() != Some(&0) || strings.last() != Some(&0) {
            return Err(BtfError::Strings);
        }
        let types = parse_types(endian, type_data)?;
        Ok(Btf { endian, types, type_data: type_data.to_vec(), strings: strings.to_vec() })
    }

    /// Returns the byte order of everything.
    pub(crate) fn endian(&self) -> Endian {
        self.endian
    }

    /// Returns the numbers of all types of a kind.
    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = (u32, &Type)> {
        (0u32..).zip(&self.types).filter(move |(_, of)| of.kind == kind)
    }

    pub(crate) fn get(&self, id: u32) -> Result<&Type, BtfError> {
        usize::try_from(id).ok().and_then(|at| self.types.get(at)).ok_or(BtfError::NoType(id))
    }

    pub(crate) fn name(&self, of: &Type) -> Result<&str, BtfError> {
        self.string(of.name)
    }

    pub(crate) fn string(&self, offset: u32) -> Result<&str, BtfError> {
        string_at(&self.strings, offset as usize).ok_or(BtfError::Name(offset))
    }

    /// Returns the type behind `typedef`, `const` and the like.
    pub(crate) fn plain(&self, id: u32) -> Result<(u32, &Type), BtfError> {
        let mut at = id;
        for _ in 0..DEPTH_MAX {
            let of = self.get(at)?;
            match of.kind {
                Kind::Typedef
                | Kind::Volatile
                | Kind::Const
                | Kind::Restrict
                | Kind::TypeTag
                | Kind::Var => at = of.word,
                _ => return Ok((at, of)),
            }
        }
        Err(BtfError::TooDeep(id))
    }

    /// Returns the size in bytes of a variable of that type.
    pub(crate) fn size(&self, id: u32) -> Result<u64, BtfError> {
        let mut factor = 1u64;
        let mut at = id;
        for _ in 0..DEPTH_MAX {
            let (_, of) = self.plain(at)?;
            let size = match of.kind {
                Kind::Int
                | Kind::Struct
                | Kind::Union
                | Kind::Enum
                | Kind::Enum64
                | Kind::Float
                | Kind::Datasec => u64::from(of.word),
                Kind::Ptr => POINTER_SIZE,
                Kind::Array => {
                    let (element, count) = self.array(of)?;
                    factor = factor.checked_mul(u64::from(count)).ok_or(BtfError::NoSize(id))?;
                    at = element;
                    continue;
                }
                _ => return Err(BtfError::NoSize(id)),
            };
            return factor.checked_mul(size).ok_or(BtfError::NoSize(id));
        }
        Err(BtfError::TooDeep(id))
    }

    /// Returns an array's element type and count.
    pub(crate) fn array(&self, of: &Type) -> Result<(u32, u32), BtfError> {
        let [element, _index, count] = self.triple(of, 0)?;
        Ok((element, count))
    }

    /// Returns the members of a structure or union.
    pub(crate) fn members<'a>(
        &'a self,
        of: &'a Type,
    ) -> impl Iterator<Item = Result<Member<'a>, BtfError>> {
        (0..of.count).map_while(move |index| self.member(of, index))
    }

    /// Returns one member of a structure or union.
    pub(crate) fn member<'a>(
        &'a self,
        of: &'a Type,
        index: usize,
    ) -> Option<Result<Member<'a>, BtfError>> {
        let read = || {
            let [name, kind, offset] = self.triple(of, index)?;
            let offset = if of.flag { offset & 0x00ff_ffff } else { offset };
            Ok(Member { name: self.string(name)?, kind, offset })
        };
        (index < of.count).then(read)
    }

    /// Returns the name of one value of an enumeration.
    pub(crate) fn enumerator(&self, of: &Type, index: usize) -> Option<Result<&str, BtfError>> {
        let size = match of.kind {
            Kind::Enum => 8,
            Kind::Enum64 => 12,
            _ => return None,
        };
        let name = || word(self.endian, &self.type_data, of.rest + index * size);
        let name = || name().ok_or(BtfError::Truncated("type"));
        (index < of.count).then(|| self.string(name()?))
    }

    /// Returns the variables of a section.
    pub(crate) fn variables<'a>(
        &'a self,
        of: &'a Type,
    ) -> impl Iterator<Item = Result<Variable<'a>, BtfError>> {
        (0..of.count).map(move |i| {
            let [variable, _offset, _size] = self.triple(of, i)?;
            let of = self.get(variable)?;
            Ok(Variable { name: self.name(of)?, kind: of.word })
        })
    }

    /// Returns the `N` of a type `int (*)[N]`, which is how C says a number
    /// by a type, for map definitions and metadata.
    pub(crate) fn number(&self, id: u32) -> Result<Option<u32>, BtfError> {
        let (_, pointer) = self.plain(id)?;
        if pointer.kind != Kind::Ptr {
            return Ok(None);
        }
        let (_, array) = self.plain(pointer.word)?;
        if array.kind != Kind::Array {
            return Ok(None);
        }
        self.array(array).map(|(_, count)| Some(count))
    }

    /// Returns how C would write the type, without qualifiers.
    pub(crate) fn spell(&self, id: u32) -> Result<String, BtfError> {
        // C writes the outermost type innermost: around the variable's name,
        // or here, around nothing.
        let mut around = String::new();
        let mut at = id;
        for _ in 0..DEPTH_MAX {
            let of = self.get(at)?;
            let keyword = match of.kind {
                Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag | Kind::Var => {
                    at = of.word;
                    continue;
                }
                Kind::Ptr => {
                    around.insert(0, '*');
                    at = of.word;
                    continue;
                }
                Kind::Array => {
                    let (element, count) = self.array(of)?;
                    if around.starts_with('*') {
                        around = format!("({around})");
                    }
                    around += &format!("[{count}]");
                    at = element;
                    continue;
                }
                Kind::Union => "union ",
                // A forward declaration's flag tells a union.
                Kind::Fwd if of.flag => "union ",
                Kind::Struct | Kind::Fwd => "struct ",
                Kind::Enum | Kind::Enum64 => "enum ",
                _ => "",
            };
            let name = match (of.kind, self.name(of)?) {
                (Kind::Void, _) => "void",
                (Kind::FuncProto, _) => "(function)",
                (_, "") => "(anonymous)",
                (_, name) => name,
            };
            let space = if around.starts_with(['*', '(']) { " " } else { "" };
            return Ok(format!("{keyword}{name}{space}{around}"));
        }
        Err(BtfError::TooDeep(id))
    }

    fn triple(&self, of: &Type, index: usize) -> Result<Triple, BtfError> {
        let at = of.rest + index * 12;
        let word = |at| word(self.endian, &self.type_data, at);
        match (word(at), word(at + 4), word(at + 8)) {
            (Some(a), Some(b), Some(c)) => Ok([a, b, c]),
            _ => Err(BtfError::Truncated("type")),
        }
    }
}

fn parse_types(endian: Endian, data: &[u8]) -> Result<Vec<Type>, BtfError> {
    let mut types = vec![VOID];
    let mut at = 0;
    while at < data.len() {
        let word = |offset| word(endian, data, at + offset).ok_or(BtfError::Truncated("type"));
        let (name, info, size_or_type) = (word(0)?, word(4)?, word(8)?);
        let number = (info >> 24) & 0x1f;
        let Some((kind, fixed, each)) = KINDS.get(number as usize).filter(|_| number != 0) else {
            // No overflow: every type took 12 bytes of a section whose
            // lengths are 32 bits wide.
            return Err(BtfError::Kind { id: types.len() as u32, kind: number });
        };
        let count = (info & 0xffff) as usize;
        let rest = at + 12;
        at = rest + fixed + each * count;
        if at > data.len() {
            return Err(BtfError::Truncated("type"));
        }
        let flag = info >> 31 == 1;
        types.push(Type { name, kind: *kind, flag, count, word: size_or_type, rest });
    }
    Ok(types)
}

pub(crate) fn half(endian: Endian, bytes: [u8; 2]) -> u16 {
    match endian {
        Endian::Little => u16::from_le_bytes(bytes),
        Endian::Big => u16::from_be_bytes(bytes),
    }
}

pub(crate) fn word(endian: Endian, data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(match endian {
        Endian::Little => u32::from_le_bytes(bytes),
        Endian::Big => u32::from_be_bytes(bytes),
    })
}
