//! Programs in Rust, built from a checkout that is laid out as bpfman's.

mod bad_words;
mod built;
mod fetched;
mod image;
mod packaged;
mod platforms;
mod same;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Checkout, Run, copy, finish};

/// The programs, in the order in which they are built and shown.
const PROGRAMS: [&str; 3] = ["bpfman", "bpfman-ns", "bpfman-rpc"];

/// A copy of the fixture, a workspace to build it from, and a cache with
/// nothing in it.
struct Scene {
    checkout: Checkout,
    dir: TempDir,
}

impl Scene {
    fn new() -> Scene {
        Scene::at("bpfman")
    }

    /// Makes a scene whose fixture lies in a directory of this name.
    fn at(name: &str) -> Scene {
        let dir = tempfile::Builder::new().prefix("bin aries=").tempdir().unwrap();
        let from = test_support::workspace_root().join("xtask/tests/fixtures/bpfman");
        copy(&from, &dir.path().join("source"));
        let scene = Scene { checkout: Checkout::cold(), dir };
        let to = scene.dir.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(scene.dir.path().join("source"), &to).unwrap();
        std::os::unix::fs::symlink(to, scene.dir.path().join("link")).unwrap();
        scene
    }

    /// Returns where the fixture is.
    fn source(&self) -> PathBuf {
        self.dir.path().join("link").canonicalize().unwrap()
    }

    /// Writes a file of the fixture.
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.source().join(name), text).unwrap();
    }

    /// Returns the command, ready to run: with what builds for this machine
    /// alone, whatever else is here.
    fn command(&self, args: &[&str]) -> Command {
        self.command_of("build-binaries", args)
    }

    /// The same for a command that takes the checkout as `--source`.
    fn command_of(&self, name: &str, args: &[&str]) -> Command {
        let source = format!("bpfman={}", self.source().display());
        let mut command = self.checkout.command(&[name, "--source", &source]);
        command.args(args).env("XDG_CACHE_HOME", self.dir.path().join("cache"));
        let path = std::env::var_os("PATH").unwrap();
        let without_zig = std::env::split_paths(&path).filter(|directory| {
            !["zig", "cargo-zigbuild"].iter().any(|name| directory.join(name).exists())
        });
        command.env("PATH", std::env::join_paths(without_zig).unwrap());
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        finish(self.command(args).output().unwrap())
    }

    /// Returns a text without the places of this scene.
    fn placeless(&self, text: &str) -> String {
        let root = self.checkout.path().canonicalize().unwrap();
        text.replace(&self.source().display().to_string(), "SOURCE")
            .replace(&root.display().to_string(), "ROOT")
    }

    /// Returns what a run printed: paths, from the top of the workspace.
    fn paths(&self, run: &Run) -> Vec<PathBuf> {
        run.stdout.lines().map(|line| self.checkout.path().join(line)).collect()
    }
}

/// Makes a scene, if this machine can build for itself at all: it has Rust,
/// but not each has a C library that can be linked statically.
fn scene() -> Option<Scene> {
    let scene = Scene::new();
    let run = scene.run(&["--platform", "host", "--dry-run"]);
    if run.code == 3 {
        test_support::not_run("libc.a", "nothing links statically for this machine");
        return None;
    }
    assert_eq!(run.code, 0, "{}", run.stderr);
    Some(scene)
}

fn bytes(paths: &[PathBuf]) -> Vec<Vec<u8>> {
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Returns what a program says, run by itself or by QEMU.
fn said(program: &Path, qemu: Option<&Path>) -> String {
    let mut command = Command::new(qemu.unwrap_or(program));
    if qemu.is_some() {
        command.arg(program);
    }
    let directory = program.parent().unwrap();
    let output = command.args(["a", "b c"]).current_dir(directory).output().unwrap();
    let run = finish(output);
    assert_eq!(run.code, 0, "{}: {}", program.display(), run.stderr);
    run.stdout.replace(&directory.canonicalize().unwrap().display().to_string(), "HERE")
}

/// Returns what a program has to say.
fn expected(name: &str) -> String {
    let introduced =
        |file: &str| format!("{name} [\"a\", \"b c\"] from HERE by {file}/src/main.rs\n");
    match name {
        "bpfman" => introduced("bpfman"),
        "bpfman-ns" => introduced("bpfman-ns") + "panicked and went on: true\n",
        _ => introduced("bpfman-api") + "bpfman-ns is here: true\n",
    }
}
