//! What a bytecode image is: its labels, how it is put together, and what its
//! readers demand of it.
//!
//! An image holds one eBPF object per platform and says in two labels which
//! programs and maps the object has (bpfman's "eBPF Bytecode Image
//! Specifications"). Not here: where objects come from and where images go.

#![forbid(unsafe_code)]

mod agreement;
mod assemble;
mod build_args;
mod contract;
mod finding;
mod labels;
mod object;

pub use agreement::{Difference, difference};
pub use assemble::{AssembleError, Recipe, Slot, assemble, platform_of};
pub use build_args::{build_args, build_args_of_one};
pub use contract::{Contents, inspect, is_bytecode};
pub use finding::{Finding, Severity};
pub use labels::{LabelError, Labels, MAPS, PROGRAMS};
pub use object::check_object;
