//! A machine of which a test says what is installed: a PATH of its own, with
//! stand-ins that note how they were called.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Checkout, Run, finish, program};

/// A directory that is the whole PATH, and a log of what ran from it.
pub struct Machine {
    dir: TempDir,
}

impl Machine {
    /// Makes a machine with no programs at all.
    pub fn new() -> Machine {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        std::fs::write(dir.path().join("log"), "").unwrap();
        for (name, mode) in [("", 0o755), ("bin", 0o777), ("log", 0o666)] {
            let path = dir.path().join(name);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        Machine { dir }
    }

    pub fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Adds a program that notes its arguments, then does as `script` says.
    pub fn stand_in(self, name: &str, script: &str) -> Machine {
        let log = self.dir.path().join("log");
        let path = self.bin().join(name);
        let noted = format!("echo \"{name} $*\" >>'{}'", log.display());
        program(&path, &format!("{noted}\n{script}"));
        self
    }

    /// Adds a package manager that does nothing.
    pub fn manager(self, name: &str) -> Machine {
        self.stand_in(name, "")
    }

    /// Adds an apt that can make the named programs appear, and chats.
    pub fn apt(self, programs: &[(&str, PathBuf)]) -> Machine {
        let bin = self.bin().display().to_string();
        let links = programs
            .iter()
            .map(|(name, target)| format!("/bin/ln -sf '{}' '{bin}/{name}'\n", target.display()));
        let links: String = links.collect();
        let script = format!("echo chatting\n[ \"$1\" = update ] && exit 0\n{links}");
        self.stand_in("apt-get", &script)
    }

    /// Where programs are kept that were built here.
    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// Returns the program, ready to run here.
    pub fn command(&self, checkout: &Checkout, args: &[&str]) -> Command {
        let mut command = checkout.command(args);
        command.env("PATH", self.bin()).env("XDG_CACHE_HOME", self.cache()).env_remove("CLANG");
        command
    }

    /// Runs the program here.
    pub fn run(&self, checkout: &Checkout, args: &[&str]) -> Run {
        finish(self.command(checkout, args).output().unwrap())
    }

    /// Returns what ran, a line for each.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }
}

/// Returns the compiler that the tests use.
pub fn clang() -> Option<PathBuf> {
    test_support::tool(&std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned()))
}

/// Returns whether the tests run as root, as `id` sees it.
pub fn is_root() -> bool {
    let output = std::process::Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}
