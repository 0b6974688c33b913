//! What another program needs to speak with a registry as this client does.
//!
//! Its credential as a file in the form of docker's `config.json`, the
//! authorities it believes, and whether it speaks TLS. Not here: that program.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host::fs::IoError;

use super::credentials::{Credential, server_name};
use super::tls::{self, Certs};
use super::url::Scheme;
use super::{Client, Error, Secret, is_loopback};
use crate::Reference;

/// How a program gets to the repository of one reference.
#[derive(Clone, Debug)]
pub struct Access {
    /// The credential, if there is one.
    pub login: DockerConfig,
    /// The certificates, in PEM form, of all authorities that are believed;
    /// empty where they are the system's.
    pub authorities: Vec<u8>,
    /// The files of the client's certificate and of its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether the registry is spoken to without TLS though it is not on this
    /// machine.
    pub plain_http: bool,
}

/// A file of credentials for one registry, in the form of docker's
/// `config.json`. It does not show itself.
#[derive(Clone)]
pub struct DockerConfig {
    json: Secret,
    /// All that must not be seen.
    secrets: Vec<Secret>,
}

impl DockerConfig {
    /// Makes the file; `registry` is its name in references.
    fn new(registry: &str, credential: Option<&Credential>) -> DockerConfig {
        let key = server_name(registry);
        let Some(credential) = credential else {
            return DockerConfig { json: Secret::new("{\"auths\":{}}"), secrets: Vec::new() };
        };
        let (field, value, secrets) = match credential {
            Credential::Password { username, password } => {
                let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
                let pair = Secret::new(pair);
                ("auth", pair.clone(), vec![pair, password.clone()])
            }
            Credential::IdentityToken(token) => {
                ("identitytoken", token.clone(), vec![token.clone()])
            }
            Credential::RegistryToken(token) => {
                ("registrytoken", token.clone(), vec![token.clone()])
            }
        };
        let json = serde_json::json!({"auths": {key: {field: value.expose()}}});
        DockerConfig { json: Secret::new(json.to_string()), secrets }
    }

    /// Writes it as a new file `config.json` that only its owner can read, in
    /// `directory`: what `DOCKER_CONFIG` names.
    ///
    /// # Errors
    ///
    /// Fails if there is such a file or it cannot be written.
    pub fn write(&self, directory: &Path) -> Result<(), IoError> {
        host::fs::write_private(&directory.join("config.json"), self.json.expose().as_bytes())
    }

    /// Returns a text of the program's without what must not be seen.
    pub fn conceal(&self, text: &str) -> String {
        let secrets = self.secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DockerConfig(…)")
    }
}

impl Client {
    /// Returns what another program needs to get to the repository of
    /// `reference` as this client does.
    ///
    /// # Errors
    ///
    /// Fails if a file of credentials or certificates cannot be used.
    pub fn access(&self, reference: &Reference) -> Result<Access, Error> {
        let (registry, settings) = (reference.registry(), self.settings());
        let found = settings.credentials.find(registry, reference.repository())?;
        let host = self.registry(registry)?;
        let authority = host.base.authority();
        let certs = Certs::of(&settings.certs_dirs, &[authority, registry]);
        Ok(Access {
            login: DockerConfig::new(registry, found.as_ref().map(|found| &found.credential)),
            authorities: tls::authorities(&settings.ca_files, &certs)?,
            certificate: certs.client()?,
            plain_http: host.base.scheme() == Scheme::Http && !is_loopback(authority),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Credentials, Settings};

    fn written(registry: &str, credential: Option<Credential>) -> String {
        let dir = tempfile::tempdir().unwrap();
        let config = DockerConfig::new(registry, credential.as_ref());
        config.write(dir.path()).unwrap();
        assert!(config.write(dir.path()).is_err(), "it is not written over another");
        host::fs::read_to_string(&dir.path().join("config.json")).unwrap()
    }

    #[test]
    fn each_kind_of_credential_is_written_as_docker_does() {
        let password = || {
            Some(Credential::Password {
                username: "Aladdin".into(),
                password: Secret::new("open sesame"),
            })
        };
        let cases = [
            ("quay.io", None, r#"{"auths":{}}"#),
            (
                "quay.io",
                password(),
                r#"{"auths":{"quay.io":{"auth":"QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}}}"#,
            ),
            (
                "docker.io",
                password(),
                r#"{"auths":{"https://index.docker.io/v1/":{"auth":"QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}}}"#,
            ),
            (
                "h:5000",
                Some(Credential::IdentityToken(Secret::new("t\"1"))),
                r#"{"auths":{"h:5000":{"identitytoken":"t\"1"}}}"#,
            ),
            (
                "h:5000",
                Some(Credential::RegistryToken(Secret::new("t2"))),
                r#"{"auths":{"h:5000":{"registrytoken":"t2"}}}"#,
            ),
        ];
        for (registry, credential, expected) in cases {
            assert_eq!(written(registry, credential), expected, "{registry}");
        }
    }

    #[test]
    fn it_does_not_show_and_does_not_let_others_show_it() {
        let password = Secret::new("open sesame");
        let credential = Credential::Password { username: "Aladdin".into(), password };
        let config = DockerConfig::new("quay.io", Some(&credential));
        assert_eq!(format!("{config:?}"), "DockerConfig(…)");
        let said = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== was refused; Aladdin says open sesame";
        assert_eq!(config.conceal(said), "Basic … was refused; Aladdin says …");
    }

    #[test]
    fn only_the_credential_of_the_repository_is_handed_on() {
        let password =
            |text: &str| Credential::Password { username: "u".into(), password: Secret::new(text) };
        let credentials = Credentials::none()
            .with("quay.io/one", password("first"), "a test")
            .with("quay.io/two", password("second"), "a test");
        let mut settings = Settings { credentials, ..Settings::default() };
        settings.plain_http.insert("10.0.0.1:80".into());
        let client = Client::new(settings);
        let access = |name: &str| client.access(&name.parse().unwrap()).unwrap();
        let cases = [
            ("quay.io/one/a", Some("first"), false),
            ("quay.io/two/a", Some("second"), false),
            ("quay.io/three/a", None, false),
            ("127.0.0.1:5000/one/a", None, false),
            ("10.0.0.1:80/one/a", None, true),
        ];
        for (name, secret, plain_http) in cases {
            let Access { login, authorities, certificate, plain_http: plain } = access(name);
            let secrets: Vec<_> = login.secrets.iter().map(Secret::expose).skip(1).collect();
            assert_eq!(secrets, Vec::from_iter(secret), "{name}");
            assert_eq!((authorities.len(), certificate, plain), (0, None, plain_http), "{name}");
        }
    }
}
