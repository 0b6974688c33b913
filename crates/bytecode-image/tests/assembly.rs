//! Images from objects that are described by hand: what they say, and what
//! is refused.

use bpf_arch::{Arch, Endian};
use bpf_object::{Binding, Map, MapKind, MapOrigin, ObjectInfo, Program, ProgramKind};
use bytecode_image::{Recipe, Slot, assemble, check_object, difference};

fn program(name: &str, section: &str) -> Program {
    Program {
        name: name.to_owned(),
        section: section.to_owned(),
        kind: ProgramKind::from_section(section),
        instructions: 2,
        binding: Binding::Global,
    }
}

fn map(name: &str, max_entries: u32) -> Map {
    Map {
        name: name.to_owned(),
        kind: MapKind(6),
        key_size: 4,
        value_size: 16,
        max_entries,
        flags: 0,
        pinned_by_name: false,
        origin: MapOrigin::Btf,
        internal: name.starts_with('.'),
    }
}

fn object(endian: Endian, programs: &[(&str, &str)], maps: &[(&str, u32)]) -> ObjectInfo {
    let mut info = ObjectInfo::new(endian);
    info.programs = programs.iter().map(|(name, section)| program(name, section)).collect();
    info.maps = maps.iter().map(|(name, entries)| map(name, *entries)).collect();
    info.license = Some("GPL".to_owned());
    info
}

/// The findings but the one that says there is no BTF: an object made by hand
/// has none.
fn findings(info: &ObjectInfo) -> Vec<String> {
    let all = check_object(info).into_iter().map(|f| format!("{}: {f}", f.severity));
    all.filter(|text| !text.contains("BTF")).collect()
}

#[test]
fn what_loaders_refuse_is_found() {
    let mut none = object(Endian::Little, &[], &[]);
    none.license = None;
    let mut hidden = object(Endian::Little, &[("f", "xdp")], &[]);
    hidden.programs[0].binding = Binding::Static;
    let cases = [
        (
            none,
            vec![
                "error: it has no programs",
                "error: it has no section `license`, without which the kernel takes it as proprietary",
            ],
        ),
        (hidden, vec!["error: program `f` is static, so libbpf refuses the whole object"]),
        (object(Endian::Little, &[("f", "xdp"), ("g", "classifier")], &[]), vec![]),
        (
            object(Endian::Little, &[("f", "classifier/x")], &[]),
            vec![
                "warning: program `f`: libbpf infers no type from the section `classifier/x` \
                 (`classifier` is known only without a suffix) and loads the program only after \
                 it was given a type by hand",
            ],
        ),
        (
            object(Endian::Little, &[("f", "tc")], &[]),
            vec![
                "warning: program `f`: aya infers no type from the section `tc` \
                 (no such section is known) and refuses the whole object",
            ],
        ),
        (
            object(Endian::Little, &[("f", "nonsense")], &[]),
            vec!["error: program `f`: no loader knows the section `nonsense`"],
        ),
    ];
    for (info, expected) in cases {
        assert_eq!(findings(&info), expected);
    }
}

#[test]
fn architectures_that_differ_are_told_apart() {
    let one = object(Endian::Little, &[("f", "xdp"), ("g", "xdp")], &[("m", 1), (".rodata", 1)]);
    let same = object(Endian::Little, &[("g", "xdp"), ("f", "xdp")], &[("m", 1), (".rodata", 9)]);
    let other = object(Endian::Big, &[("f", "classifier")], &[("m", 2)]);
    let all = [(Arch::Amd64, &one), (Arch::Arm64, &same), (Arch::S390x, &other)];
    let lines: Vec<_> = difference(&all).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "map `m`: per_cpu_array, key 4, value 16, 1 entries on linux/amd64, linux/arm64; \
             per_cpu_array, key 4, value 16, 2 entries on linux/s390x",
            "program `f`: section `xdp` on linux/amd64, linux/arm64; section `classifier` on \
             linux/s390x",
            "program `g`: section `xdp` on linux/amd64, linux/arm64; absent on linux/s390x",
        ]
    );
    assert!(difference(&all[..2]).is_empty());
}

#[test]
fn an_object_of_the_wrong_byte_order_is_refused() {
    let info = object(Endian::Little, &[("f", "xdp")], &[]);
    let slot = Slot { arch: Arch::S390x, bytes: b"x", info: &info };
    let error = assemble(&Recipe::default(), &[slot]).unwrap_err();
    assert_eq!(error.to_string(), "the object for linux/s390x is little-endian");
    let error = assemble(&Recipe::default(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "there are no objects");
}

#[test]
fn an_object_that_cannot_be_used_is_refused() {
    let info = object(Endian::Little, &[], &[]);
    let slot = Slot { arch: Arch::Amd64, bytes: b"x", info: &info };
    let error = assemble(&Recipe::default(), &[slot]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the object for linux/amd64 cannot be used: it has no programs; it has no BTF; \
         compile it with `-g`"
    );
}
