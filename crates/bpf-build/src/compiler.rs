//! Which clang compiles, and what exactly it is.
//!
//! Its identity goes into every cache key: that of the program and of the
//! libraries it loads, for a distribution may rebuild either without a new
//! version. They are over 100 MB, so a file stands for its content by its
//! build ID, where the linker wrote one, and the answer is remembered under
//! the files' paths, inodes, sizes and times of change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use host::fs::{IoContext, IoError};
use host::{Cmd, RunError};
use object::{Object as _, ReadCache};
use serde::{Deserialize, Serialize};

use crate::digest;

/// The oldest LLVM whose objects are tested.
pub const OLDEST_MAJOR: u32 = 14;

/// The newest `clang-N` that is looked for where there is no plain `clang`.
const NEWEST_NAMED: u32 = 40;

/// What clang sees of the environment: nothing that changes its output.
/// `CPATH` and its kind would add headers.
pub(crate) const KEPT_ENV: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "TMPDIR"];

/// A clang that can compile eBPF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    path: PathBuf,
    version: Version,
    identity: String,
}

/// A version of LLVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// The release, such as 14: what decides which flags exist.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = ();

    /// Reads `14.0.6`, and what distributions append to it.
    fn from_str(text: &str) -> Result<Version, ()> {
        let mut numbers = text.splitn(3, '.').map(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().map_err(|_| ())
        });
        let mut next = || numbers.next().unwrap_or(Err(()));
        Ok(Version { major: next()?, minor: next()?, patch: next()? })
    }
}

/// Why there is no compiler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompilerError {
    /// No clang was found.
    #[error("`{wanted}` was not found")]
    NotFound {
        /// The name or path that was looked for.
        wanted: String,
    },
    /// The program is not clang.
    #[error("`{}` is not clang: its version line is `{line}`", path.display())]
    NotClang {
        /// The program.
        path: PathBuf,
        /// The first line of what it says of itself.
        line: String,
    },
    /// The clang is older than what is tested.
    #[error("`{}` is clang {version}, older than the oldest supported, {OLDEST_MAJOR}", path.display())]
    TooOld {
        /// The program.
        path: PathBuf,
        /// What it is.
        version: Version,
    },
    /// The program did not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// One of its files could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// What is remembered of a compiler.
#[derive(Serialize, Deserialize)]
struct Memo {
    files: Vec<FileMark>,
    version: Version,
    identity: String,
}

/// What tells whether a file is still the one that was hashed.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct FileMark {
    path: PathBuf,
    inode: u64,
    size: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl FileMark {
    fn of(path: &Path) -> Result<FileMark, IoError> {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::metadata(path).io_context("read the properties of", path)?;
        Ok(FileMark {
            path: path.to_owned(),
            inode: meta.ino(),
            size: meta.size(),
            modified_s: meta.mtime(),
            modified_ns: meta.mtime_nsec(),
        })
    }

    fn still_holds(&self) -> bool {
        FileMark::of(&self.path).is_ok_and(|now| now == *self)
    }
}

impl Compiler {
    /// Finds clang and learns what it is.
    ///
    /// `wanted` is a path or a name on `PATH`. Without it, it is `clang`, or
    /// the newest `clang-N` where there is no plain one. `memory` is a
    /// directory in which the answer is kept for the next run.
    ///
    /// # Errors
    ///
    /// Fails if there is no clang, or if it is older than [`OLDEST_MAJOR`].
    pub fn find(wanted: Option<&Path>, memory: &Path) -> Result<Compiler, CompilerError> {
        let path = match wanted {
            Some(wanted) => host::find_tool(wanted),
            None => Compiler::default_program(),
        };
        let path = path.ok_or_else(|| CompilerError::NotFound {
            wanted: wanted.unwrap_or(Path::new("clang")).display().to_string(),
        })?;
        let memo_file = memory.join(digest::of(path.as_os_str().as_encoded_bytes()) + ".json");
        let memo = match recall(&memo_file) {
            Some(memo) => memo,
            None => {
                let memo = examine(&path)?;
                // Only a memory: what cannot be kept is found out again.
                let bytes = serde_json::to_vec(&memo).unwrap_or_default();
                let _ = host::fs::create_dir_all(memory)
                    .and_then(|()| host::fs::write_atomic(&memo_file, &bytes));
                memo
            }
        };
        if memo.version.major < OLDEST_MAJOR {
            return Err(CompilerError::TooOld { path, version: memo.version });
        }
        Ok(Compiler { path, version: memo.version, identity: memo.identity })
    }

    /// Returns the clang that is taken where none is asked for: `clang`, or
    /// the newest `clang-N`.
    pub fn default_program() -> Option<PathBuf> {
        host::find_tool("clang").or_else(|| {
            let mut majors = (OLDEST_MAJOR..=NEWEST_NAMED).rev();
            majors.find_map(|major| host::find_tool(format!("clang-{major}")))
        })
    }

