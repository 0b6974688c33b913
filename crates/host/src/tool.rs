//! Finds programs, and says with whose rights they would run.

use std::path::{Path, PathBuf};

/// Returns the absolute path of the program `name`, or `None` if it is not
/// there or not executable.
///
/// A name with a slash is taken as a path; any other is looked up on `PATH`.
pub fn find_tool(name: impl AsRef<Path>) -> Option<PathBuf> {
    which::which(name.as_ref()).ok()
}

/// Returns the absolute paths of all programs called `name` on `PATH`, in its
/// order.
pub fn find_tools(name: &str) -> Vec<PathBuf> {
    which::which_all(name).map(Iterator::collect).unwrap_or_default()
}

/// Returns whether this process has root's rights.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
