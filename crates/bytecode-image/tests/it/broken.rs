//! Images with one thing wrong, and everything that is said of each.

use std::collections::BTreeSet;

use bpf_arch::Arch;
use bytecode_image::{MAPS, PROGRAMS, Rule, Severity, inspect, lint, lint_object};
use oci::{Artifact, Blob, Image, Layer, media, spec};

use crate::handmade::{Parts, index, index_and, index_of, layer, lines, raw_layer, tar_of};
use crate::objects::compile;

/// Returns the images of a good index; `None` where there is no clang.
fn good() -> Option<Vec<Parts>> {
    Arch::PUBLISHED.into_iter().map(|arch| Parts::with(arch, &[])).collect()
}

/// What makes an image wrong, and what is said then.
type Case<F> = (F, &'static [&'static str]);

/// Makes an index of the images of a good one.
type Make = fn(Vec<Parts>) -> Artifact;

/// Changes to the image for amd64.
static IMAGES: [Case<fn(&mut Parts)>; 30] = [
    (
        |parts| parts.label(PROGRAMS, None),
        &[
            "error label-missing linux/amd64 [specification, bpfman 0.6 (Rust)] the label `io.ebpf.programs` is missing",
        ],
    ),
    (
        |parts| parts.label(MAPS, None),
        &[
            "error label-missing linux/amd64 [specification, bpfman 0.6 (Rust)] the label `io.ebpf.maps` is missing",
        ],
    ),
    (
        |parts| parts.labels.clear(),
        &[
            "error label-missing linux/amd64 [specification, bpfman 0.6 (Rust)] the label `io.ebpf.programs` is missing",
            "error label-missing linux/amd64 [specification, bpfman 0.6 (Rust)] the label `io.ebpf.maps` is missing",
        ],
    ),
    (
        |parts| parts.label(PROGRAMS, Some("count")),
        &[
            "error label-malformed linux/amd64 [specification, bpfman 0.6 (Rust), bpfman (Go)] the label `io.ebpf.programs` is no JSON object of strings: `count`",
        ],
    ),
    (
        |parts| parts.label(MAPS, Some("")),
        &[
            "error label-malformed linux/amd64 [specification, bpfman 0.6 (Rust), bpfman (Go)] the label `io.ebpf.maps` is no JSON object of strings: ``",
        ],
    ),
    (
        |parts| parts.label(MAPS, Some(r#"{"counts":6}"#)),
        &[
            r#"error label-malformed linux/amd64 [specification, bpfman 0.6 (Rust), bpfman (Go)] the label `io.ebpf.maps` is no JSON object of strings: `{"counts":6}`"#,
        ],
    ),
    (
        |parts| parts.label(PROGRAMS, Some(r#"{"count":""}"#)),
        &[
            "error label-no-type linux/amd64 [bpfman 0.6 (Rust)] the label `io.ebpf.programs` gives `count` no type",
        ],
    ),
    (
        |parts| legacy(parts, "count", true),
        &[
            "warning labels-legacy linux/amd64 [specification, bpfman (Go)] it has the labels of before, which name one program and no maps",
        ],
    ),
    (
        |parts| legacy(parts, "other", true),
        &[
            "warning labels-legacy linux/amd64 [specification, bpfman (Go)] it has the labels of before, which name one program and no maps",
            r#"error labels-differ linux/amd64 [specification, bpfman 0.6 (Rust)] the labels do not say what the object holds: programs {"count":"xdp"}, maps {"counts":"per_cpu_array"}"#,
        ],
    ),
    (
        |parts| legacy(parts, "count", false),
        &[
            "error label-missing linux/amd64 [specification, bpfman 0.6 (Rust)] the label `io.ebpf.programs` is missing",
            "error label-missing linux/amd64 [specification, bpfman 0.6 (Rust)] the label `io.ebpf.maps` is missing",
        ],
    ),
    (
        |parts| parts.label(PROGRAMS, Some(r#"{"other":"xdp"}"#)),
        &[
            r#"error labels-differ linux/amd64 [specification, bpfman 0.6 (Rust)] the labels do not say what the object holds: programs {"count":"xdp"}, maps {"counts":"per_cpu_array"}"#,
        ],
    ),
    (
        |parts| parts.label(PROGRAMS, Some(r#"{"count":"tc"}"#)),
        &[
            r#"error labels-inexact linux/amd64 [specification] the labels do not say what the object holds: programs {"count":"xdp"}, maps {"counts":"per_cpu_array"}"#,
        ],
    ),
    (
        |parts| parts.label(MAPS, Some("{}")),
        &[
            r#"error labels-inexact linux/amd64 [specification] the labels do not say what the object holds: programs {"count":"xdp"}, maps {"counts":"per_cpu_array"}"#,
        ],
    ),
    (
        |parts| parts.layers.clear(),
        &[
            "error layer-missing linux/amd64 [bpfman 0.6 (Rust), bpfman (Go)] it has 0 layers instead of one",
        ],
    ),
    (
        |parts| parts.layers.push(layer(&[("README", b"text")])),
        &["error layers-many linux/amd64 [specification] it has 2 layers instead of one"],
    ),
    (
        |parts| parts.layers.insert(0, layer(&[("README", b"text")])),
        &[
            "error layers-many linux/amd64 [specification] it has 2 layers instead of one",
            "error object-name linux/amd64 [bpfman (Go)] the name of the object, `README`, does not end in `.o`",
            "error object-unreadable linux/amd64 [bpfman 0.6 (Rust), bpfman (Go)] `README`: not an ELF file",
        ],
    ),
    (
        |parts| {
            parts.layers = vec![raw_layer(media::LAYER_TAR, &tar_of(&[("object.o", &object())]))]
        },
        &[
            "error layer-not-compressed linux/amd64 [specification, bpfman 0.6 (Rust)] its layer is `application/vnd.oci.image.layer.v1.tar`, not gzip",
        ],
    ),
    (
        |parts| parts.layers = vec![raw_layer(media::LAYER_ZSTD, b"zstd")],
        &[
            "error layer-type linux/amd64 [specification, bpfman 0.6 (Rust), bpfman (Go)] its layer is `application/vnd.oci.image.layer.v1.tar+zstd`, not gzip",
        ],
    ),
    (
        |parts| parts.layers = vec![raw_layer(media::LAYER_GZIP, &object())],
        &[
            "error layer-unreadable linux/amd64 [bpfman 0.6 (Rust), bpfman (Go)] its layer cannot be read: `sha256:*` is not a valid layer: invalid gzip header",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[])],
        &["error layer-empty linux/amd64 [bpfman 0.6 (Rust), bpfman (Go)] its layer is empty"],
    ),
    (
        |parts| parts.layers = vec![layer(&[("object.o", &object()), ("README", b"text")])],
        &[
            "error layer-extra-entries linux/amd64 [specification] its layer holds more than the object: `object.o`, `README`",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("README", b"text"), ("object.o", &object())])],
        &[
            "error layer-extra-entries linux/amd64 [specification] its layer holds more than the object: `README`, `object.o`",
            "error layer-first-entry linux/amd64 [bpfman 0.6 (Rust)] the first entry of its layer, `README`, is not the object",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("opt/", b""), ("opt/object.o", &object())])],
        &[
            "error layer-extra-entries linux/amd64 [specification] its layer holds more than the object: `opt/`, `opt/object.o`",
            "error layer-first-entry linux/amd64 [bpfman 0.6 (Rust)] the first entry of its layer, `opt/`, is no file",
            "error object-not-at-root linux/amd64 [specification] the object, `opt/object.o`, is not at the root",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("empty/", b"")])],
        &[
            "error layer-first-entry linux/amd64 [bpfman 0.6 (Rust)] the first entry of its layer, `empty/`, is no file",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("object", &object())])],
        &[
            "error object-name linux/amd64 [bpfman (Go)] the name of the object, `object`, does not end in `.o`",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("../object.o", &object())])],
        &[
            "error object-outside linux/amd64 [specification, bpfman (Go)] the object, `../object.o`, is outside of the image",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("object.o", &vec![0; (16 << 20) + 1])])],
        &[
            "error object-too-large linux/amd64 [bpfman (Go)] the object has 16777217 bytes; 16777216 are taken",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("object.o", b"no object")])],
        &[
            "error object-unreadable linux/amd64 [bpfman 0.6 (Rust), bpfman (Go)] `object.o`: not an ELF file",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("object.o", &object()[..1000])])],
        &[
            "error object-unreadable linux/amd64 [bpfman 0.6 (Rust), bpfman (Go)] `object.o`: truncated: the section table ends at byte N of 1000",
        ],
    ),
    (
        |parts| parts.layers = vec![layer(&[("object.o", &compile(Arch::S390x, &[]).unwrap())])],
        &[
            "error object-endianness linux/amd64 [bpfman 0.6 (Rust), bpfman (Go)] `object.o` is big-endian, but linux/amd64 is little-endian",
        ],
    ),
];

