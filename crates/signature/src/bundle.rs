//! The new format: a Sigstore bundle (version 0.3) that refers to a manifest.
//!
//! The document is protobuf-specs' `sigstore_bundle.proto` in JSON. cosign
//! puts an in-toto statement into it, in a DSSE envelope, and its predicate
//! says what it is: a signature, or an attestation of whatever kind.

use std::collections::BTreeMap;

use oci::spec::Descriptor;
use oci::{Blob, Digest};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::legacy::printable;
use crate::{Fault, PublicKey, base64};

/// The artifact type of a bundle, and the media type of its document.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What bundles of every version begin with.
pub(crate) const ANY_BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// The predicate of a signature: cosign's pkg/types.
pub const SIGNATURE_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
/// The type of what is in the envelope: in-toto's spec/v1/envelope.md.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// How long a bundle may be. One of a signature has 2 to 8 KiB; an
/// attestation may hold a list of all that is in an image.
pub(crate) const BUNDLE_MAX: u64 = 16 << 20;
/// How many bundles are read of one manifest.
pub(crate) const BUNDLES_MAX: usize = 250;

/// One bundle, not checked yet.
#[derive(Clone, Debug)]
pub struct Bundle {
    has_certificate: bool,
    has_log_entry: bool,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Envelope(Envelope),
    /// A signature of bytes rather than a statement; not what cosign makes
    /// of images, and not what it accepts of them.
    Message,
}

/// What was signed, and how (DSSE's envelope.md).
#[derive(Clone, Debug)]
struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    /// There must be one.
    signatures: Vec<Vec<u8>>,
}

/// What a statement says (in-toto's spec/v1/statement.md).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Statement {
    #[serde(rename = "_type")]
    _kind: Option<String>,
    #[serde(default)]
    subject: Vec<Subject>,
    #[serde(default)]
    pub(crate) predicate_type: String,
    #[serde(default)]
    pub(crate) predicate: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Subject {
    #[serde(default)]
    digest: BTreeMap<String, String>,
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "uri")]
    _uri: Option<String>,
    #[serde(rename = "content")]
    _content: Option<String>,
    #[serde(rename = "downloadLocation")]
    _download_location: Option<String>,
    #[serde(rename = "mediaType")]
    _media_type: Option<String>,
    #[serde(rename = "annotations")]
    _annotations: Option<Map<String, Value>>,
}

