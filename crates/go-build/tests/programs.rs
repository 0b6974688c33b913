//! Programs that the machine's Go builds: for every architecture, the same
//! whatever surrounds it, and left alone while they are up to date.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests make files, change them under way and run programs as any user would; one speaks to its parent"
)]

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use bpf_arch::Arch;
use go_build::{Build, Module, Package, Toolchain, build_id};
use object::{Architecture, Object as _, ObjectSection as _};
use sha2::{Digest as _, Sha256};

/// Two programs and a package that both use.
const FILES: [(&str, &str); 4] = [
    ("go.mod", "module words.example\n\ngo 1.21\n"),
    ("word/word.go", "package word\n\nfunc Hello() string { return \"hello\" }\n"),
    (
        "first/main.go",
        "package main\n\nimport \"words.example/word\"\n\nfunc main() { println(word.Hello()) }\n",
    ),
    ("second/main.go", "package main\n\nfunc main() { println(\"second\") }\n"),
];

/// A module, and where its programs go.
struct Desk {
    _dir: tempfile::TempDir,
    module: PathBuf,
    output: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let (module, output) = (dir.path().join("module"), dir.path().join("out"));
        for (path, text) in FILES {
            let path = module.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Desk { _dir: dir, module, output }
    }

    fn build(&self, arch: Arch, packages: &BTreeSet<Package>) -> Result<Vec<PathBuf>, String> {
        let module = Module::open(&self.module).unwrap();
        let toolchain = Toolchain::find(&module).unwrap();
        let output = &self.output.join(arch.goarch());
        let jobs = NonZeroUsize::new(2).unwrap();
        let build = Build { toolchain: &toolchain, module: &module, packages, arch, jobs, output };
        let mut said = Vec::new();
        build.run(&mut |line| said.push(line.to_owned())).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}\n{}", cause.unwrap_or_default(), said.join("\n"))
        })
    }
}

fn packages(named: &[(&str, Option<&str>)]) -> BTreeSet<Package> {
    let package = |(path, ldflags): &(&str, Option<&str>)| Package {
        path: (*path).to_owned(),
        ldflags: ldflags.map(str::to_owned),
    };
    named.iter().map(package).collect()
}

fn is_here() -> bool {
    test_support::tool("go").is_some()
}

fn marks(paths: &[PathBuf]) -> Vec<(u64, String)> {
    let mark = |path: &PathBuf| (fs::metadata(path).unwrap().ino(), build_id(path).unwrap());
    paths.iter().map(mark).map(|(inode, id)| (inode, id.unwrap())).collect()
}

#[test]
fn programs_are_static_and_of_their_machine() {
    if !is_here() {
        return;
    }
    let desk = Desk::new();
    let both = packages(&[("./first", Some("-s -w")), ("./second", None)]);
    let machines = [
        (Arch::Amd64, Architecture::X86_64),
        (Arch::Arm64, Architecture::Aarch64),
        (Arch::Ppc64le, Architecture::PowerPc64),
        (Arch::S390x, Architecture::S390x),
    ];
    for (arch, machine) in machines {
        let programs = desk.build(arch, &both).unwrap();
        let expected = ["first", "second"].map(|name| desk.output.join(arch.goarch()).join(name));
        assert_eq!(programs, expected);
        for (program, has_symbols) in programs.iter().zip([false, true]) {
            let bytes = fs::read(program).unwrap();
            let elf = object::File::parse(bytes.as_slice()).unwrap();
            assert_eq!(elf.architecture(), machine, "{arch}");
            assert!(elf.sections().all(|section| section.name() != Ok(".interp")), "{arch}");
            assert_eq!(elf.symbols().next().is_some(), has_symbols, "{}", program.display());
            assert_eq!(fs::metadata(program).unwrap().permissions().mode() & 0o7777, 0o755);
            let said = Command::new("go").args(["tool", "buildid"]).arg(program).output().unwrap();
            let said = String::from_utf8(said.stdout).unwrap();
            assert_eq!(build_id(program).unwrap().as_deref(), Some(said.trim_end()));
        }
        let there: Vec<_> = fs::read_dir(desk.output.join(arch.goarch())).unwrap().collect();
        assert_eq!(there.len(), 2, "{there:?}");
    }
}

