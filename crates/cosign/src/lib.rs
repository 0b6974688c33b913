//! Runs cosign: signatures and attestations are made, and identities
//! checked, by the program of the Sigstore project.
//!
//! Two formats are in use, each made by one major version: the legacy `.sig`
//! tag by cosign 2, the Sigstore bundle by cosign 3. [`Cosigns`] are those of
//! the machine, a [`Session`] runs them. Arguments are values; nothing secret
//! is among them, and no more of the environment is handed on than a call
//! needs. Not here: which images are signed, and reading signatures.

#![forbid(unsafe_code)]

mod args;
mod environment;
mod error;
mod find;
mod identity;
mod key;
mod lists;
mod passing;
mod session;
mod version;

pub use args::{Attest, Format, Place, Sign, Signer, Trust, Verifier, Verify};
pub use error::{Error, Verdict};
pub use find::{Cosign, Cosigns, FindError, Rejected};
pub use identity::{Identity, Pattern};
pub use key::Key;
pub use passing::{Patience, Wait};
pub use session::{Event, Session, Tell};
pub use version::{Major, Version};
