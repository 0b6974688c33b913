//! Objects without DWARF: the same to loaders, and to llvm's own stripping.

use std::path::Path;

use bpf_arch::Endian;
use bpf_object::{ObjectInfo, read, strip_debug};
use object::{Object, ObjectSection};

use crate::support::{ENDIANS, FIXTURES, compile, compile_with, describe, pipe, run};

/// Every fixture for both byte orders; empty where there is no clang.
fn objects() -> Vec<(String, Vec<u8>)> {
    let mut objects = Vec::new();
    for fixture in FIXTURES {
        for endian in ENDIANS {
            let Some(object) = compile(fixture, endian) else { return objects };
            objects.push((format!("{fixture}, {endian}"), object));
        }
    }
    objects
}

fn section_names(info: &ObjectInfo) -> Vec<&str> {
    info.sections.iter().map(|section| section.name.as_str()).collect()
}

#[test]
fn loaders_see_the_same_object() {
    for (name, object) in objects() {
        let before = read(&object).unwrap();
        let stripped = strip_debug(&object).unwrap();
        let mut after = read(&stripped).unwrap();
        assert!(stripped.len() < object.len(), "{name}");
        assert!(!after.has_dwarf() && after.has_btf(), "{name}");
        after.sections.clone_from(&before.sections);
        assert_eq!(describe(&after), describe(&before), "{name}");
        assert_eq!(after, before, "{name}");
    }
}

#[test]
fn stripping_twice_is_stripping_once() {
    for (name, object) in objects() {
        let once = strip_debug(&object).unwrap();
        assert_eq!(strip_debug(&object).unwrap(), once, "{name}");
        assert_eq!(strip_debug(&once).unwrap(), once, "{name}");
    }
}

#[test]
fn an_object_without_dwarf_keeps_all_but_the_name_of_its_source() {
    for endian in ENDIANS {
        let Some(object) = compile_with("programs", endian, &["-fno-addrsig"]) else { return };
        let stripped = strip_debug(&object).unwrap();
        let (before, after) = (read(&object).unwrap(), read(&stripped).unwrap());
        assert_eq!(describe(&before), describe(&after));
        assert!(!String::from_utf8_lossy(&stripped).contains("bpf.c"));
    }
}

#[test]
fn the_sections_are_those_that_llvm_strip_leaves() {
    for (name, object) in objects() {
        let Some(reference) = pipe("llvm-strip", &["-g", "-o", "-", "-"], &object) else { return };
        let stripped = strip_debug(&object).unwrap();
        let (ours, theirs) = (read(&stripped).unwrap(), read(&reference).unwrap());
        let added = |of: &&str| *of != ".shstrtab";
        let ours: Vec<_> = section_names(&ours).into_iter().filter(added).collect();
        assert_eq!(ours, section_names(&theirs), "{name}");
    }
}

#[test]
fn the_contents_of_sections_stay() {
    for (name, object) in objects() {
        let stripped = strip_debug(&object).unwrap();
        let before = object::File::parse(&*object).unwrap();
        let after = object::File::parse(&*stripped).unwrap();
        for section in after.sections() {
            let of = section.name().unwrap();
            // These hold indices and offsets that change with what is gone.
            if of.starts_with(".rel") || matches!(of, ".symtab" | ".strtab" | ".shstrtab") {
                continue;
            }
            let original = before.section_by_name(of).unwrap();
            assert_eq!(section.data().unwrap(), original.data().unwrap(), "{name}: {of}");
            assert_eq!(section.flags(), original.flags(), "{name}: {of}");
            assert_eq!(section.align(), original.align(), "{name}: {of}");
        }
    }
}

/// Returns the tool's listing without the columns that hold indices into
/// tables, and without their order where symbols are listed.
fn listing(flag: &str, object: &[u8], drop: &[usize]) -> Option<Vec<String>> {
    let text = pipe("llvm-readelf", &[flag, "-W", "-"], object)?;
    let text = String::from_utf8(text).unwrap();
    let keep = |line: &str| {
        let words = line.split_whitespace().enumerate();
        let words = words.filter(|(column, _)| !drop.contains(column)).map(|(_, word)| word);
        words.collect::<Vec<_>>().join(" ")
    };
    let lines = text.lines().filter(|line| !line.contains("contains"));
    Some(lines.map(keep).collect())
}

