//! TLS: whom to believe, and who to say one is.
//!
//! Roots are the system's, or the bundled ones where the system has none,
//! and the authorities given. A directory of `certs.d` named like the
//! registry adds authorities (`*.crt`) and a client certificate (`*.cert`
//! and `*.key`), as containers-certs.d(5) and docker have it.

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

/// Returns the directories that are named like the registry.
pub(crate) fn directories(certs_dirs: &[PathBuf], authority: &str) -> Vec<PathBuf> {
    certs_dirs.iter().map(|dir| dir.join(authority)).filter(|dir| dir.is_dir()).collect()
}

/// Returns how to speak TLS with a registry.
pub(crate) fn config(ca_files: &[PathBuf], directories: &[PathBuf]) -> Result<TlsConfig, Error> {
    let mut roots = Vec::new();
    for path in ca_files {
        roots.extend(certificates(path)?);
    }
    let mut client = None;
    for directory in directories {
        for path in host::fs::read_dir(directory)? {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => roots.extend(certificates(&path)?),
                Some("cert") => client = Some(client_certificate(&path)?),
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
