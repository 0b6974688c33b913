//! The documents of an image as they stand in JSON.
//!
//! Fields are in a fixed order and maps are sorted, so that equal documents
//! have equal bytes. What a document of someone else's has beyond these
//! fields is kept in `extra` and written back. Reading is lenient (missing
//! fields are empty); judging is the business of [`crate::verify`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Digest, Error, Platform as Word};

/// Fields that this crate has no use for.
pub type Extra = BTreeMap<String, Value>;

/// A set in the form that Go's `map[string]struct{}` has in JSON.
pub type Set = BTreeMap<String, Empty>;

/// An empty JSON object, the value of a [`Set`]'s keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// What a blob is, which and how long (OCI image specification,
/// descriptor.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the bytes are.
    #[serde(default)]
    pub media_type: String,
    /// What they hash to.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// The machine an image is for; in an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Facts about the blob, such as its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Other fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Descriptor {
    /// Makes a descriptor of these bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Descriptor {
        Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Makes a descriptor without platform and annotations.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
            extra: Extra::new(),
        }
    }
}

/// A platform as it stands in an index (image-index.md, "platform").
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Platform {
    /// The architecture by its GOARCH name.
    #[serde(default)]
    pub architecture: String,
    /// The operating system by its GOOS name.
    #[serde(default)]
    pub os: String,
    /// The variant of the architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Other fields, such as `os.version`.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<&Word> for Platform {
    fn from(word: &Word) -> Platform {
        Platform {
            architecture: word.architecture.clone(),
            os: word.os.clone(),
            variant: word.variant.clone(),
            extra: Extra::new(),
        }
    }
}

impl From<&Platform> for Word {
    fn from(platform: &Platform) -> Word {
        Word {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
        }
    }
}

/// An image manifest (manifest.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2, for ever.
    pub schema_version: u32,
    /// The manifest's own media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The image config.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(deserialize_with = "or_default")]
    pub layers: Vec<Descriptor>,
    /// What this manifest is about, for signatures and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Facts about the image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Other fields.
    #[serde(flatten)]
    pub extra: Extra,
}

/// An image index (image-index.md); also a layout's `index.json`
/// (image-layout.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// 2, for ever.
    pub schema_version: u32,
    /// The index's own media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The images, or further indexes.
    pub manifests: Vec<Descriptor>,
    /// Facts about all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Other fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Index {
    /// Makes an index of these manifests.
    pub fn new(manifests: Vec<Descriptor>) -> Index {
        Index {
            schema_version: 2,
            media_type: Some(crate::media::INDEX.to_owned()),
            manifests,
            annotations: BTreeMap::new(),
            extra: Extra::new(),
        }
    }
}

/// An image config (config.md).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made, by RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The architecture by its GOARCH name.
    #[serde(default)]
    pub architecture: String,
    /// The operating system by its GOOS name.
    #[serde(default)]
    pub os: String,
    /// The variant of the architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// How a container of it runs.
    #[serde(default, deserialize_with = "or_default")]
    pub config: ContainerConfig,
    /// What the layers are when not compressed.
    #[serde(default)]
    pub rootfs: RootFs,
    /// How each layer came to be.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    /// Other fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ImageConfig {
    /// Returns the machine the image is for.
    pub fn platform(&self) -> Word {
        Word {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone(),
        }
    }
}

/// How a container of an image runs (config.md, "config").
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// The user, perhaps with a group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports such as `8080/tcp`.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: Set,
    /// Variables, each `NAME=value`.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The program and its first arguments.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The arguments that a user may replace.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Directories that outlive a container.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: Set,
    /// The directory it runs in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Facts about the image.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The signal that ends it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Other fields, such as docker's `Healthcheck`.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What the layers are when not compressed (config.md, "rootfs").
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RootFs {
    /// `layers`, for ever.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The digests of the tars, lowest first.
    #[serde(default, deserialize_with = "or_default")]
    pub diff_ids: Vec<Digest>,
}

/// How one layer, or one setting without a layer, came to be (config.md,
/// "history").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When, by RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether no layer belongs to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// Go writes an absent list or map as `null`.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Returns a document's bytes: compact JSON, always the same.
pub(crate) fn to_bytes(document: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(document).map_err(|error| Error::Assembly(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A document of every kind, with fields that this crate does not know.
    const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"m","config":{"mediaType":"c","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"urls":["u"]},"layers":[],"annotations":{"a":"b"},"artifactType":"t"}"#;
    const INDEX: &str = r#"{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1,"platform":{"architecture":"arm","os":"linux","variant":"v7","os.version":"10"}}],"x":{"y":[1,2.5,null]}}"#;
    const CONFIG: &str = r#"{"created":"1970-01-01T00:00:00Z","architecture":"amd64","os":"linux","config":{"User":"1","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Labels":{"k":"v"},"Healthcheck":{"Test":["NONE"]}},"rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"COPY","empty_layer":true}],"moby.buildkit":"x"}"#;

    #[test]
    fn documents_come_back_byte_for_byte() {
        let manifest: Manifest = serde_json::from_str(MANIFEST).unwrap();
        let index: Index = serde_json::from_str(INDEX).unwrap();
        let config: ImageConfig = serde_json::from_str(CONFIG).unwrap();
        let bytes = [to_bytes(&manifest), to_bytes(&index), to_bytes(&config)];
        let texts = bytes.map(|bytes| String::from_utf8(bytes.unwrap()).unwrap());
        assert_eq!(texts, [MANIFEST, INDEX, CONFIG]);
    }

    #[test]
    fn go_nulls_are_empty() {
        let text = r#"{"config":null,"rootfs":{"type":"layers","diff_ids":null},"history":null}"#;
        assert!(serde_json::from_str::<ImageConfig>(text).unwrap().history.is_empty());
        let text = MANIFEST.replace(r#""layers":[]"#, r#""layers":null"#);
        assert!(serde_json::from_str::<Manifest>(&text).unwrap().layers.is_empty());
        let text = r#"{"config":{"Labels":null,"Cmd":null,"Volumes":null}}"#;
        assert!(serde_json::from_str::<ImageConfig>(text).unwrap().config.labels.is_empty());
    }

    proptest! {
        #[test]
        fn mutated_documents_never_panic(at in 0usize..400, byte: u8, cut in 0usize..400) {
            for text in [MANIFEST, INDEX, CONFIG] {
                let mut bytes = text.as_bytes().to_vec();
                let at = at % bytes.len();
                bytes[at] = byte;
                bytes.truncate(cut.max(1));
                let _ = serde_json::from_slice::<Manifest>(&bytes);
                let _ = serde_json::from_slice::<Index>(&bytes);
                let _ = serde_json::from_slice::<ImageConfig>(&bytes);
            }
        }
    }
}
