//! Images: layers and a config for one platform.
//!
//! An [`Image`] is made once, by the builder or from documents that exist,
//! and never changed; its digest is known from then on. The documents are
//! those of the OCI image specification (manifest.md, config.md).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::spec::{ContainerConfig, Descriptor, History, ImageConfig, Manifest, RootFs, to_bytes};
use crate::{Blob, Digest, Error, Layer, Platform, media};

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
        ImageBuilder {
            platform,
            created: 0,
            layers: Vec::new(),
            history: Vec::new(),
            container: ContainerConfig::default(),
            annotations: BTreeMap::new(),
        }
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

/// Collects what an image is made of.
#[derive(Clone, Debug)]
pub struct ImageBuilder {
    platform: Platform,
    created: u64,
    layers: Vec<Layer>,
    /// Each instruction, and whether it made no layer.
    history: Vec<(String, bool)>,
    container: ContainerConfig,
    annotations: BTreeMap<String, String>,
}

impl ImageBuilder {
    /// Adds a layer on top, and the instruction that made it to the history.
    #[must_use]
    pub fn layer(mut self, layer: Layer, created_by: impl Into<String>) -> ImageBuilder {
        self.layers.push(layer);
        self.history.push((created_by.into(), false));
        self
    }

    /// Adds an instruction that made no layer to the history.
    #[must_use]
    pub fn history(mut self, created_by: impl Into<String>) -> ImageBuilder {
        self.history.push((created_by.into(), true));
        self
    }

    /// Sets how a container runs, in place of everything set before, labels
    /// included.
    #[must_use]
    pub fn container(mut self, container: ContainerConfig) -> ImageBuilder {
        self.container = container;
        self
    }

    /// Adds a label, or replaces it.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> ImageBuilder {
        self.container.labels.insert(key.into(), value.into());
        self
    }

    /// Adds an annotation to the manifest, or replaces it.
    #[must_use]
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> ImageBuilder {
        self.annotations.insert(key.into(), value.into());
        self
    }

    /// Sets the time of creation, in seconds since 1970; 0 unless set.
    #[must_use]
    pub fn created(mut self, seconds: u64) -> ImageBuilder {
        self.created = seconds;
        self
    }

    /// Makes the image.
    ///
    /// # Errors
    ///
    /// Fails if the time of creation is after the year 9999.
    pub fn build(self) -> Result<Image, Error> {
        let ImageBuilder { platform, created, layers, history, container, annotations } = self;
        let created = rfc3339(created)?;
        let entry = |(created_by, empty_layer)| History {
            created: Some(created.clone()),
            created_by: Some(created_by),
            empty_layer,
            ..History::default()
        };
        let config_document = ImageConfig {
            created: Some(created.clone()),
            architecture: platform.architecture,
            os: platform.os,
            variant: platform.variant,
            config: container,
            rootfs: RootFs {
                kind: "layers".into(),
                diff_ids: layers.iter().map(Layer::diff_id).collect(),
            },
            history: history.into_iter().map(entry).collect(),
            extra: BTreeMap::new(),
        };
        let config = Blob::from_bytes(media::CONFIG, to_bytes(&config_document)?);
        let manifest_document = Manifest {
            schema_version: 2,
            media_type: Some(media::MANIFEST.into()),
            config: config.descriptor().clone(),
            layers: layers.iter().map(|layer| layer.blob().descriptor().clone()).collect(),
            subject: None,
            annotations,
            extra: BTreeMap::new(),
        };
        let manifest = Blob::from_bytes(media::MANIFEST, to_bytes(&manifest_document)?);
        Ok(Image(Arc::new(Parts { manifest, manifest_document, config, config_document, layers })))
    }
}

/// The last second of the year 9999, beyond which RFC 3339 has no words.
const LAST_SECOND: u64 = 253_402_300_799;

fn rfc3339(seconds: u64) -> Result<String, Error> {
    if seconds > LAST_SECOND {
        return Err(Error::Assembly(format!("the time of creation {seconds} is after 9999")));
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    Ok(humantime::format_rfc3339_seconds(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ImageBuilder {
        let layer = Layer::single_file("a.o", b"bytes", 0).unwrap();
        Image::builder("linux/arm/v7".parse().unwrap())
            .history("FROM scratch")
            .layer(layer, "COPY a.o /")
            .label("b", "2")
            .label("a", "1")
            .annotation("title", "t")
    }

    #[test]
    fn the_documents_are_these() {
        let image = sample().build().unwrap();
        let text = |blob: &Blob| String::from_utf8(blob.read(9999).unwrap()).unwrap();
        let diff_id = image.layers()[0].diff_id();
        assert_eq!(
            text(image.config_blob()),
            format!(
                r#"{{"created":"1970-01-01T00:00:00Z","architecture":"arm","os":"linux","variant":"v7","config":{{"Labels":{{"a":"1","b":"2"}}}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}},"history":[{{"created":"1970-01-01T00:00:00Z","created_by":"FROM scratch","empty_layer":true}},{{"created":"1970-01-01T00:00:00Z","created_by":"COPY a.o /"}}]}}"#
            )
        );
        let (config, layer) = (image.config_blob(), image.layers()[0].blob());
        assert_eq!(
            text(image.manifest_blob()),
            format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{}","size":{}}}],"annotations":{{"title":"t"}}}}"#,
                config.digest(),
                config.size(),
                layer.digest(),
                layer.size()
            )
        );
        assert_eq!(
            image.digest().to_string(),
            "sha256:afac60dce061b13b9de8b47d9dea32803af89ae77e3f4d37afa1db31dba61362"
        );
    }

    #[test]
    fn an_image_of_its_own_parts_is_the_same() {
        let image = sample().build().unwrap();
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

    #[test]
    fn times_print_by_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (LAST_SECOND, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, text) in cases {
            assert_eq!(rfc3339(seconds).unwrap(), text);
        }
        assert!(sample().created(LAST_SECOND + 1).build().is_err());
    }
}
