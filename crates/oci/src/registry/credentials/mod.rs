//! Credentials: whose name is shown to which registry.
//!
//! What the caller gives comes first, then the files of podman and docker
//! (containers-auth.json(5)) in podman's order, each with its helpers. Keys
//! may name a registry or a namespace in it; the longest that fits wins.

mod file;
mod helper;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use file::server_name;

use super::{Error, Secret};

/// What proves to a registry who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// A name and a password, or a robot's token in its place.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token that the token server exchanges for others (an OAuth2 refresh
    /// token, RFC 6749, 6).
    IdentityToken(Secret),
    /// A token that is shown to the registry as it is.
    RegistryToken(Secret),
}

/// Where credentials are looked for.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    given: Vec<(String, Credential, String)>,
    files: Vec<PathBuf>,
    helpers: Arc<helper::Answers>,
}

/// Credentials and where they come from.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) credential: Credential,
    /// The key under which they stand; one account for all it covers.
    pub(crate) key: String,
    pub(crate) origin: Origin,
}

impl Found {
    /// Says whose they are, for an error.
    pub(crate) fn describe(&self) -> String {
        format!("the credentials for `{}` are from {}", self.key, self.origin)
    }
}

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A phrase of the caller's.
    Given(String),
    File(PathBuf),
    /// The helper that the file names.
    Helper(String, PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Given(phrase) => f.write_str(phrase),
            Origin::File(path) => write!(f, "`{}`", path.display()),
            Origin::Helper(helper, path) => write!(f, "`{helper}`, named by `{}`", path.display()),
        }
    }
}

impl Credentials {
    /// Looks nowhere: everything is asked for anonymously.
    pub fn none() -> Credentials {
        Credentials::default()
    }

    /// Looks where podman and docker keep theirs. `variable` returns a
    /// variable of the environment.
    ///
    /// `REGISTRY_AUTH_FILE` stands alone where it is set; else it is
    /// `$XDG_RUNTIME_DIR/containers/auth.json`,
    /// `/run/containers/$UID/auth.json`, `$XDG_CONFIG_HOME/containers/auth.json`
    /// (by default in `~/.config`) and `$DOCKER_CONFIG/config.json` (by default
    /// in `~/.docker`).
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Credentials {
        Credentials { files: file::places(variable, own_uid()), ..Credentials::none() }
    }

    /// Looks in these files alone, in this order; one that is absent is
    /// passed over.
    pub fn from_files(files: impl IntoIterator<Item = PathBuf>) -> Credentials {
        Credentials { files: files.into_iter().collect(), ..Credentials::none() }
    }

    /// Adds a credential for a registry, or for a namespace or repository in
    /// one; it comes before those of files. `origin` says in errors where it
    /// is from: "the variable `X`".
    #[must_use]
    pub fn with(mut self, key: &str, credential: Credential, origin: &str) -> Credentials {
        self.given.push((file::normal(key), credential, origin.to_owned()));
        self
    }

    /// Finds the credential for a repository.
    pub(crate) fn find(&self, registry: &str, repository: &str) -> Result<Option<Found>, Error> {
        for key in file::keys(registry, repository) {
            if let Some((_, credential, origin)) = self.given.iter().find(|given| given.0 == key) {
                let origin = Origin::Given(origin.clone());
                return Ok(Some(Found { credential: credential.clone(), key, origin }));
            }
        }
        for path in &self.files {
            if let Some(found) = file::find(path, registry, repository, &self.helpers)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Says where was looked, for an error.
    pub(crate) fn describe_absence(&self, registry: &str, repository: &str) -> String {
        let files: Vec<_> = self.files.iter().map(|path| format!("`{}`", path.display())).collect();
        let places =
            if files.is_empty() { String::new() } else { format!(" in {}", files.join(", ")) };
        format!("no credentials for `{registry}/{repository}`{places}")
    }
}

/// Returns the user's number, by which podman names a directory.
fn own_uid() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|own| own.uid())
}
