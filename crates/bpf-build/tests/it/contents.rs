//! What the objects of the workspace hold: what their images promise.

use std::fmt::Write as _;

use bpf_object::{Binding, ObjectInfo};

use crate::tree::{SOURCES, built, objects};

/// Writes down programs, maps and globals, without what a function keeps for
/// itself.
fn describe(info: &ObjectInfo) -> String {
    let mut text = String::new();
    for program in &info.programs {
        let kind = program.kind.map_or("?", |kind| kind.label());
        let (name, section) = (&program.name, &program.section);
        writeln!(text, "program {name}: {kind} in {section}, {:?}", program.binding).unwrap();
    }
    for map in &info.maps {
        let (key, value, count) = (map.key_size, map.value_size, map.max_entries);
        let pinned = if map.pinned_by_name { ", pinned" } else { "" };
        let internal = if map.internal { ", internal" } else { "" };
        write!(text, "map {}: {} {key} -> {value} x {count}", map.name, map.kind).unwrap();
        writeln!(text, "{pinned}{internal}").unwrap();
    }
    for global in info.globals.iter().filter(|global| global.binding != Binding::Static) {
        let of = global.type_name.as_deref().unwrap_or("?");
        writeln!(text, "global {}: {of}, {} bytes", global.name, global.size).unwrap();
    }
    for subprogram in &info.subprograms {
        writeln!(text, "subprogram {}: {:?}", subprogram.name, subprogram.binding).unwrap();
    }
    writeln!(text, "license {}", info.license.as_deref().unwrap_or("?")).unwrap();
    text
}

#[test]
fn objects_hold_what_their_images_promise() {
    let Some(outcome) = built() else { return };
    let sources: Vec<_> = EXPECTED.iter().map(|(source, _)| *source).collect();
    assert_eq!(sources, SOURCES);
    for ((source, arch), object) in objects(outcome) {
        let (_, expected) = EXPECTED.iter().find(|(expected, _)| *expected == source).unwrap();
        assert_eq!(describe(&object.info), *expected, "{source} for {arch}");
        assert_eq!(object.info.endian, arch.endian(), "{source} for {arch}");
        assert!(object.info.has_btf() && !object.info.has_dwarf(), "{source} for {arch}");
    }
}

