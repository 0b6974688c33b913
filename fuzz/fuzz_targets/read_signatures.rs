//! `signature::Signatures` of a repository that has whatever the input says,
//! and every question that its answer takes.
//!
//! The input is four documents, with a byte of 0 between them: the manifest
//! and the payload of a signature in the old format, and those of a bundle.

#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::registry::Error;
use oci::spec::Descriptor;
use oci::{Blob, Digest, media};
use signature::consumer::RULES;
use signature::{Place, PublicKey, Signatures};

const KEY: &str = include_str!("../../crates/signature/tests/data/keys/one.pub");

struct Documents<'a>([&'a [u8]; 4]);

impl Place for Documents<'_> {
    fn tagged(&self, _: &str) -> Result<Option<Blob>, Error> {
        Ok(Some(Blob::from_bytes(media::MANIFEST, self.0[0])))
    }

    fn manifest(&self, _: Digest) -> Result<Option<Blob>, Error> {
        Ok(Some(Blob::from_bytes(media::MANIFEST, self.0[2])))
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let is_bundle = descriptor.media_type.contains("bundle");
        Ok(self.0[if is_bundle { 3 } else { 1 }].to_vec())
    }

    fn referrers(&self, _: Digest) -> Result<Vec<Descriptor>, Error> {
        Ok(vec![Descriptor::of(media::MANIFEST, self.0[2])])
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(4, |byte| *byte == 0);
    let documents = Documents([(); 4].map(|()| parts.next().unwrap_or_default()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = PublicKey::from_pem(text);
    }
    let Ok(key) = PublicKey::from_pem(KEY) else { unreachable!("it is a key") };
    let Ok(signatures) = Signatures::read_from(&documents, Digest::of(bytes)) else { return };
    // Nobody signed this digest.
    assert!(!signatures.legacy(&key).is_verified() && !signatures.bundle(&key).is_verified());
    assert!(signatures.attestations(&key).is_empty());
    let _ = (signatures.facts(), signatures.legacy(&key).to_string());
    let _ = signatures.bundle(&key).to_string();
    for rule in RULES {
        let _ = rule.consumer.accepts(&signatures, &key);
    }
});
