//! Containerfiles through the public interface: whole results, whole messages.

mod support;

mod bases;
mod bytecode;
mod config;
mod contexts;
mod copy;
mod engines;
mod hostile;
mod messages;
mod stages;
