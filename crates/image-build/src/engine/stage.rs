//! Directories that are put together for an engine: files from anywhere, as
//! an engine sees none but those in a context.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use host::fs::{IoContext, IoError};

use super::error::EngineError;
use super::unique_name;
use crate::tree::{Content, Context, NodeKind};
use crate::{Error, Problem};

/// A directory with files from anywhere, to be the context of a build. It
/// stays until its work directory goes.
#[derive(Debug)]
pub struct StagedContext {
    path: PathBuf,
}

impl StagedContext {
    /// Makes an empty one in the directory `work`, which must exist.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot be made.
    pub fn new(work: &Path) -> Result<StagedContext, Error> {
        let path = work.join(format!("{}-context", unique_name()));
        make_directory(&path)?;
        Ok(StagedContext { path })
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a file of the host under a name of its own, without copying it
    /// where that is possible. The same file can be added twice.
    ///
    /// # Errors
    ///
    /// Fails if `name` is not a relative path without `..`, another file has
    /// it, or `file` cannot be read.
    pub fn add(&self, file: &Path, name: &str) -> Result<(), Error> {
        let parts = Path::new(name).components();
        let is_inside =
            !name.is_empty() && parts.clone().all(|part| matches!(part, Component::Normal(_)));
        let to = self.path.join(name);
        let refuse = |reason: &str| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, reason);
            Error::from(IoError::new("stage", Path::new(name), source))
        };
        if !is_inside {
            return Err(refuse("the name leads out of the context"));
        }
        let mut directory = self.path.clone();
        for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
            directory.push(part);
            if !directory.is_dir() {
                make_directory(&directory)?;
            }
        }
        if to.exists() {
            let is_same = to.is_file() && host::fs::read(&to)? == host::fs::read(file)?;
            return if is_same {
                Ok(())
            } else {
                Err(refuse("there is something else of that name"))
            };
        }
        Ok(host::fs::link_or_copy(file, &to)?)
    }
}

/// Makes a copy of a named context without what its ignore file names, for
/// an engine that would not look at that.
pub(super) fn without_ignored(
    engine: &'static str,
    name: &str,
    directory: &Path,
    work: &Path,
) -> Result<PathBuf, Error> {
    let fail = |problem: Problem| match problem {
        Problem::Other(error) => *error,
        problem => EngineError::Context { name: name.to_owned(), engine, problem }.into(),
    };
    let context = Context::open(directory, format!("the context `{name}`"), None)?;
    let staged = StagedContext::new(work)?;
    let tree = context.tree().map_err(fail)?;
    let mut directories = Vec::new();
    for (path, node) in tree.below(Path::new("")) {
        let to = staged.path.join(path);
        match &node.kind {
            NodeKind::Directory => {
                host::fs::create_dir_all(&to)?;
                directories.push((to, node.attributes.mode));
            }
            NodeKind::Symlink(target) => symlink(target, &to).io_context("write", &to)?,
            NodeKind::File(Content::Host { path, .. }) => host::fs::link_or_copy(path, &to)?,
            NodeKind::File(Content::Packed { .. }) | NodeKind::Special(_) => {}
        }
    }
    // Last, for some may not be written to.
    for (path, mode) in directories.iter().rev() {
        set_mode(path, *mode)?;
    }
    Ok(staged.path)
}

/// Makes a directory that everybody can read, whatever the umask is.
fn make_directory(path: &Path) -> Result<(), IoError> {
    host::fs::create_dir_all(path)?;
    set_mode(path, 0o755)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), IoError> {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).io_context("set the mode of", path)
}
