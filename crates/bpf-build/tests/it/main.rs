//! Tests with a real clang: every eBPF source of the workspace, and small ones
//! written for a case. `CLANG` names the compiler, as it does for the commands.
//! Not here: tests of one function, which stand beside it.

mod cache;
mod contents;
mod failures;
mod helpers;
mod kernel;
mod reproducible;
mod sharing;
mod support;
mod tree;