fn object() -> Vec<u8> {
    compile(Arch::Amd64, &[]).unwrap()
}

/// Gives the image the labels of before, all four or all but one.
fn legacy(parts: &mut Parts, function: &str, complete: bool) {
    parts.labels.clear();
    parts.label("io.ebpf.bpf_function_name", Some(function));
    parts.label("io.ebpf.program_type", Some("xdp"));
    parts.label("io.ebpf.program_name", Some(function));
    if complete {
        parts.label("io.ebpf.filename", Some("object.o"));
    }
}

/// Replaces the number of bytes that differs between compilers.
fn steady(line: &str) -> String {
    match (line.split_once("ends at byte "), line.split_once(" of 1000")) {
        (Some((before, _)), Some(_)) => format!("{before}ends at byte N of 1000"),
        _ => line.to_owned(),
    }
}

#[test]
fn an_image_that_is_as_it_should_be_has_no_findings() {
    let Some(parts) = good() else { return };
    assert_eq!(lines(&lint(&index(&parts))), [""; 0]);
    for parts in parts {
        assert_eq!(lines(&lint(&parts.alone())), [""; 0]);
    }
}

#[test]
fn what_is_wrong_with_one_image_is_said_of_it() {
    let Some(good) = good() else { return };
    for (change, expected) in &IMAGES {
        let mut parts = good.clone();
        change(&mut parts[0]);
        let found: Vec<_> = lines(&lint(&index(&parts))).iter().map(|line| steady(line)).collect();
        assert_eq!(found, *expected);
        let alone: Vec<_> =
            lines(&lint(&parts[0].alone())).iter().map(|line| steady(line)).collect();
        assert_eq!(alone, *expected, "alone");
    }
}

