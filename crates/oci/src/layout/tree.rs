//! Trees: a directory with one layout per repository.
//!
//! `DIR/<registry>/<repository>` is a layout whose names are tags. Every
//! reader of layouts can name an image there, which is not so for one layout
//! with many names, and registry servers can serve such a tree. The colon of
//! a registry's port is a `_` in the directory's name, because skopeo takes
//! `oci:DIR:TAG` apart at the first colon; no registry has a `_` of its own.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::document::{INDEX_FILE, MARKER_FILE};
use crate::{Error, Reference};

/// A directory of layouts, one per repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    root: PathBuf,
}

/// A repository's layout in a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    /// Registry and repository, as in [`Reference::name`].
    pub name: String,
    /// The layout's directory.
    pub path: PathBuf,
}

/// Held shared by writers, and alone by who removes. Like the other it stays
/// when its holders are gone.
const LOCK_FILE: &str = ".lock";

/// Held alone by a writer from reading the first `index.json` to replacing
/// the last: one lock for the tree, not one per layout, because a batch may
/// have more layouts than a process may have open files.
const INDEX_LOCK_FILE: &str = ".lock-indexes";

/// What [`super::seen`] keeps from one write to the next.
const SEEN_FILE: &str = ".seen";

/// Deeper than the longest repository name.
const DEPTH_MAX: usize = 130;

impl Tree {
    /// Names a tree; nothing is read or made yet.
    pub fn new(root: impl Into<PathBuf>) -> Tree {
        Tree { root: root.into() }
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the directory of the layout that holds the reference's
    /// repository, whether it is there or not.
    pub fn directory(&self, reference: &Reference) -> PathBuf {
        let registry = reference.registry().replace(':', "_");
        self.root.join(registry).join(reference.repository())
    }

    /// Returns the layouts that are there, sorted by name. A directory whose
    /// first writing was cut short is not one of them.
    ///
    /// # Errors
    ///
    /// Fails if a directory cannot be listed.
    pub fn layouts(&self) -> Result<Vec<Repository>, Error> {
        let mut repositories = self.directories()?;
        repositories.retain(|repository| repository.path.join(MARKER_FILE).is_file());
        Ok(repositories)
    }

    /// Returns the directories whose first writing was cut short, or that
    /// lost the file which makes them a layout. The next write of the same
    /// repository completes them.
    ///
    /// # Errors
    ///
    /// Fails if a directory cannot be listed.
    pub fn unfinished(&self) -> Result<Vec<Repository>, Error> {
        let mut repositories = self.directories()?;
        repositories.retain(|repository| !repository.path.join(MARKER_FILE).is_file());
        Ok(repositories)
    }

    /// Returns every directory that is a layout or the beginning of one.
    pub(super) fn directories(&self) -> Result<Vec<Repository>, Error> {
        let mut found = Vec::new();
        if self.root.is_dir() {
            for registry in subdirectories(&self.root)? {
                collect(&registry, &file_name(&registry).replace('_', ":"), 0, &mut found)?;
            }
        }
        found.sort();
        Ok(found)
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.root.join(LOCK_FILE)
    }

    pub(super) fn index_lock_file(&self) -> PathBuf {
        self.root.join(INDEX_LOCK_FILE)
    }

    pub(super) fn seen_file(&self) -> PathBuf {
        self.root.join(SEEN_FILE)
    }
}

/// Collects the layouts below `directory`, whose name as a repository's
/// beginning is `name`.
fn collect(
    directory: &Path,
    name: &str,
    depth: usize,
    found: &mut Vec<Repository>,
) -> Result<(), Error> {
    let parts = [MARKER_FILE, INDEX_FILE, "blobs/sha256"];
    let is_repository =
        || name.parse::<Reference>().is_ok_and(|reference| reference.name() == name);
    if parts.iter().any(|part| directory.join(part).exists()) && is_repository() {
        found.push(Repository { name: name.to_owned(), path: directory.to_owned() });
    }
    if depth < DEPTH_MAX {
        for child in subdirectories(directory)? {
            let name = format!("{name}/{}", file_name(&child));
            collect(&child, &name, depth + 1, found)?;
        }
    }
    Ok(())
}

/// Returns the directories in a directory; a link to one is none, for it may
/// lead anywhere. One that was removed meanwhile has none.
pub(super) fn subdirectories(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = match host::fs::read_dir(directory) {
        Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        paths => paths?,
    };
    paths.retain(|path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()));
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_its_directory() {
        let tree = Tree::new("out");
        let cases = [
            ("quay.io/a/b:v1", "out/quay.io/a/b"),
            ("localhost:5000/x", "out/localhost_5000/x"),
            ("[::1]:5000/x", "out/[__1]_5000/x"),
            ("alpine", "out/docker.io/library/alpine"),
        ];
        for (reference, directory) in cases {
            assert_eq!(tree.directory(&reference.parse().unwrap()), Path::new(directory));
        }
    }

    #[test]
    fn layouts_are_found_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        let names = ["[::1]:5000/x", "localhost:5000/a", "localhost:5000/a/b", "quay.io/a/b"];
        for name in names {
            let path = tree.directory(&name.parse().unwrap());
            host::fs::create_dir_all(&path).unwrap();
            host::fs::write_atomic(&path.join(MARKER_FILE), b"").unwrap();
        }
        for other in ["quay.io/a/c/blobs/sha256", "quay.io/Upper", "quay.io"] {
            host::fs::create_dir_all(&dir.path().join(other)).unwrap();
        }
        host::fs::write_atomic(&dir.path().join("quay.io/Upper/oci-layout"), b"").unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("quay.io/loop")).unwrap();
        let found = |repositories: Vec<Repository>| -> Vec<String> {
            repositories.into_iter().map(|repository| repository.name).collect()
        };
        assert_eq!(found(tree.layouts().unwrap()), names);
        assert_eq!(found(tree.unfinished().unwrap()), ["quay.io/a/c"]);
        assert!(Tree::new(dir.path().join("absent")).layouts().unwrap().is_empty());
    }
}
