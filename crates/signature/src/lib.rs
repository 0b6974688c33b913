//! What cosign wrote about a manifest: read from its repository, and checked
//! with a key.
//!
//! cosign has two formats. The old one is an image under the tag
//! `sha256-HEX.sig` whose layers are payloads with the signature in an
//! annotation ([`legacy`]); the new one is a Sigstore bundle that refers to
//! the manifest ([`bundle`]). [`Signatures`] is all that a repository has in
//! both, [`PublicKey`] what they are checked with, [`Verdict`] what comes of
//! it, [`consumer`] who would accept it.
//!
//! Nothing here runs a process or reads a file, and nothing that was read is
//! believed before it is checked: documents have limits, and faults in them
//! are verdicts, not errors. Certificates are noticed, not checked: whom they
//! name is cosign's to say.

#![forbid(unsafe_code)]

mod base64;
pub mod bundle;
mod certificate;
pub mod consumer;
mod key;
pub mod legacy;
mod place;
mod signatures;
mod verdict;

pub use key::{Check, KeyError, PublicKey};
pub use place::Place;
pub use signatures::{Attestation, Facts, Signatures};
pub use verdict::{Fault, Verdict};
