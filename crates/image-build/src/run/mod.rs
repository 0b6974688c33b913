//! RUN, as far as the host can do it in the place of a container.
//!
//! [`crate::runs`] tells what the RUNs of a Containerfile come to: commands with
//! their words and variables, as `/bin/sh` would see them. Whoever can do
//! those on the host says with [`Ran`] what came of it, and the built-in
//! builder goes on from there. Nothing runs here.

mod mount;
mod names;
mod shell;
mod stage;

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci::Platform;

pub use shell::RunError;

use crate::Place;

/// A RUN that a build needs, for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it is.
    pub place: Place,
    /// How it is written, on one line.
    pub text: String,
    /// The name of its stage, in lower case, if it has one.
    pub stage: Option<String>,
    /// The platform that the image is built for, whichever the stage is for.
    pub platform: Platform,
    /// The directory of the stage that it runs in, as absolute path; `None`
    /// where only the image tells it that the stage starts from.
    pub directory: Option<String>,
    /// Whether its stage is the one that is asked for, or one that this starts
    /// from: what it changes is in the image then, and its base is needed.
    pub is_target: bool,
    /// What runs, one after the other while all goes well.
    pub commands: Vec<Command>,
}

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What ENV, ARG and the assignments before it set; not what the image sets
    /// that the stage starts from, and no `PATH` that goes on from its.
    pub variables: BTreeMap<String, String>,
    /// The program and its arguments; at least one.
    pub words: Vec<String>,
}

impl Command {
    /// Returns whether it says something at most: `echo`, `printf`, `true`.
    pub fn only_speaks(&self) -> bool {
        let program = self.words.first().map(|word| word.rsplit('/').next().unwrap_or(word));
        matches!(program, Some("echo" | "printf" | "true"))
    }
}

/// What the host did for a RUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The line on which the RUN starts, from 1.
    pub line: usize,
    /// The platform that the image is built for.
    pub platform: Platform,
    /// What it made: files of the host, by the absolute paths that they have in
    /// the stage. They keep their modes and get the owner that USER says. None
    /// if it changed nothing that matters.
    pub files: BTreeMap<PathBuf, PathBuf>,
    /// The directory of the host that it was done in. What the stage has in
    /// the directory of the RUN must have been copied from there then, each
    /// file from its own place: else the RUN would have made something else.
    pub source: Option<PathBuf>,
}
