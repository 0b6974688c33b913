//! What goes with an image when it is copied: signatures, attestations and
//! whatever else is about it.
//!
//! Two ways to find it: the list of referrers (distribution-spec, "Listing
//! Referrers"), and the tags that cosign made of a digest before there was
//! one. Both are looked for with the index and with each of its images.

use std::collections::{BTreeMap, HashSet};

use super::{Client, Error};
use crate::spec::{self, Descriptor, to_bytes};
use crate::{Artifact, Blob, Digest, Index, Named, Reference, media, tasks};

/// What cosign puts behind `sha256-HEX.` (its specs/SIGNATURE_SPEC.md).
const SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// How far what is about something that is about an image is followed.
const DEPTH_MAX: usize = 3;

/// Something that goes with an image.
#[derive(Clone, Debug)]
pub struct Companion {
    /// What it is.
    pub artifact: Artifact,
    /// How it is found.
    pub link: Link,
}

/// How a companion is found.
#[derive(Clone, Debug)]
pub enum Link {
    /// Under this tag.
    Tag(String),
    /// In the list of the manifest with this digest.
    Referrer {
        /// What it is about.
        subject: Digest,
        /// How it stands in the list, with its type and annotations.
        descriptor: Box<Descriptor>,
    },
}

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
        let mut companions = found.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let mut seen = HashSet::new();
        companions.retain(|companion| seen.insert((companion.artifact.digest(), companion.key())));
        Ok(companions)
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

    /// Puts companions into the repository of `reference`.
    ///
    /// # Errors
    ///
    /// Fails if the registry does; what was put before stays.
    pub fn push_companions(
        &self,
        reference: &Reference,
        companions: &[Companion],
    ) -> Result<(), Error> {
        for Companion { artifact, link } in companions {
            match link {
                Link::Tag(tag) => {
                    let name = reference.with_tag(tag).map_err(crate::Error::from)?;
                    self.push_one(name, artifact)?;
                }
                Link::Referrer { subject, descriptor } => {
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

impl Companion {
    fn key(&self) -> String {
        match &self.link {
            Link::Tag(tag) => tag.clone(),
            Link::Referrer { subject, .. } => subject.to_string(),
        }
    }

    /// Gives companions the names under which a place without lists of
    /// referrers, such as a layout, holds them in the repository of
    /// `reference`: their own tags, and for each list the one that the
    /// specification gives it ("Referrers Tag Schema").
    ///
    /// # Errors
    ///
    /// Fails if a list is too large to be one.
    pub fn named(
        reference: &Reference,
        companions: &[Companion],
    ) -> Result<Vec<Named>, crate::Error> {
        let mut lists: BTreeMap<Digest, Vec<(Descriptor, Artifact)>> = BTreeMap::new();
        let mut all = Vec::new();
        let mut add = |tag: &str, artifact: Artifact| -> Result<(), crate::Error> {
            let references = vec![reference.with_tag(tag)?];
            all.push(Named { references, artifact });
            Ok(())
        };
        for Companion { artifact, link } in companions {
            match link {
                Link::Tag(tag) => add(tag, artifact.clone())?,
                Link::Referrer { subject, descriptor } => lists
                    .entry(*subject)
                    .or_default()
                    .push((Descriptor::clone(descriptor), artifact.clone())),
            }
        }
        for (subject, list) in lists {
            let (descriptors, children) = list.into_iter().unzip();
            let document = spec::Index::new(descriptors);
            let blob = Blob::from_bytes(media::INDEX, to_bytes(&document)?);
            add(&fallback_tag(subject), Artifact::Index(Index::from_parts(blob, children)?))?;
        }
        Ok(all)
    }
}

/// Returns the tag under which the list of referrers of a manifest stands
/// where the registry keeps none ("Referrers Tag Schema").
pub(crate) fn fallback_tag(subject: Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// Returns the digests of an artifact's index and images.
fn manifests(artifact: &Artifact) -> Vec<Digest> {
    let images = artifact.images().into_iter().map(crate::Image::digest);
    let mut digests: Vec<Digest> = std::iter::once(artifact.digest()).chain(images).collect();
    digests.dedup();
    digests
}
