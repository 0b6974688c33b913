//! What every command is given: a voice, how much to do at once, and a place
//! for what is large.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use cli::Scratch;
use ui::Ui;

/// The world of one command.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) jobs: NonZeroUsize,
    /// Where what is large in images lies.
    pub(crate) work: Scratch,
}

impl<'a> Context<'a> {
    pub(crate) fn new(ui: &'a Ui, jobs: NonZeroUsize) -> Context<'a> {
        Context { ui, jobs, work: Scratch::default() }
    }
}

/// Returns where what can be made again is kept between runs (XDG base
/// directory specification), or `None` where the user has no home.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("bpfman"))
}
