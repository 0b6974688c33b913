//! What goes with an image of a registry: signatures, attestations and
//! whatever else is about it.
//!
//! It is looked for in both ways that [`crate::companion`] names, with the index
//! and with each of its images.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::{Client, Error};
use crate::companion::{Companion, DEPTH_MAX, Link, SUFFIXES, distinct, fallback_tag, manifests};
use crate::{Artifact, Digest, Named, Reference, tasks};

impl Client {
    /// Finds what goes with an image. `reference` names the repository where
    /// both are.
    ///
    /// # Errors
    ///
    /// Fails if the registry does, or what it has cannot be read.
    pub fn companions(
        &self,
        reference: &Reference,
        artifact: &Artifact,
    ) -> Result<Vec<Companion>, Error> {
        let subjects = manifests(artifact);
        let workers = self.settings().concurrency;
        let found = tasks::each(&subjects, workers, |subject| self.about(reference, *subject, 0));
        Ok(distinct(found.into_iter().collect::<Result<Vec<_>, _>>()?.concat()))
    }

    fn about(
        &self,
        reference: &Reference,
        subject: Digest,
        depth: usize,
    ) -> Result<Vec<Companion>, Error> {
        let mut companions = Vec::new();
        for descriptor in self.referrers(reference, subject, None)? {
            let artifact = self.pull(&reference.with_digest(descriptor.digest), None)?;
            if depth < DEPTH_MAX {
                companions.extend(self.about(reference, descriptor.digest, depth + 1)?);
            }
            let link = Link::Referrer { subject, descriptor: Box::new(descriptor) };
            companions.push(Companion { artifact, link });
        }
        for suffix in SUFFIXES {
            let tag = format!("{}.{suffix}", fallback_tag(subject));
            let name = reference.with_tag(&tag).map_err(crate::Error::from)?;
            if let Some(found) = self.resolve(&name)? {
                let artifact = self.pull(&name.with_digest(found.digest), None)?;
                companions.push(Companion { artifact, link: Link::Tag(tag) });
            }
        }
        Ok(companions)
    }

    /// Does [`Client::push_companions`] for several images at once; one's failure
    /// does not keep the others. Each repository has its companions once.
    pub fn push_each_companions(
        &self,
        images: &[(&[Reference], &[Companion])],
    ) -> Vec<Result<(), Error>> {
        let workers = self.settings().concurrency;
        tasks::each(images, workers, |(references, companions)| {
            let mut repositories = HashSet::new();
            references
                .iter()
                .filter(|reference| repositories.insert(reference.name()))
                .try_for_each(|reference| self.push_companions(reference, companions))
        })
    }

    /// Puts companions into the repository of `reference`, as far as they are
    /// not there.
    ///
    /// # Errors
    ///
    /// Fails if the registry does; what was put before stays.
    pub fn push_companions(
        &self,
        reference: &Reference,
        companions: &[Companion],
    ) -> Result<(), Error> {
        let mut lists: HashMap<Digest, HashSet<Digest>> = HashMap::new();
        for Companion { artifact, link } in companions {
            match link {
                Link::Tag(tag) => {
                    let name = reference.with_tag(tag).map_err(crate::Error::from)?;
                    self.push_one(name, artifact)?;
                }
                Link::Referrer { subject, descriptor } => {
                    let listed = match lists.entry(*subject) {
                        Entry::Occupied(listed) => listed.into_mut(),
                        Entry::Vacant(vacant) => {
                            let list = self.referrers(reference, *subject, None)?;
                            vacant.insert(list.iter().map(|own| own.digest).collect())
                        }
                    };
                    if listed.contains(&artifact.digest()) {
                        continue;
                    }
                    self.push_one(
                        reference.with_digest(artifact.digest()).without_tag(),
                        artifact,
                    )?;
                    self.attach(reference, artifact.blob(), descriptor, *subject)?;
                }
            }
        }
        Ok(())
    }

    fn push_one(&self, name: Reference, artifact: &Artifact) -> Result<(), Error> {
        let batch = [Named { references: vec![name], artifact: artifact.clone() }];
        self.push(&batch, &|_| {}).into_iter().try_for_each(|end| end.map(drop))
    }
}
