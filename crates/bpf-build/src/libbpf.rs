//! Where libbpf's headers come from.
//!
//! A checkout named by the user, or the package `libbpf-sys` that Cargo.lock
//! pins; both have the same layout. What a program may include is copied to
//! a directory named after its content, since libbpf keeps its headers flat
//! while programs say `<bpf/…>`. Nothing of libbpf is compiled.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use host::fs::{IoContext, IoError};

use crate::digest;

/// The package whose sources hold libbpf.
const PACKAGE: &str = "libbpf-sys";

/// What `make install_headers` of libbpf installs for programs
/// (`src/Makefile`), as far as it is for the eBPF side.
const HEADERS: [&str; 6] = [
    "bpf_helpers.h",
    "bpf_helper_defs.h",
    "bpf_tracing.h",
    "bpf_core_read.h",
    "bpf_endian.h",
    "usdt.bpf.h",
];

/// What a checkout must have to be one.
const MARKS: [&str; 3] = ["src/bpf_helpers.h", "src/bpf_helper_defs.h", "include/uapi/linux/bpf.h"];

/// libbpf's headers: a source tree's, or those that a system has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libbpf {
    dir: PathBuf,
    place: Place,
}

/// libbpf's headers where programs find them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// The directory they were copied to.
    pub dir: PathBuf,
    /// The version that they are of, such as `1.7`, where they say it.
    pub version: Option<String>,
    /// The digest of all of them, in hexadecimal: equal ones have equal names
    /// and contents.
    pub sha256: String,
}

/// How the headers lie in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A checkout: `src/bpf_helpers.h`, and the kernel's under `include/uapi`.
    Checkout,
    /// `bpf/bpf_helpers.h`, with the kernel's beside it, where the system has
    /// its own.
    Installed,
}

