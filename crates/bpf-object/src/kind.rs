//! What programs, maps and sections are, and the words for them: for programs
//! and maps those by which labels call them.
//!
//! The labels' words are those of published images: the labels `io.ebpf.programs`
//! and `io.ebpf.maps` are made of them. Which section stands for which kind
//! of program is told by [`crate::section`].

use std::borrow::Cow;
use std::fmt;

use object::elf::{SHT_REL, SHT_RELA, SHT_STRTAB, SHT_SYMTAB};

use crate::elf::{Section, is_dwarf};
use crate::map;

/// The type that a label gives a program.
///
/// The order is that of the kernel's `enum bpf_prog_type`, from its 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is named by its label")]
pub enum ProgramKind {
    SocketFilter,
    Probe,
    Tc,
    SchedAct,
    Tracepoint,
    Xdp,
    PerfEvent,
    CgroupSkb,
    CgroupSock,
    LwtIn,
    LwtOut,
    LwtXmit,
    SockOps,
    SkSkb,
    CgroupDevice,
    SkMsg,
    RawTracepoint,
    CgroupSockAddr,
    LwtSeg6local,
    LircMode2,
    SkReuseport,
    FlowDissector,
    CgroupSysctl,
    RawTracepointWritable,
    CgroupSockopt,
    Tracing,
    StructOps,
    Ext,
    Lsm,
    SkLookup,
    Syscall,
    Netfilter,
}

/// In the order of [`ProgramKind`].
static PROGRAM_LABELS: [&str; 32] = [
    "socket_filter",
    "probe",
    "tc",
    "sched_act",
    "tracepoint",
    "xdp",
    "perf_event",
    "cgroup_skb",
    "cgroup_sock",
    "lwt_in",
    "lwt_out",
    "lwt_xmit",
    "sock_ops",
    "sk_skb",
    "cgroup_device",
    "sk_msg",
    "raw_tracepoint",
    "cgroup_sock_addr",
    "lwt_seg6local",
    "lirc_mode2",
    "sk_reuseport",
    "flow_dissector",
    "cgroup_sysctl",
    "raw_tracepoint_writable",
    "cgroup_sockopt",
    "tracing",
    "struct_ops",
    "ext",
    "lsm",
    "sk_lookup",
    "syscall",
    "netfilter",
];

impl ProgramKind {
    /// Returns the kind of the programs in a section, by any loader that
    /// infers one; `None` where none does.
    ///
    /// Which loader does, and why another does not, is told by
    /// [`crate::section::loaders`].
    pub fn from_section(section: &str) -> Option<ProgramKind> {
        crate::section::loaders(section).into_iter().find_map(|(_, verdict)| verdict.ok())
    }

    /// Returns the word for labels, such as `probe`.
    pub fn label(self) -> &'static str {
        PROGRAM_LABELS[self as usize]
    }
}

impl fmt::Display for ProgramKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A map's type: a number of the kernel's `enum bpf_map_type`.
///
/// A number rather than an enumeration, since kernels add types and an object
/// of tomorrow is to be packaged today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapKind(pub u32);

/// At index N the label of map type N.
static MAP_LABELS: [&str; 34] = [
    "unspec",
    "hash",
    "array",
    "prog_array",
    "perf_event_array",
    "per_cpu_hash",
    "per_cpu_array",
    "stack_trace",
    "cgroup_array",
    "lru_hash",
    "lru_per_cpu_hash",
    "lpm_trie",
    "array_of_maps",
    "hash_of_maps",
    "devmap",
    "sockmap",
    "cpumap",
    "xskmap",
    "sockhash",
    "cgroup_storage",
    "reuseport_sockarray",
    "per_cpu_cgroup_storage",
    "queue",
    "stack",
    "sk_storage",
    "devmap_hash",
    "struct_ops",
    "ringbuf",
    "inode_storage",
    "task_storage",
    "bloom_filter",
    "user_ringbuf",
    "cgrp_storage",
    "arena",
];

