//! A copy of the examples, and a PATH of its own to run make with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Checkout, Run, finish, program};

/// What the Makefile, its script and the stand-ins run.
const SHELL: [&str; 12] =
    ["bash", "cat", "chmod", "cp", "dirname", "env", "grep", "mkdir", "mktemp", "rm", "sed", "sh"];

/// Notes how it was called, and what it was given to read.
const KUBECTL: &str = "for word; do last=$word; done
echo \"$*\" >>\"$NOTES/calls\"
[ \"$last\" != - ] || cat >\"$NOTES/$(sed -n '$=' \"$NOTES/calls\").yaml\"";

/// Prints the overlay that it was to render.
const KUSTOMIZE: &str = "[ \"$1\" = build ] && cat \"$2/kustomization.yaml\"";

/// A checkout, a directory that is the whole PATH, and notes of what ran.
pub struct Kit {
    checkout: Checkout,
    make: PathBuf,
}

impl Kit {
    /// Returns a kit without kustomize and kubectl, or `None` after saying
    /// that the test does not run.
    pub fn bare() -> Option<Kit> {
        let make = test_support::tool("make")?;
        let kit = Kit { checkout: Checkout::cold(), make };
        // What somebody has installed in the checkout that was copied.
        let _ = std::fs::remove_dir_all(kit.path("examples/bin"));
        std::fs::create_dir(kit.path("bin")).unwrap();
        std::fs::create_dir(kit.path("notes")).unwrap();
        std::fs::create_dir(kit.path("tmp")).unwrap();
        kit.checkout.write("notes/calls", "");
        for name in SHELL {
            kit.link(name, &host::find_tool(name).unwrap());
        }
        Some(kit)
    }

    /// Returns a kit with stand-ins: a kubectl that notes what it is told, and
    /// a kustomize that prints the overlay instead of rendering it.
    pub fn with_stand_ins() -> Option<Kit> {
        Some(Kit::bare()?.stand_in("kubectl", KUBECTL).stand_in("kustomize", KUSTOMIZE))
    }

    /// Returns a kit that renders, with a kubectl that notes what it is told.
    pub fn that_renders() -> Option<Kit> {
        let kustomize = test_support::go_tool("kustomize")?;
        let kit = Kit::bare()?.stand_in("kubectl", KUBECTL);
        kit.link("kustomize", &kustomize);
        Some(kit)
    }

    /// Adds a program. A script may end in a failure that is played.
    pub fn stand_in(self, name: &str, script: &str) -> Kit {
        let path = self.path("bin").join(name);
        let _ = std::fs::remove_file(&path);
        program(&path, script);
        self
    }

    /// Makes kubectl note what it is told, and then do this.
    pub fn kubectl(self, script: &str) -> Kit {
        self.stand_in("kubectl", &format!("{KUBECTL}\n{script}"))
    }

    fn link(&self, name: &str, target: &Path) {
        std::os::unix::fs::symlink(target, self.path("bin").join(name)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.checkout.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        self.checkout.write(name, text);
    }

    /// Runs make in the examples' directory.
    pub fn make(&self, args: &[&str]) -> Run {
        let mut command = Command::new(&self.make);
        command.arg("-s").args(args).current_dir(self.path("examples")).env_clear();
        command.env("PATH", self.path("bin")).env("NOTES", self.path("notes"));
        command.env("TMPDIR", self.path("tmp")).stdin(Stdio::null());
        finish(command.output().unwrap())
    }

    /// Runs make, which must succeed and complain of nothing.
    pub fn prints(&self, args: &[&str]) -> String {
        let run = self.make(args);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "make {args:?}");
        run.stdout
    }

    /// Returns how kubectl was called.
    pub fn calls(&self) -> Vec<String> {
        self.checkout.read("notes/calls").lines().map(str::to_owned).collect()
    }

    /// Returns what kubectl was given to read, by the number of the call.
    pub fn given(&self, call: usize) -> String {
        self.checkout.read(&format!("notes/{call}.yaml"))
    }

    /// Returns every file of the examples, and whatever was left in the
    /// directory for temporary ones.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for name in ["examples", "tmp"] {
            gather(&self.path(name), &mut files);
        }
        files
    }
}

fn gather(dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, files);
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}
