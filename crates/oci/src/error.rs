//! What can be wrong with words, layouts, archives and images.
//!
//! Every message names the file, digest or word it is about. Errors can be
//! cloned, because one failure (an index that cannot be replaced, say) can be
//! the outcome of several artifacts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::fs::IoError;

use crate::{Digest, Reference, registry};

/// A word that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} `{input}`: {reason}")]
pub struct ParseError {
    /// What the word was taken for: "reference", "digest", "platform".
    pub what: &'static str,
    /// The word as it was given.
    pub input: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Why an image could not be made, read or written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused; the error names the path.
    #[error(transparent)]
    Io(Arc<IoError>),
    /// A directory or an archive is not a layout that can be used.
    #[error("`{}` is not a usable OCI image layout: {reason}", path.display())]
    InvalidLayout {
        /// The directory or archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not a docker archive that can be used.
    #[error("`{}` is not a usable docker archive: {reason}", path.display())]
    InvalidArchive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An artifact is nothing that a docker archive can hold.
    #[error("`{digest}` is not an image for one platform, and docker archives hold nothing else")]
    NotForDocker {
        /// The artifact.
        digest: Digest,
    },
    /// A blob is named but not there.
    #[error("`{digest}` is missing from `{}`", place.display())]
    MissingBlob {
        /// The blob's digest.
        digest: Digest,
        /// The layout that lacks it.
        place: PathBuf,
    },
    /// A blob's bytes are not those its descriptor names.
    #[error("`{digest}` in `{}` is corrupt: {reason}", place.display())]
    CorruptBlob {
        /// The digest it should have.
        digest: Digest,
        /// The file it was read from.
        place: PathBuf,
        /// What it has instead.
        reason: String,
    },
    /// A document of an image cannot be understood.
    #[error("`{digest}` is not a valid {what}: {reason}")]
    InvalidDocument {
        /// The document's digest.
        digest: Digest,
        /// What it should be: "image manifest", "layer".
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A name stands for more manifests than anyone needs, or they are
    /// nested without end.
    #[error("`{digest}` in `{}` names too many manifests", place.display())]
    TooManyManifests {
        /// The manifest at which reading stopped.
        digest: Digest,
        /// The layout.
        place: PathBuf,
    },
    /// Something is larger than it is allowed to be.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: String,
        /// How large it may be.
        limit: u64,
    },
    /// A layout has no entry of that name or digest.
    #[error("`{}` has no `{name}`{}", place.display(), list(known))]
    NotFound {
        /// What was asked for.
        name: String,
        /// The layout.
        place: PathBuf,
        /// The names that are there.
        known: Vec<String>,
    },
    /// A layout has several entries of that name.
    #[error("`{}` has several entries named `{name}`", place.display())]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The layout.
        place: PathBuf,
    },
    /// An image or index cannot be made of these parts.
    #[error("failed to assemble the image: {0}")]
    Assembly(String),
    /// A reference cannot stand in a layout.
    #[error("`{reference}` cannot be written to a layout: {reason}")]
    Unwritable {
        /// The reference.
        reference: Box<Reference>,
        /// Why not.
        reason: &'static str,
    },
    /// A word is not what it should be.
    #[error(transparent)]
    Word(#[from] ParseError),
    /// A registry that a blob is read from.
    #[error(transparent)]
    Registry(Box<registry::Error>),
    /// The user asked the program to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::InvalidLayout { path, .. } => Some(format!(
                "nothing was changed in it; move `{}` away or delete it, then write it again",
                path.display()
            )),
            Error::MissingBlob { .. } | Error::CorruptBlob { .. } => {
                Some("write the image again: blobs that are missing or corrupt are replaced".into())
            }
            Error::Registry(error) => error.hint(),
            _ => None,
        }
    }

    /// Makes the error of a failed read: one of this crate that travelled
    /// through [`io::Read`] comes out as it was.
    pub(crate) fn from_read(path: &Path, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => IoError::new("read", path, error).into(),
        }
    }

    pub(crate) fn invalid_layout(path: &Path, reason: impl Into<String>) -> Error {
        Error::InvalidLayout { path: path.to_owned(), reason: reason.into() }
    }
}

impl From<registry::Error> for Error {
    /// What is wrong with an image comes out as it went in.
    fn from(error: registry::Error) -> Error {
        match error {
            registry::Error::Image(error) => error,
            error => Error::Registry(Box::new(error)),
        }
    }
}

impl From<IoError> for Error {
    fn from(error: IoError) -> Error {
        Error::Io(Arc::new(error))
    }
}

/// Ends the work if the user asked for it.
pub(crate) fn check_interrupt() -> Result<(), Error> {
    if host::interrupted() { Err(Error::Interrupted) } else { Ok(()) }
}

fn list(known: &[String]) -> String {
    const SHOWN: usize = 10;
    match known {
        [] => "; it has no names".to_owned(),
        known => {
            let rest = if known.len() > SHOWN { ", …" } else { "" };
            let shown: Vec<_> = known.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
            format!("; it has {}{rest}", shown.join(", "))
        }
    }
}
