//! What `read` says of each fixture, whole, and what llvm says of it.

use bpf_arch::Endian;
use bpf_object::{Binding, Layout, Member, ObjectInfo, read};

use crate::support::{ENDIANS, FIXTURES, compile, compile_with, describe, pipe};

/// Compiles for both byte orders and compares the whole description.
fn check(fixture: &str, expected: &str) {
    for endian in ENDIANS {
        let Some(object) = compile(fixture, endian) else { return };
        let info = read(&object).unwrap();
        assert_eq!(info.endian, endian);
        assert!(info.has_dwarf());
        assert_eq!(describe(&info), expected, "{fixture}, {endian}");
    }
}

#[test]
fn a_counter() {
    check(
        "counter",
        "\
program xdp_stats: xdp in xdp, Global
subprogram increment: Static
map xdp_stats_map: per_cpu_array 4 -> 16 x 5, flags 0x0, Btf
license Some(\"Dual BSD/GPL\"), BTF true
",
    );
}

#[test]
fn programs_of_many_sections() {
    check(
        "programs",
        "\
program tc_first: tc in classifier, Global
program tc_second: tc in classifier, Global
program kprobe_one: probe in kprobe/try_to_wake_up, Global
program tc_suffixed: tc in classifier/suffix, Global
program tcx_one: tc in tcx/ingress, Global
program tracepoint_one: tracepoint in tracepoint/syscalls/sys_enter_kill, Global
program uretprobe_one: probe in uretprobe//bin/bash:readline, Global
program fentry_one: tracing in fentry/do_unlinkat, Global
program on_demand: xdp in ?xdp.frags, Global, on demand
program nobody_knows: ? in nonsense, Global
program weak_one: xdp in xdp, Weak
program branches: xdp in xdp, Global
program static_one: socket_filter in socket, Static
subprogram shared: Global
license None, BTF true
",
    );
}

#[test]
fn maps_in_every_spelling() {
    // Those with an initializer come first: clang defers tentative ones.
    check(
        "maps",
        "\
program callee: xdp in xdp, Global
map inner_map: array 4 -> 4 x 1, flags 0x0, Btf
map outer: array_of_maps 4 -> 4 x 2, flags 0x0, Btf
map jumps: prog_array 4 -> 4 x 1, flags 0x0, Btf
map typed: hash 12 -> 36 x 1024, flags 0x1, Btf, pinned
map events: ringbuf 0 -> 0 x 4096, flags 0x0, Btf
map perf: perf_event_array 4 -> 4 x 0, flags 0x0, Btf
map bloom: bloom_filter 0 -> 4 x 8, flags 0x0, Btf
license Some(\"GPL\"), BTF true
",
    );
}

#[test]
fn what_is_not_known_yet() {
    check(
        "tomorrow",
        "\
program program: ? in unheard/of, Global
map of_tomorrow: maptype(99) 0 -> 0 x 2147483647, flags 0x0, Btf
license None, BTF true
",
    );
}

#[test]
fn maps_from_before_btf() {
    check(
        "legacy",
        "\
program probe: probe in kprobe/x, Global
map first: hash 4 -> 8 x 256, flags 0x1, Legacy
map second: per_cpu_cgroup_storage 12 -> 8 x 0, flags 0x0, Legacy, pinned
license None, BTF true
",
    );
}

#[test]
fn variables_of_every_section() {
    check(
        "globals",
        "\
program use: xdp in xdp, Global
map .rodata: array 4 -> 32 x 1, flags 0x80, Data, internal
map .data: array 4 -> 48 x 1, flags 0x0, Data, internal
map .data.counters: array 4 -> 8 x 1, flags 0x0, Data, internal
map .bss: array 4 -> 48 x 1, flags 0x0, Data, internal
map .kconfig: array 4 -> 0 x 1, flags 0x80, Data, internal
global GLOBAL_u8: __u8 in .rodata at 0, 1 bytes, Global
global GLOBAL_u32: __u32 in .rodata at 4, 4 bytes, Global
global text: char[12] in .rodata at 8, 12 bytes, Global
global hidden: __u64 in .rodata at 24, 8 bytes, Static
global head: struct node in .data at 0, 24 bytes, Global
global grid: __u32[2][3] in .data at 24, 24 bytes, Global
global counter: long in .data.counters at 0, 8 bytes, Global
global table: __u32 *[4] in .bss at 0, 32 bytes, Global
global row: __u64 (*)[5] in .bss at 32, 8 bytes, Global
global call: (function) * in .bss at 40, 8 bytes, Global
license None, BTF true
",
    );
}

#[test]
fn a_dispatcher() {
    check(
        "dispatcher",
        "\
program dispatcher: xdp in xdp, Global
subprogram prog0: Global
map .rodata: array 4 -> 48 x 1, flags 0x80, Data, internal
global conf: struct dispatcher_conf in .rodata at 0, 48 bytes, Global
license Some(\"GPL\"), BTF true
",
    );
}

fn layout(size: u64, members: &[(&str, u64, u64)]) -> Option<Layout> {
    let member = |(name, offset, size): &(&str, u64, u64)| Member {
        name: (*name).to_owned(),
        offset: *offset,
        size: *size,
    };
    Some(Layout { size, members: members.iter().map(member).collect() })
}

#[test]
fn the_layout_of_variables() {
    for endian in ENDIANS {
        let Some(object) = compile("dispatcher", endian) else { return };
        let info = read(&object).unwrap();
        let conf = [("magic", 0, 1), ("version", 1, 1), ("actions", 4, 40), ("tail", 44, 2)];
        assert_eq!(info.variable("conf"), layout(48, &conf));
        assert_eq!(info.variable("dispatcher_version"), layout(8, &[]));
        assert_eq!(info.variable("absent"), None);

        let info = read(&compile("globals", endian).unwrap()).unwrap();
        let node = [("next", 0, 8), ("color", 8, 4), ("low", 12, 4), ("high", 12, 4), ("", 16, 4)];
        assert_eq!(info.variable("head"), layout(24, &node));
        assert_eq!(info.variable("grid"), layout(24, &[]));
    }
}

#[test]
fn numbers_in_metadata() {
    for endian in ENDIANS {
        let Some(object) = compile("dispatcher", endian) else { return };
        let info = read(&object).unwrap();
        assert_eq!(info.metadata_uint("metadata", "dispatcher_version"), Some(2));
        assert_eq!(info.metadata_uint("metadata", "conf"), None);
        assert_eq!(info.metadata_uint(".rodata", "conf"), None);
        assert_eq!(info.metadata_uint("absent", "dispatcher_version"), None);
    }
}

#[test]
fn without_debug_information_there_are_no_types() {
    for endian in ENDIANS {
        let Some(object) = compile_with("globals", endian, &[]) else { return };
        let info = read(&object).unwrap();
        assert!(!info.has_btf() && !info.has_dwarf());
        assert!(info.globals.iter().all(|global| global.type_name.is_none()));
        assert_eq!(info.globals.len(), 10);
        assert_eq!(info.variable("head"), None);

        let object = compile_with("counter", endian, &[]).unwrap();
        assert_eq!(
            read(&object).unwrap_err().to_string(),
            "section `.maps` without the BTF that describes its maps: compile with `-g`"
        );
    }
}

/// The address of the bytes must not matter: they may lie anywhere in a
/// layer's archive.
#[test]
fn bytes_need_no_alignment() {
    let Some(object) = compile("maps", Endian::HOST) else { return };
    let aligned = read(&object).unwrap();
    for shift in 1..8 {
        let mut shifted = vec![0; shift];
        shifted.extend_from_slice(&object);
        assert_eq!(read(&shifted[shift..]).unwrap(), aligned);
    }
}

/// A line per function as readelf would list it.
fn functions(info: &ObjectInfo) -> Vec<String> {
    let line = |name: &str, section: &str, slots: usize, binding: Binding| {
        let binding = match binding {
            Binding::Global => "GLOBAL",
            Binding::Weak => "WEAK",
            Binding::Static => "LOCAL",
        };
        format!("{name} {section} {} {binding}", slots * 8)
    };
    let programs = info.programs.iter();
    let subprograms = info.subprograms.iter();
    let mut lines: Vec<_> = programs
        .map(|of| line(&of.name, &of.section, of.instructions, of.binding))
        .chain(subprograms.map(|of| line(&of.name, ".text", of.instructions, of.binding)))
        .collect();
    lines.sort();
    lines
}

#[test]
fn llvm_finds_the_same_functions() {
    for (fixture, endian) in FIXTURES.iter().flat_map(|name| ENDIANS.map(|of| (name, of))) {
        let Some(object) = compile(fixture, endian) else { return };
        let Some(text) = pipe("llvm-readelf", &["-sW", "-"], &object) else { return };
        let text = String::from_utf8(text).unwrap();
        let info = read(&object).unwrap();
        // Columns: number, value, size, type, binding, visibility, section,
        // name.
        let mut expected: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|columns| columns.get(3) == Some(&"FUNC"))
            .map(|columns| {
                let section: usize = columns[6].parse().unwrap();
                let section = &info.sections[section - 1].name;
                format!("{} {section} {} {}", columns[7], columns[2], columns[4])
            })
            .collect();
        expected.sort();
        assert!(!expected.is_empty());
        assert_eq!(functions(&info), expected, "{fixture}, {endian}");
    }
}
