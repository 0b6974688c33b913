//! What the labels of every image must say: the names that bpfman's users
//! ask for, and the kinds that its consumers know.

use std::collections::BTreeMap;

use serde_json::json;

use super::Built;

/// Names and their kinds.
type Kinds = &'static [(&'static str, &'static str)];

/// An image, its programs, its maps.
const IMAGES: [(&str, Kinds, Kinds); 22] = [
    ("bpfman/xdp-dispatcher", &[("xdp_dispatcher", "xdp")], &[]),
    ("bpfman/tc-dispatcher", &[("tc_dispatcher", "tc")], &[]),
    ("bpfman-bytecode/go-xdp-counter", &[("xdp_stats", "xdp")], &[("xdp_stats_map", COUNTS)]),
    ("bpfman-bytecode/go-tc-counter", &[("stats", "tc")], &[("tc_stats_map", COUNTS)]),
    ("bpfman-bytecode/go-tcx-counter", &[("tcx_stats", "tc")], &[("tcx_stats_map", COUNTS)]),
    (
        "bpfman-bytecode/go-tracepoint-counter",
        &[("tracepoint_kill_recorder", "tracepoint")],
        &[("tracepoint_stats_map", COUNTS)],
    ),
    (
        "bpfman-bytecode/go-kprobe-counter",
        &[("kprobe_counter", "probe")],
        &[("kprobe_stats_map", COUNTS)],
    ),
    (
        "bpfman-bytecode/go-uprobe-counter",
        &[("uprobe_counter", "probe")],
        &[("uprobe_stats_map", COUNTS)],
    ),
    (
        "bpfman-bytecode/go-uretprobe-counter",
        &[("uretprobe_counter", "probe")],
        &[("uretprobe_stats_map", COUNTS)],
    ),
    (
        "bpfman-bytecode/go-app-counter",
        &[
            ("kprobe_counter", "probe"),
            ("stats", "tc"),
            ("tcx_stats", "tc"),
            ("tracepoint_kill_recorder", "tracepoint"),
            ("uprobe_counter", "probe"),
            ("xdp_stats", "xdp"),
        ],
        &[
            ("kprobe_stats_map", COUNTS),
            ("tc_stats_map", COUNTS),
            ("tcx_stats_map", COUNTS),
            ("tracepoint_stats_map", COUNTS),
            ("uprobe_stats_map", COUNTS),
            ("xdp_stats_map", COUNTS),
        ],
    ),
    ("bpfman-bytecode/xdp_pass", &[("pass", "xdp")], &[]),
    ("bpfman-bytecode/xdp_pass_private", &[("pass", "xdp")], &[]),
    ("bpfman-bytecode/tc_pass", &[("pass", "tc")], &[]),
    (
        "bpfman-bytecode/tcx_test",
        &[("tcx_drop", "tc"), ("tcx_next", "tc"), ("tcx_pass", "tc"), ("tcx_redirect", "tc")],
        &[],
    ),
    ("bpfman-bytecode/tracepoint", &[("enter_openat", "tracepoint")], &[]),
    ("bpfman-bytecode/uprobe", &[("my_uprobe", "probe"), ("my_uretprobe", "probe")], &[]),
    ("bpfman-bytecode/uretprobe", &[("my_uprobe", "probe"), ("my_uretprobe", "probe")], &[]),
    ("bpfman-bytecode/kprobe", &[("my_kprobe", "probe"), ("my_kretprobe", "probe")], &[]),
    ("bpfman-bytecode/kretprobe", &[("my_kprobe", "probe"), ("my_kretprobe", "probe")], &[]),
    ("bpfman-bytecode/fentry", &[("test_fentry", "tracing"), ("test_fexit", "tracing")], &[]),
    ("bpfman-bytecode/fexit", &[("test_fentry", "tracing"), ("test_fexit", "tracing")], &[]),
    (
        "bpfman-bytecode/app-test",
        &[
            ("fentry_test", "tracing"),
            ("fexit_test", "tracing"),
            ("kprobe_test", "probe"),
            ("kretprobe_test", "probe"),
            ("tc_pass_test", "tc"),
            ("tcx_drop_test", "tc"),
            ("tcx_next_test", "tc"),
            ("tcx_pass_test", "tc"),
            ("tcx_redirect_test", "tc"),
            ("tracepoint_test", "tracepoint"),
            ("uprobe_test", "probe"),
            ("uretprobe_test", "probe"),
            ("xdp_pass_test", "xdp"),
        ],
        &[],
    ),
];

/// The examples count in one kind of map.
const COUNTS: &str = "per_cpu_array";

/// Returns the labels of the image `organization/name`: compact JSON, sorted.
pub fn labels(name: &str) -> BTreeMap<String, String> {
    let (_, programs, maps) = IMAGES.iter().find(|(image, ..)| *image == name).unwrap();
    let pair = |key: &str, value: &[(&str, &str)]| {
        let value: BTreeMap<_, _> = value.iter().copied().collect();
        (key.to_owned(), json!(value).to_string())
    };
    [pair("io.ebpf.maps", maps), pair("io.ebpf.programs", programs)].into()
}

#[test]
fn every_platform_of_every_image_has_the_labels_and_no_other() {
    let built = Built::get();
    let names: Vec<_> = built.images().into_iter().map(|image| image.name).collect();
    assert_eq!(names, IMAGES.map(|(name, ..)| name), "the catalogue's images, in its order");
    for image in built.images() {
        for (arch, manifest) in built.manifests(&image) {
            let config = built.json(&image.name, manifest["config"]["digest"].as_str().unwrap());
            let expected = json!(labels(&image.name));
            assert_eq!(config["config"]["Labels"], expected, "{} {arch}", image.name);
        }
    }
}
