//! Rust programs of a checkout to static programs, for any architecture, and
//! the same bytes wherever the checkout lies.
//!
//! A [`Toolchain`] is what the machine has; it says in which [`Way`] programs
//! for an architecture can be made, or what is lacking. A [`Build`] is one run
//! of cargo, which decides by itself what is up to date. What the environment
//! could change about a program is fixed, and each program is checked before
//! it is handed on. Not here: where tools come from, what is done with the
//! programs, and anything that is not Rust.

#![forbid(unsafe_code)]

mod build;
mod checkout;
mod program;
mod sysroot;
mod toolchain;
mod way;

pub use build::{Build, BuildError};
pub use checkout::{Checkout, CheckoutError};
pub use program::{Fault, ProgramError, check_program};
pub use toolchain::{Compiler, Kit, Toolchain, ToolchainError, Zig};
pub use way::{Lacking, Means, Way};
