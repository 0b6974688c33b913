//! What comes out of a compilation: an object, or why there is none.

use std::fmt;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use bpf_object::ObjectInfo;
use host::fs::IoError;
use host::{Cmd, RunError};

use crate::provenance::Provenance;

/// A compiled object, without DWARF, and what it says of itself.
#[derive(Clone, Debug)]
pub struct Object {
    /// The ELF file.
    pub bytes: Vec<u8>,
    /// Its programs, maps and the rest.
    pub info: ObjectInfo,
    /// clang's warnings, with colour; empty if there were none.
    pub warnings: String,
    /// Whether this run compiled it; otherwise the cache had it.
    pub compiled: bool,
    /// What it was made from; `None` if that is not known for certain, because
    /// a file changed meanwhile or may have read others unseen.
    pub provenance: Option<Provenance>,
}

/// Why there is no object of a source for some architectures.
#[derive(Debug, thiserror::Error)]
#[error("failed to compile `{}` for {}", source_path.display(), ArchList(archs))]
pub struct CompileFailure {
    /// The C file, as it was given.
    pub source_path: PathBuf,
    /// The architectures that this failure stands for.
    pub archs: Vec<Arch>,
    /// What went wrong.
    #[source]
    pub error: CompileError,
}

/// What went wrong with one compilation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The source is not there, or no file.
    #[error("there is no such file")]
    NoSource,
    /// clang refused it; the error holds its messages.
    #[error(transparent)]
    Clang(#[from] RunError),
    /// clang wrote what is no eBPF object.
    #[error("clang wrote an object that cannot be read")]
    Read(#[from] bpf_object::ReadError),
    /// The debugging information could not be taken out.
    #[error("the object's debugging information cannot be removed")]
    Strip(#[from] bpf_object::StripError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The cache has no such object, and nothing was to be compiled.
    #[error("it is not in the cache")]
    NotKept,
    /// The user asked the program to stop.
    #[error("interrupted")]
    Interrupted,
}

impl CompileError {
    /// Returns clang's messages, with colour, where it was clang that failed.
    pub fn messages(&self) -> Option<&str> {
        match self {
            CompileError::Clang(error) => Some(&error.stderr),
            _ => None,
        }
    }

    /// Returns whether two errors would tell the user the same.
    pub(crate) fn same_as(&self, other: &CompileError) -> bool {
        self.to_string() == other.to_string() && self.messages() == other.messages()
    }
}

/// Prints architectures as a list.
struct ArchList<'a>(&'a [Arch]);

impl fmt::Display for ArchList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arch) in self.0.iter().enumerate() {
            write!(f, "{}{arch}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Runs clang on one source; returns the object's bytes, the dependency file
/// and the warnings.
pub(crate) fn compile(
    cmd: &Cmd,
    scratch: &Path,
) -> Result<(Vec<u8>, Vec<u8>, String), CompileError> {
    let (object, deps) = (scratch.join("o"), scratch.join("d"));
    let output = cmd.clone().args(["-MD", "-MF"]).arg(&deps).arg("-o").arg(&object).run()?;
    let bytes = bpf_object::strip_debug(&host::fs::read(&object)?)?;
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((bytes, host::fs::read(&deps)?, warnings))
}
