//! Why there is no base image, and what can be done about it.

use std::sync::Arc;

use oci::{Digest, Platform, Reference, registry};

/// Why an image that a Containerfile names could not be had. One failure may
/// be that of several images, so errors can be cloned.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct BaseError(Arc<Reason>);

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    /// The registry could not be asked what the name stands for.
    #[error("the registry did not say what `{reference}` stands for")]
    Unasked {
        /// The name.
        reference: Reference,
        /// What it stood for when it was kept, if it is.
        kept: Option<Digest>,
        /// What the registry did.
        #[source]
        source: registry::Error,
    },
    /// The registry has nothing of that name.
    #[error("the registry has no `{reference}`")]
    Absent {
        /// The name.
        reference: Reference,
    },
    /// The image could not be pulled.
    #[error("`{reference}` could not be pulled")]
    Unpulled {
        /// The name.
        reference: Reference,
        /// What the registry did, or lacks.
        #[source]
        source: registry::Error,
    },
    /// No registry may be asked, and nothing is kept.
    #[error("nothing is kept of `{reference}`, and `--offline` asks no registry")]
    Unknown {
        /// The name.
        reference: Reference,
    },
    /// No registry may be asked, and other platforms are kept.
    #[error("`{reference}` is not kept for {platform}{}", others(kept))]
    NotKept {
        /// The name.
        reference: Reference,
        /// What was asked for.
        platform: Platform,
        /// What is kept.
        kept: Vec<Platform>,
    },
    /// No registry may be asked, and what is kept cannot be used.
    #[error("what is kept of `{reference}` cannot be used")]
    Damaged {
        /// The name.
        reference: Reference,
        /// What is wrong with it.
        #[source]
        source: oci::Error,
    },
    /// Someone removed from the tree what was just put there.
    #[error("what was kept of `{reference}` is gone")]
    Lost {
        /// The name.
        reference: Reference,
    },
    /// What is kept could not be read or written.
    #[error(transparent)]
    Files(oci::Error),
}

impl From<Reason> for BaseError {
    fn from(reason: Reason) -> BaseError {
        BaseError(Arc::new(reason))
    }
}

impl From<oci::Error> for BaseError {
    fn from(error: oci::Error) -> BaseError {
        Reason::Files(error).into()
    }
}

impl BaseError {
    /// Returns what the user can do about it, beside what its source says.
    pub fn hints(&self) -> Vec<String> {
        let replaced = |reference: &Reference| {
            format!(
                "`--base {reference}=REFERENCE` takes another image in its place, and \
                 `--base {reference}=scratch` none"
            )
        };
        let again = || "build without `--offline` once, and it is kept".to_owned();
        match &*self.0 {
            Reason::Unasked { reference, kept: Some(kept), .. } => {
                let offline = format!("`--offline` takes the image as it is kept, {kept}");
                vec![offline, replaced(reference)]
            }
            Reason::Unasked { reference, kept: None, .. }
            | Reason::Absent { reference }
            | Reason::Unpulled { reference, .. } => vec![replaced(reference)],
            Reason::Unknown { reference } => vec![again(), replaced(reference)],
            Reason::NotKept { reference, .. } | Reason::Damaged { reference, .. } => {
                vec![again(), replaced(reference)]
            }
            Reason::Lost { .. } => vec!["build again".to_owned()],
            Reason::Files(error) => error.hint().into_iter().collect(),
        }
    }
}

fn others(kept: &[Platform]) -> String {
    match kept {
        [] => String::new(),
        kept => {
            let names: Vec<_> = kept.iter().map(Platform::to_string).collect();
            format!(", only for {}", names.join(", "))
        }
    }
}
