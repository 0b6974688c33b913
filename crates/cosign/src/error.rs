//! What can go wrong with cosign, and what it says of a signature.

use host::fs::IoError;
use host::{RunError, RunErrorKind};

use crate::FindError;

/// How many of the last lines that cosign said are shown.
const LINES: usize = 20;

/// Why cosign did not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no cosign that can do it.
    #[error(transparent)]
    Find(#[from] FindError),
    /// It failed; what it said has no secret in it.
    #[error(transparent)]
    Run(Box<RunError>),
    /// A private file could not be written or read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// How to get to the registry is not known.
    #[error(transparent)]
    Registry(#[from] oci::registry::Error),
}

impl Error {
    /// Returns whether the user asked the program to stop.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Error::Run(error) if error.kind == RunErrorKind::Interrupted)
    }

    /// Returns what cosign said, if it was run: each thing once, and without
    /// questions that nobody was asked.
    pub fn said(&self) -> String {
        let Error::Run(error) = self else { return String::new() };
        let mut lines: Vec<&str> = Vec::new();
        for line in error.stderr.lines() {
            let line = line.trim_end().trim_start_matches("Enter password for private key: ");
            // It says what failed as its library does, and once more itself.
            let again = line.split_once("error during command execution: ");
            let is_said = again.is_some_and(|(_, text)| lines.iter().any(|l| l.contains(text)));
            if !line.is_empty() && !is_said {
                lines.push(line);
            }
        }
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Find(error) => Some(error.hint()),
            Error::Registry(error) => error.hint(),
            Error::Io(_) => None,
            Error::Run(error) => of_words(&error.stderr).map(str::to_owned),
        }
    }
}

/// Returns what to do about what cosign said, in its own words.
fn of_words(said: &str) -> Option<&'static str> {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["no such file"]) {
        Some("a key is a file, `env://VARIABLE` or the URI of a service, as cosign takes it")
    } else if has(&["decrypt", "unsupported pem type", "reading key"]) {
        Some("the variable COSIGN_PASSWORD holds the key's password; is it that of this key?")
    } else if has(&["unauthorized", "denied", "403 forbidden", "status code 401"]) {
        Some(
            "a signature is written to the image's repository: its account (or robot) needs the \
             right to",
        )
    } else if has(&["manifest_unknown", "name_unknown", "status code 404"]) {
        Some("only what is in the registry can be signed")
    } else {
        None
    }
}

/// What cosign finds of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is one as it must be.
    Good,
    /// There is none, or none that is as it must be: what cosign says.
    Bad(String),
}

/// What cosign exits with where it looked and found nothing good
/// (cmd/cosign/errors/exit_codes.go).
const BAD: std::ops::RangeInclusive<i32> = 10..=13;

/// What it says where it exits with 1 for that.
const WORDS: [&str; 10] = [
    "no signatures found",
    "no matching signatures",
    "no matching attestations",
    "no valid bundles exist",
    "none of the expected identities matched",
    "failed to verify",
    "could not verify",
    "verification failed",
    "invalid signature",
    "no certificate found on signature",
];

impl Verdict {
    /// Tells a bad signature from a check that could not be made.
    pub(crate) fn of(result: Result<(), Error>) -> Result<Verdict, Error> {
        let error = match result {
            Ok(()) => return Ok(Verdict::Good),
            Err(Error::Run(error)) => error,
            Err(error) => return Err(error),
        };
        let said = error.stderr.to_lowercase();
        let is_bad = match error.kind {
            RunErrorKind::Exited(code) => {
                BAD.contains(&code) || WORDS.iter().any(|word| said.contains(word))
            }
            _ => false,
        };
        if is_bad { Ok(Verdict::Bad(last_line(&error.stderr))) } else { Err(Error::Run(error)) }
    }
}

/// Returns the last line that says something, without what Go's logger puts
/// before it.
fn last_line(said: &str) -> String {
    let mut lines = said.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default();
    match line.split_once("error during command execution: ") {
        Some((_, rest)) => rest.to_owned(),
        None => line.trim_start_matches("Error: ").to_owned(),
    }
}
