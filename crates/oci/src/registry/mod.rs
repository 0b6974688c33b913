//! Registries: images pushed to them and pulled from them.
//!
//! A [`Client`] speaks the OCI distribution specification with any number of
//! registries, from any number of threads. It keeps connections and tokens,
//! tries again what may pass, and shows credentials to nobody but their
//! registry. Not here: which images there are, and what is printed.

mod access;
mod auth;
mod blob;
mod challenge;
mod companions;
mod credentials;
mod download;
mod error;
mod exchange;
mod fault;
mod hint;
mod limit;
mod looks;
mod manifest;
mod preflight;
mod pull;
mod push;
mod referrers;
mod retry;
mod scope;
mod secret;
mod tls;
mod token;
mod transport;
mod url;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::Agent;

use crate::Reference;

pub use access::{Access, DockerConfig};
pub use credentials::{Credential, Credentials};
pub use error::{Error, Refusal};
pub use looks::Looks;
pub use preflight::Intent;
pub use push::{Event, Pushed};
pub use retry::RetryPolicy;
pub use secret::Secret;
pub use tls::certs_dirs;

pub use crate::companion::{Companion, Link};

use retry::Retries;
use tls::Certs;
use transport::Host;
use url::{Scheme, Url};

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where credentials come from; from nowhere unless set.
    pub credentials: Credentials,
    /// Registries (`host` or `host:port`) that are spoken to without TLS,
    /// beside those on this machine.
    pub plain_http: BTreeSet<String>,
    /// Registries on this machine that are spoken to with TLS. One that has
    /// a directory in `certs_dirs` is anyway, and all are where there are
    /// `ca_files`.
    pub tls: BTreeSet<String>,
    /// Files of further certificate authorities, in PEM form.
    pub ca_files: Vec<PathBuf>,
    /// Directories with a directory per registry, as `/etc/docker/certs.d`:
    /// see [`certs_dirs`].
    pub certs_dirs: Vec<PathBuf>,
    /// How failures that may pass are met.
    pub retry: RetryPolicy,
    /// How many requests are under way to one registry at most.
    pub concurrency: usize,
    /// How long a registry may say nothing before it counts as failed, and
    /// how long a document may take.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            credentials: Credentials::none(),
            plain_http: BTreeSet::new(),
            tls: BTreeSet::new(),
            ca_files: Vec::new(),
            certs_dirs: Vec::new(),
            retry: RetryPolicy::default(),
            concurrency: 16,
            patience: Duration::from_secs(120),
        }
    }
}

/// The longest head of an answer; less than the buffer it is read into.
const HEAD_MAX: usize = 32 * 1024;

/// A client of registries. Clones share one: its connections and tokens.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    retries: Retries,
    /// By their URL and that of the host that led there.
    hosts: Mutex<HashMap<(Url, Url), Arc<Host>>>,
    /// Held by who changes a list of referrers, by its URL.
    attaching: Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

impl Client {
    /// Makes a client; nothing is read or sent yet.
    pub fn new(settings: Settings) -> Client {
        let retries = Retries::new(settings.retry.clone());
        let (hosts, attaching) = (Mutex::default(), Mutex::default());
        Client(Arc::new(Shared { settings, retries, hosts, attaching }))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Returns whether credentials are known for a repository, good or bad.
    pub fn has_credential(&self, reference: &Reference) -> bool {
        let credentials = &self.settings().credentials;
        matches!(credentials.find(reference.registry(), reference.repository()), Ok(Some(_)))
    }

    /// Returns what to hold while the list of referrers at a URL changes.
    pub(crate) fn attaching(&self, url: &str) -> Arc<Mutex<()>> {
        let mut attaching = self.0.attaching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(attaching.entry(url.to_owned()).or_default())
    }

    pub(crate) fn retries(&self) -> &Retries {
        &self.0.retries
    }

    /// Returns the host of a registry, by the name that references have.
    pub(crate) fn registry(&self, name: &str) -> Result<Arc<Host>, Error> {
        // Docker's registry is not where its name is.
        let authority = if name == "docker.io" { "registry-1.docker.io" } else { name };
        self.host(name, Url::of_host(self.scheme(authority), authority), None)
    }

    /// Returns the host of a URL that another host, a registry mostly, led
    /// to. It may prove itself by the authorities that the other may.
    pub(crate) fn host_of(&self, url: &Url, from: &Arc<Host>) -> Result<Arc<Host>, Error> {
        let base = url.at("/");
        if base == from.base {
            return Ok(Arc::clone(from));
        }
        self.host(url.authority(), base, Some(from))
    }

    fn host(&self, name: &str, base: Url, from: Option<&Arc<Host>>) -> Result<Arc<Host>, Error> {
        let key = (base.clone(), from.map_or(&base, |from| &from.base).clone());
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&key) {
            return Ok(Arc::clone(host));
        }
        let settings = self.settings();
        let mut certs = Certs::of(&settings.certs_dirs, &[base.authority(), name]);
        certs.trust(from.map(|from| &from.certs));
        let agent = self.agent(&base, &certs)?;
        let host = Arc::new(Host::new(name, base, certs, agent, settings.concurrency));
        hosts.insert(key, Arc::clone(&host));
        Ok(host)
    }

    fn scheme(&self, authority: &str) -> Scheme {
        let settings = self.settings();
        let plain = settings.plain_http.contains(authority)
            || is_loopback(authority)
                && !settings.tls.contains(authority)
                && settings.ca_files.is_empty()
                && Certs::of(&settings.certs_dirs, &[authority]).is_empty();
        if plain { Scheme::Http } else { Scheme::Https }
    }

    fn agent(&self, base: &Url, certs: &Certs) -> Result<Agent, Error> {
        let settings = self.settings();
        let quiet = Some(settings.patience);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(settings.concurrency)
            .max_idle_connections_per_host(settings.concurrency)
            .input_buffer_size(64 * 1024)
            .output_buffer_size(64 * 1024)
            .timeout_connect(Some(settings.patience.min(Duration::from_secs(20))))
            .timeout_recv_response(quiet)
            .timeout_recv_body(quiet)
            .max_response_header_size(HEAD_MAX)
            .accept_encoding("identity")
            .timeout_per_read(quiet)
            .timeout_per_write(quiet)
            .user_agent(concat!("bpfman-oci/", env!("CARGO_PKG_VERSION")));
        if is_loopback(base.authority()) {
            config = config.proxy(None);
        }
        if base.scheme() == Scheme::Https {
            config = config.tls_config(tls::config(&settings.ca_files, certs)?);
        }
        Ok(config.build().new_agent())
    }
}

/// Returns whether a registry is on this machine, by its name alone.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        let mut settings = Settings::default();
        settings.plain_http.insert("plain.example:80".into());
        settings.tls.insert("localhost:5001".into());
        let client = Client::new(settings);
        let cases = [
            ("localhost", Scheme::Http),
            ("LocalHost:5000", Scheme::Http),
            ("127.0.0.2:5000", Scheme::Http),
            ("[::1]:5000", Scheme::Http),
            ("plain.example:80", Scheme::Http),
            ("localhost:5001", Scheme::Https),
            ("plain.example", Scheme::Https),
            ("localhost.example", Scheme::Https),
            ("10.0.0.1:5000", Scheme::Https),
            ("[2001:db8::1]", Scheme::Https),
        ];
        for (authority, scheme) in cases {
            assert_eq!(client.scheme(authority), scheme, "{authority}");
        }
        let docker = client.registry("docker.io").unwrap();
        assert_eq!(
            (docker.name.as_str(), docker.base.authority()),
            ("docker.io", "registry-1.docker.io")
        );
    }
}
