//! Bytes that no compiler made: each is refused with its reason or read, and
//! nothing panics.

use std::sync::OnceLock;

use bpf_arch::Endian;
use bpf_object::{read, strip_debug};
use proptest::prelude::*;

use crate::support::{ENDIANS, FIXTURES, compile};

/// Bytes to write at an offset.
type Patch = (usize, &'static [u8]);

#[test]
fn foreign_files_are_refused_with_the_reason() {
    let Some(object) = compile("counter", Endian::Little) else { return };
    let cases: &[(Patch, &str)] = &[
        ((0, b"!"), "not an ELF file"),
        ((4, &[1]), "not a 64-bit ELF file, as eBPF objects are"),
        ((5, &[3]), "unknown ELF byte order 3"),
        ((18, &[62, 0]), "machine code for x86-64, not eBPF"),
        ((18, &[22, 0]), "machine code for S/390, not eBPF"),
        ((18, &[0xff, 0xff]), "machine code for ELF machine 65535, not eBPF"),
        ((16, &[2, 0]), "ELF type 2 instead of a relocatable object (1)"),
        ((40, &[0xff; 8]), "truncated: the section table ends at byte 18446744073709551615"),
        ((58, &[1, 0]), "malformed ELF: Invalid ELF section header entry size"),
        ((62, &[0xff, 0x7f]), "malformed ELF: Invalid ELF e_shstrndx"),
    ];
    for ((offset, bytes), expected) in cases {
        let mut patched = object.clone();
        patched[*offset..offset + bytes.len()].copy_from_slice(bytes);
        let error = read(&patched).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(strip_debug(&patched).unwrap_err().to_string(), error);
    }
}

#[test]
fn damaged_types_are_refused_with_the_reason() {
    let Some(object) = compile("counter", Endian::Big) else { return };
    let at =
        |needle: &[u8]| object.windows(needle.len()).position(|window| window == needle).unwrap();
    let btf = at(&[0xeb, 0x9f, 1, 0, 0, 0, 0, 24]);
    let cases: &[(Patch, &str)] = &[
        ((0, &[0x9f, 0xeb]), "malformed BTF: magic 0x9feb instead of 0xeb9f"),
        ((2, &[2]), "malformed BTF: version 2"),
        ((4, &[0xff; 4]), "malformed BTF: truncated header"),
        ((12, &[0xff; 4]), "malformed BTF: truncated types"),
        ((20, &[0xff; 4]), "malformed BTF: truncated strings"),
        ((20, &[0; 4]), "malformed BTF: malformed strings"),
        ((28, &[31, 0, 0, 0]), "malformed BTF: type 1 has the unknown kind 31"),
    ];
    for ((offset, bytes), expected) in cases {
        let mut patched = object.clone();
        patched[btf + offset..btf + offset + bytes.len()].copy_from_slice(bytes);
        assert_eq!(read(&patched).unwrap_err().to_string(), *expected);
    }
}

#[test]
fn damaged_relocations_are_refused_with_the_reason() {
    let Some(object) = compile("core", Endian::Little) else { return };
    let header = [0x9f, 0xeb, 1, 0, 32, 0, 0, 0];
    let at = object.windows(header.len()).position(|window| window == header).unwrap();
    let number =
        |from: usize| u32::from_le_bytes(object[from..from + 4].try_into().unwrap()) as usize;
    // The relocations: the size of one, then section and count of the first.
    let core = at + 32 + number(at + 24);
    let record = core + 12;
    let cases: &[(Patch, &str)] = &[
        ((at, &[0; 2]), "malformed BTF: magic 0x0000 instead of 0xeb9f"),
        ((at + 24, &[0xff; 4]), "malformed BTF: truncated extension"),
        ((at + 28, &[0xff; 4]), "malformed BTF: truncated extension"),
        ((core, &[4, 0, 0, 0]), "malformed BTF: truncated CO-RE relocation"),
        ((core, &[0xff; 4]), "malformed BTF: truncated CO-RE relocation"),
        ((core + 4, &[0xff; 4]), "malformed BTF: malformed name at offset 4294967295"),
        ((core + 8, &[0xff; 4]), "malformed BTF: truncated CO-RE relocation"),
        ((record + 4, &[0xff; 4]), "malformed BTF: no type 4294967295"),
        (
            (record + 4, &[0; 4]),
            "malformed BTF: no type has the member `0:0` that a relocation asks for",
        ),
    ];
    for ((offset, bytes), expected) in cases {
        let mut patched = object.clone();
        patched[*offset..offset + bytes.len()].copy_from_slice(bytes);
        let said = read(&patched).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(said, Err((*expected).to_owned()), "{}", offset - at);
    }
    // What has no words yet is no reason to refuse the object.
    let mut patched = object.clone();
    patched[record + 12] = 99;
    let first = read(&patched).unwrap().core.remove(0);
    assert_eq!(
        (first.kind.to_string(), first.to_string()),
        ("relocation kind 99".into(), "struct pt_regs".into())
    );
}

/// Functions on top of each other could take time and memory without end.
#[test]
fn functions_that_claim_the_same_bytes_are_refused() {
    let Some(mut object) = compile("calls", Endian::Little) else { return };
    let info = read(&object).unwrap();
    let number = |bytes: &[u8], at: usize, size: usize| -> usize {
        bytes[at..at + size].iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte))
    };
    let headers = number(&object, 0x28, 8);
    let header = |index: usize| headers + 64 * index;
    let count = number(&object, 0x3c, 2);
    let (mut table, mut xdp) = (0, 0);
    for index in 1..count {
        match info.sections[index - 1].name.as_str() {
            ".symtab" => table = index,
            "xdp" => xdp = index,
            _ => {}
        }
    }
    let start = number(&object, header(table) + 24, 8);
    let symbols = number(&object, header(table) + 32, 8) / 24;
    // The section `xdp` now is all of the file, and every symbol a function
    // there, from its own place on to the end.
    let whole = object.len() / 8 * 8;
    object[header(xdp) + 24..header(xdp) + 32].fill(0);
    object[header(xdp) + 32..header(xdp) + 40].copy_from_slice(&(whole as u64).to_le_bytes());
    for symbol in 1..symbols {
        let at = start + 24 * symbol;
        object[at + 4] = 0x12; // A global function.
        object[at + 6..at + 8].copy_from_slice(&(xdp as u16).to_le_bytes());
        let place = 8 * symbol as u64;
        object[at + 8..at + 16].copy_from_slice(&place.to_le_bytes());
        object[at + 16..at + 24].copy_from_slice(&(whole as u64 - place).to_le_bytes());
    }
    let error = read(&object).unwrap_err().to_string();
    assert_eq!(error, "malformed ELF: sections or functions overlap");
}

