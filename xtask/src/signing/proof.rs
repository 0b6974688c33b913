//! How it is told whether something is signed already, and by the same.
//!
//! A key's signatures are checked in this process; what a certificate says is
//! for cosign to check. Where nobody said whom to expect, everything is
//! signed.

use cosign::{Format, Identity, Key, Session, Tell, Verifier, Verify};
use oci::Reference;
use oci::registry::Access;
use serde_json::{Map, Value};
use signature::{PublicKey, Signatures};
use ui::Failure;

/// By what a signature is known to be the own one.
#[derive(Debug)]
pub(super) enum Proof {
    /// The key that made it.
    Key(PublicKey),
    /// The identity that its certificate names.
    Identity(Verifier),
    /// Nothing.
    Unknown,
}

impl Proof {
    /// Asks for the public key, and so finds out whether the key and its
    /// password are good.
    pub(super) fn of_key(session: &Session, key: &Key) -> Result<Proof, Failure> {
        let context = || format!("the key `{key}` cannot be used");
        let pem = session.public_key(key).map_err(|error| failure(error).context(context()))?;
        let key = PublicKey::from_pem(&pem).map_err(|error| {
            Failure::from(error)
                .context(context())
                .hint("`cosign generate-key-pair` makes one that can")
        })?;
        Ok(Proof::Key(key))
    }

    /// Expects whom certificates are to name, if somebody said.
    pub(super) fn of_identity(identity: Option<Identity>) -> Proof {
        identity.map_or(Proof::Unknown, |identity| Proof::Identity(Verifier::Identity(identity)))
    }

    /// Returns whether something is signed in a format by whoever it should
    /// be.
    pub(super) fn is_given(
        &self,
        format: Format,
        signatures: &Signatures,
        (session, subject, access): (&Session, &Reference, &Access),
        tell: Tell<'_>,
    ) -> Result<bool, Failure> {
        match self {
            Proof::Key(key) => Ok(verdict(format, signatures, key).is_verified()),
            Proof::Identity(verifier) if with_certificate(format, signatures) => {
                let verify = Verify { format, attests: None, verifier, subject };
                let verdict = session.verify(&verify, access, tell).map_err(failure)?;
                Ok(verdict == cosign::Verdict::Good)
            }
            Proof::Identity(_) | Proof::Unknown => Ok(false),
        }
    }

    /// Returns whether exactly this is attested by whoever it should be. Of
    /// an identity cosign can only say that it has attested something of the
    /// type; what, is read in the bundles.
    pub(super) fn attests(
        &self,
        (kind, predicate): (&str, &Map<String, Value>),
        signatures: &Signatures,
        (session, subject, access): (&Session, &Reference, &Access),
        tell: Tell<'_>,
    ) -> Result<bool, Failure> {
        match self {
            Proof::Identity(verifier) if self.is_claimed((kind, predicate), signatures) => {
                let (format, attests) = (Format::Bundle, Some(kind));
                let verify = Verify { format, attests, verifier, subject };
                let verdict = session.verify(&verify, access, tell).map_err(failure)?;
                Ok(verdict == cosign::Verdict::Good)
            }
            Proof::Key(_) => Ok(self.is_claimed((kind, predicate), signatures)),
            Proof::Identity(_) | Proof::Unknown => Ok(false),
        }
    }

    /// Returns whether somebody attests exactly this: the key, or whomever a
    /// certificate names.
    pub(super) fn is_claimed(
        &self,
        (kind, predicate): (&str, &Map<String, Value>),
        signatures: &Signatures,
    ) -> bool {
        let claims = match self {
            Proof::Key(key) => signatures.attestations(key),
            Proof::Identity(_) | Proof::Unknown => signatures.claims(),
        };
        claims.iter().any(|it| it.predicate_type == kind && it.predicate == *predicate)
    }

    /// Returns why a signature that was just made is not there: nothing if it
    /// is. `before` is what there was.
    pub(super) fn lacks(
        &self,
        format: Format,
        before: &Signatures,
        now: &Signatures,
    ) -> Option<String> {
        match self {
            Proof::Key(key) => {
                let verdict = verdict(format, now, key);
                (!verdict.is_verified()).then(|| verdict.to_string())
            }
            // cosign said that it has signed, so what is new is it.
            Proof::Identity(_) | Proof::Unknown => {
                let is_new = count(format, now) > count(format, before);
                (!is_new).then(|| "there is none that was not there before".to_owned())
            }
        }
    }
}

fn verdict(format: Format, signatures: &Signatures, key: &PublicKey) -> signature::Verdict {
    match format {
        Format::Legacy => signatures.legacy(key),
        Format::Bundle => signatures.bundle(key),
    }
}

fn count(format: Format, signatures: &Signatures) -> usize {
    match format {
        Format::Legacy => signatures.facts().legacy,
        Format::Bundle => signatures.facts().bundles,
    }
}

fn with_certificate(format: Format, signatures: &Signatures) -> bool {
    match format {
        Format::Legacy => signatures.facts().certificate,
        Format::Bundle => signatures.facts().bundle_certificate,
    }
}

/// Puts into words why cosign did not do its work.
pub(crate) fn failure(error: cosign::Error) -> Failure {
    let (said, hint) = (error.said(), error.hint());
    let failure = match error {
        error if error.is_interrupted() => Failure::new(ui::Exit::Interrupted, error),
        cosign::Error::Registry(error) => return cli::registry::failure(error),
        cosign::Error::Find(error) => Failure::missing(error),
        error => Failure::from(error),
    };
    hint.into_iter().fold(failure.detail(said), Failure::hint)
}
