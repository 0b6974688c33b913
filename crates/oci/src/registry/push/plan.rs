//! The plan of a push: every step once, and what it waits for.
//!
//! Pure: made of the jobs and of what their names stand for now.

use std::collections::HashMap;

use super::{Error, Known, Outcome, Pushed, Repository};
use crate::{Artifact, Blob, Digest, Reference};

/// One name, and what it is to stand for.
pub(super) struct Job<'a> {
    pub(super) reference: &'a Reference,
    /// The tag, or the digest where there is none.
    pub(super) name: String,
    pub(super) repository: Repository,
    pub(super) artifact: &'a Artifact,
}

/// What a name stands for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Same,
    Other,
    Nothing,
}

/// A repository of the same registry that has a blob, or will.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) repository: String,
    /// The step that brings it there.
    pub(super) step: Option<usize>,
}

/// A step; numbers are those of other steps.
pub(super) enum Step<'a> {
    /// Is the manifest there? Asked where a name stands for something else,
    /// of which parts may be the same.
    Probe { repository: &'a Repository, digest: Digest },
    /// The blob, which the `source` may have. It is not asked for if there
    /// are `probes` and all found their manifests: those have their blobs.
    Blob {
        repository: &'a Repository,
        blob: &'a Blob,
        source: Option<Source>,
        probes: Option<Vec<usize>>,
    },
    /// The manifest under its digest, unless it is there.
    Manifest {
        repository: &'a Repository,
        manifest: &'a Blob,
        needs: Vec<usize>,
        probe: Option<usize>,
    },
    /// The manifest or index under its tag.
    Tag { job: &'a Job<'a>, needs: Vec<usize> },
}

