//! The program from outside: what it does with files, registries and bad
//! words.

#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "tests make files and run programs as any user would"
)]

mod build;
mod copy;
mod examples;
mod extract;
mod forge;
mod inspect;
mod lint;
mod manifest;
mod pull;
mod server;
mod snapshot;
mod subject;
mod world;
