//! Public keys, and whether they verify a signature.
//!
//! Kinds are those that `cosign generate-key-pair` and `import-key-pair`
//! know: ECDSA on P-256 and P-384, Ed25519, and RSA (PKCS #1 v1.5).

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use spki::ObjectIdentifier;
use spki::SubjectPublicKeyInfoOwned;
use spki::der::DecodePem as _;

use crate::Fault;

/// A public key that signatures are checked with.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// As ring wants it: a point, 32 bytes, or an RSAPublicKey (RFC 8017,
    /// A.1.1).
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa,
}

/// What a key says of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It made it, of these bytes.
    Verified,
    /// It made it, of the SHA-384 hash of these bytes. cosign makes such with
    /// a key on P-384, and `cosign verify --key` does not accept them: its
    /// `--signature-digest-algorithm` is SHA-256 whatever the key.
    Sha384,
    /// It did not make it, or not of these bytes. What cosign makes with an
    /// Ed25519 key is of this kind too: it signs by Ed25519ph and verifies by
    /// Ed25519 (RFC 8032).
    Refused,
}

impl Check {
    /// Returns what is wrong, if anything is.
    pub(crate) fn fault(self) -> Result<(), Fault> {
        match self {
            Check::Verified => Ok(()),
            Check::Sha384 => Err(Fault::OtherHash),
            Check::Refused => Err(Fault::OtherKey),
        }
    }
}

/// Why a text is no public key to check signatures with. It never says what
/// stands in the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is a private key.
    #[error("it is a private key, where the public one is needed")]
    Private,
    /// It is a certificate.
    #[error("it is a certificate, where a public key is needed")]
    Certificate,
    /// It is something else.
    #[error("it is not a public key in PEM form: {0}")]
    NotAKey(String),
    /// It is a key of a kind that is not supported.
    #[error("it is a {0}; keys are ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits")]
    Unsupported(String),
}

/// Longer texts are no keys: RSA with 8192 bits takes 1.5 KiB.
const PEM_MAX: usize = 16 * 1024;

// RFC 5480, 2.1.1 and 2.1.1.1; RFC 8410, 3; RFC 8017, A.1.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

impl PublicKey {
    /// Reads a public key in PEM form, as `cosign.pub` is. What stands before
    /// and after it is let be.
    ///
    /// # Errors
    ///
    /// Fails if it is something else, or a kind of key that is not supported.
    pub fn from_pem(text: &str) -> Result<PublicKey, KeyError> {
        if text.len() > PEM_MAX {
            return Err(KeyError::NotAKey(format!("it is longer than {PEM_MAX} bytes")));
        }
        let Some(block) = block(text, "PUBLIC KEY") else {
            return Err(not_a_key(text));
        };
        let info = SubjectPublicKeyInfoOwned::from_pem(block)
            .map_err(|error| KeyError::NotAKey(error.to_string()))?;
        let not_whole = || KeyError::NotAKey("its bits are not whole bytes".into());
        let bytes = info.subject_public_key.as_bytes().ok_or_else(not_whole)?.to_vec();
        let curve = || info.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok();
        let kind = match info.algorithm.oid {
            EC => match curve() {
                Some(P256) => Kind::P256,
                Some(P384) => Kind::P384,
                Some(other) => {
                    return Err(KeyError::Unsupported(format!("key on the curve {other}")));
                }
                None => return Err(KeyError::NotAKey("its curve has no name".into())),
            },
            ED25519 => Kind::Ed25519,
            RSA => Kind::Rsa,
            other => return Err(KeyError::Unsupported(format!("key of the kind {other}"))),
        };
        let key = PublicKey { kind, bytes };
        key.check_size()?;
        Ok(key)
    }

    /// ring says of a key that it cannot use only that a signature is wrong.
    fn check_size(&self) -> Result<(), KeyError> {
        let is_point = |n: usize| self.bytes.len() == 2 * n + 1 && self.bytes[0] == 4;
        match self.kind {
            Kind::P256 if is_point(32) => Ok(()),
            Kind::P384 if is_point(48) => Ok(()),
            Kind::Ed25519 if self.bytes.len() == 32 => Ok(()),
            Kind::Rsa => match self.modulus_bits() {
                Some(2048..=8192) => Ok(()),
                Some(bits) => Err(KeyError::Unsupported(format!("RSA key of {bits} bits"))),
                None => Err(KeyError::NotAKey("its modulus cannot be read".into())),
            },
            _ => Err(KeyError::NotAKey("its point has another size than its curve's".into())),
        }
    }

    /// Returns the size of an RSA key.
    fn modulus_bits(&self) -> Option<usize> {
        use spki::der::{Decode as _, Reader as _, SliceReader, asn1::UintRef};
        let mut reader = SliceReader::new(&self.bytes).ok()?;
        let modulus = reader.sequence(|inner| {
            let modulus = UintRef::decode(inner)?;
            UintRef::decode(inner)?;
            Ok::<_, spki::der::Error>(modulus.as_bytes())
        });
        let modulus = modulus.ok()?;
        let first = modulus.first()?;
        Some(modulus.len() * 8 - first.leading_zeros() as usize)
    }

    /// Checks a signature of these bytes.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Check {
        let fits = |algorithm: &'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(algorithm, &self.bytes).verify(message, signature).is_ok()
        };
        let algorithm: &'static dyn VerificationAlgorithm = match self.kind {
            Kind::P256 => &signature::ECDSA_P256_SHA256_ASN1,
            Kind::P384 => &signature::ECDSA_P384_SHA256_ASN1,
            Kind::Ed25519 => &signature::ED25519,
            Kind::Rsa => &signature::RSA_PKCS1_2048_8192_SHA256,
        };
        if fits(algorithm) {
            Check::Verified
        } else if self.kind == Kind::P384 && fits(&signature::ECDSA_P384_SHA384_ASN1) {
            Check::Sha384
        } else {
            Check::Refused
        }
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Returns the first block with this label, in the form that the PEM reader
/// takes: it wants no line before it and no blank around lines.
fn block(text: &str, label: &str) -> Option<String> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let start = text.find(&begin)?;
    let length = text[start..].find(&end)? + end.len();
    let lines = text[start..start + length].lines().map(str::trim).filter(|it| !it.is_empty());
    Some(lines.fold(String::new(), |all, line| all + line + "\n"))
}

fn not_a_key(text: &str) -> KeyError {
    // `ENCRYPTED SIGSTORE PRIVATE KEY`, `EC PRIVATE KEY` and whatever else.
    if text.contains("PRIVATE KEY-----") {
        return KeyError::Private;
    }
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return KeyError::Certificate;
    }
    KeyError::NotAKey("it has no `-----BEGIN PUBLIC KEY-----`".into())
}
