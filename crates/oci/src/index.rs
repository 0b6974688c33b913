//! Indexes: images of the same thing for several platforms.
//!
//! The document is that of the OCI image specification (image-index.md).
//! An index that is built holds images; one that is read may hold further
//! indexes, and images for platforms nobody knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::spec::{self, Descriptor, to_bytes};
use crate::{Artifact, Blob, Digest, Error, Image, Platform, image, media};

/// A multi-architecture image. Clones share one value.
#[derive(Clone, Debug)]
pub struct Index(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    blob: Blob,
    document: spec::Index,
    children: Vec<Artifact>,
}

impl Index {
    /// Makes an index of these images, in this order.
    ///
    /// # Errors
    ///
    /// Fails if there are none, or two for one platform: a reader could not
    /// choose between them.
    pub fn new(images: Vec<Image>, annotations: BTreeMap<String, String>) -> Result<Index, Error> {
        let mut platforms = BTreeSet::new();
        for image in &images {
            let platform = image.platform();
            if !platforms.insert(platform.clone()) {
                return Err(Error::Assembly(format!("there are two images for `{platform}`")));
            }
        }
        if images.is_empty() {
            return Err(Error::Assembly("an index needs an image".into()));
        }
        let entry = |image: &Image| Descriptor {
            platform: Some((&image.platform()).into()),
            ..image.descriptor().clone()
        };
        let manifests = images.iter().map(entry).collect();
        let document = spec::Index { annotations, ..spec::Index::new(manifests) };
        let blob = Blob::from_bytes(media::INDEX, to_bytes(&document)?);
        let children = images.into_iter().map(Artifact::Image).collect();
        Ok(Index(Arc::new(Parts { blob, document, children })))
    }

    /// Makes an index of a document that exists and what it names, byte for
    /// byte.
    ///
    /// # Errors
    ///
    /// Fails if the document cannot be parsed, or names other children than
    /// these.
    pub fn from_parts(blob: Blob, children: Vec<Artifact>) -> Result<Index, Error> {
        let document: spec::Index = image::parse(&blob, "image index")?;
        let named = document.manifests.iter().map(|child| child.digest);
        if !named.eq(children.iter().map(Artifact::digest)) {
            let reason = "its children are others".to_owned();
            let digest = blob.digest();
            return Err(Error::InvalidDocument { digest, what: "image index", reason });
        }
        Ok(Index(Arc::new(Parts { blob, document, children })))
    }

    /// Makes an index of images that each stand for a platform, whatever they
    /// say they are for: one image may stand for several.
    ///
    /// # Errors
    ///
    /// Fails if the document cannot be written.
    pub fn standing_for(
        images: &BTreeMap<Platform, Image>,
        annotations: BTreeMap<String, String>,
    ) -> Result<Index, Error> {
        let entry = |(platform, image): (&Platform, &Image)| Descriptor {
            platform: Some(platform.into()),
            ..image.descriptor().clone()
        };
        let manifests = images.iter().map(entry).collect();
        let document = spec::Index { annotations, ..spec::Index::new(manifests) };
        let blob = Blob::from_bytes(media::INDEX, to_bytes(&document)?);
        let children = images.values().cloned().map(Artifact::Image).collect();
        Ok(Index(Arc::new(Parts { blob, document, children })))
    }

    /// Returns the index's digest, which is the multi-architecture image's.
    pub fn digest(&self) -> Digest {
        self.0.blob.digest()
    }

    /// Returns the index's descriptor.
    pub fn descriptor(&self) -> &Descriptor {
        self.0.blob.descriptor()
    }

    /// Returns the index as bytes with a digest.
    pub fn blob(&self) -> &Blob {
        &self.0.blob
    }

    /// Returns the index.
    pub fn document(&self) -> &spec::Index {
        &self.0.document
    }

    /// Returns the annotations.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.0.document.annotations
    }

    /// Returns what the index names, in its order.
    pub fn children(&self) -> &[Artifact] {
        &self.0.children
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn image(platform: &str) -> Image {
        let layer = Layer::single_file("a.o", b"bytes", 0).unwrap();
        Image::builder(platform.parse().unwrap()).layer(layer, "COPY").build().unwrap()
    }

    #[test]
    fn the_document_is_this() {
        let images = vec![image("linux/amd64"), image("linux/arm/v7")];
        let (amd64, arm) = (images[0].descriptor().clone(), images[1].descriptor().clone());
        let index = Index::new(images, BTreeMap::from([("k".into(), "v".into())])).unwrap();
        let text = String::from_utf8(index.blob().read(9999).unwrap()).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{{"architecture":"amd64","os":"linux"}}}},{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{{"architecture":"arm","os":"linux","variant":"v7"}}}}],"annotations":{{"k":"v"}}}}"#,
                amd64.digest, amd64.size, arm.digest, arm.size
            )
        );
        assert_eq!(
            index.digest().to_string(),
            "sha256:eef32be87ed7c75e20dc227e5f141bd6aaba52b2e9c253a21083fdf4ad8d8f90"
        );
        let again = Index::from_parts(index.blob().clone(), index.children().to_vec()).unwrap();
        assert_eq!(again.document(), index.document());
    }

    #[test]
    fn what_no_reader_could_use_is_refused() {
        let error = |images| Index::new(images, BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(error(vec![]), "failed to assemble the image: an index needs an image");
        assert_eq!(
            error(vec![image("linux/amd64"), image("linux/amd64")]),
            "failed to assemble the image: there are two images for `linux/amd64`"
        );
        let index = Index::new(vec![image("linux/amd64")], BTreeMap::new()).unwrap();
        assert!(Index::from_parts(index.blob().clone(), vec![]).is_err());
    }
}
