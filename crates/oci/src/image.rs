//! Images: layers and a config for one platform.
//!
//! An [`Image`] is made once, by the builder or from documents that exist,
//! and never changed; its digest is known from then on. The documents are
//! those of the OCI image specification (manifest.md, config.md).

mod build;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use build::ImageBuilder;

use crate::spec::{Descriptor, ImageConfig, Manifest, to_bytes};
use crate::{Blob, Digest, Error, Layer, Platform, Reference, media};

/// A container image for one platform. Clones share one value.
#[derive(Clone, Debug)]
pub struct Image(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    manifest: Blob,
    manifest_document: Manifest,
    config: Blob,
    config_document: ImageConfig,
    layers: Vec<Layer>,
}

impl Image {
    /// Starts an image without layers.
    pub fn builder(platform: Platform) -> ImageBuilder {
        ImageBuilder::new(platform)
    }

    /// Makes an image of documents that exist and the blobs of its layers,
    /// byte for byte. `manifest` and `config` must be in memory or small.
    ///
    /// # Errors
    ///
    /// Fails if a document cannot be parsed, or the config does not say what
    /// is in a compressed layer.
    pub fn from_parts(manifest: Blob, config: Blob, layers: Vec<Blob>) -> Result<Image, Error> {
        let manifest_document: Manifest = parse(&manifest, "image manifest")?;
        // The config of a thing that is no image (a signature, say) may be
        // anything.
        let config_document: ImageConfig = if media::is_config(&manifest_document.config.media_type)
        {
            parse(&config, "image config")?
        } else {
            parse(&config, "image config").unwrap_or_default()
        };
        let diff_ids = &config_document.rootfs.diff_ids;
        let layers = match_up(&config, layers, diff_ids)?;
        Ok(Image(Arc::new(Parts { manifest, manifest_document, config, config_document, layers })))
    }

    /// Returns the machine the image is for.
    pub fn platform(&self) -> Platform {
        self.0.config_document.platform()
    }

    /// Returns the manifest's digest, which is the image's.
    pub fn digest(&self) -> Digest {
        self.0.manifest.digest()
    }

    /// Returns the manifest's descriptor, without a platform.
    pub fn descriptor(&self) -> &Descriptor {
        self.0.manifest.descriptor()
    }

    /// Returns the manifest as bytes with a digest.
    pub fn manifest_blob(&self) -> &Blob {
        &self.0.manifest
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest_document
    }

    /// Returns the config as bytes with a digest.
    pub fn config_blob(&self) -> &Blob {
        &self.0.config
    }

    /// Returns the config.
    pub fn config(&self) -> &ImageConfig {
        &self.0.config_document
    }

    /// Returns the labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.0.config_document.config.labels
    }

    /// Returns the manifest's annotations.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.0.manifest_document.annotations
    }

    /// Returns the same image, whose blobs a repository is known to have:
    /// that of `reference`. A push to its registry then mounts them instead of
    /// sending them.
    ///
    /// # Errors
    ///
    /// Fails as [`Image::from_parts`] does.
    pub fn held_by(&self, reference: &Reference) -> Result<Image, Error> {
        let name: Arc<str> = reference.name().into();
        let known = |blob: &Blob| blob.clone().with_origin(&name);
        let layers = self.layers().iter().map(|layer| known(layer.blob())).collect();
        Image::from_parts(self.manifest_blob().clone(), known(self.config_blob()), layers)
    }

    /// Returns the same image with exactly these annotations of its manifest;
    /// itself if it has them already.
    ///
    /// # Errors
    ///
    /// Fails if the manifest cannot be written.
    pub fn with_annotations(&self, annotations: BTreeMap<String, String>) -> Result<Image, Error> {
        if *self.annotations() == annotations {
            return Ok(self.clone());
        }
        let Parts { manifest, manifest_document, config, config_document, layers } = &*self.0;
        let manifest_document = Manifest { annotations, ..manifest_document.clone() };
        let media_type = &manifest.descriptor().media_type;
        let manifest = Blob::from_bytes(media_type, to_bytes(&manifest_document)?);
        let (config, config_document) = (config.clone(), config_document.clone());
        let layers = layers.clone();
        Ok(Image(Arc::new(Parts { manifest, manifest_document, config, config_document, layers })))
    }

    /// Returns the same image without layers that hold nothing, as some engines
    /// make them for instructions that change no file; itself if it has none.
    ///
    /// # Errors
    ///
    /// Fails if the documents cannot be written.
    pub fn without_empty_layers(&self) -> Result<Image, Error> {
        // Two empty blocks: the end of a tar.
        let nothing = Digest::of(&[0; 1024]);
        let is_empty: Vec<bool> =
            self.0.layers.iter().map(|layer| layer.diff_id() == nothing).collect();
        if !is_empty.contains(&true) {
            return Ok(self.clone());
        }
        let mut config_document = self.0.config_document.clone();
        let mut flags = is_empty.iter();
        for step in config_document.history.iter_mut().filter(|step| !step.empty_layer) {
            step.empty_layer = flags.next() == Some(&true);
        }
        let kept = |i: &usize| !is_empty[*i];
        let layers: Vec<Layer> =
            (0..is_empty.len()).filter(kept).map(|i| self.0.layers[i].clone()).collect();
        config_document.rootfs.diff_ids = layers.iter().map(Layer::diff_id).collect();
        let media_type = &self.0.config.descriptor().media_type;
        let config = Blob::from_bytes(media_type, to_bytes(&config_document)?);
        let manifest_document = Manifest {
            config: config.descriptor().clone(),
            layers: layers.iter().map(|layer| layer.blob().descriptor().clone()).collect(),
            ..self.0.manifest_document.clone()
        };
        let media_type = &self.0.manifest.descriptor().media_type;
        let manifest = Blob::from_bytes(media_type, to_bytes(&manifest_document)?);
        Ok(Image(Arc::new(Parts { manifest, manifest_document, config, config_document, layers })))
    }

    /// Returns the layers, lowest first.
    pub fn layers(&self) -> &[Layer] {
        &self.0.layers
    }

    /// Returns every blob of the image, the manifest last.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.0.layers.iter().map(Layer::blob).chain([&self.0.config, &self.0.manifest])
    }
}

