//! Tests of layouts and archives on real files, with real readers.

mod archive;
mod docker_archive;
mod forge;
mod hostile;
mod interop;
mod processes;
mod prune;
mod scale;
mod support;
mod tree;
mod verify;
