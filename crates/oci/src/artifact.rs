//! Artifacts: what stands under a name, an image or an index.

use std::collections::HashSet;

use crate::spec::Descriptor;
use crate::{Blob, Digest, Error, Image, Index, Platform, Reference};

/// What one reference names.
#[derive(Clone, Debug)]
pub enum Artifact {
    /// A plain manifest, for one platform.
    Image(Image),
    /// An index, for any number of platforms.
    Index(Index),
}

impl Artifact {
    /// Returns the descriptor of the manifest or index.
    pub fn descriptor(&self) -> &Descriptor {
        match self {
            Artifact::Image(image) => image.descriptor(),
            Artifact::Index(index) => index.descriptor(),
        }
    }

    /// Returns the manifest or index as bytes with a digest.
    pub fn blob(&self) -> &Blob {
        match self {
            Artifact::Image(image) => image.manifest_blob(),
            Artifact::Index(index) => index.blob(),
        }
    }

    /// Returns the digest of the manifest or index.
    pub fn digest(&self) -> Digest {
        self.descriptor().digest
    }

    /// Returns every image in it, in the order of the index.
    pub fn images(&self) -> Vec<&Image> {
        match self {
            Artifact::Image(image) => vec![image],
            Artifact::Index(index) => index.children().iter().flat_map(Artifact::images).collect(),
        }
    }

    /// Returns the platforms of its images.
    pub fn platforms(&self) -> Vec<Platform> {
        self.images().into_iter().map(Image::platform).collect()
    }

    /// Returns every blob under it once, each after those that it names.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let mut blobs = Vec::new();
        self.collect_blobs(&mut HashSet::new(), &mut blobs);
        blobs.into_iter()
    }

    /// Returns the number of bytes of all blobs, each counted once.
    pub fn size(&self) -> u64 {
        self.blobs().map(Blob::size).sum()
    }

    fn collect_blobs<'a>(&'a self, seen: &mut HashSet<Digest>, blobs: &mut Vec<&'a Blob>) {
        let own: Vec<&'a Blob> = match self {
            Artifact::Image(image) => image.blobs().collect(),
            Artifact::Index(index) => {
                index.children().iter().for_each(|child| child.collect_blobs(seen, blobs));
                vec![index.blob()]
            }
        };
        blobs.extend(own.into_iter().filter(|blob| seen.insert(blob.digest())));
    }
}

/// An artifact and the names it is to have.
#[derive(Clone, Debug)]
pub struct Named {
    /// The names; each needs a tag.
    pub references: Vec<Reference>,
    /// What they are to name.
    pub artifact: Artifact,
}

impl Named {
    /// Returns the references with the tags under which the artifact can
    /// stand in a layout.
    pub(crate) fn tagged(&self) -> Result<Vec<(&Reference, &str)>, Error> {
        let digest = self.artifact.digest();
        if self.references.is_empty() {
            return Err(Error::Assembly(format!("`{digest}` has no name to be written under")));
        }
        let tagged = self.references.iter().map(|reference| {
            let error =
                |reason| Error::Unwritable { reference: Box::new(reference.clone()), reason };
            if reference.digest().is_some_and(|named| named != digest) {
                return Err(error("the image has another digest"));
            }
            Ok((reference, reference.tag().ok_or_else(|| error("it has no tag"))?))
        });
        tagged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;
    use std::collections::BTreeMap;

    #[test]
    fn blobs_come_once_and_after_what_they_name() {
        let layer = Layer::single_file("a.o", b"bytes", 0).unwrap();
        let image = |platform: &str| {
            let builder = Image::builder(platform.parse().unwrap());
            builder.layer(layer.clone(), "COPY").build().unwrap()
        };
        let (one, two) = (image("linux/amd64"), image("linux/arm64"));
        let index = Index::new(vec![one.clone(), two.clone()], BTreeMap::new()).unwrap();
        let artifact = Artifact::Index(index);
        let digests: Vec<_> = artifact.blobs().map(Blob::digest).collect();
        let expected = [
            layer.blob().digest(),
            one.config_blob().digest(),
            one.digest(),
            two.config_blob().digest(),
            two.digest(),
            artifact.digest(),
        ];
        assert_eq!(digests, expected);
        let platforms: Vec<_> = artifact.platforms().iter().map(Platform::to_string).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    }
}