/// What an index can have besides images: an attestation as buildx makes it.
fn attestation(annotated: bool) -> (spec::Descriptor, Artifact) {
    let image = Image::builder("unknown/unknown".parse().unwrap());
    let statement = raw_layer("application/vnd.in-toto+json", b"{}");
    let artifact = Artifact::Image(image.layer(statement, "").build().unwrap());
    let mut entry = artifact.descriptor().clone();
    if annotated {
        let key = "vnd.docker.reference.type".to_owned();
        entry.annotations.insert(key, "attestation-manifest".to_owned());
    } else {
        entry.platform = Some((&"unknown/unknown".parse::<oci::Platform>().unwrap()).into());
    }
    (entry, artifact)
}

/// Indexes with something wrong.
static INDEXES: [Case<Make>; 11] = [
    (
        |_| index_of(Vec::new()),
        &["error index-empty - [bpfman 0.6 (Rust), bpfman (Go)] it holds no images"],
    ),
    (
        |parts| index_and(&parts, vec![attestation(false)]),
        &[
            "warning attestation - [containerd] it names what is no image but attests one: `sha256:*`",
        ],
    ),
    (
        |parts| index_and(&parts, vec![attestation(false), attestation(true)]),
        &[
            "warning attestation - [containerd] it names what is no image but attests one: `sha256:*`, `sha256:*`",
        ],
    ),
    (
        |_| index_of(vec![attestation(true)]),
        &[
            "error index-empty - [bpfman 0.6 (Rust), bpfman (Go)] it holds no images",
            "warning attestation - [containerd] it names what is no image but attests one: `sha256:*`",
        ],
    ),
    (
        |parts| {
            let inner = index(&parts[..1]);
            index_and(&parts[1..], vec![(inner.descriptor().clone(), inner)])
        },
        &[
            "error index-nested - [bpfman 0.6 (Rust), bpfman (Go)] it names another index, `sha256:*`",
        ],
    ),
    (
        |mut parts| {
            parts[1].entry = None;
            index(&parts)
        },
        &[
            "error platform-missing - [bpfman 0.6 (Rust), bpfman (Go)] the index does not say that `sha256:*` is for `linux/arm64`",
        ],
    ),
    (
        |mut parts| {
            parts[1].entry = Some("linux/riscv64".to_owned());
            index(&parts)
        },
        &[
            "error platform-mismatch - [bpfman 0.6 (Rust), bpfman (Go)] the image for `linux/riscv64` says that it is for `linux/arm64`",
        ],
    ),
    (
        |mut parts| {
            // Variants are no platforms of their own to bpfman.
            for (parts, variant) in parts.iter_mut().zip(["v6", "v7"]) {
                parts.platform = format!("linux/arm/{variant}");
                parts.entry = Some(parts.platform.clone());
            }
            index(&parts)
        },
        &[
            "warning platform-twice - [bpfman 0.6 (Rust), bpfman (Go)] a second image is for `linux/arm`",
        ],
    ),
    (
        |mut parts| {
            parts[0].platform = "linux/wasm".to_owned();
            parts[0].entry = Some("linux/wasm".to_owned());
            index(&parts)
        },
        &[
            "error platform-unknown linux/wasm [bpfman 0.6 (Rust), bpfman (Go)] `linux/wasm` is no platform for bytecode",
        ],
    ),
    (
        |mut parts| {
            parts[3] = Parts::with(Arch::S390x, &["ENTRIES=7"]).unwrap();
            index(&parts)
        },
        &[
            "warning platforms-differ - [bpfman 0.6 (Rust), bpfman (Go)] the platforms differ: map `counts`: per_cpu_array, key 4, value 8, 5 entries on linux/amd64, linux/arm64, linux/ppc64le; per_cpu_array, key 4, value 8, 7 entries on linux/s390x",
        ],
    ),
    (
        |mut parts| {
            for parts in &mut parts[..3] {
                parts.layers = vec![layer(&[("object.o", &by_place(Arch::Amd64))])];
                parts.label(PROGRAMS, Some(r#"{"count":"uprobe"}"#));
            }
            parts[3].layers = vec![layer(&[("object.o", &by_place(Arch::S390x))])];
            parts[3].label(PROGRAMS, Some(r#"{"count":"probe"}"#));
            index(&parts)
        },
        &[
            "warning registers-shared - [kernel] program `count` reads registers by where they are, and one object serves linux/amd64, linux/arm64, linux/ppc64le",
        ],
    ),
];

fn by_place(arch: Arch) -> Vec<u8> {
    compile(arch, &["BY_PLACE", "SECTION=\"uprobe/f\""]).unwrap()
}

#[test]
fn what_is_wrong_with_an_index_is_said_of_the_whole() {
    let Some(good) = good() else { return };
    for (make, expected) in &INDEXES {
        assert_eq!(lines(&lint(&make(good.clone()))), *expected);
    }
}

/// An object: its macros, its label where it is another, what is said of it.
type ObjectCase = (&'static [&'static str], &'static str, &'static [&'static str]);

/// Objects that are wrong on any architecture.
static OBJECTS: [ObjectCase; 11] = [
    (
        &["UNLICENSED"],
        "xdp",
        &[
            "error license-missing - [kernel] it has no section `license`, without which the kernel takes it as proprietary",
        ],
    ),
    (
        &["BINDING=static"],
        "xdp",
        &[
            "error program-static - [libbpf] program `count` is static, so libbpf refuses the whole object",
        ],
    ),
    (
        &["SECTION=\"nonsense\""],
        "",
        &[
            "error section-unknown - [libbpf, aya, cilium/ebpf] program `count`: no loader knows the section `nonsense`",
        ],
    ),
    (
        &["SECTION=\"classifier/x\""],
        "tc",
        &[
            "warning section-libbpf - [libbpf] program `count`: libbpf infers no type from the section `classifier/x` (`classifier` is known only without a suffix) and loads the program only after it was given a type by hand",
        ],
    ),
    (
        &["SECTION=\"tcx/ingress\""],
        "tcx",
        &[
            "warning section-aya - [bpfman 0.6 (Rust), aya] program `count`: aya infers no type from the section `tcx/ingress` (no such section is known) and refuses the whole object",
        ],
    ),
    (
        &["SECTION=\"fsession/f\""],
        "tracing",
        &[
            "warning section-aya - [bpfman 0.6 (Rust), aya] program `count`: aya infers no type from the section `fsession/f` (no such section is known) and refuses the whole object",
            "warning section-cilium - [bpfman (Go), cilium/ebpf] program `count`: cilium/ebpf infers no type from the section `fsession/f` (no such section is known) and leaves the type unspecified, and the program out of labels",
        ],
    ),
    (
        &["LEGACY_MAP"],
        "xdp",
        &[
            "warning map-legacy - [libbpf] map `counts` is defined in the section `maps`, which libbpf 1.0 refuses",
        ],
    ),
    (
        &["MAP_TYPE=21"],
        "xdp",
        &[
            "warning map-type - [bpfman 0.6 (Rust)] map `counts`: bpfman 0.6 has no word for its type, per_cpu_cgroup_storage",
        ],
    ),
    (
        &["MAP_TYPE=34"],
        "xdp",
        &[
            "warning map-type - [bpfman 0.6 (Rust)] map `counts`: bpfman 0.6 has no word for its type, maptype(34)",
        ],
    ),
    (
        &["NOTHING"],
        "",
        &["error programs-missing - [bpfman 0.6 (Rust), bpfman (Go)] it has no programs"],
    ),
    (
        &["-g0", "LEGACY_MAP"],
        "xdp",
        &[
            "error btf-missing - [bpfman 0.6 (Rust), bpfman (Go)] it has no BTF; compile it with `-g`",
            "warning map-legacy - [libbpf] map `counts` is defined in the section `maps`, which libbpf 1.0 refuses",
        ],
    ),
];

#[test]
fn what_is_wrong_with_an_object_is_said_with_and_without_an_image() {
    for arch in Arch::PUBLISHED {
        for (defines, kind, expected) in &OBJECTS {
            let Some(object) = compile(arch, defines) else { return };
            let info = bpf_object::read(&object).unwrap();
            assert_eq!(lines(&lint_object(&info, Some(arch))), *expected, "{arch}");
            let mut parts = Parts::with(arch, defines).unwrap();
            let programs =
                if kind.is_empty() { "{}".to_owned() } else { format!(r#"{{"count":"{kind}"}}"#) };
            parts.label(PROGRAMS, Some(&programs));
            let label = info.maps[0].kind.label().into_owned();
            parts.label(MAPS, Some(&format!(r#"{{"counts":"{label}"}}"#)));
            let expected: Vec<_> =
                expected.iter().map(|line| line.replacen(" - ", &format!(" {arch} "), 1)).collect();
            assert_eq!(lines(&lint(&parts.alone())), expected, "{arch}");
        }
    }
}

/// For each architecture, what is said where its object is taken for that of
/// amd64, arm64, ppc64le and s390x: the words that differ.
fn foreign(defines: &[&str], of: Arch, taken_for: Arch) -> Option<Vec<String>> {
    let info = bpf_object::read(&compile(of, defines)?).unwrap();
    let said = lines(&lint_object(&info, Some(taken_for)));
    Some(said.into_iter().filter(|line| !line.contains("object-endianness")).collect())
}

#[test]
fn registers_of_another_architecture_are_noticed() {
    let registers = [
        (Arch::Amd64, "struct pt_regs.di"),
        (Arch::Arm64, "struct user_pt_regs.regs[0]"),
        (Arch::Ppc64le, "struct pt_regs.gpr[3]"),
        (Arch::S390x, "struct user_pt_regs.gprs[2]"),
    ];
    let functions = [
        (Arch::Amd64, "__x64_sys_openat"),
        (Arch::Arm64, "__arm64_sys_openat"),
        (Arch::Ppc64le, "__powerpc_sys_openat"),
        (Arch::S390x, "__s390x_sys_openat"),
    ];
    let kprobe = "SECTION=\"kprobe/f\"";
    for taken_for in Arch::PUBLISHED {
        for ((arch, register), (_, function)) in registers.into_iter().zip(functions) {
            let mut by_name = vec![format!(
                "error registers-foreign - [libbpf, aya, cilium/ebpf] function `count` reads `{register}`, which {taken_for} does not have"
            )];
            let mut on_syscall = vec![format!(
                "warning syscall-foreign - [libbpf, kernel] program `count` is for `{function}`, which {taken_for} does not have"
            )];
            if taken_for == arch {
                (by_name, on_syscall) = (Vec::new(), Vec::new());
            }
            let Some(found) = foreign(&["BY_NAME", kprobe], arch, taken_for) else { return };
            assert_eq!(found, by_name, "{arch} for {taken_for}");
            let found = foreign(&["ON_SYSCALL"], arch, taken_for).unwrap();
            assert_eq!(found, on_syscall, "{arch} for {taken_for}");
            // What asks first goes on without.
            let found = foreign(&["ASKED_FOR", kprobe], arch, taken_for).unwrap();
            assert_eq!(found, [""; 0], "{arch} for {taken_for}");
        }
    }
}

#[test]
fn an_image_with_the_objects_of_one_architecture_for_all() {
    let Some(object) = compile(Arch::Amd64, &["BY_NAME", "SECTION=\"kprobe/f\""]) else { return };
    let mut parts = good().unwrap();
    for parts in &mut parts[..3] {
        parts.layers = vec![layer(&[("object.o", &object)])];
        parts.label(PROGRAMS, Some(r#"{"count":"kprobe"}"#));
    }
    let reads = "[libbpf, aya, cilium/ebpf] function `count` reads `struct pt_regs.di`, which";
    let expected = [
        format!("error registers-foreign linux/arm64 {reads} linux/arm64 does not have"),
        format!("error registers-foreign linux/ppc64le {reads} linux/ppc64le does not have"),
    ];
    assert_eq!(lines(&lint(&index(&parts[..3]))), expected);
}

#[test]
fn objects_of_their_own_may_read_registers_by_place() {
    let parts = Arch::PUBLISHED.map(|arch| {
        let mut parts = Parts::with(arch, &["BY_PLACE", "SECTION=\"uprobe/f\""])?;
        parts.label(PROGRAMS, Some(r#"{"count":"probe"}"#));
        Some(parts)
    });
    let Some(parts) = parts.into_iter().collect::<Option<Vec<_>>>() else { return };
    assert_eq!(lines(&lint(&index(&parts))), [""; 0]);
}

#[test]
fn inspect_reads_what_it_can() {
    let Some(parts) = Parts::with(Arch::Arm64, &[]) else { return };
    let read = |parts: &Parts| {
        let Artifact::Image(image) = parts.alone() else { panic!("an image") };
        inspect(&image).0.map(|of| (of.file, of.labels.to_pairs()[0].1.clone(), of.legacy))
    };
    let programs = r#"{"count":"xdp"}"#.to_owned();
    assert_eq!(read(&parts), Some(("object.o".into(), programs.clone(), false)));
    let mut before = parts.clone();
    legacy(&mut before, "count", true);
    assert_eq!(read(&before), Some(("object.o".into(), programs.clone(), true)));
    let mut many = parts.clone();
    many.layers.push(layer(&[]));
    assert_eq!(read(&many), Some(("object.o".into(), programs, false)));
    let mut unread = parts;
    unread.layers = vec![layer(&[])];
    assert_eq!(read(&unread), None);
}

#[test]
fn findings_are_json() {
    let Some(mut parts) = good() else { return };
    parts.truncate(1);
    parts[0].label(MAPS, None);
    let artifact = index_and(&parts, vec![attestation(true)]);
    let findings = serde_json::to_value(lint(&artifact)).unwrap();
    let digest = attestation(true).1.digest();
    assert_eq!(
        findings,
        serde_json::json!([
            {
                "id": "attestation",
                "severity": "warning",
                "message": format!("it names what is no image but attests one: `{digest}`"),
                "consumers": ["containerd"],
                "mend": Rule::Attestation.mend(),
                "platform": null,
            },
            {
                "id": "label-missing",
                "severity": "error",
                "message": "the label `io.ebpf.maps` is missing",
                "consumers": ["specification", "bpfman-rust"],
                "mend": "Build it with both labels, `{}` where there are no maps.",
                "platform": "linux/amd64",
            },
        ])
    );
}

/// An image for every rule: what the tables expect names each of them, with
/// the severity that its row has.
#[test]
fn every_rule_is_broken_by_some_image() {
    let expected = IMAGES.iter().flat_map(|(_, lines)| lines.iter());
    let expected = expected.chain(INDEXES.iter().flat_map(|(_, lines)| lines.iter()));
    let expected = expected.chain(OBJECTS.iter().flat_map(|(_, _, lines)| lines.iter()));
    let mut found: BTreeSet<(Severity, &str)> = expected
        .map(|line| {
            let mut words = line.split(' ');
            let is_error = words.next() == Some("error");
            let severity = if is_error { Severity::Error } else { Severity::Warning };
            (severity, words.next().unwrap())
        })
        .collect();
    // These two are expected of pairs of architectures.
    found.extend([Rule::RegistersForeign, Rule::SyscallForeign].map(|of| (of.severity(), of.id())));
    let all: BTreeSet<_> = Rule::all().map(|rule| (rule.severity(), rule.id())).collect();
    assert_eq!(found, all);
}

#[test]
fn layers_of_docker_are_as_good() {
    let Some(mut parts) = good() else { return };
    let bytes = parts[0].layers[0].blob().read(1 << 20).unwrap();
    let blob = Blob::from_bytes(media::DOCKER_LAYER_GZIP, bytes);
    parts[0].layers = vec![Layer::new(blob, parts[0].layers[0].diff_id())];
    assert_eq!(lines(&lint(&index(&parts))), [""; 0]);
}
