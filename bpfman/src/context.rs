//! What every command is given: a voice, how much to do at once, and a place
//! for what is large.

use std::cell::OnceCell;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use ui::{Failure, Ui};

/// The world of one command.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) jobs: NonZeroUsize,
    work: OnceCell<TempDir>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(ui: &'a Ui, jobs: NonZeroUsize) -> Context<'a> {
        Context { ui, jobs, work: OnceCell::new() }
    }

    /// Returns a directory for what is large in images; it is removed when the
    /// command ends.
    pub(crate) fn work(&self) -> Result<&Path, Failure> {
        if let Some(work) = self.work.get() {
            return Ok(work.path());
        }
        let made = tempfile::tempdir().map_err(|error| {
            let place = std::env::temp_dir();
            Failure::from(error)
                .context(format!("failed to make a directory in `{}`", place.display()))
                .hint("TMPDIR names another one")
        })?;
        Ok(self.work.get_or_init(|| made).path())
    }
}

/// Returns where what can be made again is kept between runs (XDG base
/// directory specification), or `None` where the user has no home.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("bpfman"))
}
