//! `bpfman image build` and `generate-build-args`.

mod bad;
mod bases;
mod build_args;
mod containerfile;
mod engine;
mod inputs;
mod places;
mod reference;
mod source;

use crate::world;
