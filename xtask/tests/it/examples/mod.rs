//! The directory `examples/`: its programs, what its users type, what is
//! rendered for a cluster, and that all of it goes by the same names.

pub mod images;
mod makefile;
mod manifests;
mod names;
pub(crate) mod programs;
