//! Helpers: programs that keep credentials for docker and podman.
//!
//! The protocol is that of docker-credential-helpers: `get` is an argument,
//! the registry comes on standard input, JSON goes to standard output. No
//! secret is in an argument, and none that comes back is in an error.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use host::{Cmd, RunErrorKind};

use super::super::{Error, Secret, error};
use super::Credential;

/// The user name in whose place a secret is an identity token.
pub(crate) const TOKEN: &str = "<token>";

/// Returns the program's name for a helper's.
pub(crate) fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// What helpers said. Each is asked once for a registry: it may take its
/// time, or ask the user.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<HashMap<(String, String), Outcome>>);

/// The credential; `None` where the helper knows nothing of the registry.
type Outcome = Result<Option<Credential>, Error>;

impl Answers {
    /// Asks a helper that `path` names, unless it was asked before.
    pub(crate) fn get(&self, name: &str, registry: &str, path: &Path) -> Outcome {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), registry.to_owned());
        answers.entry(key).or_insert_with(|| ask(name, registry, path)).clone()
    }
}

fn ask(name: &str, registry: &str, path: &Path) -> Outcome {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let program = program(name);
    let fail = |reason: String| Error::Helper {
        helper: program.clone(),
        path: path.to_owned(),
        registry: registry.to_owned(),
        reason,
    };
    if name.is_empty() || name.contains('/') {
        return Err(fail("its name is not one of a program on `PATH`".into()));
    }
    let output = match Cmd::new(&program).arg("get").input(registry.as_bytes()).run() {
        Ok(output) => output,
        Err(fault) => {
            // What it says goes to standard output, also where it fails; but
            // credentials are not repeated.
            let stdout = fault.stdout.trim();
            let stdout = if stdout.contains("Secret") { "" } else { stdout };
            let said = error::short(&format!("{stdout} {}", fault.stderr)).unwrap_or_default();
            if said.contains("credentials not found") || said.contains("no credentials server URL")
            {
                return Ok(None);
            }
            return Err(fail(match fault.kind {
                RunErrorKind::NotStarted => "it could not be run; is it on `PATH`?".into(),
                kind if said.is_empty() => format!("it {kind}"),
                kind => format!("it {kind} ({said})"),
            }));
        }
    };
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| fail("its answer is not the JSON of the protocol".into()))?;
    let secret = Secret::new(answer.secret);
    Ok(Some(match answer.username.as_str() {
        TOKEN => Credential::IdentityToken(secret),
        username => Credential::Password { username: username.to_owned(), password: secret },
    }))
}
