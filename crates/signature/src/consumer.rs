//! Who would accept the signatures of a manifest: one table of rules, each
//! with where it is from.

use crate::{Fault, PublicKey, Signatures};

/// A program that checks signatures before it uses an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// bpfman v0.6 and before, in Rust.
    BpfmanRust,
    /// bpfman in Go.
    BpfmanGo,
    /// cosign 3, `cosign verify`.
    Cosign3,
}

/// What a consumer wants.
#[derive(Debug)]
pub struct Rule {
    /// Who wants it.
    pub consumer: Consumer,
    /// Its name as it stands over a column.
    pub name: &'static str,
    /// Its name in JSON.
    pub word: &'static str,
    /// What it wants, in words.
    pub wants: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

/// The rules, in the order of the columns.
pub const RULES: [Rule; 3] = [
    Rule {
        consumer: Consumer::BpfmanRust,
        name: "bpfman v0.6",
        word: "bpfman-rust",
        wants: "a signature of the digest under the tag `.sig`, by whomever: the key of one \
                without certificate is not asked for; a certificate needs a Rekor entry",
        source: "bpfman v0.6, bpfman/src/oci_utils/cosign.rs (no constraints); sigstore-rs, \
                 src/cosign/signature_layers.rs, SignatureLayer::new",
    },
    Rule {
        consumer: Consumer::BpfmanGo,
        name: "bpfman (Go)",
        word: "bpfman-go",
        wants: "a signature of the digest under the tag `.sig`, with certificate and Rekor \
                entry; without certificate it says `nil certificate provided`",
        source: "bpfman's Go module, which calls cosign v2's VerifyImageSignatures without a key \
                 and asks for the bundle annotation",
    },
    Rule {
        consumer: Consumer::Cosign3,
        name: "cosign 3",
        word: "cosign-3",
        wants: "where bundles refer to the manifest, one that verifies, of whatever predicate; \
                else a signature under the tag `.sig` that does",
        source: "cosign v3.1.3, cmd/cosign/cli/verify/verify.go, VerifyCommand.Exec",
    },
];

impl Consumer {
    /// Says whether the consumer accepts the signatures; what it asks beyond
    /// the layout is taken to be fine, such as the certificate's issuer.
    /// cosign 3 is given the key.
    ///
    /// # Errors
    ///
    /// Fails with the reason if not.
    pub fn accepts(self, signatures: &Signatures, key: &PublicKey) -> Result<(), &'static str> {
        match self {
            Consumer::BpfmanRust => bpfman_rust(signatures),
            Consumer::BpfmanGo => bpfman_go(signatures),
            Consumer::Cosign3 => cosign(signatures, key),
        }
    }
}

/// What bpfman in Rust says, whose keys and identities it does not ask.
///
/// # Errors
///
/// Fails with the reason if it does not accept them.
pub fn bpfman_rust(signatures: &Signatures) -> Result<(), &'static str> {
    let mut reason = "no signature under the tag `.sig`";
    for it in signatures.each_legacy() {
        if !it.is_laid_out() || it.names(signatures.subject()).is_err() {
            reason = "no signature under the tag `.sig` is of this digest";
        } else if it.has_certificate() && !it.has_rekor() {
            reason = "a certificate without Rekor entry";
        } else {
            return Ok(());
        }
    }
    Err(reason)
}

/// What bpfman in Go says, whose identities are configured.
///
/// # Errors
///
/// Fails with the reason if it does not accept them.
pub fn bpfman_go(signatures: &Signatures) -> Result<(), &'static str> {
    let mut reason = "no signature under the tag `.sig`";
    for it in signatures.each_legacy() {
        if it.names(signatures.subject()).is_err() {
            reason = "no signature under the tag `.sig` is of this digest";
        } else if !it.has_certificate() {
            reason = "no certificate";
        } else if !it.has_rekor() {
            reason = "a certificate without Rekor entry";
        } else {
            return Ok(());
        }
    }
    Err(reason)
}

/// What `cosign verify --key` says. Of a payload it asks the digest alone.
fn cosign(signatures: &Signatures, key: &PublicKey) -> Result<(), &'static str> {
    let subject = signatures.subject();
    if signatures.each_bundle().next().is_some() {
        let is_fine = signatures.each_bundle().any(|it| it.statement(subject, key).is_ok());
        return if is_fine { Ok(()) } else { Err("no bundle verifies, and then it asks no more") };
    }
    let is_fine = signatures.each_legacy().any(|it| {
        it.signed_by(key).is_ok() && matches!(it.names(subject), Ok(()) | Err(Fault::OtherType(_)))
    });
    if is_fine { Ok(()) } else { Err("no signature verifies") }
}
