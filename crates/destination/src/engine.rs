//! What the destinations that a program serves have in common: the program is
//! run, and believed only when the image is seen to be there.

use std::path::PathBuf;
use std::sync::Arc;

use host::fs::IoContext;
use host::{Cmd, RunErrorKind};
use oci::{Named, Reference};
use tempfile::TempDir;

use crate::{Error, Options, Outcomes, untouched};

/// Runs a command and returns its standard output.
pub(crate) fn run(command: &Cmd, options: Options<'_>) -> Result<String, Error> {
    if host::interrupted() {
        return Err(oci::Error::Interrupted.into());
    }
    (options.command)(command);
    match command.run() {
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        // A terminal has sent the signal to the program, too.
        Err(_) if host::interrupted() => Err(oci::Error::Interrupted.into()),
        Err(error) if is_missing(&error) => Err(Error::Tool { program: error.command }),
        Err(error) => Err(Error::Command { command: command.to_string(), error: Arc::new(error) }),
    }
}

fn is_missing(error: &host::RunError) -> bool {
    let absent = |source: &std::io::Error| source.kind() == std::io::ErrorKind::NotFound;
    error.kind == RunErrorKind::NotStarted && error.source.as_ref().is_some_and(absent)
}

/// A directory for the files that a program reads; it goes when it is
/// dropped.
pub(crate) struct Work(TempDir);

impl Work {
    pub(crate) fn new() -> Result<Work, Error> {
        let directory = tempfile::Builder::new().prefix("images-").tempdir();
        let directory = directory.io_context("create a directory in", &std::env::temp_dir());
        Ok(Work(directory.map_err(oci::Error::from)?))
    }

    /// Returns the path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Returns the names as the programs print them.
pub(crate) fn names(named: &Named) -> impl Iterator<Item = String> {
    named.references.iter().map(full_name)
}

fn full_name(reference: &Reference) -> String {
    match reference.tag() {
        Some(tag) => format!("{}:{tag}", reference.name()),
        None => reference.to_string(),
    }
}

/// Puts the images that are not there yet, and says of each what became of
/// it.
///
/// `look` finds out what is there, and `check` fails unless an image is among
/// that. `put` gets what is not, and answers for each.
pub(crate) fn settle<T>(
    images: Vec<Result<Named, Error>>,
    look: impl Fn() -> Result<T, Error>,
    check: impl Fn(&T, &Named) -> Result<(), Error>,
    put: impl FnOnce(&[&Named]) -> Vec<Result<(), Error>>,
) -> Outcomes {
    if !images.iter().any(Result::is_ok) {
        return Ok(images.into_iter().map(|image| image.map(|image| untouched(&image))).collect());
    }
    let before = look()?;
    let is_there: Vec<bool> = images
        .iter()
        .map(|image| matches!(image, Ok(image) if check(&before, image).is_ok()))
        .collect();
    let wanted: Vec<&Named> = images
        .iter()
        .zip(&is_there)
        .filter(|(_, there)| !**there)
        .filter_map(|(image, _)| image.as_ref().ok())
        .collect();
    let mut done = if wanted.is_empty() { Vec::new() } else { put(&wanted) }.into_iter();
    let after = if wanted.is_empty() { before } else { look()? };
    let outcome = |(image, there): (&Result<Named, Error>, bool)| {
        let image = image.as_ref().map_err(Error::clone)?;
        if !there {
            done.next().unwrap_or(Ok(()))?;
            check(&after, image)?;
        }
        Ok(crate::Published { changed: !there, ..untouched(image) })
    };
    Ok(images.iter().zip(is_there).map(outcome).collect())
}

/// Returns one result for each of `wanted`.
pub(crate) fn for_all(wanted: &[&Named], result: Result<(), Error>) -> Vec<Result<(), Error>> {
    wanted.iter().map(|_| result.clone()).collect()
}

/// Returns the images as a batch.
pub(crate) fn batch(wanted: &[&Named]) -> Vec<Named> {
    wanted.iter().map(|named| (*named).clone()).collect()
}
