//! What a compiler has of the standard library: read from the directory that
//! it names as its sysroot.

use std::path::{Path, PathBuf};

/// The directory of a compiler and its libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sysroot(pub(crate) PathBuf);

impl Sysroot {
    /// Returns whether the standard library is there, compiled for a target.
    pub(crate) fn has_std(&self, triple: &str) -> bool {
        let libraries = self.0.join("lib/rustlib").join(triple).join("lib");
        let is_std = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        };
        host::fs::read_dir(&libraries).is_ok_and(|files| files.iter().any(is_std))
    }

    /// Returns whether its sources are there, to be compiled.
    pub(crate) fn has_sources(&self) -> bool {
        self.sources().join("library/Cargo.lock").is_file()
    }

    /// Returns where the sources are.
    pub(crate) fn sources(&self) -> PathBuf {
        self.0.join("lib/rustlib/src/rust")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_sources_are_found_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let sysroot = Sysroot(dir.path().to_owned());
        let put = |file: &str| {
            let file = dir.path().join("lib/rustlib").join(file);
            host::fs::create_dir_all(file.parent().unwrap()).unwrap();
            host::fs::write_atomic(&file, b"").unwrap();
        };
        let found = || (sysroot.has_std("a-b-c"), sysroot.has_sources());
        assert_eq!(found(), (false, false));
        put("a-b-c/lib/libstd-0123.rmeta");
        put("other/lib/libstd-0123.rlib");
        put("src/rust/library/std/Cargo.toml");
        assert_eq!(found(), (false, false));
        put("a-b-c/lib/libstd-0123.rlib");
        assert_eq!(found(), (true, false));
        put("src/rust/library/Cargo.lock");
        assert_eq!(found(), (true, true));
    }
}
