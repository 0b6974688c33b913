//! All that a repository has about one manifest, and the questions it
//! answers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use oci::registry::{self, Client};
use oci::spec::Descriptor;
use oci::{Digest, Reference};
use serde_json::{Map, Value};

use crate::bundle::{self, Bundle, SIGNATURE_PREDICATE};
use crate::legacy::{self, Legacy};
use crate::place::{Place, Repository};
use crate::{Fault, PublicKey, Verdict};

/// What cosign wrote about one manifest, in both formats.
#[derive(Clone, Debug)]
pub struct Signatures {
    subject: Digest,
    legacy: Vec<Result<Legacy, String>>,
    bundles: Vec<Result<Bundle, String>>,
}

/// What a key says about a manifest that is no signature, such as where it
/// comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    /// The type of the predicate, a URL.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Map<String, Value>,
}

/// What there is, whoever made it. Nothing of it is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Facts {
    /// How many signatures there are in the old format.
    pub legacy: usize,
    /// Whether one of them has a certificate.
    pub certificate: bool,
    /// Whether one of them has a certificate and an entry of the transparency
    /// log Rekor.
    pub certificate_in_log: bool,
    /// How many signatures there are as bundles.
    pub bundles: usize,
    /// Whether one of them has a certificate.
    pub bundle_certificate: bool,
    /// How many attestations there are, as bundles.
    pub attestations: usize,
}

impl Signatures {
    /// Reads what is about a manifest in its repository, which `repository`
    /// names, with whatever tag or digest.
    ///
    /// # Errors
    ///
    /// Fails if the registry does. What is there and cannot be read is no
    /// failure: [`Signatures::legacy`] and [`Signatures::bundle`] say so.
    pub fn read(
        client: &Client,
        repository: &Reference,
        subject: Digest,
    ) -> Result<Signatures, registry::Error> {
        Signatures::read_from(&Repository { client, reference: repository }, subject)
    }

    /// Reads what is about a manifest in a place.
    ///
    /// # Errors
    ///
    /// Fails if the place does.
    pub fn read_from(place: &dyn Place, subject: Digest) -> Result<Signatures, registry::Error> {
        let legacy = read_legacy(place, subject)?;
        let bundles = read_bundles(place, subject)?;
        Ok(Signatures { subject, legacy, bundles })
    }

    /// Returns the manifest that they are about.
    pub fn subject(&self) -> Digest {
        self.subject
    }

    /// Checks the signatures in the old format.
    pub fn legacy(&self, key: &PublicKey) -> Verdict {
        Verdict::best(self.legacy.iter().map(|found| match found {
            Ok(signature) => signature.check(self.subject, key),
            Err(reason) => Err(Fault::Malformed(reason.clone())),
        }))
    }

    /// Checks the signatures in the new format.
    pub fn bundle(&self, key: &PublicKey) -> Verdict {
        let mut n_attestations = 0;
        let each = self.bundles.iter().filter_map(|found| match found {
            Ok(bundle) if is_attestation(bundle) => {
                n_attestations += 1;
                None
            }
            Ok(bundle) => Some(bundle.statement(self.subject, key).map(drop)),
            Err(reason) => Some(Err(Fault::Malformed(reason.clone()))),
        });
        match Verdict::best(each) {
            Verdict::Refused(Fault::Missing) if n_attestations > 0 => {
                Verdict::Refused(Fault::OnlyAttestations(n_attestations))
            }
            verdict => verdict,
        }
    }

    /// Says why there is no signature in a format that could be checked at
    /// all, by whatever; of the old and of the new.
    pub fn absent(&self) -> [Option<Fault>; 2] {
        let facts = self.facts();
        let malformed = |reason: Option<&String>| reason.cloned().map(Fault::Malformed);
        let old = malformed(self.legacy.iter().find_map(|it| it.as_ref().err()));
        let new = malformed(self.bundles.iter().find_map(|it| it.as_ref().err()));
        let new = new.unwrap_or(match facts.attestations {
            0 => Fault::Missing,
            n => Fault::OnlyAttestations(n),
        });
        [
            (facts.legacy == 0).then(|| old.unwrap_or(Fault::Missing)),
            (facts.bundles == 0).then_some(new),
        ]
    }

    /// Returns what the key attests of the manifest, verified.
    pub fn attestations(&self, key: &PublicKey) -> Vec<Attestation> {
        let bundles = self.bundles.iter().flatten();
        attestations(bundles.filter_map(|it| it.statement(self.subject, key).ok()))
    }

    /// Returns what certificates are said to attest of the manifest. Nothing
    /// of it is verified.
    pub fn claims(&self) -> Vec<Attestation> {
        let bundles = self.bundles.iter().flatten().filter(|it| it.has_certificate());
        attestations(bundles.filter_map(|it| it.claim(self.subject).ok()))
    }

