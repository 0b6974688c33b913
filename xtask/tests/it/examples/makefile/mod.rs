//! `examples/Makefile`, run by make as its users run it: what it builds is
//! read back from a registry beside the test, or from where it was put.

mod bad;
mod document;
mod help;
mod image;
mod places;
mod programs;
mod variables;

use std::process::Command;

use test_support::Registry;

use crate::desk::Desk;
use crate::support::{Run, finish};
use image::Kind;

/// Returns a desk at which make is, unless it is nowhere.
fn desk() -> Option<Desk> {
    test_support::tool("make")?;
    test_support::tool("bash")?;
    Some(Desk::new())
}

/// Returns a desk and a registry.
fn desk_and_registry() -> Option<(Desk, Registry)> {
    Some((desk()?, Registry::anonymous()?))
}

/// Returns the kinds of image that are built here; what is in those of user
/// space are small programs then.
fn kinds(desk: &Desk) -> Vec<Kind> {
    let mut kinds = Kind::built();
    let is_ready = !kinds.contains(&Kind::UserSpace) || programs::small_module(desk);
    kinds.retain(|kind| is_ready || *kind == Kind::Bytecode);
    kinds
}

/// Returns a line, ready to be typed in `examples/`.
fn line(desk: &Desk, line: &str) -> Command {
    let mut command = desk.command(line);
    command.current_dir(desk.checkout.path().join("examples"));
    command
}

/// Types a line in `examples/` with these variables in the environment.
fn type_line(desk: &Desk, typed: &str, variables: &[(&str, &str)]) -> Run {
    finish(line(desk, typed).envs(variables.iter().copied()).output().unwrap())
}

/// Types a line that must succeed.
#[track_caller]
fn succeed(desk: &Desk, typed: &str, variables: &[(&str, &str)]) -> Run {
    let run = type_line(desk, typed, variables);
    assert_eq!(run.code, 0, "`{typed}`: {}", run.stderr);
    run
}

/// Returns the names of what was built, in the order in which they are
/// printed. Make prints commands there too.
fn built(run: &Run) -> Vec<&str> {
    run.stdout
        .lines()
        .filter_map(|line| line.split_once("@sha256:"))
        .map(|(name, _)| name)
        .collect()
}

/// Returns what a run said it pushes, each as `NAME with ENGINE`.
fn pushing(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter_map(|line| line.strip_prefix(" => pushing ")).collect()
}