/// Why there are no headers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibbpfError {
    /// The directory does not look like libbpf's sources.
    #[error("`{}` is no libbpf checkout: it has no `{missing}`", dir.display())]
    NoCheckout {
        /// The directory.
        dir: PathBuf,
        /// What it lacks.
        missing: &'static str,
    },
    /// `cargo metadata` failed, so the pinned package was not found.
    #[error("failed to ask cargo where `libbpf-sys` lies")]
    Cargo(#[source] Box<cargo_metadata::Error>),
    /// The workspace does not pin the package.
    #[error("no package `libbpf-sys` among the dependencies of `{}`", root.display())]
    NotPinned {
        /// The workspace.
        root: PathBuf,
    },
    /// A file could not be read or copied.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Libbpf {
    /// Takes a checkout of libbpf.
    ///
    /// # Errors
    ///
    /// Fails if the directory lacks what every libbpf since 0.0.6 has.
    pub fn checkout(dir: &Path) -> Result<Libbpf, LibbpfError> {
        let missing = MARKS.into_iter().find(|mark| !dir.join(mark).is_file());
        match missing {
            Some(missing) => Err(LibbpfError::NoCheckout { dir: dir.to_owned(), missing }),
            None => Ok(Libbpf { dir: dir.to_owned(), place: Place::Checkout }),
        }
    }

    /// Takes the one that the workspace at `root` pins.
    ///
    /// It is looked for where cargo unpacks packages; only where it is not
    /// there (never downloaded, or vendored) cargo is asked, which takes
    /// longer than everything else a run has to do that changes nothing.
    ///
    /// # Errors
    ///
    /// Fails if cargo cannot tell, for instance without network where the
    /// package was never downloaded.
    pub fn pinned(root: &Path) -> Result<Libbpf, LibbpfError> {
        let lock = host::fs::read_to_string(&root.join("Cargo.lock"))?;
        let not_pinned = || LibbpfError::NotPinned { root: root.to_owned() };
        let version = pinned_version(&lock).ok_or_else(not_pinned)?;
        match unpacked(version) {
            Some(libbpf) => Ok(libbpf),
            None => Libbpf::checkout(&ask_cargo(root)?),
        }
    }

    /// Takes the headers that are installed under `include`, such as
    /// `/usr/include`. Those of the kernel, which a checkout brings along, are
    /// then the system's.
    ///
    /// # Errors
    ///
    /// Fails if there are none.
    pub fn installed(include: &Path) -> Result<Libbpf, LibbpfError> {
        let mark = "bpf/bpf_helpers.h";
        match include.join(mark).is_file() {
            true => Ok(Libbpf { dir: include.to_owned(), place: Place::Installed }),
            false => Err(LibbpfError::NoCheckout { dir: include.to_owned(), missing: mark }),
        }
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Copies the headers to a directory under `dir` that is named after
    /// their content, unless it is there, and returns it.
    pub(crate) fn stage(&self, dir: &Path) -> Result<Staged, LibbpfError> {
        let files = self.headers()?;
        let mut sequence = digest::Sequence::default();
        for (name, bytes) in &files {
            sequence.add(name.as_os_str().as_encoded_bytes()).add(bytes);
        }
        let sha256 = sequence.finish();
        let staged = dir.join(&sha256[..16]);
        self.copy(&files, dir, &staged)?;
        Ok(Staged { dir: staged, version: self.version(), sha256 })
    }

    fn copy(
        &self,
        files: &[(PathBuf, Vec<u8>)],
        dir: &Path,
        staged: &Path,
    ) -> Result<(), LibbpfError> {
        if staged.is_dir() {
            // What someone changed there is put right.
            for (name, bytes) in files {
                host::fs::write_if_changed(&staged.join(name), bytes)?;
            }
            return Ok(());
        }
        host::fs::create_dir_all(dir)?;
        let draft = tempfile::Builder::new()
            .prefix(host::fs::STAGED_PREFIX)
            .tempdir_in(dir)
            .io_context("create a directory in", dir)?;
        for (name, bytes) in files {
            let path = draft.path().join(name);
            host::fs::create_dir_all(path.parent().unwrap_or(dir))?;
            host::fs::write_atomic(&path, bytes)?;
        }
        // Another run may have been faster; its copy is the same.
        match host::fs::rename(draft.path(), staged) {
            Err(error) if !staged.is_dir() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Returns the version that libbpf says it is, in `libbpf_version.h`.
    fn version(&self) -> Option<String> {
        let place = match self.place {
            Place::Checkout => "src",
            Place::Installed => "bpf",
        };
        let text = host::fs::read_to_string(&self.dir.join(place).join("libbpf_version.h")).ok()?;
        let number = |name: &str| {
            let (_, rest) = text.split_once(&format!("LIBBPF_{name}_VERSION "))?;
            rest.split_whitespace().next()?.parse::<u32>().ok()
        };
        Some(format!("{}.{}", number("MAJOR")?, number("MINOR")?))
    }

    /// Returns name and content of what programs may include, sorted.
    fn headers(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, IoError> {
        let (src, kernel) = match self.place {
            Place::Checkout => ("src", Some("include/uapi/linux")),
            Place::Installed => ("bpf", None),
        };
        let src = self.dir.join(src);
        let mut files = Vec::new();
        for name in HEADERS {
            if let Some(bytes) = host::fs::read_if_present(&src.join(name))? {
                files.push((Path::new("bpf").join(name), bytes));
            }
        }
        let kernel = kernel.map(|kernel| host::fs::read_dir(&self.dir.join(kernel))).transpose()?;
        for path in kernel.unwrap_or_default() {
            if let Some(name) =
                path.file_name().filter(|_| path.extension().is_some_and(|e| e == "h"))
            {
                files.push((Path::new("linux").join(name), host::fs::read(&path)?));
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Returns the version of the package in a Cargo.lock, whose entries are a
/// name line and a version line.
fn pinned_version(lock: &str) -> Option<&str> {
    let (_, rest) = lock.split_once(&format!("name = \"{PACKAGE}\"\nversion = \""))?;
    rest.split('"').next()
}

/// Returns the package as cargo has unpacked it:
/// `registry/src/<registry>/<name>-<version>` in cargo's home.
fn unpacked(version: &str) -> Option<Libbpf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = host::fs::read_dir(&home.join("registry/src")).ok()?;
    registries.into_iter().find_map(|registry| {
        let package = registry.join(format!("{PACKAGE}-{version}"));
        // Written last: a package without it was unpacked in part.
        let whole = package.join(".cargo-ok").is_file();
        Libbpf::checkout(&package.join("libbpf")).ok().filter(|_| whole)
    })
}

fn ask_cargo(root: &Path) -> Result<PathBuf, LibbpfError> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml"));
    command.other_options(["--locked".to_owned()]);
    let metadata = command.exec().map_err(|error| LibbpfError::Cargo(Box::new(error)))?;
    let package = metadata.packages.iter().find(|package| package.name.as_str() == PACKAGE);
    let manifest = package.map(|package| package.manifest_path.as_std_path());
    let dir = manifest.and_then(Path::parent).map(|dir| dir.join("libbpf"));
    dir.ok_or_else(|| LibbpfError::NotPinned { root: root.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout(dir: &Path) -> Libbpf {
        for mark in MARKS {
            let path = dir.join(mark);
            host::fs::create_dir_all(path.parent().unwrap()).unwrap();
            host::fs::write_atomic(&path, mark.as_bytes()).unwrap();
        }
        Libbpf::checkout(dir).unwrap()
    }

    #[test]
    fn headers_are_staged_under_their_content() {
        let dir = tempfile::tempdir().unwrap();
        let libbpf = checkout(&dir.path().join("libbpf"));
        let out = dir.path().join("out");
        let staged = libbpf.stage(&out).unwrap();
        assert_eq!(libbpf.stage(&out).unwrap(), staged);
        assert_eq!(staged.version, None);
        let first = staged.dir;
        for name in ["bpf/bpf_helpers.h", "bpf/bpf_helper_defs.h", "linux/bpf.h"] {
            assert!(first.join(name).is_file(), "{name}");
        }
        let damaged = first.join("bpf/bpf_helpers.h");
        host::fs::write_atomic(&damaged, b"damaged").unwrap();
        assert_eq!(libbpf.stage(&out).unwrap().dir, first);
        assert_eq!(host::fs::read(&damaged).unwrap(), MARKS[0].as_bytes());
        host::fs::write_atomic(&libbpf.dir.join(MARKS[0]), b"changed").unwrap();
        assert_ne!(libbpf.stage(&out).unwrap().dir, first);
        assert_eq!(host::fs::read_dir(&out).unwrap().len(), 2, "no drafts are left");
    }

    #[test]
    fn a_directory_that_is_no_checkout_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Libbpf::checkout(dir.path()).unwrap_err().to_string();
        let expected = format!(
            "`{}` is no libbpf checkout: it has no `src/bpf_helpers.h`",
            dir.path().display()
        );
        assert_eq!(error, expected);
    }

    #[test]
    fn the_pinned_package_is_found_in_both_ways() {
        let root = test_support::workspace_root();
        let asked = Libbpf::checkout(&ask_cargo(&root).unwrap()).unwrap();
        let pinned = Libbpf::pinned(&root).unwrap();
        assert_eq!(pinned, asked);
        assert_eq!(pinned.version().as_deref(), Some("1.7"));
    }

    #[test]
    fn the_version_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"libbpf-sys\"\nversion = \"1.7.0+v1.7.0\"\n";
        assert_eq!(pinned_version(lock), Some("1.7.0+v1.7.0"));
        assert_eq!(pinned_version("[[package]]\nname = \"libbpf\"\n"), None);
    }
}
