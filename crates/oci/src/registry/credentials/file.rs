//! Files of credentials: where they are, and how they are read.
//!
//! The format is docker's `config.json`, which containers-auth.json(5)
//! extends by keys that name a namespace. Errors never quote the content.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::super::{Error, Secret};
use super::{Credential, Found, Origin, helper};

/// Returns the files to look in, in order.
pub(crate) fn places(
    variable: impl Fn(&str) -> Option<OsString>,
    uid: Option<u32>,
) -> Vec<PathBuf> {
    let directory =
        |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = directory("REGISTRY_AUTH_FILE") {
        return vec![path];
    }
    let home = directory("HOME");
    let below_home = |name| home.as_ref().map(|home| home.join(name));
    let containers = |base: PathBuf| base.join("containers/auth.json");
    let candidates = [
        directory("XDG_RUNTIME_DIR").map(containers),
        uid.map(|uid| PathBuf::from(format!("/run/containers/{uid}/auth.json"))),
        directory("XDG_CONFIG_HOME").or_else(|| below_home(".config")).map(containers),
        directory("DOCKER_CONFIG")
            .or_else(|| below_home(".docker"))
            .map(|base| base.join("config.json")),
    ];
    candidates.into_iter().flatten().collect()
}

/// Returns the keys under which a repository's credentials may stand, the
/// longest first.
pub(crate) fn keys(registry: &str, repository: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut key = normal(&format!("{registry}/{repository}"));
    while let Some(slash) = key.rfind('/') {
        keys.push(key.clone());
        key.truncate(slash);
    }
    keys.push(key);
    keys
}

/// Returns a key in one form: docker writes whole URLs, and has several names
/// for its own registry.
pub(crate) fn normal(key: &str) -> String {
    let stripped = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let is_url = stripped.is_some();
    let rest = stripped.unwrap_or(key).trim_end_matches('/');
    let (registry, path) = match rest.split_once('/') {
        Some((registry, path)) => (registry, Some(path)),
        None => (rest, None),
    };
    let registry = match registry.to_ascii_lowercase() {
        name if is_docker(&name) => "docker.io".to_owned(),
        name => name,
    };
    match path {
        Some(path) if !is_url && !matches!(path, "v1" | "v2") => format!("{registry}/{path}"),
        _ => registry,
    }
}

fn is_docker(registry: &str) -> bool {
    matches!(registry, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

/// What is absent may also be null, as Go reads and writes it.
#[derive(Default, serde::Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// Finds a repository's credentials in one file; an absent file has none.
pub(crate) fn find(
    path: &Path,
    registry: &str,
    repository: &str,
    helpers: &helper::Answers,
) -> Result<Option<Found>, Error> {
    let Some(bytes) = host::fs::read_if_present(path)? else { return Ok(None) };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let error = |reason: String| Error::AuthFile { path: path.to_owned(), reason };
    let document: Document = serde_json::from_slice(&bytes).map_err(|fault| {
        // The parser's own message quotes values.
        let (line, column) = (fault.line(), fault.column());
        error(format!("it is not JSON of the known form (line {line}, column {column})"))
    })?;
    let registry = normal(registry);
    let by_helper = |name: &str| -> Result<Option<Found>, Error> {
        let credential = helpers.get(name, server_name(&registry), path)?;
        let origin = Origin::Helper(helper::program(name), path.to_owned());
        Ok(credential.map(|credential| Found { credential, key: registry.clone(), origin }))
    };
    let mut cred_helpers = document.cred_helpers.iter().flatten();
    if let Some((_, name)) = cred_helpers.find(|(key, _)| normal(key) == registry) {
        return by_helper(name);
    }
    for key in keys(&registry, repository) {
        let entries = document.auths.iter().flatten().filter(|(name, _)| normal(name) == key);
        for (name, entry) in entries.filter_map(|(name, entry)| Some((name, entry.as_ref()?))) {
            let credential = entry
                .credential()
                .map_err(|reason| error(format!("the entry `{name}` {reason}")))?;
            if let Some(credential) = credential {
                let origin = Origin::File(path.to_owned());
                return Ok(Some(Found { credential, key, origin }));
            }
        }
    }
    document.creds_store.filter(|name| !name.is_empty()).map_or(Ok(None), |name| by_helper(&name))
}

/// Returns the name by which docker's files and helpers know a registry.
pub(crate) fn server_name(registry: &str) -> &str {
    if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry }
}

impl Entry {
    /// Returns the credential, or `None` if the entry is empty: docker leaves
    /// such where a store has the rest.
    fn credential(&self) -> Result<Option<Credential>, &'static str> {
        fn given(field: &Option<String>) -> Option<&str> {
            field.as_deref().filter(|text| !text.is_empty())
        }
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Credential::IdentityToken(Secret::new(token))));
        }
        if let Some(token) = given(&self.registrytoken) {
            return Ok(Some(Credential::RegistryToken(Secret::new(token))));
        }
        let Some(auth) = given(&self.auth) else {
            let password = Secret::new(self.password.as_deref().unwrap_or_default());
            return Ok(given(&self.username)
                .map(|name| Credential::Password { username: name.to_owned(), password }));
        };
        // Padding is left out by some writers; docker pads with zero bytes.
        let config =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
        let bytes = engine.decode(auth.trim()).map_err(|_| "has an `auth` that is not base64")?;
        let text = String::from_utf8(bytes).map_err(|_| "has an `auth` that is not UTF-8")?;
        let (username, password) = text.split_once(':').ok_or("has an `auth` without a colon")?;
        let password = Secret::new(password.trim_end_matches('\0'));
        Ok(Some(match username {
            helper::TOKEN => Credential::IdentityToken(password),
            username => Credential::Password { username: username.to_owned(), password },
        }))
    }
}

#[cfg(test)]
mod tests;