#[test]
fn what_is_up_to_date_stays_and_what_is_not_changes_its_build_id() {
    if !is_here() {
        return;
    }
    let desk = Desk::new();
    let both = packages(&[("./first", None), ("./second", None)]);
    let programs = desk.build(Arch::Amd64, &both).unwrap();
    let before = marks(&programs);
    fs::set_permissions(&programs[0], PermissionsExt::from_mode(0o700)).unwrap();
    // What a killed run leaves.
    let left = desk.output.join("amd64/.building/go-build1");
    fs::create_dir_all(&left).unwrap();
    desk.build(Arch::Amd64, &both).unwrap();
    assert_eq!(marks(&programs), before);
    assert_eq!(fs::metadata(&programs[0]).unwrap().permissions().mode() & 0o777, 0o755);
    assert!(!left.exists());

    fs::write(desk.module.join("word/word.go"), FILES[1].1.replace("hello", "goodbye")).unwrap();
    desk.build(Arch::Amd64, &both).unwrap();
    let after = marks(&programs);
    assert_eq!(after[1], before[1]);
    assert_ne!(after[0].1, before[0].1);
}

/// Set for the other process of a test.
const AGAIN: &str = "PROGRAMS_AGAIN";

#[test]
fn neither_directory_nor_environment_is_in_a_program() {
    if !is_here() {
        return;
    }
    let desk = Desk::new();
    let both = packages(&[("./first", None), ("./second", Some("-w"))]);
    let build = |arch| desk.build(arch, &both).unwrap();
    let paths = [Arch::Amd64, Arch::Arm64, Arch::Ppc64le].map(build).concat();
    let digest = |path: &PathBuf| format!("{:?}", Sha256::digest(fs::read(path).unwrap()));
    let line = format!("programs: {}", paths.iter().map(digest).collect::<Vec<_>>().join(" "));
    if std::env::var_os(AGAIN).is_some() {
        println!("\n{line}");
        return;
    }
    // Only a process of its own can be given another environment. Each of the
    // variables would change the programs, were it heeded.
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "neither_directory_nor_environment_is_in_a_program", "--nocapture"]);
    again.envs([("GOAMD64", "v3"), ("GOARM64", "v8.1"), ("GOPPC64", "power9"), ("GOOS", "darwin")]);
    again.env("GOFIPS140", "latest");
    again.envs([("GOFLAGS", "-race"), ("CGO_ENABLED", "1"), ("GOEXPERIMENT", "nogreenteagc")]);
    let output = again.env(AGAIN, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.lines().any(|said| said == line), "{line}\n{text}");
}

#[test]
fn what_does_not_compile_is_named_with_the_compilers_words() {
    if !is_here() {
        return;
    }
    let desk = Desk::new();
    fs::write(desk.module.join("first/main.go"), "package main\n\nfunc main() { nothing() }\n")
        .unwrap();
    let error = desk.build(Arch::S390x, &packages(&[("./first", None), ("./second", None)]));
    let error = error.unwrap_err();
    let first = "failed to build `./first`, `./second` for linux/s390x: `go` exited with status 1";
    assert!(error.starts_with(first), "{error}");
    assert!(error.contains("first/main.go:3:15: undefined: nothing"), "{error}");
    assert!(!desk.output.join("s390x/.building").exists());
}

#[test]
fn what_is_no_program_any_more_is_not_taken_for_the_one_it_was() {
    if !is_here() {
        return;
    }
    let desk = Desk::new();
    let both = packages(&[("./first", None), ("./second", None)]);
    desk.build(Arch::Amd64, &both).unwrap();
    fs::write(desk.module.join("second/main.go"), "package second\n").unwrap();
    let error = desk.build(Arch::Amd64, &both).unwrap_err();
    assert_eq!(
        error.lines().next().unwrap(),
        "`./second` is package `second`, and a program is package `main`: "
    );
    assert!(desk.build(Arch::Amd64, &packages(&[("./first", None)])).is_ok());
}

#[test]
fn other_files_have_no_build_id() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8]); 3] =
        [("empty", b""), ("text", b"#!/bin/sh\nexit\n"), ("cut", b"\x7fELF\x02\x01\x01\0\0")];
    for (name, bytes) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert_eq!(build_id(&path).unwrap(), None, "{name}");
    }
    assert_eq!(build_id(&std::env::current_exe().unwrap()).unwrap(), None);
    let error = build_id(Path::new("/no/such/program")).unwrap_err().to_string();
    assert_eq!(error, "failed to open `/no/such/program`");
}
