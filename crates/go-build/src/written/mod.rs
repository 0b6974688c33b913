//! `go build` as it stands in a Containerfile, done on the host.
//!
//! [`Written::parse`] reads the words and the variables of a command. What the
//! host does not do, or would do in another way than a container, is refused
//! by name. The rest runs in the environment in which all programs are built,
//! so that a program depends on its sources, these flags and the version of Go
//! alone: paths are trimmed and no state of a checkout is stamped, whether the
//! command says so or not. Not here: what a shell makes of a line.

mod flags;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use host::Cmd;

use crate::build::{BuildError, Scratch, go, make_executable};
use crate::{Toolchain, build_id};
use flags::Flags;

/// A `go build` of one program, for Linux and without cgo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    arch: Arch,
    flags: Flags,
    output: PathBuf,
    /// A package, or the files of one.
    packages: Vec<String>,
}

/// Why a `go build` is not done on the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrittenError {
    /// A flag asks for what is not done here.
    #[error("`go build` on the host does not do `{0}`")]
    Flag(String),
    /// A flag has no value.
    #[error("`{0}` has no value")]
    NoValue(String),
    /// A variable asks for what is not done here.
    #[error("`go build` on the host does not do `{name}={value}`")]
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// What a container would do depends on what is in it.
    #[error("`{name}` is not set, and then {why}")]
    Unset {
        /// The variable.
        name: &'static str,
        /// What it would depend on.
        why: &'static str,
    },
    /// Nothing says which file is made.
    #[error("it has no `-o FILE`")]
    NoOutput,
    /// The program is to be put into a directory.
    #[error("`-o {0}` names no file")]
    NotAFile(String),
    /// Nothing says what is built.
    #[error("it names no package")]
    NoPackage,
    /// That is not one package of the checkout.
    #[error("`{0}` is not one package by a path in the module")]
    Package(String),
}

/// Variables that change a program, whatever the flags are (`go help
/// environment`), with the values that say what is done anyway.
const VARIABLES: [(&str, &[&str]); 15] = [
    ("GOOS", &["linux"]),
    ("CGO_ENABLED", &["0"]),
    ("GO386", &["sse2"]),
    ("GOAMD64", &["v1"]),
    ("GOARM", &[]),
    ("GOARM64", &["v8.0"]),
    ("GOMIPS", &["hardfloat"]),
    ("GOMIPS64", &["hardfloat"]),
    ("GOPPC64", &["power8"]),
    ("GORISCV64", &["rva20u64"]),
    ("GOEXPERIMENT", &[]),
    ("GOFIPS140", &["off"]),
    ("GOWORK", &["off"]),
    ("GO111MODULE", &["on", "auto"]),
    ("GO_EXTLINK_ENABLED", &["0"]),
];

impl Written {
    /// Reads a command; `None` if it is no `go build`. `GOFLAGS` counts as
    /// flags before the others.
    ///
    /// `CGO_ENABLED` must be 0: if it is not set, Go uses cgo where it finds
    /// a C compiler and a package that wants it, so that the program depends on
    /// the container. `GOARCH` must be set, for else it is the container's:
    /// a caller who knows that adds it to the variables.
    ///
    /// # Errors
    ///
    /// Fails if a flag or a variable asks for what is not done here, or one
    /// is missing that must be there.
    pub fn parse(
        words: &[String],
        variables: &BTreeMap<String, String>,
    ) -> Result<Option<Written>, WrittenError> {
        let Some(arguments) = arguments(words)? else { return Ok(None) };
        let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        for (name, same) in VARIABLES {
            if let Some(value) = set(name).filter(|value| !same.contains(&value.as_str())) {
                let (name, value) = (name.to_owned(), value.clone());
                return Err(WrittenError::Variable { name, value });
            }
        }
        if set("CGO_ENABLED").is_none() {
            let why = "a container with a C compiler would use cgo";
            return Err(WrittenError::Unset { name: "CGO_ENABLED", why });
        }
        let why = "a program is for whatever the container is";
        let goarch = set("GOARCH").ok_or(WrittenError::Unset { name: "GOARCH", why })?;
        let arch = Arch::ALL.iter().copied().find(|arch| arch.goarch() == goarch);
        let arch = arch.ok_or_else(|| WrittenError::Variable {
            name: "GOARCH".to_owned(),
            value: goarch.clone(),
        })?;
        let mut flags = Flags::default();
        if let Some(text) = set("GOFLAGS") {
            let refused =
                || WrittenError::Variable { name: "GOFLAGS".to_owned(), value: text.clone() };
            let words = flags::split(text).ok_or_else(refused)?;
            // There, a value stands behind `=`.
            for word in words {
                if !flags.read(&[word])?.is_empty() {
                    return Err(refused());
                }
            }
        }
        let packages = flags.read(arguments)?;
        let output = flags.output.take().ok_or(WrittenError::NoOutput)?;
        let is_file = !output.ends_with('/')
            && Path::new(&output).file_name().is_some()
            && !output.ends_with("/.")
            && output != "/dev/null";
        if !is_file {
            return Err(WrittenError::NotAFile(output));
        }
        check_packages(packages)?;
        let (output, packages) = (PathBuf::from(output), packages.to_vec());
        Ok(Some(Written { arch, flags, output, packages }))
    }

