//! Why a server cannot be started.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use host::fs::IoError;

/// Why a server cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file cannot be read; the error names it.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A certificate or its key cannot be used.
    #[error("`{}` cannot be used for TLS: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The threads that serve cannot be started.
    #[error("failed to start the server")]
    Start(#[source] io::Error),
}

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::Listen { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    Some("another program has this port; port 0 takes one that is free")
                }
                io::ErrorKind::AddrNotAvailable => {
                    Some("this machine does not have that address; 0.0.0.0 means all that it has")
                }
                io::ErrorKind::PermissionDenied => {
                    Some("ports below 1024 are for root; take another")
                }
                _ => None,
            },
            _ => None,
        }
    }
}
