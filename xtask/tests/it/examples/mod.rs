//! The directory `examples/`: its programs, what its users type, and what is
//! rendered for a cluster.

mod images;
mod makefile;
mod manifests;
mod programs;