impl MapKind {
    /// The kind of the maps that hold a program's data sections.
    pub const ARRAY: MapKind = MapKind(2);

    /// Returns the word for labels, such as `per_cpu_array`.
    ///
    /// A type without a word is `maptype(N)`, which is what the Go tools
    /// call it.
    pub fn label(self) -> Cow<'static, str> {
        let known = usize::try_from(self.0).ok().and_then(|number| MAP_LABELS.get(number));
        match known {
            Some(label) => Cow::Borrowed(label),
            None => Cow::Owned(format!("maptype({})", self.0)),
        }
    }
}

impl fmt::Display for MapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// The code of programs.
    Programs,
    /// The code of functions that programs call.
    Subprograms,
    /// The definitions of maps.
    Maps,
    /// Variables, of which loaders make a map.
    Data,
    /// The licence.
    License,
    /// Types.
    Btf,
    /// What BTF says of the code: lines, and relocations against types.
    BtfExt,
    /// What the linker or loader has to fill in.
    Relocations,
    /// The names of functions and variables.
    Symbols,
    /// The bytes of names.
    Strings,
    /// Debug information, which loaders do not read.
    Dwarf,
    /// Something else.
    Other,
}

/// In the order of [`SectionKind`].
static SECTION_WORDS: [&str; 12] = [
    "programs",
    "subprograms",
    "maps",
    "data",
    "licence",
    "BTF",
    "BTF extension",
    "relocations",
    "symbols",
    "strings",
    "DWARF",
    "other",
];

impl SectionKind {
    pub(crate) fn of(section: &Section<'_>) -> SectionKind {
        match (section.name, section.kind) {
            (name, _) if is_dwarf(name.as_bytes()) => SectionKind::Dwarf,
            (_, kind) if kind == SHT_REL.0 || kind == SHT_RELA.0 => SectionKind::Relocations,
            (_, kind) if kind == SHT_SYMTAB.0 => SectionKind::Symbols,
            (_, kind) if kind == SHT_STRTAB.0 => SectionKind::Strings,
            (".BTF", _) => SectionKind::Btf,
            (".BTF.ext", _) => SectionKind::BtfExt,
            ("license", _) => SectionKind::License,
            (".maps" | "maps", _) => SectionKind::Maps,
            (".text", _) => SectionKind::Subprograms,
            (name, _) if name.starts_with("maps/") => SectionKind::Maps,
            _ if section.is_code() => SectionKind::Programs,
            _ if map::is_data(section) => SectionKind::Data,
            _ => SectionKind::Other,
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECTION_WORDS[*self as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_labels_stand_in_the_order_of_the_enum() {
        let spelled = [
            (ProgramKind::SocketFilter, "socket_filter"),
            (ProgramKind::Probe, "probe"),
            (ProgramKind::Tc, "tc"),
            (ProgramKind::Xdp, "xdp"),
            (ProgramKind::SockOps, "sock_ops"),
            (ProgramKind::RawTracepointWritable, "raw_tracepoint_writable"),
            (ProgramKind::Tracing, "tracing"),
            (ProgramKind::Ext, "ext"),
            (ProgramKind::Netfilter, "netfilter"),
        ];
        for (kind, label) in spelled {
            assert_eq!(kind.label(), label);
            assert_eq!(kind.to_string(), label);
        }
        assert_eq!(ProgramKind::Netfilter as usize + 1, PROGRAM_LABELS.len());
    }

    #[test]
    fn map_labels_stand_at_their_numbers_and_unknown_ones_are_words_too() {
        let spelled = [
            (0, "unspec"),
            (1, "hash"),
            (6, "per_cpu_array"),
            (13, "hash_of_maps"),
            (19, "cgroup_storage"),
            (21, "per_cpu_cgroup_storage"),
            (27, "ringbuf"),
            (33, "arena"),
            (34, "maptype(34)"),
            (u32::MAX, "maptype(4294967295)"),
        ];
        for (number, label) in spelled {
            assert_eq!(MapKind(number).label(), label);
        }
    }
}