#[test]
fn the_reserved_symbol_names_no_program() {
    let Some(object) = compile("programs", Endian::Little) else { return };
    let number = |bytes: &[u8], at: usize, size: usize| -> usize {
        bytes[at..at + size].iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte))
    };
    // Section headers as in elf.h: sh_type at 4, sh_offset at 24, sh_size at 32.
    let headers = number(&object, 0x28, 8);
    let mut headers = (0..number(&object, 0x3c, 2)).map(|index| headers + 64 * index);
    let table = headers.find(|at| number(&object, at + 4, 4) == 2).unwrap();
    let (start, size) = (number(&object, table + 24, 8), number(&object, table + 32, 8));
    let mut damaged = object.clone();
    damaged.copy_within(start + size - 24..start + size, start);
    assert_ne!(damaged, object);
    let expected = read(&object).unwrap();
    assert_eq!(read(&damaged).unwrap().programs, expected.programs);
    let stripped = strip_debug(&damaged).unwrap();
    assert_eq!(read(&stripped).unwrap().programs, expected.programs);
}

#[test]
fn every_truncation_is_refused() {
    for endian in ENDIANS {
        let Some(object) = compile("counter", endian) else { return };
        for length in 0..object.len() {
            let error = read(&object[..length]).unwrap_err().to_string();
            let expected = if length < 4 { "not an ELF file" } else { "truncated: the " };
            assert!(error.starts_with(expected), "{length}: {error}");
        }
    }
}

/// One way to damage bytes; positions are taken modulo the length.
#[derive(Clone, Debug)]
enum Damage {
    Byte(usize, u8),
    Word(usize, u32),
    Truncate(usize),
    Splice { from: usize, to: usize, length: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    let words = prop::sample::select(vec![0, 1, 7, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff]);
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        4 => (any::<usize>(), words).prop_map(|(at, word)| Damage::Word(at, word)),
        1 => any::<usize>().prop_map(Damage::Truncate),
        1 => (any::<usize>(), any::<usize>(), 1..200usize)
            .prop_map(|(from, to, length)| Damage::Splice { from, to, length }),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    match *damage {
        Damage::Byte(at, byte) => bytes[at % length] = byte,
        Damage::Word(at, word) => {
            for (i, byte) in word.to_ne_bytes().into_iter().enumerate() {
                bytes[(at % length / 4 * 4 + i) % length] = byte;
            }
        }
        Damage::Truncate(at) => bytes.truncate(at % length),
        Damage::Splice { from, to, length: count } => {
            let from = from % length;
            let piece = bytes[from..(from + count).min(length)].to_vec();
            let to = to % length;
            let end = (to + piece.len()).min(length);
            bytes[to..end].copy_from_slice(&piece[..end - to]);
        }
    }
}

/// The objects to damage; none where there is no clang, which is then said.
fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let all = FIXTURES.iter().flat_map(|name| ENDIANS.map(|endian| (name, endian)));
        all.map_while(|(name, endian)| compile(name, endian)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_objects_never_panic(
        seed in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        if seeds().is_empty() {
            return Ok(());
        }
        let mut bytes = seed.get(seeds()).clone();
        for damage in &damages {
            apply(&mut bytes, damage);
        }
        if let Ok(info) = read(&bytes) {
            for global in &info.globals {
                let _ = info.variable(&global.name);
            }
            let _ = info.metadata_uint("metadata", "dispatcher_version");
            let requirements = info.requirements();
            prop_assert!(requirements.known.is_sorted_by_key(|one| std::cmp::Reverse(one.kernel)));
            prop_assert!(info.core.iter().all(|one| !one.to_string().is_empty()));
        }
        if let Ok(stripped) = strip_debug(&bytes) {
            prop_assert_eq!(strip_debug(&stripped), Ok(stripped.clone()));
        }
    }
}
