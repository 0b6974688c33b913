//! Makes an image of layers and settings, and the documents that say so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Image, Parts};
use crate::spec::{ContainerConfig, Extra, History, ImageConfig, Manifest, RootFs, to_bytes};
use crate::{Blob, Error, Layer, Platform, media};

/// Collects what an image is made of.
#[derive(Clone, Debug)]
pub struct ImageBuilder {
    platform: Platform,
    created: u64,
    layers: Vec<Layer>,
    base_history: Vec<History>,
    /// Each instruction, and whether it made no layer.
    history: Vec<(String, bool)>,
    container: ContainerConfig,
    extra: Extra,
    annotations: BTreeMap<String, String>,
}

/// The config's field for who made the image (config.md).
const AUTHOR: &str = "author";

/// What a config says of the operating system beyond its name.
const OS_FIELDS: [&str; 2] = ["os.version", "os.features"];

impl ImageBuilder {
    /// Starts an image without layers, made at 0.
    pub(super) fn new(platform: Platform) -> ImageBuilder {
        ImageBuilder {
            platform,
            created: 0,
            layers: Vec::new(),
            base_history: Vec::new(),
            history: Vec::new(),
            container: ContainerConfig::default(),
            extra: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }

    /// Starts from another image: its layers and history come first, and its
    /// container settings are kept. Its annotations are its own.
    #[must_use]
    pub fn base(mut self, base: &Image) -> ImageBuilder {
        let config = base.config();
        self.layers = base.layers().iter().map(Layer::to_oci).collect();
        self.base_history = config.history.clone();
        self.container = config.config.clone();
        let kept = config
            .extra
            .iter()
            .filter(|(key, _)| key.as_str() == AUTHOR || OS_FIELDS.contains(&key.as_str()));
        self.extra = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
        self
    }

    /// Says who made the image.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> ImageBuilder {
        self.extra.insert(AUTHOR.to_owned(), author.into().into());
        self
    }

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
        let ImageBuilder { platform, created, layers, container, extra, annotations, .. } = self;
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
            history: self
                .base_history
                .into_iter()
                .chain(self.history.into_iter().map(entry))
                .collect(),
            extra,
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
    fn an_image_starts_from_another() {
        let text = r#"{"architecture":"arm","os":"linux","author":"A","os.version":"5","docker_version":"1","config":{"User":"u","Healthcheck":{"Test":["NONE"]}},"rootfs":{"type":"layers","diff_ids":["DIFF"]},"history":[{"created":"2020-01-01T00:00:00Z","created_by":"old"}]}"#;
        let layer = Layer::single_file("base", b"bytes", 0).unwrap();
        let config = text.replace("DIFF", &layer.diff_id().to_string()).into_bytes();
        let config = Blob::from_bytes(media::DOCKER_CONFIG, config);
        let blob = Blob::from_bytes(media::DOCKER_LAYER_GZIP, layer.blob().read(9999).unwrap());
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "config": config.descriptor(),
            "layers": [blob.descriptor()],
            "annotations": {"title": "of the base"},
        });
        let manifest = Blob::from_bytes(media::DOCKER_MANIFEST, manifest.to_string().into_bytes());
        let base = Image::from_parts(manifest, config, vec![blob]).unwrap();

        let top = Layer::single_file("top", b"bytes", 0).unwrap();
        let image = Image::builder("linux/arm/v7".parse().unwrap())
            .base(&base)
            .layer(top.clone(), "COPY top /")
            .build()
            .unwrap();
        let (diff_ids, top) = (&image.config().rootfs.diff_ids, top.diff_id());
        assert_eq!(diff_ids, &[layer.diff_id(), top]);
        assert_eq!(image.layers()[0].blob().descriptor(), layer.blob().descriptor());
        let expected = format!(
            r#"{{"created":"1970-01-01T00:00:00Z","architecture":"arm","os":"linux","variant":"v7","config":{{"User":"u","Healthcheck":{{"Test":["NONE"]}}}},"rootfs":{{"type":"layers","diff_ids":["{}","{top}"]}},"history":[{{"created":"2020-01-01T00:00:00Z","created_by":"old"}},{{"created":"1970-01-01T00:00:00Z","created_by":"COPY top /"}}],"author":"A","os.version":"5"}}"#,
            layer.diff_id()
        );
        let config = image.config_blob().read(9999).unwrap();
        assert_eq!(String::from_utf8(config).unwrap(), expected);
        assert!(image.annotations().is_empty());

        let image = Image::builder(base.platform()).base(&base).author("B").build().unwrap();
        assert_eq!(image.config().extra["author"], "B");
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
