//! Checkouts to try the commands on, and what a run of one came to.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// What the commands read of a checkout.
const PARTS: [&str; 4] = ["images.yaml", "bpf", "dispatchers/bpf", "examples"];

/// libbpf's sources, found once: a copied checkout is no cargo workspace, so
/// it cannot ask for the pinned ones.
pub static LIBBPF: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = test_support::workspace_root();
    bpf_build::Libbpf::pinned(&root).unwrap().dir().to_owned()
});

/// A cache that holds every object of the catalogue, so that tests that are
/// not about compiling need not compile. It is kept from run to run: what is
/// in it is found by content.
static WARM: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("warm");
    std::fs::create_dir_all(&root).unwrap();
    let _alone = host::Lock::exclusive(&root.join(".lock")).unwrap();
    let checkout = Checkout::cold();
    let cache = root.join("bpf");
    if cache.is_dir() {
        copy(&cache, &checkout.path().join("target/bpf"));
    }
    let run = checkout.build_images(&["--to", "oci:unused"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    copy(&checkout.path().join("target/bpf"), &cache);
    cache
});

/// A copy of the sources in a directory of its own. The directory's name has
/// a blank and an equals sign in it: every test is also a test of those.
pub struct Checkout {
    dir: TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Checkout {
    /// Makes a checkout in which nothing was ever compiled, and whose plain
    /// run makes bytecode images alone: programs in Go take their time, and
    /// have tests of their own.
    pub fn cold() -> Checkout {
        let checkout = Checkout::whole();
        let organization = "    organization: bpfman-userspace\n";
        let catalogue = checkout.read("images.yaml");
        let without =
            catalogue.replace(organization, &format!("{organization}    default: false\n"));
        assert_ne!(catalogue, without);
        checkout.write("images.yaml", &without);
        checkout
    }

    /// Makes a checkout as it is, in which nothing was ever compiled.
    pub fn whole() -> Checkout {
        let dir = tempfile::Builder::new().prefix("check out=").tempdir().unwrap();
        for part in PARTS {
            copy(&test_support::workspace_root().join(part), &dir.path().join(part));
        }
        Checkout { dir }
    }

    /// Makes a checkout of the whole repository, as a clone of it would be.
    pub fn repository() -> Checkout {
        let checkout = Checkout { dir: tempfile::tempdir().unwrap() };
        let root = test_support::workspace_root();
        let made = [".git", "target", ".output", "corpus", "artifacts"];
        for entry in std::fs::read_dir(&root).unwrap() {
            let name = entry.unwrap().file_name();
            copy_unless(&made, &root.join(&name), &checkout.path().join(&name));
        }
        checkout
    }

    /// Makes a checkout whose cache holds every object.
    pub fn warm() -> Checkout {
        let checkout = Checkout::cold();
        copy(&WARM, &checkout.path().join("target/bpf"));
        checkout
    }

    /// Makes a checkout with one image, `o/one`, made from `source`.
    pub fn with_source(source: &str) -> Checkout {
        let checkout = Checkout::cold();
        checkout.write("bpf/one.bpf.c", source);
        checkout.catalogue("  - {name: one, organization: o, description: d, licenses: MIT, bytecode: bpf/one.bpf.c}\n");
        checkout
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the checkout.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Writes a catalogue with these entries, for amd64 and s390x.
    pub fn catalogue(&self, images: &str) {
        let head =
            "registry: quay.io\ntag: latest\nplatforms: [linux/amd64, linux/s390x]\nimages:\n";
        self.write("images.yaml", &format!("{head}{images}"));
    }

    /// Returns the program, ready to run in this checkout: without the
    /// environment of the test run but for what finds tools.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(args).current_dir(self.path()).env_clear().stdin(Stdio::null());
        for name in ["PATH", "HOME", "CLANG", "CARGO_HOME", "RUSTUP_HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("CARGO_MANIFEST_DIR", self.path().join("xtask"));
        command
    }

    /// Returns `build-images`, ready to run.
    pub fn build_images_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(&["build-images", "--libbpf-dir"]);
        command.arg(LIBBPF.as_path()).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        finish(self.command(args).output().unwrap())
    }

    pub fn build_images(&self, args: &[&str]) -> Run {
        finish(self.build_images_command(args).output().unwrap())
    }

    pub fn build_ebpf(&self, args: &[&str]) -> Run {
        let mut command = self.command(&["build-ebpf", "--libbpf-dir"]);
        finish(command.arg(LIBBPF.as_path()).args(args).output().unwrap())
    }
}

/// Puts what a process wrote into words.
pub fn finish(output: Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// Returns the summary's counts: compiled, cached, files written.
    pub fn counts(&self) -> (usize, usize, usize) {
        let line =
            self.stderr.lines().find(|line| line.trim_start().starts_with("Built ")).unwrap();
        let (_, counts) = line.split_once(": ").unwrap();
        let numbers =
            counts.split(", ").map(|part| part.split(' ').next().unwrap().parse().unwrap());
        let numbers: Vec<usize> = numbers.collect();
        (numbers[0], numbers[1], numbers[2])
    }
}

/// Writes a program that a shell runs. Another process does so: were the file
/// open for writing in this one, a process that another test starts at that
/// moment would inherit it, and while it did the program could not be run.
pub fn program(path: &Path, script: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let source = path.with_extension("text");
    std::fs::write(&source, format!("#!/bin/sh\n{script}\n")).unwrap();
    let install = Command::new("install").args(["-m", "755"]).arg(&source).arg(path).status();
    assert!(install.unwrap().success(), "{}", path.display());
    std::fs::remove_file(source).unwrap();
}

/// Copies a file, or a directory with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    copy_unless(&[], from, to);
}

/// The same, without what has one of these names.
fn copy_unless(names: &[&str], from: &Path, to: &Path) {
    if names.iter().any(|name| from.file_name().is_some_and(|file| file == *name)) {
        return;
    }
    if from.is_file() {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy_unless(names, &entry.path(), &to.join(entry.file_name()));
    }
}
