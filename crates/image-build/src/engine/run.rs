//! Runs the commands of engines: announced, streamed, and every exit status
//! counts.

use std::path::Path;

use host::{Cmd, RunError, RunErrorKind};

use super::error::{EngineError, Said};
use super::{Event, Observe};
use crate::Error;

/// Runs commands.
pub(super) struct Runner<'a> {
    observe: &'a Observe<'a>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(observe: &'a Observe<'a>) -> Runner<'a> {
        Runner { observe }
    }

    /// Runs a command, which errors call `name`, and hands on what it says.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be run, ends with a status other than 0, or the
    /// user asks to stop.
    pub(super) fn run(&self, name: &'static str, command: &Cmd) -> Result<(), Error> {
        self.try_run(command).map_err(|error| failed(name, error))
    }

    /// Runs a command as [`Runner::run`] does, for a caller who looks at its
    /// failure.
    pub(super) fn try_run(&self, command: &Cmd) -> Result<(), RunError> {
        (self.observe)(Event::Command(command));
        command.run_by_line(&mut |line| (self.observe)(Event::Output(line)))
    }

    /// Returns whether a command succeeds; what it says does not matter.
    pub(super) fn succeeds(&self, command: &Cmd) -> bool {
        (self.observe)(Event::Command(command));
        command.run().is_ok()
    }

    /// Says something in the place of a command.
    pub(super) fn say(&self, line: &str) {
        (self.observe)(Event::Output(line));
    }
}

/// Makes the error of a command that failed.
pub(super) fn failed(command: &'static str, error: RunError) -> Error {
    let RunError { kind, stderr, source, .. } = error;
    let reason = match source {
        Some(source) => Some(source.into()),
        None if kind == RunErrorKind::Interrupted => return Error::Interrupted,
        None => Said::tail(&stderr).map(Into::into),
    };
    EngineError::Failed { command, kind, reason }.into()
}

/// Reads what a command wrote.
pub(super) fn reading<T>(command: &'static str, read: Result<T, oci::Error>) -> Result<T, Error> {
    read.map_err(|reason| match reason {
        oci::Error::Interrupted => Error::Interrupted,
        reason => EngineError::Unreadable { command, reason: Box::new(reason) }.into(),
    })
}

/// Opens an archive that a command wrote, and returns the only thing in it.
pub(super) fn only(command: &'static str, path: &Path) -> Result<oci::Artifact, Error> {
    let layout = reading(command, oci::archive::open(path))?;
    let [entry] = &layout.index().manifests[..] else {
        let count = layout.index().manifests.len();
        let reason = format!("it names {count} images instead of one");
        let path = path.to_owned();
        return reading(command, Err(oci::Error::InvalidLayout { path, reason }));
    };
    reading(command, layout.load(entry))
}
