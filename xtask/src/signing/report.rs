//! What became of each subject: a line, or a part of a JSON document.

use std::collections::BTreeMap;

use cosign::Format;
use serde::Serialize;

use crate::published::Subject;

/// What became of a subject, or of one format of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum How {
    /// It is signed now.
    #[serde(rename = "signed")]
    Signed,
    /// It was signed before, by the same.
    #[serde(rename = "already signed")]
    Already,
}

/// One subject that is signed.
#[derive(Debug, Serialize)]
pub(crate) struct SignedReport {
    /// As the catalogue has it, whatever its references are.
    image: String,
    references: Vec<String>,
    /// Its repository and digest.
    subject: String,
    digest: String,
    /// How many manifests have signatures of their own.
    manifests: usize,
    /// What became of each format.
    signatures: BTreeMap<&'static str, How>,
    /// What became of what is attached, by the types of predicates.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attestations: BTreeMap<String, How>,
}

impl How {
    fn word(self) -> &'static str {
        match self {
            How::Signed => "signed",
            How::Already => "already signed",
        }
    }
}

impl SignedReport {
    pub(super) fn new(subject: &Subject, manifests: usize) -> SignedReport {
        SignedReport {
            image: subject.image.clone(),
            references: subject.references.iter().map(ToString::to_string).collect(),
            subject: subject.pinned().to_string(),
            digest: subject.digest.to_string(),
            manifests,
            signatures: BTreeMap::new(),
            attestations: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, format: Format, how: How) {
        self.signatures.insert(format.word(), how);
    }

    /// Adds what became of something that is attached.
    pub(super) fn attest(&mut self, kind: String, how: How) {
        let own = self.attestations.entry(kind).or_insert(how);
        // Of two records one may be new.
        if how == How::Signed {
            *own = how;
        }
    }

    /// Returns whether anything was signed.
    pub(crate) fn how(&self) -> How {
        let mut all = self.signatures.values().chain(self.attestations.values());
        let is_new = all.any(|how| *how == How::Signed);
        if is_new { How::Signed } else { How::Already }
    }

    /// Returns the formats that were made.
    pub(super) fn made(&self) -> String {
        let made = self.signatures.iter().filter(|(_, how)| **how == How::Signed);
        let mut words: Vec<String> = made.map(|(word, _)| (*word).to_owned()).collect();
        let attested = self.attestations.values().filter(|how| **how == How::Signed).count();
        if attested > 0 {
            words.push(ui::count(attested, "attestation"));
        }
        words.join(", ")
    }

    /// Returns the line that the user reads.
    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.subject, self.how().word())
    }
}
