//! What the tree holds, looked up anew each time.
//!
//! The one file that opens any other. It follows links only to what is below
//! the tree's directory, and takes what vanishes meanwhile as never there: a
//! build may write to the tree, and remove from it, at any moment.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use host::fs::IoError;
use oci::layout::{Tree, blob_path};
use oci::{Digest, Layout};

use crate::problem::Problem;
use crate::route::Name;

/// Manifests are small; what is larger than this is not one (the size that
/// the distribution specification asks registries to take, "Pushing
/// Manifests").
pub(crate) const MANIFEST_MAX: u64 = 4 << 20;

/// The two files that make a directory a layout (image-spec,
/// image-layout.md).
const LAYOUT_FILES: [&str; 2] = ["oci-layout", "index.json"];

/// How often what may be changing is read until it counts as broken, or as
/// not there.
pub(crate) const TRIES: usize = 5;

/// The tree that is served.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    tree: Tree,
}

impl Store {
    pub(crate) fn new(tree: Tree) -> Store {
        Store { tree }
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Opens the layout of a repository.
    ///
    /// A name is the path of the layout's directory: in full, or without the
    /// registry it begins with. Where several registries have the repository
    /// it is refused, unless the client says which it means.
    pub(crate) fn layout(&self, name: &Name) -> Result<Layout, Problem> {
        let mut tries = 0;
        loop {
            tries += 1;
            let Some(directory) = self.directory(name)? else {
                return Err(Problem::unknown_name(name));
            };
            match Layout::open(&directory) {
                Ok(layout) => return Ok(layout),
                // It may have gone, or gone and come back, while it was read.
                Err(_) if tries < TRIES => {}
                Err(error) => return Err(Problem::fault(error)),
            }
        }
    }

    fn directory(&self, name: &Name) -> Result<Option<PathBuf>, Problem> {
        let full = self.tree.root().join(&name.path);
        if self.is_layout(&full)? {
            return Ok(Some(full));
        }
        let registries = self.registries()?;
        // As a tree names the directory of a registry with a port.
        let meant = name.registry.as_ref().map(|registry| registry.replace(':', "_"));
        let is_meant = |own: &&String| meant.as_ref() == Some(own);
        let asked = match registries.iter().find(is_meant) {
            Some(registry) => std::slice::from_ref(registry),
            None => &registries,
        };
        let mut found = Vec::new();
        for registry in asked {
            let full = format!("{registry}/{}", name.path);
            if self.is_layout(&self.tree.root().join(&full))? {
                found.push(full);
            }
        }
        match found.as_slice() {
            [] => Ok(None),
            [full] => Ok(Some(self.tree.root().join(full))),
            several => Err(Problem::ambiguous_name(name, several)),
        }
    }

    /// Returns the names of the directories that are registries', sorted.
    fn registries(&self) -> Result<Vec<String>, Problem> {
        let paths = match host::fs::read_dir(self.tree.root()) {
            Ok(paths) => paths,
            Err(error) if is_absence(error.source.kind()) => Vec::new(),
            Err(error) => return Err(Problem::fault(told(&error))),
        };
        let is_directory =
            |path: &&PathBuf| path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        let names = paths.iter().filter(is_directory).filter_map(|path| path.file_name()?.to_str());
        Ok(names.map(str::to_owned).collect())
    }

    fn is_layout(&self, directory: &Path) -> Result<bool, Problem> {
        for file in LAYOUT_FILES {
            if self.locate(&directory.join(file))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Opens a blob of a layout; returns its length, too.
    pub(crate) fn blob(
        &self,
        layout: &Layout,
        digest: Digest,
    ) -> Result<Option<(File, u64)>, Problem> {
        let Some(path) = self.locate(&blob_path(layout.path(), digest))? else { return Ok(None) };
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((length, file)) => Ok(Some((file, length))),
            Err(error) if is_absence(error.kind()) => Ok(None),
            Err(error) => Err(Problem::fault(told(&IoError::new("open", &path, error)))),
        }
    }

    /// Reads a manifest of a layout. One that is not what its digest says is
    /// not given out.
    pub(crate) fn manifest(
        &self,
        layout: &Layout,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, Problem> {
        let Some((file, length)) = self.blob(layout, digest)? else { return Ok(None) };
        if length > MANIFEST_MAX {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let path = blob_path(layout.path(), digest);
        file.take(MANIFEST_MAX)
            .read_to_end(&mut bytes)
            .map_err(|error| Problem::fault(told(&IoError::new("read", &path, error))))?;
        let found = Digest::of(&bytes);
        if found != digest {
            let place = path.display();
            return Err(Problem::fault(format!(
                "`{place}` is corrupt: its bytes are those of `{found}`"
            )));
        }
        Ok(Some(bytes))
    }

    /// Returns where a regular file really is, if that is below the tree's
    /// directory.
    fn locate(&self, path: &Path) -> Result<Option<PathBuf>, Problem> {
        let real = |path: &Path| match std::fs::canonicalize(path) {
            Ok(path) => Ok(Some(path)),
            Err(error) if is_absence(error.kind()) => Ok(None),
            Err(error) => Err(Problem::fault(told(&IoError::new("find", path, error)))),
        };
        let (Some(root), Some(path)) = (real(self.tree.root())?, real(path)?) else {
            return Ok(None);
        };
        // Reading a pipe would wait for ever.
        let is_ours = path.starts_with(root) && path.is_file();
        Ok(is_ours.then_some(path))
    }
}

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}

/// Puts an error and its cause in one line.
fn told(error: &IoError) -> String {
    format!("{error}: {}", error.source)
}
