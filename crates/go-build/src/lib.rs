//! Go packages to programs: static ones, for any architecture, and the same
//! bytes wherever they are built.
//!
//! One run of the Go compiler builds all programs of a module for an
//! architecture ([`Build`]), or the one that a line of a Containerfile is for
//! ([`Written`]), and decides by itself what is up to date. What
//! the environment could change about a program is fixed. Not here: where
//! programs go, and anything that is not Go.

#![forbid(unsafe_code)]

mod build;
mod build_id;
mod module;
mod toolchain;
mod version;
mod written;

pub use build::{Build, BuildError, Package};
pub use build_id::build_id;
pub use module::{Module, ModuleError};
pub use toolchain::{Toolchain, ToolchainError};
pub use version::Version;
pub use written::{Written, WrittenError, changes_nothing};
