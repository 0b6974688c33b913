//! What is built: static programs that run, once.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use object::Endianness;
use object::elf::{FileHeader64, PT_INTERP, SHT_SYMTAB};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use serde_json::{Value, json};

use super::{PROGRAMS, expected, said, scene};
use crate::cli::files;

/// Checks that a program needs no loader and has no symbols.
#[track_caller]
fn is_static(program: &Path) {
    let bytes = std::fs::read(program).unwrap();
    let header = FileHeader64::<Endianness>::parse(bytes.as_slice()).unwrap();
    let endian = header.endian().unwrap();
    let segments = header.program_headers(endian, bytes.as_slice()).unwrap();
    assert!(segments.len() > 2 && segments.iter().all(|it| it.p_type(endian) != PT_INTERP));
    let sections = header.section_headers(endian, bytes.as_slice()).unwrap();
    assert!(sections.len() > 2 && sections.iter().all(|it| it.sh_type(endian) != SHT_SYMTAB));
    assert_eq!(program.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
}

#[test]
fn programs_are_static_run_and_are_built_once() {
    let Some(scene) = scene() else { return };
    let sources = files(&scene.source());
    let run = scene.run(&["--platform", "host"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<_> = run.stderr.lines().map(str::trim_start).collect();
    let [compiled, built] = lines[..] else { panic!("{}", run.stderr) };
    assert!(compiled.starts_with("Compiled 3 Rust programs for linux/"), "{compiled}");
    assert!(built.starts_with("Built 3 programs for 1 platform: 3 files written in "), "{built}");
    let paths = scene.paths(&run);
    let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, PROGRAMS);
    for (path, name) in paths.iter().zip(PROGRAMS) {
        is_static(path);
        assert_eq!(said(path, None), expected(name));
    }
    assert_eq!(files(&scene.source()), sources, "nothing is written into the checkout");

    // What did not change is neither linked nor written again.
    let states = || {
        let target = scene.checkout.path().join("target/binaries");
        let programs = files(&target).into_keys().filter(|path| {
            path.file_name().is_some_and(|name| PROGRAMS.iter().any(|it| *it == name))
        });
        let state = |path: std::path::PathBuf| {
            let file = target.join(&path).metadata().unwrap();
            (path, file.ino(), file.mtime(), file.mtime_nsec())
        };
        programs.map(state).collect::<Vec<_>>()
    };
    let before = states();
    assert_eq!(before.len(), 6, "cargo's and those that are handed out");
    let again = scene.run(&["--platform", "host"]);
    assert_eq!((again.code, &again.stdout), (0, &run.stdout));
    let line = "Built 3 programs for 1 platform: 0 files written in ";
    assert!(again.stderr.trim_start().starts_with(line), "{}", again.stderr);
    assert_eq!(states(), before);

    // What did is: one of them.
    let main = scene.source().join("bpfman/src/main.rs");
    let text = std::fs::read_to_string(&main).unwrap();
    scene.write("bpfman/src/main.rs", &text.replace("\"bpfman\"", "\"changed\""));
    let changed = scene.run(&["--platform", "host"]);
    let line = "Compiled 1 Rust program for linux/";
    assert!(changed.stderr.trim_start().starts_with(line), "{}", changed.stderr);
    assert_eq!(said(&paths[0], None), expected("bpfman").replacen("bpfman", "changed", 1));
}

#[test]
fn what_is_made_is_told_as_json() {
    let Some(scene) = scene() else { return };
    let args = ["--platform", "host", "--format", "json", "--program", "bpfman-ns", "--output"];
    let out = scene.checkout.path().join("o u t");
    let run = scene.run(&[&args[..], &[out.to_str().unwrap()]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut report: Value = serde_json::from_str(&run.stdout).unwrap();
    let program = report["programs"][0].clone();
    let path = scene.checkout.path().join(program["path"].as_str().unwrap());
    assert!(path.starts_with(&out) && path.ends_with("release/bpfman-ns"), "{}", path.display());
    assert_eq!(program["size"], path.metadata().unwrap().len());
    report["programs"] = json!(report["programs"].as_array().unwrap().len());
    let expected =
        json!({"schema": 1, "programs": 1, "left_out": [], "written": 1, "failures": []});
    assert_eq!(report, expected);
}

#[test]
fn a_dry_run_shows_the_command_and_does_nothing() {
    let Some(scene) = scene() else { return };
    let run = scene.run(&["--platform", "host", "--dry-run"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let shown = scene.placeless(&run.stdout);
    assert!(shown.starts_with("cd 'SOURCE' && "), "{shown}");
    let end = " --bin bpfman --bin bpfman-ns --bin bpfman-rpc\n";
    assert!(
        shown.contains(" build --release --locked --target ") && shown.ends_with(end),
        "{shown}"
    );
    assert!(!scene.checkout.path().join("target").exists());
}