    /// Returns what the program is for.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// Returns where the program is put, as it is written: absolute, or from
    /// the directory that the command runs in.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Returns the command that does the same on the host: in the directory
    /// `dir`, which is what the command would run in; the program goes to
    /// `output`, an absolute path.
    pub fn command(
        &self,
        toolchain: &Toolchain,
        dir: &Path,
        output: &Path,
        jobs: NonZeroUsize,
    ) -> Cmd {
        let go = go(toolchain, dir, self.arch);
        // Nothing is missing then, so that nothing has to be got.
        let go = if self.flags.is_vendored { go.env("GOPROXY", "off") } else { go };
        go.args(["build", "-p", &jobs.to_string(), "-o"])
            .arg(output)
            .args(&self.flags.heeded)
            .args(&self.packages)
    }

    /// Runs [`Written::command`] and hands on Go's lines; returns the build ID
    /// of the program. One that is up to date is left as it is. Nothing else
    /// may write to `output` meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if Go does, whose words the error has; if what is built is no
    /// program; and if a file cannot be written.
    pub fn run(
        &self,
        toolchain: &Toolchain,
        dir: &Path,
        output: &Path,
        jobs: NonZeroUsize,
        line: &mut dyn FnMut(&str),
    ) -> Result<String, BuildError> {
        // Go would put the program into it.
        if self.output.is_relative() && dir.join(&self.output).is_dir() {
            return Err(BuildError::Directory { path: dir.join(&self.output) });
        }
        let parent = output.parent().unwrap_or(Path::new("/"));
        host::fs::create_dir_all(parent)?;
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let scratch = Scratch::new(parent.join(format!(".building-{name}")))?;
        let command = self.command(toolchain, dir, output, jobs).env("GOTMPDIR", scratch.path());
        command.run_by_line(line).map_err(|error| BuildError::Go {
            packages: format!("`{}`", self.packages.join(" ")),
            arch: self.arch,
            source: Box::new(error),
        })?;
        // Of a library, Go writes an archive there.
        let id = build_id(output)?
            .ok_or_else(|| BuildError::NoProgram { package: self.packages.join(" ") })?;
        make_executable(output)?;
        Ok(id)
    }
}

/// Returns the words behind `go build`, if that is what it is.
fn arguments(words: &[String]) -> Result<Option<&[String]>, WrittenError> {
    let [program, command, arguments @ ..] = words else { return Ok(None) };
    if !is_go(program) {
        return Ok(None);
    }
    match command.as_str() {
        "build" => Ok(Some(arguments)),
        // In another directory.
        flag if flag.starts_with("-C") && words.iter().any(|word| word == "build") => {
            Err(WrittenError::Flag("-C".to_owned()))
        }
        _ => Ok(None),
    }
}

fn is_go(program: &str) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == "go")
}

/// Checks that it is one package: by a path, or by its files.
fn check_packages(packages: &[String]) -> Result<(), WrittenError> {
    if packages.is_empty() {
        return Err(WrittenError::NoPackage);
    }
    let is_odd = |word: &&String| {
        word.is_empty()
            || word.starts_with(['-', '/'])
            || word.contains("...")
            || word.contains('@')
    };
    if let Some(word) = packages.iter().find(is_odd) {
        return Err(WrittenError::Package(word.clone()));
    }
    if packages.len() > 1 && !packages.iter().all(|word| word.ends_with(".go")) {
        return Err(WrittenError::Package(packages.join(" ")));
    }
    Ok(())
}

/// Returns whether a command of Go changes nothing but Go's own caches: it
/// gets and checks modules, or tells something.
pub fn changes_nothing(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [program, "version", ..] | [program, "mod", "download" | "verify", ..] => is_go(program),
        [program, "env", ref rest @ ..] => {
            is_go(program)
                && !rest.iter().any(|word| matches!(word.trim_start_matches('-'), "w" | "u"))
        }
        _ => false,
    }
}
