//! Tests of the commands as their user meets them: the program is run, and
//! its output, exit code and files are compared.

#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "tests make trees and run programs as any user would"
)]

mod attest;
mod bad_input;
mod bases;
mod binaries;
mod bpfman_images;
mod bundle;
mod cli;
mod containerfile;
mod desk;
mod docs;
mod examples;
mod incremental;
mod interop;
mod operator;
mod registry;
mod rehearsal;
mod reproducible;
mod robust;
mod signing;
mod structure;
mod support;