/// All steps, in an order in which none waits for a later one.
#[derive(Default)]
pub(super) struct Plan<'a> {
    pub(super) steps: Vec<Step<'a>>,
    pub(super) dependencies: Vec<Vec<usize>>,
    /// The size of all its blobs, each counted once per registry.
    pub(super) bytes: u64,
    /// The step of each job that has one.
    tags: HashMap<usize, usize>,
    blobs: Known<(Place<'a>, Digest)>,
    manifests: Known<(Place<'a>, Digest)>,
    probes: Known<(Place<'a>, Digest)>,
    /// The first to have a blob in a registry.
    sources: HashMap<(&'a str, Digest), Source>,
}

/// A registry and a repository in it.
type Place<'a> = (&'a str, &'a str);

impl<'a> Plan<'a> {
    /// Plans what the jobs need of which `found` says how their names stand.
    pub(super) fn new(jobs: &[&'a Job<'a>], found: &[Result<Found, Error>]) -> Plan<'a> {
        let mut plan = Plan::default();
        for (job, found) in jobs.iter().zip(found) {
            if matches!(found, Ok(Found::Same)) {
                plan.note_sources(job);
            }
        }
        let known = |wanted: Found, job: &Job<'_>| {
            let mut others = jobs.iter().zip(found);
            others.any(|(other, found)| {
                matches!(found, Ok(found) if *found == wanted)
                    && other.place() == job.place()
                    && (wanted != Found::Same || other.artifact.digest() == job.artifact.digest())
            })
        };
        for (number, (job, found)) in jobs.iter().zip(found).enumerate() {
            if !matches!(found, Ok(Found::Other | Found::Nothing)) {
                continue;
            }
            // What stands there under another tag is there in full.
            let needs = match known(Found::Same, job) {
                true => Vec::new(),
                false => plan.below(job, job.artifact, known(Found::Other, job), None),
            };
            let step = plan.add(needs.clone(), Step::Tag { job, needs });
            plan.tags.insert(number, step);
        }
        plan
    }

    fn add(&mut self, dependencies: Vec<usize>, step: Step<'a>) -> usize {
        self.dependencies.push(dependencies);
        self.steps.push(step);
        self.steps.len() - 1
    }

    /// Notes that what stands under a name is there in full.
    fn note_sources(&mut self, job: &'a Job<'a>) {
        for blob in job.artifact.blobs() {
            let key = (job.reference.registry(), blob.digest());
            let repository = job.repository.name.clone();
            self.sources.entry(key).or_insert(Source { repository, step: None });
        }
    }

    /// Adds what an artifact names; returns the steps that it needs. `probe`
    /// asks whether the artifact itself is there.
    fn below(
        &mut self,
        job: &'a Job<'a>,
        artifact: &'a Artifact,
        look: bool,
        probe: Option<usize>,
    ) -> Vec<usize> {
        match artifact {
            Artifact::Image(image) => {
                let mut blobs: Vec<&Blob> = image.blobs().collect();
                blobs.pop(); // The manifest, which comes last.
                blobs.into_iter().map(|blob| self.blob(job, blob, probe)).collect()
            }
            Artifact::Index(index) => {
                let children = index.children();
                if look {
                    // Before all blobs, which several of them may name.
                    for child in children {
                        self.probe(job, child.digest());
                    }
                }
                children.iter().map(|child| self.child(job, child, look)).collect()
            }
        }
    }

    fn blob(&mut self, job: &'a Job<'a>, blob: &'a Blob, probe: Option<usize>) -> usize {
        let key = (job.place(), blob.digest());
        if let Some(&step) = self.blobs.get(&key) {
            self.also_needed(step, probe);
            return step;
        }
        let registry = job.reference.registry();
        let source_key = (registry, blob.digest());
        let known = self.sources.get(&source_key).cloned();
        let is_first = known.is_none();
        let source = known.or_else(|| {
            let repository = blob.repository_in(registry)?.to_owned();
            Some(Source { repository, step: None })
        });
        let needed = source.iter().filter_map(|source| source.step);
        let dependencies = needed.chain(probe).collect();
        let probes = probe.map(|probe| vec![probe]);
        let step = Step::Blob { repository: &job.repository, blob, source, probes };
        let number = self.add(dependencies, step);
        self.blobs.insert(key, number);
        if is_first {
            let repository = job.repository.name.clone();
            self.sources.insert(source_key, Source { repository, step: Some(number) });
            self.bytes += blob.size();
        }
        number
    }

    /// Notes that one more manifest names a blob that has its step.
    fn also_needed(&mut self, step: usize, probe: Option<usize>) {
        let Step::Blob { probes, .. } = &mut self.steps[step] else { return };
        match (probes.as_mut(), probe) {
            (Some(probes), Some(probe)) if probes.contains(&probe) => {}
            (Some(probes), Some(probe)) if probe < step => {
                probes.push(probe);
                self.dependencies[step].push(probe);
            }
            // One that is not asked for, or too late to wait for.
            _ => *probes = None,
        }
    }

    fn child(&mut self, job: &'a Job<'a>, child: &'a Artifact, look: bool) -> usize {
        let key = (job.place(), child.digest());
        if let Some(&step) = self.manifests.get(&key) {
            return step;
        }
        let probe = look.then(|| self.probe(job, child.digest()));
        let needs = self.below(job, child, look, probe);
        let dependencies = needs.iter().copied().chain(probe).collect();
        let (repository, manifest) = (&job.repository, child.blob());
        let step = self.add(dependencies, Step::Manifest { repository, manifest, needs, probe });
        self.manifests.insert(key, step);
        step
    }

    fn probe(&mut self, job: &'a Job<'a>, digest: Digest) -> usize {
        let key = (job.place(), digest);
        if let Some(&step) = self.probes.get(&key) {
            return step;
        }
        let step = self.add(Vec::new(), Step::Probe { repository: &job.repository, digest });
        self.probes.insert(key, step);
        step
    }

    /// Returns what became of each job.
    pub(super) fn ends(
        &self,
        jobs: &[&Job<'_>],
        found: &[Result<Found, Error>],
        outcomes: &[Outcome],
    ) -> Vec<Result<Pushed, Error>> {
        let end = |(number, (job, found)): (usize, (&&Job<'_>, &Result<Found, Error>))| {
            let unchanged = *found.as_ref().map_err(Clone::clone)? == Found::Same;
            if let Some(Err(error)) = self.tags.get(&number).map(|&step| &outcomes[step]) {
                return Err(error.clone());
            }
            let reference = job.reference.with_digest(job.artifact.digest());
            Ok(Pushed { reference, unchanged })
        };
        jobs.iter().zip(found).enumerate().map(end).collect()
    }
}

impl Job<'_> {
    fn place(&self) -> Place<'_> {
        (self.reference.registry(), self.reference.repository())
    }
}
