//! What `read` says of code: what it calls, asks of types, and needs. Beside
//! it what llvm's disassembler finds in the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bpf_arch::Endian;
use bpf_object::{Code, Isa, ObjectInfo, read};

use crate::support::{ENDIANS, FIXTURES, compile, compile_by, compile_with, pipe};

fn functions(info: &ObjectInfo) -> impl Iterator<Item = (&str, usize, &Code)> {
    let programs = info.programs.iter().map(|of| (&*of.name, of.instructions, &of.code));
    let subprograms = info.subprograms.iter().map(|of| (&*of.name, of.instructions, &of.code));
    programs.chain(subprograms)
}

/// Writes down what the object calls, asks and implies.
fn describe(info: &ObjectInfo) -> String {
    let mut text = String::new();
    for (name, _, code) in functions(info) {
        let helpers = code.helpers.iter().map(ToString::to_string);
        let calls = code.calls.iter().map(|call| format!("{call}()"));
        let kfuncs = code.kfuncs.iter().map(|kfunc| {
            format!("{}{}", if kfunc.weak { "weak kernel " } else { "kernel " }, kfunc.name)
        });
        let all: Vec<_> = helpers.chain(calls).chain(kfuncs).collect();
        writeln!(text, "{name}: {} {}", code.isa, all.join(", ")).unwrap();
    }
    for one in &info.core {
        let function = one.function.as_deref().unwrap_or("?");
        writeln!(text, "core {function}: {} {one}", one.kind).unwrap();
    }
    let requirements = info.requirements();
    for one in &requirements.known {
        writeln!(text, "{} implied by {}", one.kernel, one.because).unwrap();
    }
    for one in &requirements.unknown {
        writeln!(text, "unknown: {one}").unwrap();
    }
    text
}

fn check(fixture: &str, expected: &str) {
    for endian in ENDIANS {
        let Some(object) = compile(fixture, endian) else { return };
        assert_eq!(describe(&read(&object).unwrap()), expected, "{fixture}, {endian}");
    }
}

#[test]
fn what_is_called() {
    check(
        "calls",
        "\
sends: v1 bpf_ktime_get_ns, bpf_ringbuf_reserve, bpf_ringbuf_submit, first(), second()
calls_on: v1 helper 999, global_one()
asks_the_kernel: v1 kernel of_the_kernel, weak kernel perhaps_there
does_nothing: v1 \n\
global_one: v1 bpf_ktime_get_ns
first: v1 bpf_ktime_get_ns
second: v1 bpf_ktime_get_ns
6.6 implied by section tcx/ingress
5.13 implied by calls of kernel functions
5.8 implied by helper bpf_ringbuf_reserve
5.8 implied by helper bpf_ringbuf_submit
5.8 implied by map type ringbuf
4.16 implied by calls of functions
4.8 implied by program type xdp
4.1 implied by helper bpf_ktime_get_ns
4.1 implied by program type tc
3.19 implied by program type socket_filter
unknown: helper 999
unknown: kernel function of_the_kernel
",
    );
}

#[test]
fn what_is_asked_of_types() {
    check(
        "core",
        "\
fields: v1 \n\
questions: v1 \n\
types: v1 \n\
core fields: field offset struct pt_regs.di
core fields: field offset struct task_struct.pid
core fields: field offset struct task_struct[1].inner.values[2]
core fields: field offset struct pt_regs.si
core questions: field exists struct task_struct.state
core questions: field offset struct task_struct.state
core questions: field size struct task_struct.low
core questions: field is signed struct task_struct.low
core questions: field shift left struct task_struct.high
core questions: field shift right struct task_struct.high
core types: type exists struct inner
core types: type size struct inner
core types: local type id pid_t
core types: type id struct inner
core types: value exists enum state.SLEEPS
core types: value enum state.RUNS
4.1 implied by program type probe
",
    );
}

#[test]
fn who_reads_the_context() {
    let cases: [(&str, &[&str]); 3] =
        [("core", &["fields", "questions"]), ("set", &["versions"]), ("programs", &["shared"])];
    for (fixture, endian) in cases.iter().flat_map(|case| ENDIANS.map(|of| (case, of))) {
        let (fixture, expected) = fixture;
        let Some(object) = compile(fixture, endian) else { return };
        let info = read(&object).unwrap();
        let readers = functions(&info).filter(|(_, _, code)| code.reads_context);
        let readers: Vec<_> = readers.map(|(name, _, _)| name).collect();
        assert_eq!(readers, *expected, "{fixture}, {endian}");
    }
}

#[test]
fn what_other_objects_imply() {
    let cases = [
        ("globals", "5.2 implied by global data"),
        ("maps", "5.16 implied by map type bloom_filter"),
        ("dispatcher", "5.2 implied by global data"),
        ("programs", "6.6 implied by section tcx/ingress"),
        ("counter", "4.16 implied by calls of functions"),
        ("tomorrow", ""),
    ];
    for (fixture, expected) in cases {
        let Some(object) = compile(fixture, Endian::Little) else { return };
        let requirements = read(&object).unwrap().requirements();
        let highest = requirements.highest();
        let words =
            highest.map(|highest| format!("{} implied by {}", highest.kernel, highest.because));
        assert_eq!(words.unwrap_or_default(), expected, "{fixture}");
    }
    let Some(object) = compile("tomorrow", Endian::Big) else { return };
    let unknown = read(&object).unwrap().requirements().unknown;
    assert_eq!(unknown, ["map type maptype(99)", "section unheard/of"]);
}