/// The document as it stands. Fields that are not of version 0.3 are faults,
/// as they are for cosign: a newer version has another type.
mod document {
    use super::{Deserialize, Value};

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub(super) struct Bundle {
        #[serde(default)]
        pub(super) media_type: String,
        pub(super) verification_material: Option<Material>,
        pub(super) message_signature: Option<Value>,
        pub(super) dsse_envelope: Option<Envelope>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub(super) struct Material {
        pub(super) public_key: Option<PublicKey>,
        pub(super) x509_certificate_chain: Option<Value>,
        pub(super) certificate: Option<Value>,
        pub(super) tlog_entries: Option<Vec<Value>>,
        #[serde(rename = "timestampVerificationData")]
        pub(super) _timestamps: Option<Value>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct PublicKey {
        #[serde(rename = "hint")]
        pub(super) _hint: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub(super) struct Envelope {
        #[serde(default)]
        pub(super) payload: String,
        #[serde(default)]
        pub(super) payload_type: String,
        #[serde(default)]
        pub(super) signatures: Vec<Signature>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Signature {
        #[serde(default)]
        pub(super) sig: String,
        #[serde(default)]
        pub(super) keyid: String,
    }
}

/// Returns whether a referrer may be a bundle, by its descriptor.
pub(crate) fn may_be(referrer: &Descriptor) -> bool {
    let kind = referrer.extra.get("artifactType").and_then(Value::as_str);
    kind.is_none_or(|kind| kind.is_empty() || kind.starts_with(ANY_BUNDLE))
}

/// Returns the layer of a referrer that holds the bundle; `None` if it holds
/// something else.
pub(crate) fn layer(manifest: &Blob) -> Result<Option<Descriptor>, String> {
    #[derive(Deserialize)]
    struct Layers {
        #[serde(default)]
        layers: Option<Vec<Descriptor>>,
    }
    let bytes = manifest.read(u64::MAX).map_err(|error| error.to_string())?;
    let document: Layers = serde_json::from_slice(&bytes)
        .map_err(|error| format!("its manifest cannot be read: {error}"))?;
    let mut layers = document.layers.unwrap_or_default();
    let is_bundle = layers.iter().any(|layer| layer.media_type.starts_with(ANY_BUNDLE));
    match layers.len() {
        _ if !is_bundle => Ok(None),
        1 => Ok(layers.pop()),
        n => Err(format!("its manifest has {n} layers, not one")),
    }
}

impl Bundle {
    /// Reads a bundle's document.
    ///
    /// # Errors
    ///
    /// Fails with the reason if it is none of version 0.3.
    pub fn parse(bytes: &[u8]) -> Result<Bundle, String> {
        let document: document::Bundle = serde_json::from_slice(bytes)
            .map_err(|error| format!("the bundle cannot be read: {error}"))?;
        let kind = document.media_type;
        if kind != BUNDLE && kind != "application/vnd.dev.sigstore.bundle+json;version=0.3" {
            return Err(format!("the bundle is of type `{}`", printable(&kind)));
        }
        let Some(material) = document.verification_material else {
            return Err("the bundle does not say what it is verified with".into());
        };
        if material.x509_certificate_chain.is_some() {
            return Err("the bundle has a chain of certificates, not one".into());
        }
        let has_certificate = match (&material.public_key, &material.certificate) {
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) => return Err("the bundle has neither key nor certificate".into()),
            (Some(_), Some(_)) => return Err("the bundle has both key and certificate".into()),
        };
        let content = match (document.dsse_envelope, document.message_signature) {
            (Some(envelope), None) => Content::Envelope(Envelope::of(&envelope)?),
            (None, Some(_)) => Content::Message,
            (None, None) => return Err("nothing is in the bundle".into()),
            (Some(_), Some(_)) => return Err("two things are in the bundle".into()),
        };
        let has_log_entry = material.tlog_entries.is_some_and(|entries| !entries.is_empty());
        Ok(Bundle { has_certificate, has_log_entry, content })
    }

    /// Returns whether it was made with a certificate, not a key.
    pub fn has_certificate(&self) -> bool {
        self.has_certificate
    }

    /// Returns whether it has an entry of a transparency log.
    pub fn has_log_entry(&self) -> bool {
        self.has_log_entry
    }

    /// Returns the type of the predicate, which nothing has verified yet.
    pub(crate) fn claimed_predicate(&self) -> Option<String> {
        let Content::Envelope(envelope) = &self.content else { return None };
        envelope.statement().ok().map(|statement| statement.predicate_type)
    }

    /// Checks that the key made it, of this manifest; returns what it states.
    pub(crate) fn statement(&self, subject: Digest, key: &PublicKey) -> Result<Statement, Fault> {
        self.signed_by(key)?;
        self.claim(subject)
    }

    /// Returns what it states of this manifest, which nothing has verified
    /// yet.
    pub(crate) fn claim(&self, subject: Digest) -> Result<Statement, Fault> {
        let Content::Envelope(envelope) = &self.content else { return Err(message()) };
        let statement = envelope.statement()?;
        statement.names(subject)?;
        Ok(statement)
    }

    /// Checks that the key made the signature of the envelope.
    fn signed_by(&self, key: &PublicKey) -> Result<(), Fault> {
        if self.has_certificate {
            return Err(Fault::Certificate);
        }
        let Content::Envelope(envelope) = &self.content else { return Err(message()) };
        let [signature] = &envelope.signatures[..] else {
            let n = envelope.signatures.len();
            return Err(Fault::Malformed(format!("the envelope has {n} signatures, not one")));
        };
        key.verify(&envelope.signed_bytes(), signature).fault()
    }
}

fn message() -> Fault {
    Fault::OtherType("message signature".into())
}

impl Envelope {
    fn of(document: &document::Envelope) -> Result<Envelope, String> {
        let bytes = |what: &str, text: &str| {
            base64::of_json(text).map_err(|error| format!("the {what} is not base64: {error}"))
        };
        // cosign names no key; where one is named, its reader wants the
        // fingerprint that only an SSH library would make of the key.
        if document.signatures.iter().any(|it| !it.keyid.is_empty()) {
            return Err("the envelope names a key, and cosign accepts none that does".into());
        }
        let signatures = document.signatures.iter().map(|it| bytes("signature", &it.sig));
        Ok(Envelope {
            payload_type: document.payload_type.clone(),
            payload: bytes("payload", &document.payload)?,
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the bytes that a signature is of (DSSE's protocol.md, "PAE").
    fn signed_bytes(&self) -> Vec<u8> {
        let kind = &self.payload_type;
        let head = format!("DSSEv1 {} {kind} {} ", kind.len(), self.payload.len());
        [head.as_bytes(), &self.payload].concat()
    }

    fn statement(&self) -> Result<Statement, Fault> {
        if self.payload_type != IN_TOTO {
            return Err(Fault::OtherType(printable(&self.payload_type)));
        }
        serde_json::from_slice(&self.payload)
            .map_err(|error| Fault::Malformed(format!("its statement cannot be read: {error}")))
    }
}

impl Statement {
    /// Checks that it is about this manifest.
    fn names(&self, subject: Digest) -> Result<(), Fault> {
        let found: Vec<_> = self.subject.iter().filter_map(|it| it.digest.get("sha256")).collect();
        if found.iter().any(|hex| **hex == subject.hex()) {
            return Ok(());
        }
        match found.first() {
            Some(hex) => Err(Fault::OtherDigest(printable(&format!("sha256:{hex}")))),
            None => Err(Fault::Malformed("its statement is about nothing".into())),
        }
    }
}
