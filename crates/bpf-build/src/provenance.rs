//! What an object was made from, in words that are the same on every machine.
//!
//! A file of the checkout is named by its path there; one of libbpf's, of
//! clang's or of the system's by whose it is. Not here: what is said of it to
//! others.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use crate::argv::SYSTEM_INCLUDE;
use crate::inputs::Inputs;

/// What an object was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// clang's arguments, all but where to write.
    pub argv: Vec<String>,
    /// Every file that was read, the source among them, sorted by name.
    pub inputs: Vec<InputFile>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Its path in the checkout; or `libbpf/…`, `clang/…` (what comes with the
    /// compiler), `system/…` (below `/usr/include`) or, from anywhere else,
    /// `outside/…` with its last name.
    pub name: String,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// The SHA-1 of its content, in hexadecimal: SPDX demands it.
    pub sha1: String,
    /// What its line `SPDX-License-Identifier:` says, if it has one.
    pub license: Option<String>,
}

/// Whose the files in directories are.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The workshop's root.
    root: PathBuf,
    /// Where libbpf's headers were copied to, as clang is told.
    staged: PathBuf,
}

impl Names {
    pub(crate) fn new(root: &Path, staged: &Path) -> Names {
        Names { root: root.to_owned(), staged: staged.to_owned() }
    }

    /// Returns what an object was made from; `None` if a file cannot be read
    /// any more.
    pub(crate) fn provenance(
        &self,
        argv: &[OsString],
        read: &[PathBuf],
        inputs: &Inputs,
    ) -> Option<Provenance> {
        let mut files: BTreeMap<String, InputFile> = BTreeMap::new();
        for path in read {
            let (name, input) = (self.file(path), inputs.get(path));
            let (sha256, sha1) = (input.digest.clone()?, input.sha1.clone()?);
            let license = input.license.clone();
            files.insert(name.clone(), InputFile { name, sha256, sha1, license });
        }
        let argv = argv.iter().map(|arg| self.argument(&arg.to_string_lossy())).collect();
        Some(Provenance { argv, inputs: files.into_values().collect() })
    }

    /// Names a file that clang read.
    fn file(&self, path: &Path) -> String {
        let path = lexically_clean(path);
        let below = |dir: &Path| path.strip_prefix(dir).ok().map(|rest| rest.display().to_string());
        if let Some(rest) = below(&self.staged) {
            return format!("libbpf/{rest}");
        }
        if let Some(rest) = below(&self.root) {
            return rest;
        }
        if let Some(rest) = of_clang(&path) {
            return format!("clang/{rest}");
        }
        if let Some(rest) = below(Path::new(SYSTEM_INCLUDE)) {
            return format!("system/{rest}");
        }
        if path.is_relative() && !path.starts_with("..") {
            return path.display().to_string();
        }
        format!("outside/{}", path.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Puts names in the place of this machine's directories.
    fn argument(&self, argument: &str) -> String {
        let staged = self.staged.to_string_lossy();
        let replaced = argument.replace(&*staged, "libbpf");
        if replaced != argument {
            return replaced;
        }
        let value = argument.strip_prefix("-ffile-prefix-map=").map(|map| map.rsplit_once('='));
        if let Some(Some((from, to))) = value {
            return format!("-ffile-prefix-map={}={to}", self.file(Path::new(from)));
        }
        // An option is never an absolute path, and its value may be one.
        if argument.starts_with('/') { self.file(Path::new(argument)) } else { argument.to_owned() }
    }
}

/// Takes `.` and `..` out of a path, as far as it says what they stand for.
fn lexically_clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match (component, clean.components().next_back()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                clean.pop();
            }
            _ => clean.push(component),
        }
    }
    clean
}

/// Returns the name of a header that comes with clang:
/// `…/clang/VERSION/include/NAME`.
fn of_clang(path: &Path) -> Option<String> {
    let path = path.to_str()?;
    let (_, rest) = path.rsplit_once("/clang/")?;
    let (version, rest) = rest.split_once("/include/")?;
    (version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains('/'))
        .then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names_that_are_no_machine_s() {
        let names = Names::new(Path::new("/home/me/checkout"), Path::new("target/bpf/headers/0a1"));
        let cases = [
            ("bpf/xdp_pass.bpf.c", "bpf/xdp_pass.bpf.c"),
            ("bpf/../bpf/./include/x.h", "bpf/include/x.h"),
            ("/home/me/checkout/bpf/a.h", "bpf/a.h"),
            ("target/bpf/headers/0a1/bpf/bpf_helpers.h", "libbpf/bpf/bpf_helpers.h"),
            ("/usr/lib/llvm-14/lib/clang/14.0.6/include/stdint.h", "clang/stdint.h"),
            ("/usr/include/x86_64-linux-gnu/asm/types.h", "system/x86_64-linux-gnu/asm/types.h"),
            ("/home/me/own/secret.h", "outside/secret.h"),
            ("../other/secret.h", "outside/secret.h"),
            ("/home/clang/include/x.h", "outside/x.h"),
        ];
        for (path, name) in cases {
            assert_eq!(names.file(Path::new(path)), name, "{path}");
        }
        let outside = Names::new(Path::new("/home/me"), Path::new("/cache/headers/0a1"));
        assert_eq!(outside.file(Path::new("/cache/headers/0a1/bpf/x.h")), "libbpf/bpf/x.h");
    }

    #[test]
    fn arguments_name_no_directory_of_the_machine() {
        let names = Names::new(Path::new("/home/me/checkout"), Path::new("target/bpf/headers/0a1"));
        let cases = [
            ("-O2", "-O2"),
            ("-ffile-prefix-map=target/bpf/headers/0a1=libbpf", "-ffile-prefix-map=libbpf=libbpf"),
            ("-ffile-prefix-map=/home/me/own=.", "-ffile-prefix-map=outside/own=."),
            ("target/bpf/headers/0a1", "libbpf"),
            ("/usr/include", "system/"),
            ("/home/me/own/x.c", "outside/x.c"),
            ("bpf/include", "bpf/include"),
        ];
        for (argument, expected) in cases {
            assert_eq!(names.argument(argument), expected, "{argument}");
        }
    }
}
