//! eBPF C source to object: clang's arguments, a content-addressed cache, and
//! runs in parallel.
//!
//! [`Workshop::build`] takes [`Source`]s with the architectures wanted and
//! gives back an [`Object`] for each. Work that is the same is done once: an
//! object is looked up by what it would be made from, and a source that
//! never asks for its architecture is compiled once per byte order. Not here:
//! images, registries, and what is done with an object.

#![forbid(unsafe_code)]

mod argv;
mod build;
mod cache;
mod compiler;
mod depfile;
mod digest;
mod inputs;
mod libbpf;
mod object;
mod provenance;

pub use argv::Source;
pub use build::{Built, Event, Request, Workshop, WorkshopError};
pub use compiler::{Compiler, CompilerError, OLDEST_MAJOR, Version};
pub use inputs::settle;
pub use libbpf::{Libbpf, LibbpfError, Staged};
pub use object::{CompileError, CompileFailure, Object};
pub use provenance::{InputFile, Provenance};