/// Documents are small; what is larger than this is not one.
pub(crate) const DOCUMENT_MAX: u64 = 4 << 20;

pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    blob: &Blob,
    what: &'static str,
) -> Result<T, Error> {
    serde_json::from_slice(&blob.read(DOCUMENT_MAX)?).map_err(|error| Error::InvalidDocument {
        digest: blob.digest(),
        what,
        reason: error.to_string(),
    })
}

/// Gives each layer its diff_id. Content that is not compressed is its own.
fn match_up(config: &Blob, layers: Vec<Blob>, diff_ids: &[Digest]) -> Result<Vec<Layer>, Error> {
    let compressed = |blob: &Blob| {
        let media_type = blob.descriptor().media_type.as_str();
        media::is_gzip_layer(media_type) || media_type == media::LAYER_ZSTD
    };
    if layers.len() != diff_ids.len() && layers.iter().any(compressed) {
        let reason = format!("it has {} diff_ids for {} layers", diff_ids.len(), layers.len());
        return Err(Error::InvalidDocument {
            digest: config.digest(),
            what: "image config",
            reason,
        });
    }
    let layer = |(i, blob): (usize, Blob)| {
        let diff_id = diff_ids.get(i).copied().unwrap_or(blob.digest());
        Layer::new(blob, diff_id)
    };
    Ok(layers.into_iter().enumerate().map(layer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_annotations_make_another_image() {
        let layer = Layer::single_file("a.o", b"bytes", 0).unwrap();
        let start = Image::builder("linux/arm/v7".parse().unwrap()).layer(layer, "COPY a.o /");
        let plain = start.clone().build().unwrap();
        let annotated = start.annotation("a", "1").build().unwrap();
        let changed = plain.with_annotations(annotated.annotations().clone()).unwrap();
        assert_eq!(changed.digest(), annotated.digest());
        assert_eq!(changed.config_blob().digest(), plain.config_blob().digest());
        let back = changed.with_annotations(BTreeMap::new()).unwrap();
        assert_eq!(back.digest(), plain.digest());
        assert_eq!(back.with_annotations(BTreeMap::new()).unwrap().digest(), plain.digest());
    }

    #[test]
    fn layers_that_hold_nothing_go() {
        let platform = || "linux/arm/v7".parse().unwrap();
        let empty = || crate::LayerBuilder::new(0, std::path::Path::new("/")).finish().unwrap();
        let full = Layer::single_file("a.o", b"bytes", 0).unwrap();
        let start = || Image::builder(platform()).history("FROM").label("a", "1");
        let with = start().layer(empty(), "USER").layer(full.clone(), "COPY").layer(empty(), "CMD");
        let without = start().history("USER").layer(full, "COPY").history("CMD").build().unwrap();
        let evened = with.build().unwrap().without_empty_layers().unwrap();
        assert_eq!(evened.digest(), without.digest());
        assert_eq!(evened.layers()[0].diff_id(), without.layers()[0].diff_id());
        assert_eq!(without.without_empty_layers().unwrap().digest(), without.digest());
        let nothing = Image::builder(platform()).layer(empty(), "X").build().unwrap();
        assert!(nothing.without_empty_layers().unwrap().layers().is_empty());
    }

    #[test]
    fn an_image_of_its_own_parts_is_the_same() {
        let layer = Layer::single_file("a.o", b"bytes", 0).unwrap();
        let image = Image::builder("linux/arm/v7".parse().unwrap());
        let image = image.layer(layer, "COPY a.o /").label("a", "1").build().unwrap();
        let layers = image.layers().iter().map(|layer| layer.blob().clone()).collect();
        let again =
            Image::from_parts(image.manifest_blob().clone(), image.config_blob().clone(), layers)
                .unwrap();
        assert_eq!(again.manifest(), image.manifest());
        assert_eq!(again.config(), image.config());
        assert_eq!(again.layers()[0].diff_id(), image.layers()[0].diff_id());
        let error = Image::from_parts(
            image.manifest_blob().clone(),
            image.config_blob().clone(),
            vec![image.layers()[0].blob().clone(); 2],
        );
        let reason = "it has 1 diff_ids for 2 layers";
        let config = image.config_blob().digest();
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("`{config}` is not a valid image config: {reason}")
        );
    }
}
