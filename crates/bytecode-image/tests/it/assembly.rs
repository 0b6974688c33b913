//! Images from objects, described by hand or compiled: what they say, and
//! what is refused.

use bpf_arch::{Arch, Endian};
use bpf_object::{Binding, Code, Map, MapKind, MapOrigin, ObjectInfo, Program, ProgramKind};
use bytecode_image::{
    AssembleError, Recipe, Rule, Slot, assemble, assemble_one, check_object, difference, lint,
};
use oci::Artifact;

use crate::objects::compile;

fn program(name: &str, section: &str) -> Program {
    Program {
        name: name.to_owned(),
        section: section.to_owned(),
        kind: ProgramKind::from_section(section),
        instructions: 2,
        binding: Binding::Global,
        code: Code::default(),
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

/// A recipe that says everything that can be said.
fn recipe() -> Recipe {
    let pairs = |pairs: [(&str, &str); 2]| pairs.map(|(k, v)| (k.into(), v.into())).into();
    Recipe {
        file: "object.o".to_owned(),
        title: "title".to_owned(),
        description: "what it does".to_owned(),
        licenses: "GPL-2.0-only".to_owned(),
        created: 0,
        labels: pairs([("vendor", "someone"), ("org.example.team", "a")]),
        annotations: pairs([
            ("org.opencontainers.image.title", "another title"),
            ("org.opencontainers.image.version", "1.0"),
        ]),
        allow_divergence: false,
    }
}

type Slots = Vec<(Arch, Vec<u8>, ObjectInfo)>;

/// Compiles objects for one architecture each, with these macros.
fn compiled(of: &[(Arch, &[&str])]) -> Option<Slots> {
    let one = |(arch, defines): &(Arch, &[&str])| {
        let bytes = compile(*arch, defines)?;
        let info = bpf_object::read(&bytes).unwrap();
        Some((*arch, bytes, info))
    };
    of.iter().map(one).collect()
}

fn slots(of: &Slots) -> Vec<Slot<'_>> {
    of.iter().map(|(arch, bytes, info)| Slot { arch: *arch, bytes, info }).collect()
}

fn pairs(map: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    map.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

#[test]
fn further_labels_and_annotations_are_added() {
    let Some(objects) = compiled(&[(Arch::Amd64, &[]), (Arch::S390x, &[])]) else { return };
    let (index, warnings) = assemble(&recipe(), &slots(&objects)).unwrap();
    assert!(warnings.is_empty());
    let annotations = [
        "org.opencontainers.image.description=what it does",
        "org.opencontainers.image.licenses=GPL-2.0-only",
        "org.opencontainers.image.title=another title",
        "org.opencontainers.image.version=1.0",
    ];
    let labels = [
        r#"io.ebpf.maps={"counts":"per_cpu_array"}"#,
        r#"io.ebpf.programs={"count":"xdp"}"#,
        "org.example.team=a",
        "vendor=someone",
    ];
    assert_eq!(pairs(index.annotations()), annotations);
    let index = Artifact::Index(index);
    assert_eq!(index.images().len(), 2);
    for image in index.images() {
        assert_eq!(pairs(image.annotations()), annotations);
        assert_eq!(pairs(image.labels()), labels);
    }
}

#[test]
fn the_labels_of_bytecode_cannot_be_set() {
    let info = object(Endian::Little, &[("f", "xdp")], &[]);
    let slot = Slot { arch: Arch::Amd64, bytes: b"x", info: &info };
    for key in ["io.ebpf.programs", "io.ebpf.maps", "io.ebpf.filename"] {
        let labels = [(key.to_owned(), "{}".to_owned())].into();
        let recipe = Recipe { labels, ..recipe() };
        let expected = format!("the label `{key}` is read from the object and cannot be set");
        assert_eq!(assemble(&recipe, &[slot]).unwrap_err().to_string(), expected);
        assert_eq!(assemble_one(&recipe, &slot).unwrap_err().to_string(), expected);
    }
}

#[test]
fn architectures_may_differ_where_that_is_allowed() {
    let all: [(Arch, &[&str]); 3] = [
        (Arch::Amd64, &[]),
        (Arch::Arm64, &["ENTRIES=9"]),
        (Arch::S390x, &["SECTION=\"classifier\""]),
    ];
    let Some(objects) = compiled(&all) else { return };
    let refused = assemble(&recipe(), &slots(&objects)).unwrap_err();
    let AssembleError::Differ { differences } = refused else { panic!("{refused}") };
    let expected: Vec<_> = differences
        .iter()
        .map(|difference| format!("the platforms differ: {difference}"))
        .collect();
    let recipe = Recipe { allow_divergence: true, ..recipe() };
    let (index, warnings) = assemble(&recipe, &slots(&objects)).unwrap();
    let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected);
    assert_eq!(said.len(), 2);
    let index = Artifact::Index(index);
    let labels: Vec<_> =
        index.images().iter().map(|image| image.labels()["io.ebpf.programs"].clone()).collect();
    assert_eq!(labels, [r#"{"count":"xdp"}"#, r#"{"count":"xdp"}"#, r#"{"count":"tc"}"#]);
    // What was allowed is still told, but is no error.
    assert!(lint(&index).iter().all(|finding| finding.rule == Rule::PlatformsDiffer));
    assert_eq!(lint(&index).len(), 2);
}

#[test]
fn one_object_makes_a_plain_image() {
    for arch in Arch::PUBLISHED {
        let Some(objects) = compiled(&[(arch, &[])]) else { return };
        let slots = slots(&objects);
        let (image, warnings) = assemble_one(&recipe(), &slots[0]).unwrap();
        assert!(warnings.is_empty());
        assert_eq!(image.platform().to_string(), arch.platform());
        // It is the one that an index of it alone would hold.
        let (index, _) = assemble(&recipe(), &slots).unwrap();
        assert_eq!(Artifact::Index(index).images()[0].digest(), image.digest());
    }
}

#[test]
fn an_object_of_another_architectures_registers_is_refused() {
    let defines: &[&str] = &["BY_NAME", "SECTION=\"kprobe/f\""];
    let Some(mut objects) = compiled(&[(Arch::Amd64, defines)]) else { return };
    assert!(assemble_one(&recipe(), &slots(&objects)[0]).is_ok());
    objects[0].0 = Arch::Arm64;
    assert_eq!(
        assemble_one(&recipe(), &slots(&objects)[0]).unwrap_err().to_string(),
        "the object for linux/arm64 cannot be used: function `count` reads `struct pt_regs.di`, \
         which linux/arm64 does not have"
    );
}

#[test]
fn one_object_for_many_registers_is_warned_of() {
    let defines: &[&str] = &["BY_PLACE", "SECTION=\"kprobe/f\""];
    let Some(mut objects) = compiled(&[(Arch::Amd64, defines)]) else { return };
    let (_, bytes, info) = objects[0].clone();
    objects.insert(0, (Arch::I386, bytes.clone(), info.clone()));
    let (_, warnings) = assemble(&recipe(), &slots(&objects)).unwrap();
    assert_eq!(warnings, [], "386 and amd64 share objects by custom");
    objects.push((Arch::Arm64, bytes, info));
    let (_, warnings) = assemble(&recipe(), &slots(&objects)).unwrap();
    let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["program `count` reads registers by where they are, and one object serves linux/386, \
          linux/amd64, linux/arm64"]
    );
}
