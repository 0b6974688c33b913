//! Registries: how they are spoken to, and how a refusal is reported.

use std::path::{Path, PathBuf};

use clap::Args;
use host::fs::IoContext;
use oci::Reference;
use oci::registry::{self, Client, Credentials, Looks, Settings};
use ui::Failure;

use crate::words::typed;

/// How registries are spoken to.
#[derive(Args, Debug)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArgs {
    /// A file of credentials in the form of docker's and podman's, instead of
    /// all others
    #[arg(long, value_name = "FILE")]
    registry_auth: Option<PathBuf>,

    /// A file of further certificate authorities in PEM form; registries on
    /// this machine are then spoken to with TLS too; may be repeated
    #[arg(long, value_name = "FILE")]
    registry_ca: Vec<PathBuf>,

    /// Speak without TLS with this registry, `host` or `host:port`; may be
    /// repeated; those on this machine are unless certificates say otherwise
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
}

impl RegistryArgs {
    /// Makes the client. `add` adds credentials of the caller's to those of
    /// the user's files, unless the user named a file.
    ///
    /// # Errors
    ///
    /// Fails if a file that was typed is not there, or `add` fails.
    pub fn client(
        &self,
        add: impl FnOnce(Credentials) -> Result<Credentials, Failure>,
    ) -> Result<Client, Failure> {
        self.client_of(match &self.registry_auth {
            Some(path) => Credentials::from_files([existing(path)?]),
            None => add(Credentials::from_environment(|name| std::env::var_os(name)))?,
        })
    }

    /// Makes a client that shows nobody's credentials.
    ///
    /// # Errors
    ///
    /// Fails if a file that was typed is not there.
    pub fn anonymous(&self) -> Result<Client, Failure> {
        self.client_of(Credentials::none())
    }

    fn client_of(&self, credentials: Credentials) -> Result<Client, Failure> {
        let ca_files =
            self.registry_ca.iter().map(|path| existing(path)).collect::<Result<_, _>>()?;
        Ok(Client::new(Settings {
            credentials,
            plain_http: self.plain_http.iter().cloned().collect(),
            ca_files,
            certs_dirs: registry::certs_dirs(|name| std::env::var_os(name)),
            ..Settings::default()
        }))
    }
}

/// What was typed must be there.
fn existing(path: &Path) -> Result<PathBuf, Failure> {
    let path = typed(path)?;
    std::fs::metadata(&path).io_context("open", &path).map_err(Failure::usage)?;
    Ok(path)
}

/// Looks at names while other work is done.
pub fn while_looking<T>(
    client: &Client,
    names: &[&Reference],
    work: impl FnOnce() -> T,
) -> (Looks, T) {
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| client.look(names));
        let value = work();
        // A look that went wrong is taken again.
        (looks.join().unwrap_or_default(), value)
    })
}

/// Puts a refusal, and what to do about it, into words.
pub fn failure(error: registry::Error) -> Failure {
    // The client does not know by which options it is told.
    let option = if error.is_untrusted() {
        Some("`--registry-ca FILE` gives a certificate".to_owned())
    } else if error.is_without_tls() {
        Some("`--plain-http HOST` names a registry without TLS".to_owned())
    } else {
        None
    };
    let hints: Vec<_> = error.hint().into_iter().chain(option).collect();
    hints.into_iter().fold(Failure::from(error), Failure::hint)
}

/// Puts what failed for several names into words: once for each reason, for
/// a registry that is not there is one failure, not one for each image. `say`
/// makes the message, of a name or of a count.
pub fn together(
    failed: Vec<(String, Failure)>,
    noun: &str,
    say: impl Fn(&str) -> String,
) -> Vec<Failure> {
    let mut reasons: Vec<(Failure, Vec<String>)> = Vec::new();
    for (name, failure) in failed {
        match reasons.iter_mut().find(|(reason, _)| *reason == failure) {
            Some((_, names)) => names.push(name),
            None => reasons.push((failure, vec![name])),
        }
    }
    let words = |(reason, names): (Failure, Vec<String>)| match names.as_slice() {
        [name] => reason.context(say(&format!("`{name}`"))),
        names => {
            let count = say(&ui::count(names.len(), noun));
            reason.context(count).detail(names.join("\n"))
        }
    };
    reasons.into_iter().map(words).collect()
}