#[test]
fn relocations_and_symbols_are_those_that_llvm_strip_leaves() {
    for (name, object) in objects() {
        let Some(reference) = pipe("llvm-strip", &["-g", "-o", "-", "-"], &object) else { return };
        let stripped = strip_debug(&object).unwrap();
        let Some(ours) = listing("-r", &stripped, &[1]) else { return };
        let theirs = listing("-r", &reference, &[1]).unwrap();
        assert_eq!(ours, theirs, "{name}");
        if name.starts_with("counter") {
            let has = |of: &str| ours.iter().any(|line| line.contains(of));
            assert!(has("xdp_stats_map") && has("R_BPF_64_NODYLD32"), "{ours:#?}");
        }
        let sorted = |object: &[u8]| {
            let mut lines = listing("-s", object, &[0, 6]).unwrap();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&stripped), sorted(&reference), "{name}");
    }
}

/// The section that relocations apply to is a number that must follow when
/// sections before it go.
#[test]
fn relocations_apply_to_the_same_sections() {
    for (name, object) in objects() {
        let stripped = strip_debug(&object).unwrap();
        let file = object::File::parse(&*stripped).unwrap();
        let mut seen = 0;
        for section in file.sections().filter(|section| section.relocations().count() > 0) {
            let of = section.name().unwrap();
            let table = format!(".rel{of}");
            assert!(file.section_by_name(&table).is_some(), "{name}: {table}");
            seen += 1;
        }
        let tables = file.sections().filter(|of| of.name().unwrap().starts_with(".rel"));
        assert_eq!(seen, tables.count(), "{name}");
        assert!(seen > 0, "{name}");
    }
}

/// libbpf's linker reads every symbol, relocation and type of an object and
/// writes them anew, without DWARF; its loader then opens the result.
#[test]
fn libbpf_makes_the_same_of_objects_that_llvm_strip_made() {
    let Some(bpftool) = test_support::tool("bpftool") else { return };
    let folder = tempfile::tempdir().unwrap();
    for fixture in ["counter", "maps", "globals", "dispatcher"] {
        let Some(object) = compile(fixture, Endian::HOST) else { return };
        let Some(reference) = pipe("llvm-strip", &["-g", "-o", "-", "-"], &object) else { return };
        let stripped = strip_debug(&object).unwrap();
        let ours = link(&bpftool, &folder.path().join("ours"), &stripped);
        let theirs = link(&bpftool, &folder.path().join("theirs"), &reference);
        assert!(ours == theirs, "{fixture}");
    }
}

/// Returns what libbpf's linker makes of the object, and what its loader
/// makes of that. The loader names things after the file.
#[expect(clippy::disallowed_methods, reason = "the crate may not use `host`")]
fn link(bpftool: &Path, folder: &Path, object: &[u8]) -> (Vec<u8>, String) {
    std::fs::create_dir_all(folder).unwrap();
    let (input, output) = (folder.join("input.o"), folder.join("output.o"));
    std::fs::write(&input, object).unwrap();
    let (input, output) = (input.to_str().unwrap(), output.to_str().unwrap());
    run(bpftool, &["gen", "object", output, input]);
    (std::fs::read(output).unwrap(), run(bpftool, &["gen", "skeleton", output]))
}

#[test]
fn what_cannot_be_rewritten_is_named() {
    let Some(object) = compile_with("counter", Endian::Little, &["-g", "-faddrsig"]) else {
        return;
    };
    assert_eq!(
        strip_debug(&object).unwrap_err().to_string(),
        "section `.llvm_addrsig` has type 0x6fff4c03, which cannot be rewritten"
    );
    assert_eq!(strip_debug(b"text").unwrap_err().to_string(), "not an ELF file");
}

/// Names that an object has no right to, and what is said of it all the same.
#[test]
fn a_table_of_symbols_that_is_called_license_is_none() {
    for endian in ENDIANS {
        let Some(mut object) = compile("counter", endian) else { return };
        for (name, other) in [(b"license", b"licence"), (b".symtab", b"license")] {
            let wanted = [&name[..], b"\0"].concat();
            let places: Vec<_> =
                (0..object.len() - 7).filter(|at| object[*at..].starts_with(&wanted)).collect();
            assert!(!places.is_empty());
            places.into_iter().for_each(|at| object[at..at + 7].copy_from_slice(other));
        }
        let (before, after) =
            (read(&object).unwrap(), read(&strip_debug(&object).unwrap()).unwrap());
        assert_eq!((before.license, after.license), (None, None), "{endian}");
    }
}
