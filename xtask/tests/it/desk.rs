//! A desk: a checkout with a user at it, who types lines into a shell.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::interop::podman::Storage;
use crate::support::{Checkout, LIBBPF, Run, copy, finish, program};

/// What cargo needs of a workspace to say what it pins: documents show
/// commands without `--libbpf-dir`.
const WORKSPACE: [&str; 13] = [
    "Containerfile.bpfman.multi.arch",
    "Containerfile.bytecode",
    "Containerfile.bytecode.multi.arch",
    "bpfman/Cargo.toml",
    "bpfman/src",
    "Cargo.toml",
    "Cargo.lock",
    "crates",
    "dispatchers/Cargo.toml",
    "dispatchers/build.rs",
    "dispatchers/src",
    "xtask/Cargo.toml",
    "xtask/src",
];

/// A checkout, and a user at it.
pub struct Desk {
    pub checkout: Checkout,
    /// The user's home; `bin` in it stands first on PATH.
    pub home: TempDir,
    storage: Storage,
}

impl Desk {
    /// Makes one whose checkout has every object in its cache.
    pub fn new() -> Desk {
        let desk = Desk {
            checkout: Checkout::warm(),
            home: tempfile::tempdir().unwrap(),
            storage: Storage::new(),
        };
        for part in WORKSPACE {
            let from = test_support::workspace_root().join(part);
            if from.exists() {
                copy(&from, &desk.checkout.path().join(part));
            }
        }
        std::fs::create_dir_all(desk.home.path().join("src")).unwrap();
        symlink(&*LIBBPF, desk.home.path().join("src/libbpf")).unwrap();
        stand_in_for_cargo(&desk.home.path().join("bin"));
        desk.stand_in("bpfman", &format!("exec '{}' \"$@\"", BPFMAN.display()));
        desk
    }

    /// Puts a program of this name before all others.
    pub fn stand_in(&self, name: &str, script: &str) {
        program(&self.home.path().join("bin").join(name), script);
    }

    /// Types a line in a directory of the checkout.
    pub fn type_line(&self, directory: &Path, line: &str) -> Run {
        let directory = self.checkout.path().join(directory);
        finish(self.command(line).current_dir(directory).output().unwrap())
    }

    /// Returns a line, ready to be typed at the top of the checkout.
    pub fn command(&self, line: &str) -> Command {
        let mut path = self.home.path().join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.checkout.path()).env_clear();
        command.envs(compilers());
        command.env("PATH", path).env("HOME", self.home.path());
        command.env("CARGO_MANIFEST_DIR", self.checkout.path().join("xtask"));
        command.envs(self.storage.environment());
        command
    }
}

/// Puts a `cargo` into a directory of programs whose `cargo xtask` is the
/// program that is tested, in the checkout that is named or at whose top it is
/// typed; and sees to it that no test installs anything.
pub fn stand_in_for_cargo(bin: &Path) {
    let tested = env!("CARGO_BIN_EXE_xtask");
    let script = format!(
        "if [ \"$1\" = xtask ]; then
    shift
    export CARGO_MANIFEST_DIR=\"${{CARGO_MANIFEST_DIR-$PWD/xtask}}\"
    exec '{tested}' \"$@\"
fi
exec '{}' \"$@\"",
        which("cargo").display()
    );
    program(&bin.join("cargo"), &script);
    for name in ["apt-get", "sudo"] {
        program(&bin.join(name), "echo 'a test tried to install something' >&2; exit 1");
    }
}

/// Returns the variables that say which clang there is, and where cargo,
/// rustup and Go keep their things: in the real home.
pub fn compilers() -> Vec<(String, OsString)> {
    let real_home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let mut variables: Vec<(String, OsString)> = Vec::new();
    variables.extend(std::env::var_os("CLANG").map(|clang| ("CLANG".to_owned(), clang)));
    for (name, dir) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let dir = std::env::var_os(name).unwrap_or_else(|| real_home.join(dir).into());
        variables.push((name.to_owned(), dir));
    }
    variables.extend(GO.iter().map(|(name, value)| (name.clone(), value.into())));
    variables
}

/// The program `bpfman`, built as this test is.
static BPFMAN: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = test_support::workspace_root();
    let mut cargo = Command::new(which("cargo"));
    cargo.args(["build", "--quiet", "--locked", "--package", "bpfman"]).current_dir(root);
    assert!(cargo.status().unwrap().success());
    Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("bpfman")
});

/// Where Go keeps what it has compiled and downloaded, which it need not do
/// again, and where it gets more.
static GO: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let names = ["GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB"];
    let output = Command::new("go").arg("env").args(names).output();
    let values = output.map(|output| String::from_utf8(output.stdout).unwrap());
    let values = values.unwrap_or_default();
    names.iter().zip(values.lines()).map(|(name, value)| ((*name).into(), value.into())).collect()
});

/// Returns where a program is; its name alone where it is nowhere.
pub fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(name));
    places.find(|place| place.is_file()).unwrap_or_else(|| Path::new(name).to_owned())
}
