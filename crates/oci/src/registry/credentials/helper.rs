//! Helpers: programs that keep credentials for docker and podman.
//!
//! The protocol is that of docker-credential-helpers: `get` is an argument,
//! the registry comes on standard input, JSON goes to standard output. No
//! secret is in an argument, and none that comes back is in an error.

use host::{Cmd, RunErrorKind};

use super::super::{Error, Secret};
use super::Credential;

/// The user name in whose place a secret is an identity token.
pub(crate) const TOKEN: &str = "<token>";

/// Returns the program's name for a helper's.
pub(crate) fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Asks a helper; `None` if it knows nothing of the registry.
pub(crate) fn get(name: &str, registry: &str) -> Result<Option<Credential>, Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let program = program(name);
    let fail = |reason: String| Error::Helper {
        helper: program.clone(),
        registry: registry.to_owned(),
        reason,
    };
    if name.is_empty() || name.contains('/') {
        return Err(fail("its name is not one of a program on `PATH`".into()));
    }
    let output = match Cmd::new(&program).arg("get").input(registry.as_bytes()).run() {
        Ok(output) => output,
        Err(error) => {
            // What it says goes to standard output, also where it fails.
            let said = format!("{} {}", error.stdout.trim(), error.stderr.trim());
            let said = said.trim();
            if said.contains("credentials not found") || said.contains("no credentials server URL")
            {
                return Ok(None);
            }
            return Err(fail(match error.kind {
                RunErrorKind::NotStarted => "it could not be run; is it on `PATH`?".into(),
                kind if said.is_empty() => format!("it {kind}"),
                kind => format!("it {kind} ({})", said.chars().take(300).collect::<String>()),
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
