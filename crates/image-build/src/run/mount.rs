//! The flags of a RUN: which of them the host can do without.

use std::path::{Path, PathBuf};

use super::RunError;
use crate::containerfile::Run;

/// Returns the directories that are caches while a RUN runs, as they are
/// written, in the order of the flags: what is put there is in no image.
///
/// # Errors
///
/// Fails if the RUN has another flag than `--mount=type=cache`, or one that
/// brings files along.
pub(crate) fn caches(run: &Run) -> Result<Vec<String>, RunError> {
    run.flags.iter().map(|(name, value)| cache(name, value.as_deref())).collect()
}

fn cache(name: &str, value: Option<&str>) -> Result<String, RunError> {
    let refused = || {
        let value = value.map(|value| format!("={value}")).unwrap_or_default();
        RunError::Flag(format!("--{name}{value}"))
    };
    let fields = value.filter(|_| name == "mount").ok_or_else(refused)?.split(',');
    let (mut is_cache, mut target) = (false, None);
    for field in fields {
        match field.split_once('=').unwrap_or((field, "")) {
            ("type", "cache") => is_cache = true,
            ("target" | "dst" | "destination", path) if !path.is_empty() && !path.contains('"') => {
                target = Some(path)
            }
            ("id" | "sharing" | "mode" | "uid" | "gid", _) => {}
            _ => return Err(refused()),
        }
    }
    target.filter(|_| is_cache).map(str::to_owned).ok_or_else(refused)
}

/// Returns whether a path is in one of the directories.
pub(crate) fn is_in(path: &Path, directories: &[PathBuf]) -> bool {
    directories.iter().any(|directory| path.starts_with(directory))
}
