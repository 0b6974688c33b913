//! The names and numbers that `bpf-object` knows, beside the kernel's header
//! in the libbpf that `Cargo.lock` pins.

use std::collections::BTreeMap;

use bpf_arch::Endian;
use bpf_build::Libbpf;
use bpf_object::{Helper, Map, MapKind, MapOrigin, ObjectInfo};

/// Returns the kernel's header.
fn header() -> String {
    let libbpf = Libbpf::pinned(&test_support::workspace_root()).unwrap();
    host::fs::read_to_string(&libbpf.dir().join("include/uapi/linux/bpf.h")).unwrap()
}

#[test]
fn helpers_are_those_of_the_kernels_header() {
    let text = header();
    // `	FN(map_lookup_elem, 1, ##ctx)	\`
    let rows = text.lines().filter_map(|line| line.trim_start().strip_prefix("FN("));
    let parts = rows.map(|row| row.split(',').map(str::trim).collect::<Vec<_>>());
    let theirs: BTreeMap<u32, String> = parts
        .filter_map(|parts| Some((parts.get(1)?.parse().ok()?, format!("bpf_{}", parts[0]))))
        .filter(|(number, _)| *number != 0)
        .collect();
    let known = (1..).map(Helper).map_while(|helper| Some((helper.0, helper.name()?.to_owned())));
    assert_eq!(known.collect::<BTreeMap<_, _>>(), theirs);
    assert_eq!(theirs.len(), 211);
}

/// Returns the enumerators of the kernel's header that begin so, in order.
fn enumerators(text: &str, prefix: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(prefix));
    // Those with a value are other names of one that has its number.
    let names = lines.filter_map(|line| line.strip_suffix(',').filter(|name| !name.contains(' ')));
    names.map(|name| name.trim_end_matches("_DEPRECATED").to_lowercase()).collect()
}

#[test]
fn map_types_are_those_of_the_kernels_header() {
    let theirs = enumerators(&header(), "BPF_MAP_TYPE_");
    let theirs: Vec<_> = theirs.iter().map(|name| name.replace("percpu", "per_cpu")).collect();
    let labels: Vec<_> = (0..34).map(|number| MapKind(number).label().into_owned()).collect();
    assert_eq!(labels, theirs[..34]);
}

#[test]
fn map_flags_are_those_of_the_kernels_header() {
    let text = header();
    let mut known = 0;
    for bit in 0..32u32 {
        let mut object = ObjectInfo::new(Endian::Little);
        object.maps = vec![Map {
            name: "m".to_owned(),
            kind: MapKind::ARRAY,
            key_size: 4,
            value_size: 4,
            max_entries: 1,
            flags: 1 << bit,
            pinned_by_name: false,
            origin: MapOrigin::Btf,
            internal: false,
        }];
        let because = object.requirements().known.into_iter().map(|known| known.because);
        let flag = because.filter_map(|words| Some(words.strip_prefix("map flag ")?.to_owned()));
        for name in flag {
            let line = text.lines().find(|line| line.trim().starts_with(&format!("{name}\t")));
            let line = line.unwrap_or_else(|| panic!("no {name}"));
            assert!(line.contains(&format!("(1U << {bit})")), "{line}");
            known += 1;
        }
    }
    assert_eq!(known, 15);
}
