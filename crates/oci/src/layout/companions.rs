//! What goes with an image of a layout, as [`crate::companion`] says: read back
//! as `Companion::named` put it there.
//!
//! A layout keeps no lists of referrers but those under the tags that the
//! specification gives them ("Referrers Tag Schema"). What other tools write
//! without a name is found by the subject that its manifest states.

use serde::Deserialize;

use super::{Layout, full_name_of, tag_of};
use crate::companion::{Companion, DEPTH_MAX, Link, SUFFIXES, distinct, fallback_tag, manifests};
use crate::image::parse;
use crate::spec::Descriptor;
use crate::{Artifact, Digest, Error, Index, Reference};

/// As much of a manifest or an index as says what it is about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    artifact_type: Option<String>,
    config: Option<Part>,
    subject: Option<Part>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

/// As much of a descriptor.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default)]
    media_type: String,
    digest: Digest,
}

impl Layout {
    /// Finds what goes with an image, as `Client::companions` does in a
    /// registry. `repository` (as [`Reference::name`] has it) is the one where
    /// both are, in a layout that holds several, such as an archive.
    ///
    /// # Errors
    ///
    /// Fails if something that belongs to the image is missing, corrupt or
    /// cannot be understood.
    pub fn companions(
        &self,
        repository: Option<&str>,
        artifact: &Artifact,
    ) -> Result<Vec<Companion>, Error> {
        let unnamed = self.unnamed()?;
        let mut companions = Vec::new();
        for subject in manifests(artifact) {
            self.about(repository, subject, &unnamed, 0, &mut companions)?;
        }
        Ok(distinct(companions))
    }

    fn about(
        &self,
        repository: Option<&str>,
        subject: Digest,
        unnamed: &[(Digest, Descriptor)],
        depth: usize,
        companions: &mut Vec<Companion>,
    ) -> Result<(), Error> {
        let listed = match self.tagged(repository, &fallback_tag(subject)) {
            Some(list) => listed(self.load(list)?),
            None => Vec::new(),
        };
        let stated = unnamed.iter().filter(|(about, _)| *about == subject);
        let stated = stated.map(|(_, descriptor)| Ok((descriptor.clone(), self.load(descriptor)?)));
        let stated = stated.collect::<Result<Vec<_>, Error>>()?;
        for (descriptor, artifact) in listed.into_iter().chain(stated) {
            if depth < DEPTH_MAX {
                self.about(repository, descriptor.digest, unnamed, depth + 1, companions)?;
            }
            let link = Link::Referrer { subject, descriptor: Box::new(descriptor) };
            companions.push(Companion { artifact, link });
        }
        for suffix in SUFFIXES {
            let tag = format!("{}.{suffix}", fallback_tag(subject));
            if let Some(entry) = self.tagged(repository, &tag) {
                companions.push(Companion { artifact: self.load(entry)?, link: Link::Tag(tag) });
            }
        }
        Ok(())
    }

    /// Finds the entry with a tag. In an archive the tag's place may have the
    /// full name.
    fn tagged(&self, repository: Option<&str>, tag: &str) -> Option<&Descriptor> {
        self.index.manifests.iter().find(|entry| {
            let own = tag_of(entry);
            let full = full_name_of(entry).or(own.filter(|own| own.contains('/')));
            match full.and_then(|full| full.parse::<Reference>().ok()) {
                Some(full) => {
                    full.tag() == Some(tag) && repository.is_none_or(|own| own == full.name())
                }
                None => own == Some(tag),
            }
        })
    }

    /// Returns the manifests without a name that state what they are about,
    /// each behind that.
    fn unnamed(&self) -> Result<Vec<(Digest, Descriptor)>, Error> {
        let mut found = Vec::new();
        let is_unnamed = |entry: &&Descriptor| tag_of(entry).is_none();
        for entry in self.index.manifests.iter().filter(is_unnamed) {
            // What is no document is about nothing; who loads it is told.
            let Ok(about) = parse::<About>(&self.blob(entry)?, "image manifest") else { continue };
            let Some(subject) = about.subject else { continue };
            let of_config = about.config.map(|config| config.media_type);
            let own = about.artifact_type.filter(|own| !own.is_empty()).or(of_config);
            let mut descriptor = Descriptor::new(&entry.media_type, entry.digest, entry.size);
            descriptor.extra.extend(own.map(|own| ("artifactType".to_owned(), own.into())));
            descriptor.annotations = about.annotations;
            found.push((subject.digest, descriptor));
        }
        Ok(found)
    }
}

/// Returns what stands in a list, as it stands there.
fn listed(list: Artifact) -> Vec<(Descriptor, Artifact)> {
    let Artifact::Index(list) = list else { return Vec::new() };
    let descriptors = Index::document(&list).manifests.iter().cloned();
    descriptors.zip(list.children().iter().cloned()).collect()
}
