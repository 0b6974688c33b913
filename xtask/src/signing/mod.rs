//! Signing published images: as whom, in which formats, by what; for
//! `sign-images` and `build-images --sign`.
//!
//! All that can be wrong with the key or the programs is found out when
//! signing is opened, before anything is built or signed. Not here: what
//! cosign is told, and which images there are.

mod attest;
mod options;
mod proof;
mod report;
mod work;

use std::num::NonZeroUsize;

use cosign::{Format, Session, Signer};

use proof::Proof;

pub(crate) use options::{SigningArgs, formats};
pub(crate) use proof::failure;
pub(crate) use report::{How, SignedReport};

/// A way to sign that is known to work, as far as that can be known.
#[derive(Debug)]
pub(crate) struct Signing {
    session: Session,
    signer: Signer,
    /// By what it is told who has signed.
    proof: Proof,
    formats: Vec<Format>,
    /// Whether the images of an index are signed too.
    recursive: bool,
    /// Whether what is attached to a subject is attested.
    attests: bool,
    /// How many subjects are worked on at once.
    at_once: NonZeroUsize,
}
