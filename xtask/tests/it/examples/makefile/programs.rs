//! The programs and objects themselves: `build`, `fmt`, `verify`, `generate`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::image::Kind;
use super::{desk, line, succeed, type_line};
use crate::desk::Desk;
use crate::support::{Run, finish};

/// What Go code there is instead of the examples': it needs nobody's packages.
const MAIN: &str = "package main\n\nfunc main() {\n\tprintln(\"counted\")\n}\n";

/// Puts a module of small programs in place of the examples'; returns whether
/// there is a Go to build them.
pub(super) fn small_module(desk: &Desk) -> bool {
    let Some(go) = test_support::tool("go") else { return false };
    let examples = desk.checkout.path().join("examples");
    for (_, _, name) in Kind::UserSpace.examples() {
        let directory = examples.join(name);
        std::fs::create_dir_all(&directory).unwrap();
        remove(&directory, |file| file.ends_with(".go") || file == name);
        desk.checkout.write(&format!("examples/{name}/main.go"), MAIN);
    }
    remove(&examples, |file| file == "go.sum" || file == "internal");
    desk.checkout.write("examples/go.mod", "module bpfman.io/examples\n\ngo 1.21\n");
    // What Go has compiled for its user, it need not again.
    let cache = Command::new(&go).args(["env", "GOCACHE"]).output().unwrap();
    let cache = String::from_utf8(cache.stdout).unwrap();
    let variables = "GOPROXY=off GOTOOLCHAIN=local";
    desk.stand_in(
        "go",
        &format!("GOCACHE='{}' {variables} exec '{}' \"$@\"", cache.trim(), go.display()),
    );
    true
}

fn remove(directory: &Path, is_gone: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if is_gone(name) && path.is_dir() => std::fs::remove_dir_all(path).unwrap(),
            Some(name) if is_gone(name) => std::fs::remove_file(path).unwrap(),
            _ => {}
        }
    }
}

/// Returns what `file` begins with.
fn head(desk: &Desk, file: &str) -> Vec<u8> {
    let bytes = std::fs::read(desk.checkout.path().join(file)).unwrap();
    bytes[..20].to_vec()
}

#[test]
fn programs_are_built_for_this_machine_or_another() {
    let Some(desk) = desk() else { return };
    if !small_module(&desk) {
        return;
    }
    // The line, and a machine that it builds for, in ELF's numbers.
    for (typed, machine) in [("make build", None), ("make -j2 all GOARCH=arm64", Some(183))] {
        succeed(&desk, typed, &[]);
        for (_, _, name) in Kind::UserSpace.examples() {
            let elf = head(&desk, &format!("examples/{name}/{name}"));
            assert_eq!(elf[..4], *b"\x7fELF", "{name}");
            let found = u16::from(elf[18]) | u16::from(elf[19]) << 8;
            assert!(machine.is_none_or(|machine| machine == found), "{typed}: {name}: {found}");
        }
    }
    succeed(&desk, "make build", &[]);
    let run = finish(line(&desk, "./go-target/go-target").output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (0, "counted\n"), "it runs here");
}

#[test]
fn code_is_formatted_and_vetted() {
    let Some(desk) = desk() else { return };
    if !small_module(&desk) {
        return;
    }
    succeed(&desk, "make verify", &[]);
    let program = "examples/go-target/main.go";
    desk.checkout.write(program, &MAIN.replace('\t', "  "));
    let run = type_line(&desk, "make verify", &[]);
    let said = "error: not formatted (`make fmt` does it):\ngo-target/main.go\nmake: *** ";
    assert!(run.code == 2 && run.stderr.starts_with(said), "{}", run.stderr);
    succeed(&desk, "make fmt", &[]);
    assert_eq!(desk.checkout.read(program), MAIN);
    succeed(&desk, "make verify", &[]);
    desk.checkout.write(program, &MAIN.replace("\"counted\"", "\"counted\"); return; println("));
    succeed(&desk, "make fmt", &[]);
    let run = type_line(&desk, "make verify", &[]);
    assert!(run.code == 2 && run.stderr.contains("unreachable code"), "{}", run.stderr);
}

/// Returns the objects that a run says there are, and looks whether they are.
#[track_caller]
fn objects(desk: &Desk, run: &Run) -> BTreeSet<String> {
    let lines = run.stdout.lines().filter(|line| line.ends_with(".o") && !line.contains(' '));
    let objects: BTreeSet<_> = lines.map(str::to_owned).collect();
    for object in &objects {
        assert_eq!(head(desk, object)[..4], *b"\x7fELF", "{object}");
    }
    objects
}

#[test]
fn objects_are_generated_beside_each_program() {
    let Some(desk) = desk() else { return };
    let examples = desk.checkout.path().join("examples");
    for (_, _, name) in Kind::Bytecode.examples() {
        remove(&examples.join(name), |file| file.ends_with(".o"));
    }
    let run = succeed(&desk, "make generate", &[]);
    let files = ["bpf_arm64_bpfel.o", "bpf_powerpc_bpfel.o", "bpf_s390_bpfeb.o", "bpf_x86_bpfel.o"];
    let expected = Kind::Bytecode
        .examples()
        .into_iter()
        .flat_map(|(_, _, name)| files.map(|file| format!("examples/{name}/{file}")));
    assert_eq!(objects(&desk, &run), expected.collect());
    assert!(run.stderr.contains(" 32 files written in "), "{}", run.stderr);
    let again = succeed(&desk, "make generate", &[]);
    let (_, counts) = again.stderr.rsplit_once(": ").unwrap();
    let is_idle = counts.starts_with("0 compiled, ") && counts.contains(" 0 files written in ");
    assert!(is_idle, "{}", again.stderr);
}
