//! Documents about an image, as artifacts that refer to it (OCI image
//! specification, manifest.md, "Guidelines for Artifact Usage").

use std::collections::BTreeMap;

use oci::registry::{Companion, Link};
use oci::spec::Descriptor;
use oci::{Artifact, Blob, Error, Image};
use serde_json::json;

/// The type of in-toto's statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The type of SPDX documents in JSON.
pub const SPDX: &str = "application/spdx+json";

/// The annotation that says which predicate a statement has; docker's buildx
/// has it, too.
pub const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";

/// What stands for a config where there is none (manifest.md, "Guidance for
/// an Empty Descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Documents are small; what is larger is none of ours.
const DOCUMENT_MAX: u64 = 4 << 20;

/// A document about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// What it is: [`IN_TOTO`] or [`SPDX`].
    pub artifact_type: String,
    /// Its predicate's type, if it is a statement.
    pub predicate_type: Option<String>,
    /// The document.
    pub bytes: Vec<u8>,
}

impl Referrer {
    /// A statement whose predicate is of this type.
    pub fn statement(predicate_type: &str, bytes: Vec<u8>) -> Referrer {
        let predicate_type = Some(predicate_type.to_owned());
        Referrer { artifact_type: IN_TOTO.to_owned(), predicate_type, bytes }
    }

    /// An SPDX document.
    pub fn spdx(bytes: Vec<u8>) -> Referrer {
        Referrer { artifact_type: SPDX.to_owned(), predicate_type: None, bytes }
    }

    /// Returns the artifact that refers to an image or index.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be put together.
    pub fn about(&self, subject: &Descriptor) -> Result<Companion, Error> {
        let layer = Blob::from_bytes(&self.artifact_type, self.bytes.clone());
        let config = Blob::from_bytes(EMPTY, *b"{}");
        let predicate = self.predicate_type.iter();
        let annotations: BTreeMap<String, String> =
            predicate.map(|it| (PREDICATE_TYPE.to_owned(), it.clone())).collect();
        // What the place that named it says of its platform is not its own.
        let subject = Descriptor::new(&subject.media_type, subject.digest, subject.size);
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": oci::media::MANIFEST,
            "artifactType": self.artifact_type,
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
            "subject": subject,
        });
        if !annotations.is_empty() {
            document["annotations"] = json!(annotations);
        }
        let manifest = Blob::from_bytes(oci::media::MANIFEST, document.to_string().into_bytes());
        let mut descriptor = manifest.descriptor().clone();
        descriptor.annotations = annotations;
        descriptor.extra.insert("artifactType".to_owned(), self.artifact_type.clone().into());
        let image = Image::from_parts(manifest, config, vec![layer])?;
        let link = Link::Referrer { subject: subject.digest, descriptor: Box::new(descriptor) };
        Ok(Companion { artifact: Artifact::Image(image), link })
    }

    /// Reads a document back from what refers to an image; `None` if that is
    /// something else, such as a signature.
    ///
    /// # Errors
    ///
    /// Fails if the document cannot be read, or is another than its digest
    /// says.
    pub fn read(companion: &Companion) -> Result<Option<Referrer>, Error> {
        let (Link::Referrer { .. }, Artifact::Image(image)) =
            (&companion.link, &companion.artifact)
        else {
            return Ok(None);
        };
        let manifest = image.manifest();
        let artifact_type = manifest.extra.get("artifactType").and_then(|own| own.as_str());
        let (Some(artifact_type @ (IN_TOTO | SPDX)), [layer]) = (artifact_type, image.layers())
        else {
            return Ok(None);
        };
        Ok(Some(Referrer {
            artifact_type: artifact_type.to_owned(),
            predicate_type: manifest.annotations.get(PREDICATE_TYPE).cloned(),
            bytes: layer.blob().read(DOCUMENT_MAX)?,
        }))
    }
}
