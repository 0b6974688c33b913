//! Tests of what runs cosign: its arguments, finding it, and the real ones.

mod args;
mod find;
mod real;
mod support;
mod told;
