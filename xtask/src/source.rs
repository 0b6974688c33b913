//! Checkouts of other projects, as they are typed: `NAME=DIR`. Not here: what
//! is built in them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use host::fs::IoContext;
use ui::Failure;

use crate::catalogue::OtherCheckout;

/// A checkout of another project, under the name that images know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceDir {
    /// Its name, such as `bpfman`.
    pub(crate) name: String,
    /// Where it is, as it was typed.
    pub(crate) dir: PathBuf,
}

/// What is wrong with a word that should have been `NAME=DIR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SourceDirError {
    /// There is no `=`.
    #[error("it has no `=`: a checkout is given as NAME=DIR")]
    NoName,
    /// What stands before `=` is no name.
    #[error("what stands before `=` is no name: letters, digits, `-`, `_` and `.`")]
    BadName,
    /// Nothing stands after `=`.
    #[error("no directory stands after `=`")]
    NoDirectory,
}

impl FromStr for SourceDir {
    type Err = SourceDirError;

    fn from_str(word: &str) -> Result<SourceDir, SourceDirError> {
        let (name, dir) = word.split_once('=').ok_or(SourceDirError::NoName)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        // It becomes the name of a directory: neither `.` nor `..`.
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
            return Err(SourceDirError::BadName);
        }
        if dir.is_empty() {
            return Err(SourceDirError::NoDirectory);
        }
        Ok(SourceDir { name: name.to_owned(), dir: dir.into() })
    }
}

impl fmt::Display for SourceDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.dir.display())
    }
}

impl SourceDir {
    /// Returns the directory without symbolic links: relative to where it was
    /// typed.
    ///
    /// # Errors
    ///
    /// Fails, as bad usage, where no directory is.
    pub(crate) fn find(&self) -> Result<PathBuf, Failure> {
        let fail = |failure: Failure| {
            failure
                .context(format!("`{self}` is no checkout"))
                .hint(format!("`--source {}=DIR` says where one is", self.name))
        };
        let found = self.dir.canonicalize().io_context("find", &self.dir);
        let found = found.map_err(|error| fail(Failure::usage(error)))?;
        if !found.is_dir() {
            let message = format!("`{}` is no directory", found.display());
            return Err(fail(Failure::usage(message)));
        }
        Ok(found)
    }
}

/// Returns the directories of the checkouts that the catalogue knows, by
/// their names there: as typed, else as `variable` returns them.
///
/// # Errors
///
/// Fails for a name that the catalogue does not know, for two directories
/// under one name, and where none is that was typed.
pub(crate) fn directories(
    typed: Vec<SourceDir>,
    known: &BTreeMap<String, OtherCheckout>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut directories = BTreeMap::new();
    for source in &typed {
        if !known.contains_key(&source.name) {
            let names: Vec<_> = known.keys().map(|name| format!("`{name}`")).collect();
            let message = format!("`--source {source}` names no checkout of the catalogue");
            return Err(Failure::usage(message).hint(format!("there are {}", names.join(", "))));
        }
        if directories.insert(source.name.clone(), source.find()?).is_some() {
            let message = format!("`--source {}=…` is given twice", source.name);
            return Err(Failure::usage(message));
        }
    }
    for (name, OtherCheckout { variable: key, .. }) in known {
        let Some(dir) = variable(key).filter(|_| !directories.contains_key(name)) else { continue };
        // One that is not there may not be needed: who needs it says so.
        let dir = std::path::absolute(&dir).unwrap_or_else(|_| dir.into());
        directories.insert(name.clone(), dir);
    }
    Ok(directories)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_refused() {
        use SourceDirError::{BadName, NoDirectory, NoName};
        let cases = [
            ("bpfman=../bpfman", Ok(("bpfman", "../bpfman"))),
            ("a-b_c.d=/x=y z", Ok(("a-b_c.d", "/x=y z"))),
            ("bpfman", Err(NoName)),
            ("", Err(NoName)),
            ("=/x", Err(BadName)),
            ("..=/x", Err(BadName)),
            ("a/b=/x", Err(BadName)),
            ("bpfman=", Err(NoDirectory)),
        ];
        for (word, expected) in cases {
            let read = word.parse::<SourceDir>();
            let expected =
                expected.map(|(name, dir)| SourceDir { name: name.into(), dir: dir.into() });
            assert_eq!(read, expected, "{word}");
            if let Ok(read) = read {
                assert_eq!(read.to_string(), word);
            }
        }
    }

    #[test]
    fn what_is_no_directory_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        host::fs::write_atomic(&file, b"").unwrap();
        let of = |dir: &std::path::Path| SourceDir { name: "x".into(), dir: dir.into() };
        assert_eq!(of(dir.path()).find().unwrap(), dir.path().canonicalize().unwrap());
        for dir in [file, dir.path().join("absent")] {
            let failure = of(&dir).find().unwrap_err();
            assert_eq!(failure.exit, ui::Exit::Usage);
            assert_eq!(failure.chain[0], format!("`x={}` is no checkout", dir.display()));
        }
    }
}