/// Every source, and what its objects hold on every architecture.
const EXPECTED: [(&str, &str); 19] = [
    (
        "bpf/app-test.bpf.c",
        "\
program fentry_test: tracing in fentry/do_unlinkat, Global
program fexit_test: tracing in fexit/do_unlinkat, Global
program kprobe_test: probe in kprobe/my_kprobe, Global
program kretprobe_test: probe in kretprobe/my_kretprobe, Global
program uprobe_test: probe in uprobe/my_uprobe, Global
program uretprobe_test: probe in uretprobe/my_uretprobe, Global
program tracepoint_test: tracepoint in tracepoint/sys_enter_openat, Global
program xdp_pass_test: xdp in xdp, Global
program tc_pass_test: tc in classifier, Global
program tcx_pass_test: tc in classifier, Global
program tcx_next_test: tc in classifier, Global
program tcx_drop_test: tc in classifier, Global
program tcx_redirect_test: tc in classifier, Global
map .rodata: array 4 -> 567 x 1, internal
global GLOBAL_u8: __u8, 1 bytes
global GLOBAL_u32: __u32, 4 bytes
license Dual BSD/GPL
",
    ),
    (
        "bpf/fentry.bpf.c",
        "\
program test_fentry: tracing in fentry/do_unlinkat, Global
program test_fexit: tracing in fexit/do_unlinkat, Global
map .rodata: array 4 -> 50 x 1, internal
license Dual BSD/GPL
",
    ),
    (
        "bpf/kprobe.bpf.c",
        "\
program my_kprobe: probe in kprobe/my_kprobe, Global
program my_kretprobe: probe in kretprobe/my_kretprobe, Global
map .rodata: array 4 -> 94 x 1, internal
global GLOBAL_u8: __u8, 1 bytes
global GLOBAL_u32: __u32, 4 bytes
license Dual BSD/GPL
",
    ),
    (
        "bpf/kprobe_globals.bpf.c",
        "\
program kprobe_globals: probe in kprobe/kprobe_globals, Global
program kretprobe_globals: probe in kretprobe/kretprobe_globals, Global
map .rodata: array 4 -> 221 x 1, internal
global sampling: __u32, 4 bytes
global trace_messages: __u8, 1 bytes
global enable_rtt: __u8, 1 bytes
global enable_pca: __u8, 1 bytes
global enable_dns_tracking: __u8, 1 bytes
global enable_flows_filtering: __u8, 1 bytes
global dns_port: __u16, 2 bytes
global enable_network_events_monitoring: __u8, 1 bytes
global network_events_monitoring_groupid: __u8, 1 bytes
license Dual BSD/GPL
",
    ),
    (
        "bpf/tc_pass.bpf.c",
        "\
program pass: tc in classifier, Global
map .rodata: array 4 -> 51 x 1, internal
global GLOBAL_u8: __u8, 1 bytes
global GLOBAL_u32: __u32, 4 bytes
license Dual BSD/GPL
",
    ),
    (
        "bpf/tcx_test.bpf.c",
        "\
program tcx_pass: tc in classifier, Global
program tcx_next: tc in classifier, Global
program tcx_drop: tc in classifier, Global
program tcx_redirect: tc in classifier, Global
map .rodata: array 4 -> 184 x 1, internal
global GLOBAL_u8: __u8, 1 bytes
global GLOBAL_u32: __u32, 4 bytes
license Dual BSD/GPL
",
    ),
    (
        "bpf/tp_openat.bpf.c",
        "\
program enter_openat: tracepoint in tracepoint/sys_enter_openat, Global
map .rodata: array 4 -> 51 x 1, internal
global GLOBAL_u8: __u8, 1 bytes
global GLOBAL_u32: __u32, 4 bytes
license Dual BSD/GPL
",
    ),
    (
        "bpf/uprobe.bpf.c",
        "\
program my_uprobe: probe in uprobe/my_uprobe, Global
program my_uretprobe: probe in uretprobe/my_uretprobe, Global
map .rodata: array 4 -> 94 x 1, internal
global GLOBAL_u8: __u8, 1 bytes
global GLOBAL_u32: __u32, 4 bytes
license Dual BSD/GPL
",
    ),
    (
        "bpf/xdp_pass.bpf.c",
        "\
program pass: xdp in xdp, Global
map .rodata: array 4 -> 51 x 1, internal
global GLOBAL_u8: __u8, 1 bytes
global GLOBAL_u32: __u32, 4 bytes
license Dual BSD/GPL
",
    ),
    (
        "dispatchers/bpf/tc_dispatcher.bpf.c",
        "\
program tc_dispatcher: tc in classifier, Global
map .rodata: array 4 -> 84 x 1, internal
global CONFIG: struct tc_dispatcher_config, 84 bytes
subprogram prog0: Global
subprogram prog1: Global
subprogram prog2: Global
subprogram prog3: Global
subprogram prog4: Global
subprogram prog5: Global
subprogram prog6: Global
subprogram prog7: Global
subprogram prog8: Global
subprogram prog9: Global
subprogram compat_test: Global
license GPL
",
    ),
    (
        "dispatchers/bpf/xdp_dispatcher_v2.bpf.c",
        "\
program xdp_dispatcher: xdp in xdp, Global
map .rodata: array 4 -> 124 x 1, internal
global conf: struct xdp_dispatcher_conf, 124 bytes
subprogram prog0: Global
subprogram prog1: Global
subprogram prog2: Global
subprogram prog3: Global
subprogram prog4: Global
subprogram prog5: Global
subprogram prog6: Global
subprogram prog7: Global
subprogram prog8: Global
subprogram prog9: Global
subprogram compat_test: Global
license GPL
",
    ),
    (
        "examples/go-app-counter/bpf/app_counter.c",
        "\
program kprobe_counter: probe in kprobe/kprobe_counter, Global
program stats: tc in classifier, Global
program tcx_stats: tc in classifier, Global
program tracepoint_kill_recorder: tracepoint in tracepoint/tracepoint_kill_recorder, Global
program uprobe_counter: probe in uprobe/uprobe_counter, Global
program xdp_stats: xdp in xdp, Global
map kprobe_stats_map: per_cpu_array 4 -> 8 x 1, pinned
map tc_stats_map: per_cpu_array 4 -> 16 x 9, pinned
map tcx_stats_map: per_cpu_array 4 -> 16 x 1, pinned
map tracepoint_stats_map: per_cpu_array 4 -> 8 x 8, pinned
map uprobe_stats_map: per_cpu_array 4 -> 8 x 1, pinned
map xdp_stats_map: per_cpu_array 4 -> 16 x 5, pinned
map .rodata: array 4 -> 94 x 1, internal
license Dual BSD/GPL
",
    ),
    (
        "examples/go-kprobe-counter/bpf/kprobe_counter.c",
        "\
program kprobe_counter: probe in kprobe/kprobe_counter, Global
map kprobe_stats_map: per_cpu_array 4 -> 8 x 1, pinned
map .rodata: array 4 -> 23 x 1, internal
license Dual BSD/GPL
",
    ),
    (
        "examples/go-tc-counter/bpf/tc_counter.c",
        "\
program stats: tc in classifier, Global
map tc_stats_map: per_cpu_array 4 -> 16 x 9, pinned
license Dual BSD/GPL
",
    ),
    (
        "examples/go-tcx-counter/bpf/tcx_counter.c",
        "\
program tcx_stats: tc in classifier, Global
map tcx_stats_map: per_cpu_array 4 -> 16 x 1, pinned
license Dual BSD/GPL
",
    ),
    (
        "examples/go-tracepoint-counter/bpf/tracepoint_counter.c",
        "\
program tracepoint_kill_recorder: tracepoint in tracepoint/tracepoint_kill_recorder, Global
map tracepoint_stats_map: per_cpu_array 4 -> 8 x 8, pinned
map .rodata: array 4 -> 48 x 1, internal
license Dual BSD/GPL
",
    ),
    (
        "examples/go-uprobe-counter/bpf/uprobe_counter.c",
        "\
program uprobe_counter: probe in uprobe/uprobe_counter, Global
map uprobe_stats_map: per_cpu_array 4 -> 8 x 1, pinned
map .rodata: array 4 -> 23 x 1, internal
license Dual BSD/GPL
",
    ),
    (
        "examples/go-uretprobe-counter/bpf/uretprobe_counter.c",
        "\
program uretprobe_counter: probe in uretprobe/uretprobe_counter, Global
map uretprobe_stats_map: per_cpu_array 4 -> 8 x 1, pinned
license Dual BSD/GPL
",
    ),
    (
        "examples/go-xdp-counter/bpf/xdp_counter.c",
        "\
program xdp_stats: xdp in xdp, Global
map xdp_stats_map: per_cpu_array 4 -> 16 x 5, pinned
license Dual BSD/GPL
",
    ),
];
