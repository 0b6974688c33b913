//! The old format: layers of an image under the tag `sha256-HEX.sig`, each a
//! payload ("simple signing") with the signature in an annotation.
//!
//! cosign's specs/SIGNATURE_SPEC.md, "Storage" and "Payload".

use std::collections::BTreeMap;

use oci::spec::Descriptor;
use oci::{Blob, Digest};
use serde::Deserialize;

use crate::{Fault, PublicKey, base64, certificate};

/// The media type of a payload.
pub const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// What a payload says it is.
pub const TYPE: &str = "cosign container image signature";

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const REKOR: &str = "dev.sigstore.cosign/bundle";

/// How many signatures are read; cosign's own limit.
pub(crate) const LAYERS_MAX: usize = 1000;
/// How long a payload may be; those that cosign writes have some 250 bytes.
pub(crate) const PAYLOAD_MAX: u64 = 64 * 1024;

/// Returns the tag under which the signatures of a manifest stand.
pub fn tag(subject: Digest) -> String {
    format!("sha256-{}.sig", subject.hex())
}

/// One signature, not checked yet.
#[derive(Clone, Debug)]
pub struct Legacy {
    media_type: String,
    annotations: BTreeMap<String, String>,
    /// The bytes that were signed, or why they are not to be had.
    payload: Result<Vec<u8>, String>,
}

/// What a payload says (containers-signature(5), which cosign follows).
#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    /// Nobody believes it, but sigstore-rs wants it to be there.
    #[serde(rename = "identity")]
    _identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    _docker_reference: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

/// Returns the layers of the image under the tag.
pub(crate) fn layers(manifest: &Blob) -> Result<Vec<Descriptor>, String> {
    #[derive(Deserialize)]
    struct Layers {
        #[serde(default)]
        layers: Option<Vec<Descriptor>>,
    }
    let media_type = &manifest.descriptor().media_type;
    if oci::media::is_index(media_type) {
        return Err("its tag names an index, not an image".into());
    }
    let bytes = manifest.read(u64::MAX).map_err(|error| error.to_string())?;
    let document: Layers = serde_json::from_slice(&bytes)
        .map_err(|error| format!("its manifest cannot be read: {error}"))?;
    let layers = document.layers.unwrap_or_default();
    match layers.len() {
        n if n > LAYERS_MAX => Err(format!("its manifest has {n} layers, more than {LAYERS_MAX}")),
        _ => Ok(layers),
    }
}

impl Legacy {
    pub(crate) fn new(layer: Descriptor, payload: Result<Vec<u8>, String>) -> Legacy {
        Legacy { media_type: layer.media_type, annotations: layer.annotations, payload }
    }

    /// Returns whether it comes with a certificate.
    pub fn has_certificate(&self) -> bool {
        self.has(CERTIFICATE)
    }

    /// Returns whether it comes with an entry of the transparency log Rekor.
    pub fn has_rekor(&self) -> bool {
        self.has(REKOR)
    }

    fn has(&self, annotation: &str) -> bool {
        self.annotations.get(annotation).is_some_and(|text| !text.is_empty())
    }

    /// Checks that the key made it, and of this manifest.
    ///
    /// # Errors
    ///
    /// Fails with the reason if not.
    pub fn check(&self, subject: Digest, key: &PublicKey) -> Result<(), Fault> {
        self.signed_by(key)?;
        if self.media_type != PAYLOAD {
            return Err(Fault::OtherType(self.media_type.clone()));
        }
        self.names(subject)
    }

    /// Checks that the key made the signature of the payload, and that a
    /// certificate that comes with it is valid: cosign checks that for a key
    /// too.
    pub(crate) fn signed_by(&self, key: &PublicKey) -> Result<(), Fault> {
        let missing = || Fault::Malformed(format!("its layer has no annotation `{SIGNATURE}`"));
        let signature = self.annotations.get(SIGNATURE).ok_or_else(missing)?;
        let signature = base64::standard(signature)
            .map_err(|error| Fault::Malformed(format!("the signature is not base64: {error}")))?;
        let payload = self.payload.as_ref().map_err(|reason| Fault::Malformed(reason.clone()))?;
        key.verify(payload, &signature).fault()?;
        match self.annotations.get(CERTIFICATE).filter(|text| !text.is_empty()) {
            Some(certificate) => certificate::check_time(certificate),
            None => Ok(()),
        }
    }

    /// Checks that the payload is of a signature of this manifest.
    pub(crate) fn names(&self, subject: Digest) -> Result<(), Fault> {
        let payload = self.payload.as_ref().map_err(|reason| Fault::Malformed(reason.clone()))?;
        let Payload { critical } = serde_json::from_slice(payload)
            .map_err(|error| Fault::Malformed(format!("its payload cannot be read: {error}")))?;
        let Critical { image, kind, .. } = critical;
        if image.docker_manifest_digest != subject.to_string() {
            return Err(Fault::OtherDigest(printable(&image.docker_manifest_digest)));
        }
        if kind != TYPE {
            return Err(Fault::OtherType(printable(&kind)));
        }
        Ok(())
    }

    /// Returns whether it is laid out as sigstore-rs wants it: a payload of
    /// the right type with an annotation for the signature.
    pub(crate) fn is_laid_out(&self) -> bool {
        self.media_type == PAYLOAD && self.annotations.contains_key(SIGNATURE)
    }
}

/// Returns someone else's text as it can stand in a message.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}
