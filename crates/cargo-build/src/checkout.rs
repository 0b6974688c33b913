//! A checkout: a directory with a Cargo workspace, which may say what Rust it
//! is built with.

use std::path::{Path, PathBuf};

use host::fs::{IoContext, IoError};

/// How a directory names its toolchain for rustup, the first that is there
/// counting (the rustup book, "The toolchain file").
const TOOLCHAIN_FILES: [&str; 2] = ["rust-toolchain", "rust-toolchain.toml"];

/// A directory with a Cargo workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    dir: PathBuf,
    toolchain_file: Option<PathBuf>,
}

/// Why a directory is no checkout that can be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckoutError {
    /// A file is not there that says what is built.
    #[error("`{}` is no checkout of a Rust program: it has no `{file}`", dir.display())]
    Lacks {
        /// The directory.
        dir: PathBuf,
        /// The file.
        file: &'static str,
    },
    /// The directory cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Checkout {
    /// Opens a checkout.
    ///
    /// # Errors
    ///
    /// Fails if the directory is not there or lacks a `Cargo.toml`, or a
    /// `Cargo.lock`, without which no two builds were alike.
    pub fn open(dir: &Path) -> Result<Checkout, CheckoutError> {
        let dir = dir.canonicalize().io_context("find", dir)?;
        for file in ["Cargo.toml", "Cargo.lock"] {
            if !dir.join(file).is_file() {
                return Err(CheckoutError::Lacks { dir, file });
            }
        }
        let mut files = TOOLCHAIN_FILES.iter().map(|name| dir.join(name));
        let toolchain_file = files.find(|file| file.is_file());
        Ok(Checkout { dir, toolchain_file })
    }

    /// Returns the directory, without symbolic links.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the file that says what Rust the checkout is built with.
    pub fn toolchain_file(&self) -> Option<&Path> {
        self.toolchain_file.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_checkout_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let message = || Checkout::open(dir.path()).unwrap_err().to_string();
        let lacks = |file| {
            format!("`{}` is no checkout of a Rust program: it has no `{file}`", path.display())
        };
        assert_eq!(message(), lacks("Cargo.toml"));
        host::fs::write_atomic(&path.join("Cargo.toml"), b"").unwrap();
        assert_eq!(message(), lacks("Cargo.lock"));
        host::fs::write_atomic(&path.join("Cargo.lock"), b"").unwrap();
        assert_eq!(Checkout::open(dir.path()).unwrap().toolchain_file(), None);
        for name in TOOLCHAIN_FILES.iter().rev() {
            let file = path.join(name);
            host::fs::write_atomic(&file, b"").unwrap();
            let checkout = Checkout::open(dir.path()).unwrap();
            assert_eq!(checkout.toolchain_file(), Some(file.as_path()));
        }
    }
}
