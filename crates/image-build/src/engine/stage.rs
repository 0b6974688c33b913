//! Directories that are put together for an engine: files from anywhere, as
//! an engine sees none but those in a context.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use host::fs::{IoContext, IoError};

use super::error::EngineError;
use super::unique_name;
use crate::tree::{Content, Context, NodeKind};
use crate::{BuildRequest, Error, Problem};

/// A directory with files from anywhere, to be the context of a build. It
/// stays until its work directory goes.
#[derive(Debug)]
pub(super) struct StagedContext {
    path: PathBuf,
}

impl StagedContext {
    /// Makes an empty one in the directory `work`, which must exist.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot be made.
    pub(super) fn new(work: &Path) -> Result<StagedContext, Error> {
        let path = work.join(format!("{}-context", unique_name()));
        make_directory(&path)?;
        Ok(StagedContext { path })
    }

    /// Returns the directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds everything that a context has.
    fn fill(&self, context: &Context) -> Result<(), Problem> {
        let tree = context.tree()?;
        let mut directories = Vec::new();
        for (path, node) in tree.below(Path::new("")) {
            let to = self.path.join(path);
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
        Ok(())
    }
}

/// An ignore file that ignores nothing; an empty one does not count for podman.
pub(super) const NOTHING: &[u8] = b"!nothing\n";

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
        problem => {
            let (name, problem) = (name.to_owned(), Box::new(problem));
            EngineError::Context { name, engine, problem }.into()
        }
    };
    let context = Context::open(directory, format!("the context `{name}`"), None)?;
    let staged = StagedContext::new(work)?;
    staged.fill(&context).map_err(fail)?;
    Ok(staged.path)
}

/// Makes the main context of a request that has files from elsewhere, and a
/// copy of its Containerfile whose own ignore file names nothing: what is to
/// be ignored is left out here, and no placed file is.
pub(super) fn with_files(request: &mut BuildRequest, work: &Path) -> Result<(), Error> {
    let staged = StagedContext::new(work)?;
    let containerfile = Some(request.containerfile.as_path());
    let directory = request.context.as_deref().unwrap_or(&staged.path);
    let context = Context::open(directory, "the build context".to_owned(), containerfile)?;
    staged.fill(&context.with(&request.files)).map_err(|problem| match problem {
        Problem::Other(error) => *error,
        problem => EngineError::MainContext { problem: Box::new(problem) }.into(),
    })?;
    request.context = Some(staged.path);
    let copy = work.join("Containerfile");
    host::fs::write_atomic(&copy, &host::fs::read(&request.containerfile)?)?;
    host::fs::write_atomic(&work.join("Containerfile.dockerignore"), NOTHING)?;
    request.containerfile = copy;
    Ok(())
}

/// Makes a directory that everybody can read, whatever the umask is.
fn make_directory(path: &Path) -> Result<(), IoError> {
    host::fs::create_dir_all(path)?;
    set_mode(path, 0o755)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), IoError> {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).io_context("set the mode of", path)
}
