//! One at a time at what is known of a subject.
//!
//! Legacy signatures are under a tag, and so is the list of bundles of a
//! registry without the referrers API. Whoever adds to one reads it and writes
//! it: of two who do so at once, one loses. Processes with one directory of locks
//! take turns here. Others do not; whoever signs looks afterwards.

use std::path::Path;

use host::Lock;
use host::fs::IoError;
use oci::Digest;

/// Waits until no other process that has its locks in `dir` adds to what is
/// known of a subject.
///
/// # Errors
///
/// Fails if the lock cannot be had, or the user interrupts.
pub(crate) fn alone(dir: Option<&Path>, subject: Option<Digest>) -> Result<Option<Lock>, IoError> {
    let Some((dir, subject)) = dir.zip(subject) else { return Ok(None) };
    host::fs::create_dir_all(dir)?;
    // Few files, whatever there is to sign.
    Lock::exclusive(&dir.join(&subject.hex()[..2])).map(Some)
}