#[test]
fn sections_are_told_apart() {
    for endian in ENDIANS {
        let Some(object) = compile("counter", endian) else { return };
        let info = read(&object).unwrap();
        let kinds: BTreeMap<_, _> =
            info.sections.iter().map(|of| (of.name.as_str(), of.kind.to_string())).collect();
        let expected = [
            ("xdp", "programs"),
            (".text", "subprograms"),
            (".maps", "maps"),
            ("license", "licence"),
            (".BTF", "BTF"),
            (".BTF.ext", "BTF extension"),
            (".relxdp", "relocations"),
            (".symtab", "symbols"),
            (".strtab", "strings"),
            (".debug_info", "DWARF"),
            (".rel.debug_info", "DWARF"),
        ];
        for (name, kind) in expected {
            assert_eq!(kinds[name], kind, "{name}");
        }
        let size = info.sections.iter().find(|section| section.name == ".BTF").unwrap().size;
        assert_eq!(info.btf_size(), Some(size));
        let info = read(&compile("globals", endian).unwrap()).unwrap();
        let data = info.sections.iter().filter(|of| of.kind.to_string() == "data");
        let data: Vec<_> = data.map(|section| section.name.as_str()).collect();
        assert_eq!(data, [".rodata", ".data", ".data.counters", ".bss"]);
    }
}

#[test]
fn each_cpu_of_clang_is_told_by_the_code() {
    for (cpu, expected) in [("v1", Isa::V1), ("v2", Isa::V2), ("v3", Isa::V3)] {
        for endian in ENDIANS {
            let flag = format!("-mcpu={cpu}");
            let Some(object) = compile_with("set", endian, &[&flag, "-g"]) else { return };
            assert_eq!(read(&object).unwrap().isa(), expected, "{cpu}, {endian}");
        }
    }
    // Clang 18 was the first to have it.
    let newer = (18..30).rev().map(|major| format!("clang-{major}"));
    let Some(clang) = newer.into_iter().find_map(|name| which::which(name).ok()) else {
        return test_support::not_run("clang-18", "no clang has `-mcpu=v4`");
    };
    for endian in ENDIANS {
        let object = compile_by(&clang, "set", endian, &["-mcpu=v4", "-g"]);
        let info = read(&object).unwrap();
        assert_eq!(info.isa(), Isa::V4);
        let highest = info.requirements().known.remove(0);
        let words = format!("{} implied by {}", highest.kernel, highest.because);
        assert_eq!(words, "6.6 implied by instructions: sign extension");
    }
}

/// What the disassembler shows of one function.
#[derive(Debug, Default, PartialEq, Eq)]
struct Disassembled {
    slots: usize,
    helpers: BTreeSet<u32>,
    /// What calls are relocated by, where that is no section.
    callees: BTreeSet<String>,
}

/// Reads the lines that have instructions as bytes, and those of relocations
/// under them.
fn disassemble(text: &str, info: &ObjectInfo) -> BTreeMap<String, Disassembled> {
    let mut all: BTreeMap<String, Disassembled> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        let label = line.split_once(" <").and_then(|(_, rest)| rest.strip_suffix(">:"));
        if let Some(label) = label {
            if functions(info).any(|(function, _, _)| function == label) {
                name = label.to_owned();
            }
            continue;
        }
        let of = all.entry(name.clone()).or_default();
        if let Some((_, symbol)) = line.split_once("R_BPF_64_32\t") {
            if !symbol.starts_with('.') {
                of.callees.insert(symbol.to_owned());
            }
            continue;
        }
        let columns: Vec<_> = line.split('\t').collect();
        let [_, bytes, _] = columns[..] else { continue };
        let bytes = bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16));
        let bytes: Vec<u8> = bytes.collect::<Result<_, _>>().unwrap();
        of.slots += bytes.len() / 8;
        let immediate = <[u8; 4]>::try_from(&bytes[4..8]).unwrap();
        let (source, immediate) = match info.endian {
            Endian::Little => (bytes[1] >> 4, u32::from_le_bytes(immediate)),
            Endian::Big => (bytes[1] & 0xf, u32::from_be_bytes(immediate)),
        };
        if bytes[0] == 0x85 && source == 0 {
            of.helpers.insert(immediate);
        }
    }
    all.remove("");
    all
}

#[test]
fn llvm_finds_the_same_calls() {
    let mut compared = 0;
    for (fixture, endian) in FIXTURES.iter().flat_map(|name| ENDIANS.map(|of| (name, of))) {
        let Some(object) = compile(fixture, endian) else { return };
        let Some(text) = pipe("llvm-objdump", &["-dr", "-"], &object) else { return };
        let info = read(&object).unwrap();
        let mut theirs = disassemble(&String::from_utf8(text).unwrap(), &info);
        for (name, slots, code) in functions(&info) {
            let found = theirs.remove(name).unwrap();
            let helpers = code.helpers.iter().map(|helper| helper.0).collect();
            let known = code.calls.iter().chain(code.kfuncs.iter().map(|kfunc| &kfunc.name));
            let known: BTreeSet<_> = known.cloned().collect();
            assert!(found.callees.is_subset(&known), "{fixture}, {endian}: {found:?}");
            let callees = found.callees.clone();
            let ours = Disassembled { slots, helpers, callees };
            assert_eq!(ours, found, "{fixture}, {endian}: {name}");
            compared += 1;
        }
        assert!(theirs.is_empty(), "{theirs:?}");
    }
    assert!(compared >= 2 * 30, "{compared}");
}
