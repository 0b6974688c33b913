//! What goes with an image when it is copied: signatures, attestations and
//! whatever else is about it.
//!
//! It is found in two ways: by a list of referrers (distribution-spec,
//! "Listing Referrers"), and by the tags that cosign made of a digest before
//! there was one. Not here: where it is looked for, which is the business of
//! [`crate::registry`] and [`crate::layout`].

use std::collections::{BTreeMap, HashSet};

use crate::spec::{self, Descriptor, to_bytes};
use crate::{Artifact, Blob, Digest, Error, Image, Index, Named, Reference, media};

/// What cosign puts behind `sha256-HEX.` (its specs/SIGNATURE_SPEC.md).
pub(crate) const SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// How far what is about something that is about an image is followed.
pub(crate) const DEPTH_MAX: usize = 3;

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

impl Companion {
    fn key(&self) -> String {
        match &self.link {
            Link::Tag(tag) => tag.clone(),
            Link::Referrer { subject, .. } => subject.to_string(),
        }
    }

    /// Returns what it is: its artifact type, or what stands behind the dot of
    /// its tag.
    pub fn kind(&self) -> &str {
        match &self.link {
            Link::Tag(tag) => tag.rsplit('.').next().unwrap_or(tag),
            Link::Referrer { descriptor, .. } => descriptor
                .extra
                .get("artifactType")
                .and_then(|own| own.as_str())
                .unwrap_or(&descriptor.media_type),
        }
    }

    /// Returns whether a tag is one of those that companions, and lists of
    /// them, have: no image's.
    pub fn has_tag(tag: &str) -> bool {
        let hex = tag.strip_prefix("sha256-").and_then(|rest| rest.get(..64));
        hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// Returns whether it stands in the list of referrers of this manifest.
    pub fn is_about(&self, digest: Digest) -> bool {
        matches!(self.link, Link::Referrer { subject, .. } if subject == digest)
    }

    /// Adds companions to those that are there. A thing that was replaced
    /// under its tag is there no more.
    #[must_use]
    pub fn together(mut there: Vec<Companion>, more: &[Companion]) -> Vec<Companion> {
        let replaced = |own: &Companion| {
            matches!(own.link, Link::Tag(_)) && more.iter().any(|new| new.key() == own.key())
        };
        there.retain(|own| !replaced(own));
        there.extend_from_slice(more);
        distinct(there)
    }

    /// Gives companions the names under which a place without lists of
    /// referrers, such as a layout, holds them in the repository of
    /// `reference`: their own tags, and for each list the one that the
    /// specification gives it ("Referrers Tag Schema").
    ///
    /// # Errors
    ///
    /// Fails if a list is too large to be one.
    pub fn named(reference: &Reference, companions: &[Companion]) -> Result<Vec<Named>, Error> {
        let mut lists: BTreeMap<Digest, Vec<(Descriptor, Artifact)>> = BTreeMap::new();
        let mut all = Vec::new();
        let mut add = |tag: &str, artifact: Artifact| -> Result<(), Error> {
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

/// Takes each thing once, however often it was found in the same way.
pub(crate) fn distinct(mut companions: Vec<Companion>) -> Vec<Companion> {
    let mut seen = HashSet::new();
    companions.retain(|companion| seen.insert((companion.artifact.digest(), companion.key())));
    companions
}

/// Returns the tag under which the list of referrers of a manifest stands
/// where the registry keeps none ("Referrers Tag Schema").
pub(crate) fn fallback_tag(subject: Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// Returns the digests of an artifact's index and images.
pub(crate) fn manifests(artifact: &Artifact) -> Vec<Digest> {
    let images = artifact.images().into_iter().map(Image::digest);
    let mut digests: Vec<Digest> = std::iter::once(artifact.digest()).chain(images).collect();
    digests.dedup();
    digests
}
