//! Attesting: what is attached to a subject without a signature, such as the
//! record of how it was made, is signed too.
//!
//! What the same key or identity has attested with the same content is left
//! as it is.

use std::path::Path;

use attestation::{Referrer, Statement};
use cli::registry;
use cosign::Attest;
use oci::registry::{Companion, Link};
use oci::spec::Descriptor;
use serde_json::{Map, Value};
use ui::{Exit, Failure};

use super::proof;
use super::report::How;
use super::work::{Job, LOOKS, SIGNINGS};

/// The type of an SPDX document as a predicate, and cosign's word for it.
const SPDX_PREDICATE: &str = "https://spdx.dev/Document";
const SPDX_WORD: &str = "spdxjson";

/// Something that is attached, as it is attested.
struct Claim {
    /// The type of its predicate.
    kind: String,
    predicate: Map<String, Value>,
}

impl Job<'_> {
    /// Attests what is attached to the subject, one thing after another, and
    /// returns of each type what became of it.
    pub(super) fn attest(&self) -> Result<Vec<(String, How)>, Failure> {
        let claims = self.claims()?;
        let mut done = Vec::new();
        let dir = tempfile::tempdir().map_err(|error| {
            Failure::new(Exit::Failed, error).context("no directory for what is attested")
        })?;
        for claim in claims {
            let how = match self.is_attested(&claim)? {
                true => How::Already,
                false => {
                    self.attest_one(&claim, &dir.path().join("predicate.json"))?;
                    How::Signed
                }
            };
            done.push((claim.kind, how));
        }
        Ok(done)
    }

    /// Reads what is attached.
    fn claims(&self) -> Result<Vec<Claim>, Failure> {
        let subject = self.subject.pinned();
        let digest = self.subject.digest;
        let listed = self.client.referrers(&subject, digest, None).map_err(registry::failure)?;
        let mut claims = Vec::new();
        for descriptor in listed.into_iter().filter(is_document) {
            let name = subject.with_digest(descriptor.digest);
            let artifact = self.client.pull(&name, None).map_err(registry::failure)?;
            let link = Link::Referrer { subject: digest, descriptor: Box::new(descriptor) };
            let Some(referrer) = Referrer::read(&Companion { artifact, link })? else { continue };
            claims.push(claim(&referrer, digest).map_err(|why| {
                let message = format!("`{name}` is attached, and cannot be attested: {why}");
                Failure::new(Exit::Failed, message)
            })?);
        }
        Ok(claims)
    }

    /// Returns whether this is attested already.
    fn is_attested(&self, claim: &Claim) -> Result<bool, Failure> {
        let signatures = self.look(self.subject.digest)?;
        let subject = self.subject.pinned();
        let place = (&self.signing.session, &subject, &self.access);
        let claim = (claim.kind.as_str(), &claim.predicate);
        self.signing.proof.attests(claim, &signatures, place, &|event| self.say(event))
    }

    /// Returns whether what was just attested is there.
    fn is_there(&self, claim: &Claim) -> Result<bool, Failure> {
        for pause in LOOKS {
            std::thread::sleep(pause);
            let signatures = self.look(self.subject.digest)?;
            if self.signing.proof.is_claimed((&claim.kind, &claim.predicate), &signatures) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Attests one thing, and again if it is not to be found.
    fn attest_one(&self, claim: &Claim, file: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec(&claim.predicate).unwrap_or_default();
        host::fs::write_atomic(file, &text)?;
        let kind = if claim.kind == SPDX_PREDICATE { SPDX_WORD } else { &claim.kind };
        let subject = self.subject.pinned();
        let signer = &self.signing.signer;
        let attest = Attest { signer, subject: &subject, predicate: file, predicate_type: kind };
        for _ in 0..SIGNINGS {
            let attested =
                self.signing.session.attest(&attest, &self.access, &|event| self.say(event));
            attested.map_err(|error| {
                proof::failure(error).context(format!("`{}` was not attested", claim.kind))
            })?;
            if self.is_there(claim)? {
                return Ok(());
            }
        }
        let message =
            format!("cosign attested `{}` {SIGNINGS} times, and it is not there", claim.kind);
        Err(Failure::new(Exit::Failed, message).hint("does another process sign the same images?"))
    }
}

/// Returns whether a referrer is a document without a signature.
fn is_document(descriptor: &Descriptor) -> bool {
    let kind = descriptor.extra.get("artifactType").and_then(Value::as_str);
    kind.is_some_and(|kind| [attestation::IN_TOTO, attestation::SPDX].contains(&kind))
}

/// Reads a document as what is to be attested.
fn claim(referrer: &Referrer, digest: oci::Digest) -> Result<Claim, String> {
    if referrer.artifact_type == attestation::SPDX {
        let predicate = serde_json::from_slice(&referrer.bytes).map_err(|it| it.to_string())?;
        return Ok(Claim { kind: SPDX_PREDICATE.to_owned(), predicate });
    }
    let statement = Statement::<Map<String, Value>>::any(&referrer.bytes, digest);
    let Statement { predicate_type, predicate, .. } = statement.map_err(|it| it.to_string())?;
    Ok(Claim { kind: predicate_type, predicate })
}
