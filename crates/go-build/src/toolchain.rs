//! The Go compiler of the machine.

use std::path::{Path, PathBuf};

use host::{Cmd, RunError};

use crate::{Module, Version};

/// A Go that can build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    path: PathBuf,
    version: Version,
}

/// Why there is no Go to build with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// There is none.
    #[error("`go` was not found: `{}` needs Go {} or newer", module.display(), needed)]
    NotFound {
        /// The module's directory.
        module: PathBuf,
        /// The oldest that would do.
        needed: Version,
    },
    /// It is older than the module allows.
    #[error("`{}` is Go {found}, and `{}` needs {needed} or newer", path.display(), module.display())]
    TooOld {
        /// The program.
        path: PathBuf,
        /// What it is.
        found: Version,
        /// The module's directory.
        module: PathBuf,
        /// The oldest that would do.
        needed: Version,
    },
    /// It does not say what it is.
    #[error("`{}` is not Go: its version line is `{line}`", path.display())]
    NotGo {
        /// The program.
        path: PathBuf,
        /// The first line of what it says of itself.
        line: String,
    },
    /// It did not run.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl Toolchain {
    /// Finds the `go` of PATH and checks that it is new enough for a module.
    ///
    /// # Errors
    ///
    /// Fails if there is none, it is too old, or it does not run.
    pub fn find(module: &Module) -> Result<Toolchain, ToolchainError> {
        let (dir, needed) = (module.dir(), module.go());
        let not_found = || ToolchainError::NotFound { module: dir.to_owned(), needed };
        let path = host::find_tool("go").ok_or_else(not_found)?;
        let toolchain = Toolchain::at(path)?;
        if toolchain.version < needed {
            let (module, found) = (dir.to_owned(), toolchain.version);
            return Err(ToolchainError::TooOld { path: toolchain.path, found, module, needed });
        }
        Ok(toolchain)
    }

    /// Learns what the Go at a path is.
    fn at(path: PathBuf) -> Result<Toolchain, ToolchainError> {
        // A newer one that `go.mod` could bring along is not what is asked.
        let output = Cmd::new(&path).arg("version").env("GOTOOLCHAIN", "local").run()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match version_in(&text) {
            Some(version) => Ok(Toolchain { path, version }),
            None => {
                let line = text.lines().next().unwrap_or_default().to_owned();
                Err(ToolchainError::NotGo { path, line })
            }
        }
    }

    /// Returns the program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its version.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// Reads `go version go1.26.8 linux/amd64`, and `go version devel go1.27-…`.
fn version_in(text: &str) -> Option<Version> {
    let line = text.lines().next()?.strip_prefix("go version ")?;
    line.split_whitespace().find_map(|word| word.strip_prefix("go")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_go_says() {
        let cases = [
            ("go version go1.26.8 linux/amd64\n", Some("1.26.8")),
            ("go version go1.25 X:nodwarf5 linux/arm64\n", Some("1.25")),
            ("go version devel go1.27-abc123 Mon linux/amd64\n", Some("1.27")),
            ("go version devel +abc linux/amd64\n", None),
            ("GNU gold go1.2\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = version_in(text).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
