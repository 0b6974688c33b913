//! What every command is given: a voice, and how much to do at once.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use ui::Ui;

/// The world of one command.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) jobs: NonZeroUsize,
}

/// Returns where what can be made again is kept between runs (XDG base
/// directory specification), or `None` where the user has no home.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("bpfman"))
}
