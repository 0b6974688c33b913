//! What the tests share: finding tools, and saying loudly what could not run.
//!
//! A test that needs what this machine lacks calls [`tool`] or [`not_run`].
//! It then prints a `not run:` line past libtest's capture, notes it for the
//! summary of `cargo xtask test`, and fails where the missing thing was
//! required. A [`Registry`] or a [`BuildKit`] runs beside a test. Not here: anything a program
//! of this workspace uses.

#![forbid(unsafe_code)]

mod buildkit;
mod registry;

use std::fs::OpenOptions;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};

pub use buildkit::BuildKit;
pub use registry::Registry;

/// Lists, as PATH does, the directories of the Go programs that are built:
/// `cargo xtask test` says where they are.
pub const GO_TOOLS: &str = "XTASK_TEST_GO_TOOLS";

/// Names what must not be missing, separated by commas; `all` means all.
pub const REQUIRE: &str = "XTASK_TEST_REQUIRE";

/// Names a file that collects a line per test that could not run.
pub const NOT_RUN_FILE: &str = "XTASK_TEST_NOT_RUN";

/// Set to `1` by `cargo xtask test --slow`.
pub const SLOW: &str = "XTASK_TEST_SLOW";

/// Gives the seed of what tests draw at random.
pub const SEED: &str = "XTASK_TEST_SEED";

/// Returns the program's path, or `None` after saying that the calling test
/// does not run.
///
/// # Panics
///
/// Panics where the program is absent and required.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = which::which(name).ok();
    if path.is_none() {
        not_run(name, &format!("`{name}` is not installed"));
    }
    path
}

/// Returns the path of a program that is built with Go for the tests, or
/// `None` after saying that the calling test does not run.
///
/// # Panics
///
/// Panics where the program is absent and required.
pub fn go_tool(name: &str) -> Option<PathBuf> {
    let directories = std::env::var_os(GO_TOOLS);
    let why = match &directories {
        Some(_) => format!("`{name}` is not built (`cargo xtask doctor --go-tools`)"),
        None => format!("`cargo xtask test` knows where `{name}` is"),
    };
    let path = directories.and_then(|dirs| which::which_in(name, Some(dirs), "/").ok());
    if path.is_none() {
        not_run(name, &why);
    }
    path
}

/// Says that the calling test does not run because `need` is missing.
///
/// # Panics
///
/// Panics where `need` is required.
pub fn not_run(need: &str, why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("not run: {test}: {why}\n");
    let required = std::env::var(REQUIRE).unwrap_or_default();
    assert!(
        !required.split(',').any(|word| word == need || word == "all"),
        "{test} was required to run, but {why}"
    );
    say(&line);
    if let Some(path) = std::env::var_os(NOT_RUN_FILE) {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// Returns whether tests that take minutes are to run as well; says so where
/// they are not.
pub fn slow() -> bool {
    let slow = is_slow();
    if !slow {
        not_run("slow", "it takes minutes (`cargo xtask test --slow`)");
    }
    slow
}

/// Returns whether this is the slow suite, for tests that run in both and do
/// more in this one.
pub fn is_slow() -> bool {
    std::env::var(SLOW).is_ok_and(|value| value == "1")
}

/// Returns the seed for a test that draws its cases: the one that was given,
/// or a new one. Prints it, so that a failure can be repeated.
///
/// # Panics
///
/// Panics if the given one is no number.
pub fn seed() -> u64 {
    let seed = match std::env::var(SEED) {
        Ok(word) => word.parse().expect("a seed is a number"),
        Err(_) => RandomState::new().hash_one(0),
    };
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    say(&format!("seed: {test}: {SEED}={seed}\n"));
    seed
}

/// Prints past libtest's capture, which would swallow what macros print.
fn say(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Returns the checkout that the tests were built from.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}
