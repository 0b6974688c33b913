//! Whatever a registry has, nothing panics, nothing is read without end, and
//! nothing is verified that the key did not sign.

use std::sync::atomic::{AtomicUsize, Ordering};

use oci::registry::Error;
use oci::spec::Descriptor;
use oci::{Blob, Digest, media};
use proptest::prelude::*;
use serde_json::{Value, json};
use signature::bundle::{BUNDLE, Bundle};
use signature::{Place, PublicKey, Signatures, Verdict, legacy};

use crate::case::{data, load};
use crate::state::State;

/// A repository that counts how often it is asked for bytes.
struct Counting {
    state: State,
    asked: AtomicUsize,
}

impl Place for Counting {
    fn tagged(&self, tag: &str) -> Result<Option<Blob>, Error> {
        self.state.tags.get(tag).map_or(Ok(None), |digest| self.manifest(*digest))
    }

    fn manifest(&self, digest: Digest) -> Result<Option<Blob>, Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let found = self.state.manifests.get(&digest);
        Ok(found.map(|(media_type, bytes)| Blob::from_bytes(media_type, bytes.clone())))
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let missing = || Error::Unexpected {
            method: "GET".into(),
            url: descriptor.digest.to_string(),
            reason: "it is not there".into(),
        };
        self.state.blobs.get(&descriptor.digest).cloned().ok_or_else(missing)
    }

    fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, Error> {
        let list = self.state.list(subject)["manifests"].clone();
        Ok(serde_json::from_value(list).unwrap())
    }
}

fn key() -> PublicKey {
    let file = data().join("keys/one.pub");
    PublicKey::from_pem(&host::fs::read_to_string(&file).unwrap()).unwrap()
}

fn read(state: State, subject: Digest) -> (Signatures, usize) {
    let place = Counting { state, asked: AtomicUsize::new(0) };
    let signatures = Signatures::read_from(&place, subject).unwrap();
    (signatures, place.asked.into_inner())
}

fn case(name: &str) -> (State, Digest) {
    let case = load().into_iter().find(|case| case.name == name).unwrap();
    (case.state(), case.subject)
}

#[test]
fn what_is_too_large_is_not_fetched() {
    let (state, subject) = case("both");
    let large = |layer: &mut Value| layer["size"] = (1_u64 << 40).into();
    let state = state
        .edit_legacy(subject, |_, manifest| large(&mut manifest["layers"][0]))
        .edit_bundle_manifest(subject, |_, manifest| large(&mut manifest["layers"][0]));
    let (signatures, asked) = read(state, subject);
    assert_eq!(asked, 2, "the manifests alone");
    let verdicts = [signatures.legacy(&key()), signatures.bundle(&key())];
    let words = verdicts.map(|verdict| verdict.to_string());
    assert!(words[0].ends_with("has 1099511627776 bytes, more than 65536"), "{words:?}");
    assert!(words[1].ends_with("has 1099511627776 bytes, more than 16777216"), "{words:?}");
}

#[test]
fn long_lists_end() {
    let (mut state, subject) = case("bundle");
    for n in 0..1000 {
        let artifact = json!({
            "artifactType": BUNDLE, "layers": [], "annotations": {"n": n.to_string()},
            "subject": {"digest": subject.to_string()},
        });
        state.add_manifest(media::MANIFEST, &artifact);
    }
    let (signatures, asked) = read(state, subject);
    assert!(asked <= 252, "{asked}");
    let verdict = signatures.bundle(&key());
    if !verdict.is_verified() {
        let reason = "1001 bundles refer to the manifest; only 250 are read";
        assert_eq!(verdict.to_string(), reason);
    }
    // A payload that many signatures are of is fetched once.
    let (state, subject) = case("legacy-1000-layers");
    let (signatures, asked) = read(state, subject);
    assert_eq!((signatures.legacy(&key()), asked), (Verdict::Verified, 2));
}

/// Changes some bytes of a text.
fn changed(text: &[u8], changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut text = text.to_vec();
    for (at, byte) in changes {
        let at = at.index(text.len());
        text[at] = *byte;
    }
    text
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
}

proptest! {
    #[test]
    fn no_document_panics(bytes: Vec<u8>, text in ".{0,200}") {
        let _ = Bundle::parse(&bytes);
        let _ = Bundle::parse(text.as_bytes());
    }

    /// A changed document is refused, or says what it said before.
    #[test]
    fn changed_documents_are_not_believed(changes in changes(), manifest: bool) {
        let (mut state, subject) = case("attested-at-once");
        let attested = read(state.clone(), subject).0.attestations(&key());
        prop_assert_eq!(attested.len(), 1);
        if manifest {
            for (_, bytes) in state.manifests.values_mut() {
                *bytes = changed(bytes, &changes);
            }
            state.manifests.retain(|_, (_, it)| serde_json::from_slice::<Value>(it).is_ok());
        } else {
            for bytes in state.blobs.values_mut() {
                *bytes = changed(bytes, &changes);
            }
        }
        let place = Counting { state, asked: AtomicUsize::new(0) };
        let Ok(signatures) = Signatures::read_from(&place, subject) else { return Ok(()) };
        let _ = (signatures.legacy(&key()), signatures.bundle(&key()), signatures.facts());
        for attestation in signatures.attestations(&key()) {
            prop_assert_eq!(&attestation, &attested[0]);
        }
        let other = Digest::of(b"other");
        let tags = [(legacy::tag(other), place.state.tags[&legacy::tag(subject)])];
        let copied = State { tags: tags.into(), ..place.state };
        prop_assert!(!read(copied, other).0.legacy(&key()).is_verified());
    }
}