    /// Returns what there is, whoever made it.
    pub fn facts(&self) -> Facts {
        let legacy = || self.legacy.iter().flatten();
        let of_kind = |is: bool| {
            self.bundles.iter().flatten().filter(move |bundle| is_attestation(bundle) == is)
        };
        Facts {
            legacy: legacy().count(),
            certificate: legacy().any(Legacy::has_certificate),
            certificate_in_log: legacy().any(|it| it.has_certificate() && it.has_rekor()),
            bundles: of_kind(false).count(),
            bundle_certificate: of_kind(false).any(Bundle::has_certificate),
            attestations: of_kind(true).count(),
        }
    }

    /// Returns the signatures in the old format that could be read.
    pub(crate) fn each_legacy(&self) -> impl Iterator<Item = &Legacy> {
        self.legacy.iter().flatten()
    }

    /// Returns the bundles, of whatever kind, that could be read.
    pub(crate) fn each_bundle(&self) -> impl Iterator<Item = &Bundle> {
        self.bundles.iter().flatten()
    }
}

fn attestations(statements: impl Iterator<Item = bundle::Statement>) -> Vec<Attestation> {
    let attestation = |it: bundle::Statement| Attestation {
        predicate_type: it.predicate_type,
        predicate: it.predicate,
    };
    statements.filter(|it| it.predicate_type != SIGNATURE_PREDICATE).map(attestation).collect()
}

/// Whether a bundle says that it is something else than a signature. It is
/// asked before anything is verified, so it sorts and decides nothing.
fn is_attestation(bundle: &Bundle) -> bool {
    bundle.claimed_predicate().is_some_and(|kind| kind != SIGNATURE_PREDICATE)
}

fn read_legacy(
    place: &dyn Place,
    subject: Digest,
) -> Result<Vec<Result<Legacy, String>>, registry::Error> {
    let manifest = match tolerated(place.tagged(&legacy::tag(subject)))? {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return Ok(Vec::new()),
        Err(reason) => return Ok(vec![Err(reason)]),
    };
    let layers = match legacy::layers(&manifest) {
        Ok(layers) => layers,
        Err(reason) => return Ok(vec![Err(reason)]),
    };
    // Signatures of one payload by several keys share its blob.
    let mut payloads = BTreeMap::new();
    let mut found = Vec::new();
    for layer in layers {
        let payload = match payloads.entry(layer.digest) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(new) => new.insert(read_blob(place, &layer, legacy::PAYLOAD_MAX)?),
        };
        let payload = payload.clone();
        found.push(Ok(Legacy::new(layer, payload)));
    }
    Ok(found)
}

fn read_bundles(
    place: &dyn Place,
    subject: Digest,
) -> Result<Vec<Result<Bundle, String>>, registry::Error> {
    let referrers = match tolerated(place.referrers(subject))? {
        Ok(referrers) => referrers,
        Err(reason) => return Ok(vec![Err(reason)]),
    };
    let mut candidates: Vec<Descriptor> = referrers.into_iter().filter(bundle::may_be).collect();
    let mut found = Vec::new();
    if candidates.len() > bundle::BUNDLES_MAX {
        let (n, limit) = (candidates.len(), bundle::BUNDLES_MAX);
        found.push(Err(format!("{n} bundles refer to the manifest; only {limit} are read")));
        candidates.truncate(limit);
    }
    for candidate in candidates {
        let manifest = match tolerated(place.manifest(candidate.digest))? {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                found.push(Err(format!("the bundle `{}` is listed, not there", candidate.digest)));
                continue;
            }
            Err(reason) => {
                found.push(Err(reason));
                continue;
            }
        };
        let layer = match bundle::layer(&manifest) {
            Ok(Some(layer)) => layer,
            Ok(None) => continue,
            Err(reason) => {
                found.push(Err(reason));
                continue;
            }
        };
        let bytes = read_blob(place, &layer, bundle::BUNDLE_MAX)?;
        found.push(bytes.and_then(|bytes| Bundle::parse(&bytes)));
    }
    Ok(found)
}

fn read_blob(
    place: &dyn Place,
    descriptor: &Descriptor,
    limit: u64,
) -> Result<Result<Vec<u8>, String>, registry::Error> {
    if descriptor.size > limit {
        let size = descriptor.size;
        return Ok(Err(format!("`{}` has {size} bytes, more than {limit}", descriptor.digest)));
    }
    tolerated(place.blob(descriptor))
}

/// Parts a registry that cannot be used from one that has something faulty.
fn tolerated<T>(result: Result<T, registry::Error>) -> Result<Result<T, String>, registry::Error> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(
            error @ (registry::Error::Corrupt { .. }
            | registry::Error::TooLarge { .. }
            | registry::Error::Image(_)),
        ) => Ok(Err(error.to_string())),
        Err(error) if error.status() == Some(404) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}
