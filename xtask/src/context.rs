//! What every command is given: a voice, the checkout, how much to do at once.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use cli::Jobs;
use host::fs::IoContext;
use ui::{Failure, Ui};

/// The world of one command.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) jobs: NonZeroUsize,
    /// What the user typed as `--jobs`: for work that takes no processor.
    pub(crate) typed_jobs: Option<NonZeroUsize>,
    /// The top of the checkout, without symbolic links.
    pub(crate) root: PathBuf,
    target: PathBuf,
}

impl<'a> Context<'a> {
    pub(crate) fn new(ui: &'a Ui, jobs: Jobs) -> Result<Context<'a>, Failure> {
        // Cargo says where this package is now; what it said when it compiled
        // is wrong after the checkout was moved.
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().unwrap_or(Path::new("/"));
        let root = std::fs::canonicalize(root).io_context("find the checkout", root)?;
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) if !dir.is_empty() => root.join(dir),
            _ => root.join("target"),
        };
        Ok(Context { ui, jobs: jobs.number(), typed_jobs: jobs.given(), root, target })
    }

    /// Returns the world of a command that works in another checkout.
    pub(crate) fn at(&self, root: PathBuf, target: PathBuf) -> Context<'a> {
        Context { root, target, ..*self }
    }

    /// Returns the directory of everything that can be made again.
    pub(crate) fn target(&self) -> PathBuf {
        self.target.clone()
    }

    /// Returns where objects and headers are kept between runs.
    pub(crate) fn workshop_dir(&self) -> PathBuf {
        self.target().join("bpf")
    }

    /// Returns `path` as it is shown: relative to the checkout where it is in
    /// it.
    pub(crate) fn shown<'p>(&self, path: &'p Path) -> std::path::Display<'p> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
