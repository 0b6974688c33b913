//! Bills of materials in SPDX 2.3, as JSON (SPDX specification 2.3).
//!
//! Of a bytecode image: its objects, the files that they were generated from,
//! and what compiled them. Of an image with programs in Go: the modules that
//! they were linked from. Both depend on content alone; the time is the
//! image's.

mod bytecode;
mod document;
mod license;
mod programs;

pub use bytecode::{SourceFile, of_bytecode};
pub use programs::{Program, of_programs};

use oci::Digest;

/// What documents say of an image.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The catalogue's `organization/name`.
    pub name: &'a str,
    /// The index's digest.
    pub digest: Digest,
    /// The image's time, in seconds since 1970.
    pub created: u64,
    /// The licences that it is said to be under: an SPDX expression; may be
    /// empty.
    pub licenses: &'a str,
}