    /// Returns the program's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the digest of the program and its libraries: equal identities
    /// compile equal sources to equal bytes.
    pub fn identity(&self) -> &str {
        &self.identity
    }
}

fn recall(memo_file: &Path) -> Option<Memo> {
    let memo: Memo = serde_json::from_slice(&host::fs::read(memo_file).ok()?).ok()?;
    memo.files.iter().all(FileMark::still_holds).then_some(memo)
}

fn examine(path: &Path) -> Result<Memo, CompilerError> {
    let said = Cmd::new(path).arg("--version").keep_env(&KEPT_ENV).run()?.stdout;
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().next().unwrap_or_default();
    let version = line
        .split_once("clang version ")
        .and_then(|(_, rest)| rest.parse().ok())
        .ok_or_else(|| CompilerError::NotClang { path: path.to_owned(), line: line.to_owned() })?;
    let paths = program_and_libraries(path)?;
    let mut sequence = digest::Sequence::default();
    sequence.add(line);
    for path in &paths {
        sequence.add(content_id(path)?);
    }
    let files = paths.iter().map(|path| FileMark::of(path)).collect::<Result<_, _>>()?;
    Ok(Memo { files, version, identity: sequence.finish() })
}

/// Returns what stands for a file's content: its build ID, which the linker
/// makes from all that it writes (`ld --build-id`), or the content's digest.
fn content_id(path: &Path) -> Result<Vec<u8>, IoError> {
    let file = std::fs::File::open(path).io_context("open", path)?;
    let length = file.metadata().io_context("read the properties of", path)?.len();
    match build_id(&ReadCache::new(&file)) {
        Some(id) => Ok([id, length.to_le_bytes().to_vec()].concat()),
        None => Ok(digest::of_reader(file).io_context("read", path)?.into_bytes()),
    }
}

/// Reads an ELF file's build ID without reading the rest of it.
fn build_id(file: &ReadCache<&std::fs::File>) -> Option<Vec<u8>> {
    let elf = object::File::parse(file).ok()?;
    Some(elf.build_id().ok()??.to_vec())
}

/// Asks the dynamic loader, as ldd does; a static program, a script or a
/// loader that does not know the variable has no libraries to tell.
fn program_and_libraries(path: &Path) -> Result<Vec<PathBuf>, IoError> {
    let program = std::fs::canonicalize(path).io_context("resolve", path)?;
    let listing = Cmd::new(&program).keep_env(&KEPT_ENV).env("LD_TRACE_LOADED_OBJECTS", "1").run();
    let listing = listing.map(|output| output.stdout).unwrap_or_default();
    let mut paths = vec![program];
    for line in String::from_utf8_lossy(&listing).lines() {
        let library = line.split_once("=> ").and_then(|(_, rest)| rest.split(" (0x").next());
        paths.extend(library.map(PathBuf::from).filter(|library| library.is_absolute()));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Makes a program that says `line` when asked for its version. It is
    /// copied into place by another process: one that this process had open
    /// for writing could still be so in a child of a test beside this one.
    fn program(dir: &Path, line: &str) -> PathBuf {
        let (draft, path) = (dir.join("draft"), dir.join("cc"));
        let script = format!("#!/bin/sh\necho '{line}'\n");
        host::fs::write_atomic(&draft, script.as_bytes()).unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
        host::fs::remove_file(&path).unwrap();
        Cmd::new("/bin/cp").arg(&draft).arg(&path).run().unwrap();
        path
    }

    #[test]
    fn version_lines_of_distributions_are_understood() {
        let cases = [
            ("Debian clang version 14.0.6", Ok("14.0.6")),
            ("Ubuntu clang version 18.1.3 (1ubuntu1)", Ok("18.1.3")),
            ("clang version 22.1.8-rc1", Ok("22.1.8")),
            ("clang version 13.0.1", Err("is clang 13.0.1, older than the oldest supported, 14")),
            ("gcc (Debian) 12.2.0", Err("is not clang: its version line is `gcc (Debian) 12.2.0`")),
            (
                "clang version banana",
                Err("is not clang: its version line is `clang version banana`"),
            ),
        ];
        for (line, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            let path = program(dir.path(), line);
            let found = Compiler::find(Some(&path), dir.path());
            let found = found.map(|c| c.version().to_string()).map_err(|e| e.to_string());
            let expected = expected
                .map(str::to_owned)
                .map_err(|rest: &str| format!("`{}` {rest}", path.display()));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_absent_compiler_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Compiler::find(Some(Path::new("clang-99")), dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "`clang-99` was not found");
    }

    #[test]
    fn the_identity_follows_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let find = |line| {
            let path = program(dir.path(), line);
            Compiler::find(Some(&path), dir.path()).unwrap()
        };
        let first = find("clang version 14.0.6");
        let again = find("clang version 14.0.6");
        let other = find("clang version 14.0.6 rebuilt");
        assert_eq!(first, again);
        assert_ne!(first.identity(), other.identity());
    }
}
