//! What is kept of one name: read with every byte verified, and written whole.

use std::collections::BTreeMap;

use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Digest, Error, Image, Index, Layout, Named, Platform, Reference};

/// The annotation of the index that says for which digest the name stood
/// (OCI image specification, annotations.md).
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// The images that are kept of a name.
#[derive(Debug)]
pub(super) struct Kept {
    /// What the name stood for.
    pub(super) digest: Digest,
    /// By the platform that was asked for, which need not be the one that an
    /// image says.
    pub(super) images: BTreeMap<Platform, Image>,
}

impl Kept {
    /// Returns the beginning of what is to be kept.
    pub(super) fn nothing(digest: Digest) -> Kept {
        Kept { digest, images: BTreeMap::new() }
    }

    /// Finds what is kept of a name; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// Fails if any of it is missing or damaged, or cannot be read.
    pub(super) fn find(tree: &Tree, reference: &Reference) -> Result<Option<Kept>, Error> {
        let directory = tree.directory(reference);
        if !directory.join("oci-layout").exists() {
            return Ok(None);
        }
        let layout = Layout::open(&directory)?;
        let entry = entry(reference)?;
        let tag = entry.tag().unwrap_or_default();
        if !layout.tags().contains(&tag) {
            return Ok(None);
        }
        let artifact = layout.load(&layout.resolve(tag)?)?;
        let Artifact::Index(index) = &artifact else { return Ok(None) };
        let digest = index.annotations().get(BASE_DIGEST).and_then(|word| word.parse().ok());
        let Some(digest) = digest else { return Ok(None) };
        // A write of what is there reads all that may have changed.
        write(tree, entry, artifact.clone())?;
        let children = index.document().manifests.iter().zip(index.children());
        let images = children.filter_map(|(descriptor, child)| match child {
            Artifact::Image(image) => Some((descriptor.platform.as_ref()?.into(), image)),
            Artifact::Index(_) => None,
        });
        let held =
            |(platform, image): (Platform, &Image)| Ok((platform, image.held_by(reference)?));
        Ok(Some(Kept { digest, images: images.map(held).collect::<Result<_, Error>>()? }))
    }

    /// Downloads what is elsewhere, and puts all of it in the place of what was
    /// kept of the name.
    ///
    /// # Errors
    ///
    /// Fails if a download does, bytes are not those of their digest, or files
    /// cannot be written; what was there is then as it was.
    pub(super) fn write(self, tree: &Tree, reference: &Reference) -> Result<(), Error> {
        let annotations = BTreeMap::from([(BASE_DIGEST.to_owned(), self.digest.to_string())]);
        let index = Index::standing_for(&self.images, annotations)?;
        write(tree, entry(reference)?, Artifact::Index(index))
    }
}

/// Returns the name under which a base is kept: its tag, or, of one with a
/// digest, that.
fn entry(reference: &Reference) -> Result<Reference, Error> {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => Ok(reference.with_tag(&format!("digest-{}", digest.hex()))?),
        (None, tag) => Ok(reference.with_tag(tag.unwrap_or_default())?),
    }
}

fn write(tree: &Tree, name: Reference, artifact: Artifact) -> Result<(), Error> {
    let named = Named { references: vec![name], artifact };
    // What a power cut takes is downloaded again.
    let written = tree.write(&[named], WriteOptions { durable: false })?;
    written.into_iter().try_for_each(|outcome| outcome.map(drop))
}
