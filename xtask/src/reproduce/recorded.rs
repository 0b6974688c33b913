//! What is recorded of an image: the image, and what is attached to it.

use std::path::Path;

use attestation::{PREDICATE, Record, Referrer};
use cli::{publish, typed};
use destination::{Found, Source};
use oci::registry::{self, Client, Companion, Link};
use oci::spec::Descriptor;
use oci::{Artifact, Blob, Digest};
use serde_json::Value;
use signature::{Place, PublicKey, Signatures};
use ui::{Exit, Failure};

/// An image, and the records of how it was made.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) artifact: Artifact,
    /// Each with the name that the catalogue had for the image.
    pub(super) records: Vec<(Record, String)>,
    /// Why others could not be read.
    damaged: Vec<String>,
    /// Bills of materials.
    bills: Vec<Value>,
}

/// What goes with an image, as a place to read signatures from.
struct Attached<'a>(&'a [Companion]);

/// Takes what was typed as the place of one image.
pub(super) fn place(word: &str) -> Result<Source, Failure> {
    let one = |name: Option<String>| {
        name.map(Some).ok_or_else(|| {
            Failure::usage(format!("`{word}` names no image"))
                .hint(format!("`{word}:NAME` names one"))
        })
    };
    match word.parse().map_err(Failure::usage)? {
        Source::Oci(dir, name) => Ok(Source::Oci(typed(&dir)?, one(name)?)),
        Source::OciArchive(file, name) => Ok(Source::OciArchive(typed(&file)?, one(name)?)),
        Source::DockerArchive(..) => {
            let message = "nothing can be attached to an image of a docker archive";
            Err(Failure::usage(message).hint("an OCI archive or layout has what is attached"))
        }
        source @ Source::Registry(_) => Ok(source),
    }
}

impl Recorded {
    /// Finds an image and reads what is attached to it; with a key, only what
    /// it attests.
    ///
    /// # Errors
    ///
    /// Fails if the image is not there, or the place cannot be read.
    pub(super) fn find(
        source: &Source,
        word: &str,
        key: Option<&PublicKey>,
        client: &Client,
        work: &Path,
    ) -> Result<Recorded, Failure> {
        let failed = |error| publish::failure(error).context(format!("failed to read `{word}`"));
        let found: Vec<Found> = source.find(client, work).map_err(failed)?;
        let companions = source.companions(client, &found).map_err(failed)?.concat();
        let Some(Found { artifact, .. }) = found.into_iter().next() else {
            return Err(Failure::new(Exit::Empty, format!("there is no `{word}`")));
        };
        let digest = artifact.digest();
        let mut recorded =
            Recorded { artifact, records: Vec::new(), damaged: Vec::new(), bills: Vec::new() };
        let own = companions.iter().filter(|it| it.is_about(digest));
        for companion in own {
            match Referrer::read(companion) {
                Ok(Some(referrer)) => recorded.add(&referrer),
                Ok(None) => {}
                Err(error) => recorded.damaged.push(error.to_string()),
            }
        }
        if let Some(key) = key {
            recorded.keep_attested(&companions, key).map_err(cli::registry::failure)?;
        }
        Ok(recorded)
    }

    fn add(&mut self, referrer: &Referrer) {
        if referrer.artifact_type == attestation::SPDX {
            self.bills.extend(serde_json::from_slice::<Value>(&referrer.bytes));
        } else if referrer.predicate_type.as_deref() == Some(PREDICATE) {
            match Record::parse(&referrer.bytes, self.artifact.digest()) {
                Ok(record) => self.records.push(record),
                Err(fault) => self.damaged.push(fault.to_string()),
            }
        }
    }

    /// Drops the records that the key does not attest.
    fn keep_attested(
        &mut self,
        companions: &[Companion],
        key: &PublicKey,
    ) -> Result<(), registry::Error> {
        let signatures = Signatures::read_from(&Attached(companions), self.artifact.digest())?;
        let attested: Vec<Record> = signatures
            .attestations(key)
            .into_iter()
            .filter(|it| it.predicate_type == PREDICATE)
            .filter_map(|it| serde_json::from_value(Value::Object(it.predicate)).ok())
            .collect();
        self.records.retain(|(record, _)| attested.contains(record));
        Ok(())
    }

    /// Says why there is no record to go by.
    pub(super) fn without_record(&self, word: &str, key: bool) -> Failure {
        let attach = "`cargo xtask build-images --attest` attaches one";
        if let Some(reason) = self.damaged.first() {
            let message = format!("the record of `{word}` cannot be read");
            let mut failure = Failure::new(Exit::Failed, message).hint(attach);
            failure.chain.push(reason.clone());
            return failure;
        }
        if !self.bills.is_empty() && !key {
            let message = format!("`{word}` has a bill of materials, and no record to make it by");
            return Failure::new(Exit::Failed, message)
                .detail(self.bills.iter().map(summary).collect::<Vec<_>>().join("\n"))
                .hint("only bytecode images have a record of how they were made");
        }
        if key {
            let message = format!("`{word}` has no record that this key attests");
            return Failure::new(Exit::Failed, message)
                .hint("`cargo xtask sign-images --attest --key …` attests what is attached");
        }
        let message = format!("`{word}` has no record of how it was made");
        Failure::new(Exit::Failed, message).hint(attach)
    }
}

/// Returns the programs of a bill of materials, a line each.
fn summary(bill: &Value) -> String {
    let packages = bill["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let of = |purpose: &'static str| {
        packages.iter().filter(move |it| it["primaryPackagePurpose"] == purpose)
    };
    let mut lines: Vec<String> = of("APPLICATION")
        .map(|it| format!("{}: {}", text(it, "name"), text(it, "comment")))
        .collect();
    let libraries = of("LIBRARY").map(|it| {
        format!("  {} {}", text(it, "name"), text(it, "versionInfo")).trim_end().to_owned()
    });
    lines.extend(libraries);
    lines.join("\n")
}

impl Place for Attached<'_> {
    fn tagged(&self, tag: &str) -> Result<Option<Blob>, registry::Error> {
        let is_it = |it: &&Companion| matches!(&it.link, Link::Tag(own) if own == tag);
        Ok(self.0.iter().find(is_it).map(|it| it.artifact.blob().clone()))
    }

    fn manifest(&self, digest: Digest) -> Result<Option<Blob>, registry::Error> {
        let found = self.0.iter().find(|it| it.artifact.digest() == digest);
        Ok(found.map(|it| it.artifact.blob().clone()))
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, registry::Error> {
        let mut blobs = self.0.iter().flat_map(|it| it.artifact.blobs());
        let blob = blobs.find(|blob| blob.digest() == descriptor.digest);
        let place = "what is attached".into();
        let missing = || oci::Error::MissingBlob { digest: descriptor.digest, place };
        Ok(blob.ok_or_else(missing)?.read(descriptor.size)?)
    }

    fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, registry::Error> {
        let of = |it: &Companion| match &it.link {
            Link::Referrer { subject: own, descriptor } if *own == subject => {
                Some(Descriptor::clone(descriptor))
            }
            _ => None,
        };
        Ok(self.0.iter().filter_map(of).collect())
    }
}
