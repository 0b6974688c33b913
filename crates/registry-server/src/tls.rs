//! The server's side of TLS: a certificate and its key, from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::Error;

/// What a server shows to its clients, in PEM form.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The file with the certificate, and with those that lead to its
    /// authority behind it.
    pub certificate: PathBuf,
    /// The file with its private key, not encrypted.
    pub key: PathBuf,
}

impl Certificate {
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let chain = chain(&self.certificate)?;
        let key = key(&self.key)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(&self.certificate, error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    let other = self.certificate.display();
                    fault(&self.key, format!("it is not the key of `{other}`"))
                }
                rustls::Error::InvalidCertificate(_) => fault(&self.certificate, error),
                error => fault(&self.key, error),
            })?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = host::fs::read(path)?;
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| fault(path, error))?;
    if chain.is_empty() {
        return Err(fault(path, "it has no certificate in PEM form"));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = host::fs::read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            fault(path, "it has no private key in PEM form that is not encrypted")
        }
        error => fault(path, error),
    })
}

fn fault(path: &Path, reason: impl ToString) -> Error {
    Error::Certificate { path: path.to_owned(), reason: reason.to_string() }
}
