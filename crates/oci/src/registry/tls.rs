//! TLS: whom to believe, and who to say one is.
//!
//! Roots are the system's, or the bundled ones where the system has none,
//! and the authorities given. A directory of `certs.d` named like the
//! registry adds authorities (`*.crt`) and a client certificate (`*.cert`
//! and `*.key`), as containers-certs.d(5) and docker have it. The authorities
//! are good as well for whom the registry leads to, such as a token server,
//! because docker and podman have one configuration for all of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, RootCerts, TlsConfig, parse_pem};

use super::Error;

/// Where systems keep all roots in one file.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Returns where podman and docker keep certificates for registries: a
/// directory named like the registry, with its port, in each of these.
/// `variable` returns a variable of the environment.
///
/// They are `containers/certs.d` and docker's (without root) `docker/certs.d`
/// in `$XDG_CONFIG_HOME` (by default `~/.config`), then
/// `/etc/containers/certs.d` and `/etc/docker/certs.d`.
pub fn certs_dirs(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let directory =
        |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || directory("HOME").map(|home| home.join(".config"));
    let own = directory("XDG_CONFIG_HOME").or_else(home);
    let bases = own.into_iter().flat_map(|own| [own.join("containers"), own.join("docker")]);
    let bases = bases.chain(["/etc/containers", "/etc/docker"].map(PathBuf::from));
    bases.map(|base| base.join("certs.d")).collect()
}

/// The directories of one host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Certs {
    own: Vec<PathBuf>,
    /// Those of the host that led there: for their authorities alone.
    trusted: Vec<PathBuf>,
}

impl Certs {
    /// Finds the directories that have one of these names, each once.
    pub(crate) fn of(certs_dirs: &[PathBuf], names: &[&str]) -> Certs {
        let mut own = Vec::new();
        for directory in certs_dirs.iter().flat_map(|dir| names.iter().map(|name| dir.join(name))) {
            if directory.is_dir() && !own.contains(&directory) {
                own.push(directory);
            }
        }
        Certs { own, trusted: Vec::new() }
    }

    /// Adds whom another host trusts.
    pub(crate) fn trust(&mut self, other: Option<&Certs>) {
        let other = other.into_iter().flat_map(|other| other.own.iter().chain(&other.trusted));
        self.trusted.extend(other.cloned());
    }

    /// Returns the client certificate that [`config`] shows, and its key.
    pub(crate) fn client(&self) -> Result<Option<(PathBuf, PathBuf)>, Error> {
        for directory in &self.own {
            let mut files = host::fs::read_dir(directory)?.into_iter();
            if let Some(path) = files.find(|path| path.extension().is_some_and(|e| e == "cert")) {
                let key = path.with_extension("key");
                return Ok(Some((path, key)));
            }
        }
        Ok(None)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.trusted.is_empty()
    }
}

/// Returns how to speak TLS with a host. Of several client certificates the
/// first is shown.
pub(crate) fn config(ca_files: &[PathBuf], certs: &Certs) -> Result<TlsConfig, Error> {
    let mut roots = Vec::new();
    for path in ca_files {
        roots.extend(certificates(path)?);
    }
    let mut client = None;
    let trusted = certs.trusted.iter().map(|directory| (directory, false));
    for (directory, is_own) in certs.own.iter().map(|directory| (directory, true)).chain(trusted) {
        for path in host::fs::read_dir(directory)? {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => roots.extend(certificates(&path)?),
                Some("cert") if is_own && client.is_none() => {
                    client = Some(client_certificate(&path)?);
                }
                Some("key") if is_own && !path.with_extension("cert").is_file() => {
                    let certificate = path.with_extension("cert");
                    let reason = format!("its certificate `{}` is missing", certificate.display());
                    return Err(fault(&path, reason));
                }
                _ => {}
            }
        }
    }
    let system = SYSTEM.iter().map(Path::new).find(|path| path.is_file());
    // One odd certificate of the system's is no reason to stop.
    let system = system.and_then(|path| certificates(path).ok()).unwrap_or_default();
    let roots = if system.is_empty() && roots.is_empty() {
        RootCerts::WebPki
    } else {
        roots.extend(system);
        RootCerts::Specific(Arc::new(roots))
    };
    Ok(TlsConfig::builder().root_certs(roots).client_cert(client).build())
}

/// Returns all that [`config`] believes, in PEM form, for a program that
/// believes either its file or the system; nothing where that is the system.
pub(crate) fn authorities(ca_files: &[PathBuf], certs: &Certs) -> Result<Vec<u8>, Error> {
    let mut files = ca_files.to_vec();
    for directory in certs.own.iter().chain(&certs.trusted) {
        let found = host::fs::read_dir(directory)?;
        files.extend(found.into_iter().filter(|path| path.extension().is_some_and(|e| e == "crt")));
    }
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let system = SYSTEM.iter().map(PathBuf::from).find(|path| path.is_file());
    let mut all = Vec::new();
    for path in files.iter().chain(&system) {
        all.extend(host::fs::read(path)?);
        all.push(b'\n');
    }
    Ok(all)
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(fault(path, error))),
    };
    let bytes = host::fs::read(path)?;
    let found: Vec<_> = parse_pem(&bytes).filter_map(certificate).collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(fault(path, "it has no certificate in PEM form"));
    }
    Ok(found)
}

fn client_certificate(path: &Path) -> Result<ClientCert, Error> {
    let chain = certificates(path)?;
    let key_path = path.with_extension("key");
    let bytes = host::fs::read(&key_path)?;
    let key = parse_pem(&bytes).find_map(|item| match item {
        Ok(PemItem::PrivateKey(key)) => Some(key),
        _ => None,
    });
    let key = key.ok_or_else(|| fault(&key_path, "it has no private key in PEM form"))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn fault(path: &Path, reason: impl ToString) -> Error {
    Error::Certificate { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_those_of_podman_and_docker() {
        let places = |variables: &[(&str, &str)]| {
            let get = |name: &str| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
            };
            let paths = certs_dirs(get);
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        let system = ["/etc/containers/certs.d", "/etc/docker/certs.d"];
        assert_eq!(places(&[]), system);
        assert_eq!(
            places(&[("HOME", "/h")]),
            [["/h/.config/containers/certs.d", "/h/.config/docker/certs.d"], system].concat()
        );
        assert_eq!(
            places(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")]),
            [["/c/containers/certs.d", "/c/docker/certs.d"], system].concat()
        );
    }

    #[test]
    fn a_host_has_the_directories_of_its_names_and_their_authorities() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        for path in [first.join("docker.io"), second.join("docker.io"), second.join("[::1]:5000")] {
            host::fs::create_dir_all(&path).unwrap();
        }
        let dirs = [first.clone(), dir.path().join("absent"), second.clone()];
        let docker = Certs::of(&dirs, &["registry-1.docker.io", "docker.io"]);
        assert_eq!(docker.own, [first.join("docker.io"), second.join("docker.io")]);
        let mut other = Certs::of(&dirs, &["[::1]:5000", "[::1]:5000"]);
        other.trust(Some(&docker));
        assert_eq!((&other.own, &other.trusted), (&vec![second.join("[::1]:5000")], &docker.own));
        assert!(Certs::of(&dirs, &["[::1]"]).is_empty());
    }
}
