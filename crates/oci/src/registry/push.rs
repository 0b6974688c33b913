//! Pushing: many images at once, and nobody sees half of one.
//!
//! First each tag is asked for: one that has its digest already is done with
//! that one request. For the rest, blobs come before the manifests that name
//! them, manifests before their index, and a tag is put last, when all under
//! it is confirmed. Equal blobs are sent to one repository of a registry and
//! mounted from there into the others.

mod plan;

use std::collections::HashMap;

use super::blob::{Arrival, Repository};
use super::{Client, Error, Looks};
use crate::tasks::{self, Outcomes};
use crate::{Named, Reference};
use plan::{Job, Plan, Step};

/// What became of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The name, with the digest that it stands for now.
    pub reference: Reference,
    /// Whether it stood for that before.
    pub unchanged: bool,
}

/// What happens during a push, for whoever shows progress. Called from
/// several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// So many bytes are to be sent at most.
    Planned {
        /// The size of all blobs of names that change, each counted once.
        bytes: u64,
    },
    /// A blob is where it is needed.
    Blob {
        /// Its size.
        bytes: u64,
        /// Whether it was sent; else the registry had it.
        sent: bool,
    },
    /// A name stands for its image.
    Tagged(&'a Reference),
}

/// The end of one step. What it says of blobs is where they may be mounted
/// from.
type Outcome = Result<Option<Arrival>, Error>;

impl Client {
    /// Pushes each image under all its names; one without a tag gets its
    /// image by digest alone. One image's failure does not
    /// stop the others; outcomes are in the order of `batch`, and within each
    /// in that of its references.
    ///
    /// An unchanged name costs one request, a HEAD (distribution-spec,
    /// "Checking if content exists in the registry").
    ///
    /// # Errors
    ///
    /// An image fails if one of its names has another digest, if its bytes
    /// cannot be read or have changed, or if a registry refuses one of its
    /// blobs, its manifests or its tags. Its other tags may have been put
    /// then; none that has stands for half of it.
    pub fn push(
        &self,
        batch: &[Named],
        report: &(dyn Fn(Event<'_>) + Sync),
    ) -> Vec<Result<Vec<Pushed>, Error>> {
        self.push_looked(batch, &Looks::default(), report)
    }

    /// Pushes as [`Client::push`] does; names that were looked at before are
    /// not asked for again.
    ///
    /// # Errors
    ///
    /// As [`Client::push`].
    pub fn push_looked(
        &self,
        batch: &[Named],
        looks: &Looks,
        report: &(dyn Fn(Event<'_>) + Sync),
    ) -> Vec<Result<Vec<Pushed>, Error>> {
        let jobs: Vec<Result<Vec<Job<'_>>, Error>> =
            batch.iter().map(|named| self.jobs(named)).collect();
        let flat: Vec<&Job<'_>> = jobs.iter().flatten().flatten().collect();
        let concurrency = self.settings().concurrency;
        let found = tasks::each(&flat, concurrency, |job| job.look(self, looks));
        let plan = Plan::new(&flat, &found);
        report(Event::Planned { bytes: plan.bytes });
        let outcomes = tasks::run(&plan.dependencies, concurrency, |step, outcomes| {
            self.step(&plan, step, outcomes, report)
        });
        let mut ends = plan.ends(&flat, &found, &outcomes).into_iter();
        let end = |job: Result<Vec<Job<'_>>, Error>| {
            let count = job?.len();
            let ends: Vec<Result<Pushed, Error>> = ends.by_ref().take(count).collect();
            ends.into_iter().collect()
        };
        jobs.into_iter().map(end).collect()
    }

    /// Returns one job per name.
    fn jobs<'a>(&self, named: &'a Named) -> Result<Vec<Job<'a>>, Error> {
        let digest = named.artifact.digest();
        let job = |reference: &'a Reference| {
            let error = |reason| Error::Unpushable { reference: reference.to_string(), reason };
            if reference.digest().is_some_and(|named| named != digest) {
                return Err(error("the image has another digest"));
            }
            // One without a tag is put under its digest alone.
            let name = reference.tag().map_or_else(|| digest.to_string(), str::to_owned);
            let host = self.registry(reference.registry())?;
            let repository = Repository { host, name: reference.repository().to_owned() };
            Ok(Job { reference, name, repository, artifact: &named.artifact })
        };
        if named.references.is_empty() {
            let reason = "it has no name";
            return Err(Error::Unpushable { reference: digest.to_string(), reason });
        }
        named.references.iter().map(job).collect()
    }

    /// Does one step of a plan whose needs have ended.
    fn step(
        &self,
        plan: &Plan<'_>,
        number: usize,
        outcomes: &Outcomes<Outcome>,
        report: &(dyn Fn(Event<'_>) + Sync),
    ) -> Outcome {
        let ended = |step: &usize| outcomes.get(*step);
        let present = |step: &usize| matches!(ended(step), Some(Ok(Some(Arrival::Present))));
        match &plan.steps[number] {
            Step::Probe { repository, digest } => {
                let found = repository.head_manifest(self, &digest.to_string())?;
                Ok(found.map(|_| Arrival::Present))
            }
            Step::Blob { repository, blob, source, probes } => {
                // A manifest that is there has all its blobs.
                if probes.as_ref().is_some_and(|probes| probes.iter().all(present)) {
                    return Ok(Some(Arrival::Present));
                }
                let is_there = |step: usize| matches!(ended(&step), Some(Ok(_)));
                let source = source.as_ref().filter(|source| source.step.is_none_or(is_there));
                let from = source.map_or(&repository.name, |source| &source.repository);
                let arrival = repository.push_blob(self, blob, from)?;
                report(Event::Blob { bytes: blob.size(), sent: arrival == Arrival::Uploaded });
                Ok(Some(arrival))
            }
            Step::Manifest { repository, manifest, needs, probe } => {
                if probe.as_ref().is_some_and(present) {
                    return Ok(Some(Arrival::Present));
                }
                confirm(needs, outcomes)?;
                repository.put_manifest(self, manifest, &manifest.digest().to_string())?;
                Ok(Some(Arrival::Uploaded))
            }
            Step::Tag { job, needs } => {
                confirm(needs, outcomes)?;
                job.repository.put_manifest(self, job.artifact.blob(), &job.name)?;
                report(Event::Tagged(job.reference));
                Ok(Some(Arrival::Uploaded))
            }
        }
    }
}

impl Job<'_> {
    /// Returns what the name stands for now.
    fn look(&self, client: &Client, looks: &Looks) -> Result<plan::Found, Error> {
        let found = match client.looked(looks, self.reference) {
            // What is not there yet may be hidden from who may only read;
            // whether it may be written is said when it is.
            Err(Error::Refused(refusal))
                if refusal.method == "HEAD" && matches!(refusal.status, 401 | 403) =>
            {
                None
            }
            found => found?,
        };
        Ok(match found {
            Some(found) if found.digest == self.artifact.digest() => plan::Found::Same,
            Some(_) => plan::Found::Other,
            None => plan::Found::Nothing,
        })
    }
}

/// Returns the first failure of what is needed.
fn confirm(needs: &[usize], outcomes: &Outcomes<Outcome>) -> Result<(), Error> {
    for &need in needs {
        if let Some(Err(error)) = outcomes.get(need) {
            return Err(error.clone());
        }
    }
    Ok(())
}

/// Numbers things by what they are.
type Known<K> = HashMap<K, usize>;
