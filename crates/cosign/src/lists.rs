//! One at a time at what is known of a subject.
//!
//! Legacy signatures are under a tag, and so is the list of bundles of a
//! registry without the referrers API. Whoever adds to one reads it and writes
//! it: of two who do so at once, one loses. Processes of one user take turns
//! here. Those of other machines do not; whoever signs looks afterwards.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use host::Lock;
use host::fs::IoError;
use oci::Digest;

/// Waits until nobody else adds to what is known of a subject. Returns `None` where
/// there is no place for locks: it is no reason not to sign.
///
/// # Errors
///
/// Fails if the user interrupts.
pub(crate) fn alone(subject: Option<Digest>) -> Result<Option<Lock>, IoError> {
    let Some((digest, dir)) = subject.zip(directory()) else { return Ok(None) };
    // Few files, whatever there is to sign.
    let file = dir.join(&digest.hex()[..2]);
    match Lock::exclusive(&file) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if host::interrupted() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Returns the user's directory of locks, which nobody else may write to.
fn directory() -> Option<PathBuf> {
    let user = std::fs::metadata("/proc/self").ok()?.uid();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_dir());
    let base = runtime.map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = base.join(format!("bpfman-cosign-{user}"));
    // It is there already, but for the first time.
    let _ = std::fs::DirBuilder::new().mode(0o700).create(&dir);
    let made = std::fs::symlink_metadata(&dir).ok()?;
    let is_private = made.is_dir() && made.uid() == user && made.permissions().mode() & 0o022 == 0;
    is_private.then_some(dir)
}
