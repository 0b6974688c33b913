//! A Go module: a directory with a `go.mod`, which says what Go it needs.

use std::path::{Path, PathBuf};

use host::fs::IoError;

use crate::Version;

/// A directory with a `go.mod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    dir: PathBuf,
    go: Version,
}

/// Why a directory is no module that can be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The directory has no `go.mod`.
    #[error("`{}` is no Go module: it has no `go.mod`", dir.display())]
    NoModule {
        /// The directory.
        dir: PathBuf,
    },
    /// The `go.mod` does not say what Go it is for.
    #[error("`{}` has no line `go VERSION`", file.display())]
    NoVersion {
        /// The `go.mod`.
        file: PathBuf,
    },
    /// The `go.mod` cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Module {
    /// Opens a module.
    ///
    /// # Errors
    ///
    /// Fails if the directory has no `go.mod`, or one without a Go version.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Module, ModuleError> {
        let dir = dir.into();
        let file = dir.join("go.mod");
        let Some(bytes) = host::fs::read_if_present(&file)? else {
            return Err(ModuleError::NoModule { dir });
        };
        match go_directive(&String::from_utf8_lossy(&bytes)) {
            Some(go) => Ok(Module { dir, go }),
            None => Err(ModuleError::NoVersion { file }),
        }
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the oldest Go that builds it.
    pub fn go(&self) -> Version {
        self.go
    }
}

/// Finds the `go` directive (go.dev/ref/mod, "go directive").
fn go_directive(text: &str) -> Option<Version> {
    text.lines().find_map(|line| {
        let line = line.split("//").next().unwrap_or_default();
        let mut words = line.split_whitespace();
        (words.next() == Some("go")).then(|| words.next()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_directive_is_found_wherever_it_stands() {
        let cases = [
            ("module x\n\ngo 1.25.0\n", Some("1.25")),
            ("// go 1.9\nmodule x // go 1.8\n\tgo\t1.24.3 // why\r\n", Some("1.24.3")),
            ("module go\nrequire (\n\tgo.example v1.0.0\n)\n", None),
            ("go\ngo x\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = go_directive(text).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_module_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let message = || Module::open(dir.path()).unwrap_err().to_string();
        assert_eq!(
            message(),
            format!("`{}` is no Go module: it has no `go.mod`", dir.path().display())
        );
        let file = dir.path().join("go.mod");
        host::fs::write_atomic(&file, b"module x\n").unwrap();
        assert_eq!(message(), format!("`{}` has no line `go VERSION`", file.display()));
    }

    proptest! {
        #[test]
        fn no_file_panics(text: String) {
            let _ = go_directive(&text);
        }
    }
}
