//! Compiles fixtures and runs the tools that have the second opinion. All
//! talk by pipes: no test leaves a file.

#![expect(
    clippy::disallowed_methods,
    reason = "the crate may not use `host`, and these are its tests"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bpf_arch::Endian;
use bpf_object::ObjectInfo;

pub(crate) const ENDIANS: [Endian; 2] = [Endian::Little, Endian::Big];

pub(crate) const FIXTURES: [&str; 10] = [
    "counter",
    "programs",
    "maps",
    "legacy",
    "globals",
    "dispatcher",
    "tomorrow",
    "calls",
    "core",
    "set",
];

/// Compiles `fixtures/NAME.bpf.c` as the factory compiles sources.
///
/// `None` where there is no clang, which is then said.
pub(crate) fn compile(name: &str, endian: Endian) -> Option<Vec<u8>> {
    compile_with(name, endian, &["-g", "-fno-addrsig"])
}

/// Compiles with these flags and those that every object needs.
pub(crate) fn compile_with(name: &str, endian: Endian, flags: &[&str]) -> Option<Vec<u8>> {
    let clang = test_support::tool("clang")?;
    Some(compile_by(&clang, name, endian, &[&["-mcpu=v2"], flags].concat()))
}

/// Compiles with that compiler.
pub(crate) fn compile_by(clang: &Path, name: &str, endian: Endian, flags: &[&str]) -> Vec<u8> {
    let mut command = Command::new(clang);
    command.args(["-target", endian.clang_target(), "-O2", "-Wall", "-Werror"]);
    command.args(flags).arg("-c").arg(fixture(name)).args(["-o", "-"]);
    output(&mut command, &[])
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures").join(format!("{name}.bpf.c"))
}

/// Gives the tool `input` and returns what it writes; `None` where the
/// machine lacks it, which is then said.
pub(crate) fn pipe(tool: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let tool = test_support::tool(tool)?;
    Some(output(Command::new(tool).args(arguments), input))
}

/// Runs a tool on a file, where it does not read pipes.
pub(crate) fn run(tool: &Path, arguments: &[&str]) -> String {
    String::from_utf8(output(Command::new(tool).args(arguments), &[])).unwrap()
}

fn output(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        // The tool may stop reading early; its exit status tells.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{log}", output.status);
    output.stdout
}

/// Writes down what the crate says of an object, but for what differs from
/// compiler to compiler: how many instructions a function takes.
pub(crate) fn describe(info: &ObjectInfo) -> String {
    let mut text = String::new();
    for program in &info.programs {
        let kind = program.kind.map_or("?", |kind| kind.label());
        let (name, section) = (&program.name, &program.section);
        let when = if program.on_demand() { ", on demand" } else { "" };
        writeln!(text, "program {name}: {kind} in {section}, {:?}{when}", program.binding).unwrap();
    }
    for subprogram in &info.subprograms {
        writeln!(text, "subprogram {}: {:?}", subprogram.name, subprogram.binding).unwrap();
    }
    for map in &info.maps {
        let (key, value, count) = (map.key_size, map.value_size, map.max_entries);
        write!(text, "map {}: {} {key} -> {value} x {count}", map.name, map.kind).unwrap();
        write!(text, ", flags {:#x}, {:?}", map.flags, map.origin).unwrap();
        text += if map.pinned_by_name { ", pinned" } else { "" };
        text += if map.internal { ", internal\n" } else { "\n" };
    }
    for global in &info.globals {
        let of = global.type_name.as_deref().unwrap_or("?");
        let (section, offset, size) = (&global.section, global.offset, global.size);
        write!(text, "global {}: {of} in {section} at {offset}", global.name).unwrap();
        writeln!(text, ", {size} bytes, {:?}", global.binding).unwrap();
    }
    writeln!(text, "license {:?}, BTF {}", info.license, info.has_btf()).unwrap();
    text
}
