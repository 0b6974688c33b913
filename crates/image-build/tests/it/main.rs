//! Containerfiles through the public interface: whole results, whole messages.

#![expect(
    clippy::disallowed_methods,
    reason = "tests make files, change them under way and run programs as any user would"
)]

mod support;

mod bases;
mod bpfman;
mod bytecode;
mod cache;
mod config;
mod contexts;
mod copy;
mod engines;
mod hostile;
mod messages;
mod run;
mod stages;
