//! Containerfile and contexts to images.
//!
//! A [`BuildRequest`] is everything that a build depends on, whichever
//! [`Engine`] does it; [`build`] has it done. [`native::Builder`] does it in
//! process: no engine, no root, the same bytes every time. What it cannot do
//! it refuses by name, running programs above all: [`runs`] tells what these
//! are, for who can do on the host what they do, and says so with [`Ran`].
//! `docker` and `podman` are processes. Not here: getting images from
//! registries, which the caller does for the built-in builder, and what is in
//! the files.

#![forbid(unsafe_code)]

mod base;
mod cache;
mod containerfile;
mod copy;
mod engine;
mod error;
mod expand;
mod glob;
mod ignore;
mod interpret;
mod machine;
mod names;
pub mod native;
mod owner;
mod request;
mod run;
mod scope;
mod settings;
mod stage;
mod tree;
mod unknown;
mod warning;

pub use base::Resolve;
pub use cache::LayerCache;
pub use engine::{Engine, EngineError, Event, Observe, ParseEngineError, build};
pub use error::{Error, InstructionFailed, Place, Problem};
pub use expand::ExpandError;
pub use ignore::PatternError;
pub use interpret::runs;
pub use names::{argument_names, image_names};
pub use native::Built;
pub use request::{BuildRequest, ContextSource, NamedContext, ParseContextError};
pub use run::{Command, Ran, Run, RunError};
pub use warning::Warning;
