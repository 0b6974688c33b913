//! An object as JSON: what a loader finds in it, and what it asks for.

use bpf_object::{CoreRelocation, Global, Map, ObjectInfo, Program, Subprogram};
use oci::Digest;
use serde::Serialize;

/// What an object holds. Every list is in the order of the file.
#[derive(Serialize)]
pub(super) struct ObjectReport {
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) digest: String,
    pub(super) endian: String,
    pub(super) license: Option<String>,
    /// How many bytes of BTF it has.
    pub(super) btf: Option<u64>,
    pub(super) dwarf: bool,
    /// The version of the instruction set that its code needs.
    pub(super) isa: String,
    /// The lowest kernel that is implied, and by what; not that it runs there.
    pub(super) implied_kernel: Option<Implied>,
    /// Everything that implies a kernel, the latest first.
    implies: Vec<Implied>,
    /// What implies a kernel too, but which is not known.
    pub(super) implies_unknown: Vec<String>,
    pub(super) sections: Vec<SectionReport>,
    pub(super) programs: Vec<ProgramReport>,
    subprograms: Vec<SubprogramReport>,
    pub(super) maps: Vec<MapReport>,
    pub(super) globals: Vec<GlobalReport>,
    pub(super) core: Vec<CoreReport>,
}

/// A kernel version, and what implies it.
#[derive(Clone, Serialize)]
pub(super) struct Implied {
    pub(super) kernel: String,
    pub(super) because: String,
}

/// A section of the file.
#[derive(Serialize)]
pub(super) struct SectionReport {
    pub(super) name: String,
    #[serde(rename = "kind")]
    kind_word: String,
    pub(super) size: u64,
    #[serde(skip)]
    pub(super) kind: bpf_object::SectionKind,
}

/// A function that is loaded by its name.
#[derive(Serialize)]
pub(super) struct ProgramReport {
    pub(super) name: String,
    pub(super) section: String,
    /// Absent where no loader infers one.
    #[serde(rename = "type")]
    pub(super) kind: Option<&'static str>,
    pub(super) instructions: usize,
    on_demand: bool,
    #[serde(flatten)]
    pub(super) code: CodeReport,
}

/// A function that programs call.
#[derive(Serialize)]
struct SubprogramReport {
    name: String,
    instructions: usize,
    #[serde(flatten)]
    code: CodeReport,
}

/// What a function calls.
#[derive(Serialize)]
pub(super) struct CodeReport {
    pub(super) helpers: Vec<String>,
    pub(super) kernel_functions: Vec<String>,
    calls: Vec<String>,
}

/// A map.
#[derive(Serialize)]
pub(super) struct MapReport {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    flags: u32,
    pinned_by_name: bool,
    /// Whether it holds the program's own variables.
    pub(super) internal: bool,
}

/// A variable that can be set before the programs are loaded.
#[derive(Serialize)]
pub(super) struct GlobalReport {
    pub(super) name: String,
    pub(super) section: String,
    #[serde(rename = "type")]
    pub(super) type_name: Option<String>,
    pub(super) size: u64,
}

/// What is asked of the kernel's types.
#[derive(Serialize)]
pub(super) struct CoreReport {
    function: Option<String>,
    kind: String,
    pub(super) access: String,
}

impl ObjectReport {
    pub(super) fn new(file: String, bytes: &[u8], info: &ObjectInfo) -> ObjectReport {
        let requirements = info.requirements();
        let implies: Vec<Implied> = requirements
            .known
            .into_iter()
            .map(|of| Implied { kernel: of.kernel.to_string(), because: of.because })
            .collect();
        let section = |section: &bpf_object::Section| SectionReport {
            name: section.name.clone(),
            kind_word: section.kind.to_string(),
            size: section.size,
            kind: section.kind,
        };
        ObjectReport {
            file,
            size: bytes.len() as u64,
            digest: Digest::of(bytes).to_string(),
            endian: info.endian.to_string(),
            license: info.license.clone(),
            btf: info.btf_size(),
            dwarf: info.has_dwarf(),
            isa: info.isa().to_string(),
            implied_kernel: implies.first().cloned(),
            implies,
            implies_unknown: requirements.unknown,
            sections: info.sections.iter().map(section).collect(),
            programs: info.programs.iter().map(ProgramReport::new).collect(),
            subprograms: info.subprograms.iter().map(SubprogramReport::new).collect(),
            maps: info.maps.iter().map(MapReport::new).collect(),
            globals: info.globals.iter().map(GlobalReport::new).collect(),
            core: info.core.iter().map(CoreReport::new).collect(),
        }
    }

    /// Returns everything that its code calls beyond itself, each thing once:
    /// helpers, then functions of the kernel.
    pub(super) fn calls(&self) -> [Vec<&str>; 2] {
        let code = || {
            let programs = self.programs.iter().map(|program| &program.code);
            programs.chain(self.subprograms.iter().map(|subprogram| &subprogram.code))
        };
        let mut helpers: Vec<&str> =
            code().flat_map(|code| &code.helpers).map(String::as_str).collect();
        let mut functions: Vec<&str> =
            code().flat_map(|code| &code.kernel_functions).map(String::as_str).collect();
        for names in [&mut helpers, &mut functions] {
            names.sort_unstable();
            names.dedup();
        }
        [helpers, functions]
    }
}

impl ProgramReport {
    fn new(program: &Program) -> ProgramReport {
        ProgramReport {
            name: program.name.clone(),
            section: program.section.clone(),
            kind: program.kind.map(|kind| kind.label()),
            instructions: program.instructions,
            on_demand: program.on_demand(),
            code: CodeReport::new(&program.code),
        }
    }
}

impl SubprogramReport {
    fn new(subprogram: &Subprogram) -> SubprogramReport {
        SubprogramReport {
            name: subprogram.name.clone(),
            instructions: subprogram.instructions,
            code: CodeReport::new(&subprogram.code),
        }
    }
}

impl CodeReport {
    fn new(code: &bpf_object::Code) -> CodeReport {
        CodeReport {
            helpers: code.helpers.iter().map(ToString::to_string).collect(),
            kernel_functions: code.kfuncs.iter().map(|kfunc| kfunc.name.clone()).collect(),
            calls: code.calls.clone(),
        }
    }
}

impl MapReport {
    fn new(map: &Map) -> MapReport {
        MapReport {
            name: map.name.clone(),
            kind: map.kind.to_string(),
            key_size: map.key_size,
            value_size: map.value_size,
            max_entries: map.max_entries,
            flags: map.flags,
            pinned_by_name: map.pinned_by_name,
            internal: map.internal,
        }
    }
}

impl GlobalReport {
    fn new(global: &Global) -> GlobalReport {
        GlobalReport {
            name: global.name.clone(),
            section: global.section.clone(),
            type_name: global.type_name.clone(),
            size: global.size,
        }
    }
}

impl CoreReport {
    fn new(relocation: &CoreRelocation) -> CoreReport {
        CoreReport {
            function: relocation.function.clone(),
            kind: relocation.kind.to_string(),
            access: relocation.to_string(),
        }
    }
}
