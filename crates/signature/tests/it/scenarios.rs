//! What the cases are: repositories that cosign made, and what became of
//! them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oci::{Digest, media};
use serde_json::{Value, json};
use signature::bundle::BUNDLE;
use signature::legacy;

use crate::cosign::Cosigns;
use crate::record::Maker;
use crate::state::State;

/// A case that nobody has judged yet.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) key: &'static str,
    pub(crate) subject: Digest,
    pub(crate) state: State,
    pub(crate) layers: Option<usize>,
}

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// Collects scenarios.
struct Scenarios(Vec<Scenario>);

impl Scenarios {
    fn add(
        &mut self,
        (name, about): (&'static str, &'static str),
        key: &'static str,
        (state, subject): (State, Digest),
    ) {
        self.0.push(Scenario { name, about, key, subject, state, layers: None });
    }
}

pub(crate) fn scenarios(maker: &Maker) -> Vec<Scenario> {
    let mut all = Scenarios(Vec::new());
    as_cosign_makes_them(maker, &mut all);
    of_other_keys(maker, &mut all);
    legacy_edited(maker, &mut all);
    legacy_certificates(maker, &mut all);
    bundles_edited(maker, &mut all);
    bundles_made(maker, &mut all);
    attested(maker, &mut all);
    all.0
}

fn as_cosign_makes_them(maker: &Maker, all: &mut Scenarios) {
    let cosigns = &maker.cosigns;
    let unsigned = maker.made("unsigned", |_| {});
    all.add(("unsigned", "nothing is about it"), "one", unsigned);
    let made = maker.made("legacy", |it| cosigns.sign_legacy("one", it, &[]));
    all.add(("legacy", "signed by cosign 2"), "one", made.clone());
    all.add(("legacy-other-key", "signed by another key"), "two", made);
    let made = maker.made("bundle", |it| cosigns.sign_bundle("one", it, &[]));
    all.add(("bundle", "signed by cosign 3; the list is under a tag"), "one", made.clone());
    all.add(("bundle-other-key", "signed by another key"), "two", made);
    let made = maker.made_listed("listed", |it| cosigns.sign_bundle("one", it, &[]));
    all.add(("bundle-listed", "the registry keeps the list"), "one", made);
    let sign_both = |it: &str| {
        cosigns.sign_legacy("one", it, &[]);
        cosigns.sign_bundle("one", it, &[]);
    };
    let made = maker.made("both", sign_both);
    all.add(("both", "signed in both formats"), "one", made.clone());
    all.add(("both-other-key", "signed in both formats by another key"), "two", made.clone());
    // The image changed; what was about the old one is still there.
    let (changed, new) = maker.made("changed", |_| {});
    all.add(
        ("both-of-old-manifest", "the manifest was changed"),
        "one",
        (changed.and(made.0), new),
    );
    all.add(("both-listed", "the same, listed"), "one", maker.made_listed("both", sign_both));
    let mixed = maker.made("mixed", |it| {
        cosigns.sign_legacy("one", it, &[]);
        cosigns.sign_bundle("two", it, &[]);
    });
    all.add(("mixed-legacy", "the bundle is by another key"), "one", mixed.clone());
    all.add(("mixed-bundle", "the old format is by another key"), "two", mixed);

    let (state, [index, child]) =
        maker.made_index("recursive", |it| cosigns.sign_legacy("one", it, &["-r"]));
    all.add(("recursive-index", "signed with its images"), "one", (state.clone(), index));
    all.add(("recursive-child", "signed with its index"), "one", (state, child));
    let (state, [_, child]) =
        maker.made_index("recursive-bundles", |it| cosigns.sign_bundle("one", it, &["-r"]));
    all.add(("recursive-child-bundle", "signed with its index"), "one", (state, child));
    let (state, [_, child]) = maker.made_index("index-alone", sign_both);
    all.add(("child-of-signed-index", "only its index is signed"), "one", (state, child));
}

fn of_other_keys(maker: &Maker, all: &mut Scenarios) {
    let cosigns = &maker.cosigns;
    let two = maker.made("two-legacy", |it| {
        cosigns.sign_legacy("two", it, &[]);
        cosigns.sign_legacy("rsa", it, &[]);
        cosigns.sign_legacy("one", it, &[]);
    });
    all.add(("legacy-third-of-three", "signed by three keys"), "one", two);
    let two = maker.made("two-bundles", |it| {
        cosigns.sign_bundle("two", it, &[]);
        cosigns.sign_bundle("one", it, &[]);
        cosigns.sign_bundle("rsa", it, &[]);
    });
    all.add(("bundle-second-of-three", "signed by three keys"), "one", two);
    let names = [
        (("rsa-legacy", "RSA with 2048 bits"), ("rsa-bundle", "RSA with 2048 bits"), "rsa"),
        (
            ("ed25519-legacy", "cosign signs by Ed25519ph and verifies by Ed25519"),
            ("ed25519-bundle", "cosign signs by Ed25519ph and verifies by Ed25519"),
            "ed25519",
        ),
        (
            ("p384-legacy", "cosign signs by SHA-384 and verifies by SHA-256"),
            ("p384-bundle", "cosign signs by SHA-384 and verifies by SHA-256"),
            "p384",
        ),
    ];
    for (legacy_name, bundle_name, key) in names {
        let made = maker.made(legacy_name.0, |it| cosigns.sign_legacy(key, it, &[]));
        all.add(legacy_name, key, made);
        let made = maker.made(bundle_name.0, |it| cosigns.sign_bundle(key, it, &[]));
        all.add(bundle_name, key, made);
    }
    let names = [
        ("ed25519-legacy-by-openssl", "plain Ed25519, as cosign verifies", "ed25519"),
        ("p384-legacy-by-openssl", "P-384 with SHA-256, as cosign verifies", "p384"),
    ];
    for (name, about, key) in names {
        let (state, subject) = maker.made(name, |it| cosigns.sign_legacy(key, it, &[]));
        let state = resigned(cosigns, key, state, subject, |payload| payload);
        all.add((name, about), key, (state, subject));
    }
    let names = [
        ("ed25519-bundle-by-openssl", "plain Ed25519, as cosign verifies", "ed25519"),
        ("p384-bundle-by-openssl", "P-384 with SHA-256, as cosign verifies", "p384"),
    ];
    for (name, about, key) in names {
        let (state, subject) = maker.made(name, |_| {});
        let bundle = bundle_of(cosigns, key, &statement(SIGN, &[subject]));
        all.add((name, about), key, (state.with_bundle(subject, &bundle), subject));
    }
}

fn legacy_edited(maker: &Maker, all: &mut Scenarios) {
    let cosigns = &maker.cosigns;
    let (state, it) = maker.made("legacy-edited", |it| cosigns.sign_legacy("one", it, &[]));
    let signature = first_signature(&state, it);
    let mut edited = |name, about, state: State| all.add((name, about), "one", (state, it));

    let broken = flipped(&signature);
    let state_of = |value: Option<&str>| state.clone().annotate(it, SIGNATURE, value);
    edited("legacy-signature-changed", "a bit of the signature", state_of(Some(&broken)));
    edited("legacy-base64-cut", "half of the signature", state_of(Some(&signature[..51])));
    edited("legacy-base64-lines", "a line end in the signature", {
        state_of(Some(&format!("{}\n{}\n", &signature[..64], &signature[64..])))
    });
    edited("legacy-base64-junk", "no base64", state_of(Some("none of it!")));
    edited("legacy-not-annotated", "no signature", state_of(None));
    edited("legacy-empty-signature", "a signature of no bytes", state_of(Some("")));
    edited("legacy-payload-changed", "another name in the payload", {
        state.clone().edit_payload(it, |payload| payload.replace("org/", "other/"))
    });
    edited("legacy-payload-junk", "a payload that is no JSON", {
        state.clone().edit_payload(it, |_| "junk".into())
    });
    edited("legacy-payload-missing", "the payload is not there", {
        let mut state = state.clone();
        state.blobs.clear();
        state
    });
    edited("legacy-payload-lies", "the payload has another digest", {
        let mut state = state.clone();
        let payload = state.blobs.values_mut().next().unwrap();
        *payload = String::from_utf8(payload.clone()).unwrap().replace("org/", "0rg/").into();
        state
    });
    edited("legacy-no-layers", "a manifest without layers", {
        state.clone().edit_legacy(it, |_, manifest| manifest["layers"] = json!([]))
    });
    edited("legacy-index", "the tag names an index of nothing", {
        let mut state = state.clone();
        let list = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": []});
        let index = state.add_manifest(media::INDEX, &list);
        state.tags.insert(legacy::tag(it), index);
        state
    });
    edited("legacy-other-media-type", "a layer of another type", {
        state.clone().edit_legacy(it, |_, manifest| {
            manifest["layers"][0]["mediaType"] = "application/json".into();
        })
    });
    edited("legacy-other-type", "the key signed that it is something else", {
        resigned(cosigns, "one", state.clone(), it, |payload| {
            payload.replace(legacy::TYPE, "atomic container signature")
        })
    });
    edited("legacy-signed-junk", "the key signed what is no payload", {
        resigned(cosigns, "one", state.clone(), it, |_| "junk".into())
    });
    edited("legacy-signed-other-digest", "the key signed another digest", {
        resigned(cosigns, "one", state.clone(), it, |payload| {
            payload.replace(&it.hex(), &Digest::of(b"").hex())
        })
    });
    // A signature of one image at the tag of another.
    let (plain, other) = maker.made("legacy-copied-to", |_| {});
    let mut copied = plain.and(state.clone());
    let signatures = copied.tags[&legacy::tag(it)];
    copied.tags.insert(legacy::tag(other), signatures);
    let forged =
        copied.clone().edit_payload(other, |payload| payload.replace(&it.hex(), &other.hex()));
    all.add(("legacy-copied", "copied from another image"), "one", (copied, other));
    all.add(("legacy-copied-edited", "copied, and the digest changed"), "one", (forged, other));
    for (name, layers) in [("legacy-1000-layers", 1000), ("legacy-1001-layers", 1001)] {
        let about = "as many layers as cosign reads, or one more";
        let layers = Some(layers);
        let (subject, state) = (it, state.clone());
        all.0.push(Scenario { name, about, key: "one", subject, state, layers });
    }
}

/// cosign looks at certificates even where a key is given.
fn legacy_certificates(maker: &Maker, all: &mut Scenarios) {
    let cosigns = &maker.cosigns;
    let (state, it) = maker.made("certificates", |it| cosigns.sign_legacy("one", it, &[]));
    let mut edited = |name, about, certificate: &str| {
        let state = state.clone().annotate(it, CERTIFICATE, Some(certificate));
        all.add((name, about), "one", (state, it));
    };
    let certificate = |days: &str, version: &[&str]| {
        let request = ["req", "-new", "-key", "one.pem", "-subj", "/CN=test", "-out", "one.csr"];
        cosigns.run(Path::new("openssl"), &request).unwrap();
        let sign = ["x509", "-req", "-in", "one.csr", "-signkey", "one.pem", "-days", days];
        let made = cosigns.run(Path::new("openssl"), &[&sign, version].concat()).unwrap();
        String::from_utf8(made).unwrap()
    };
    host::fs::write_atomic(&cosigns.path("v3"), b"basicConstraints=CA:FALSE\n").unwrap();
    let valid = certificate("36500", &["-extfile", "v3"]);
    edited("legacy-certificate", "a certificate that is valid for a century", &valid);
    edited("legacy-certificate-v1", "one without version", &certificate("36500", &[]));
    edited("legacy-certificate-expired", "one that has expired", &certificate("-1", &[]));
    edited("legacy-certificate-junk", "no certificate", "junk");
    edited("legacy-certificate-cut", "half a certificate", &valid[..200]);
    edited("legacy-certificate-empty", "an empty text", "");
}

fn bundles_edited(maker: &Maker, all: &mut Scenarios) {
    let cosigns = &maker.cosigns;
    let (state, it) = maker.made("bundle-edited", |it| cosigns.sign_bundle("one", it, &[]));
    let mut add = |name, about, state: State| all.add((name, about), "one", (state, it));
    let mut edited = |name, about, edit: &dyn Fn(&mut Value)| {
        add(name, about, state.clone().edit_bundle(it, edit));
    };

    edited("bundle-signature-changed", "a bit of the signature", &|bundle| {
        let signature = &mut bundle["dsseEnvelope"]["signatures"][0]["sig"];
        *signature = flipped(signature.as_str().unwrap()).into();
    });
    edited("bundle-base64-cut", "half of the signature", &|bundle| {
        let signature = &mut bundle["dsseEnvelope"]["signatures"][0]["sig"];
        *signature = signature.as_str().unwrap()[..51].into();
    });
    edited("bundle-base64url", "the payload in the other alphabet, not padded", &|bundle| {
        let payload = &mut bundle["dsseEnvelope"]["payload"];
        let bytes = STANDARD.decode(payload.as_str().unwrap()).unwrap();
        *payload = URL_SAFE_NO_PAD.encode(bytes).into();
    });
    edited("bundle-predicate-changed", "an attestation made a signature", &|bundle| {
        let payload = &mut bundle["dsseEnvelope"]["payload"];
        let text = STANDARD.decode(payload.as_str().unwrap()).unwrap();
        let text =
            String::from_utf8(text).unwrap().replace("\"predicate\":{}", "\"predicate\":{\"a\":1}");
        *payload = STANDARD.encode(text).into();
    });
    edited("bundle-no-hint", "no hint of the key", &|bundle| {
        bundle["verificationMaterial"]["publicKey"] = json!({});
    });
    edited("bundle-no-material", "not what it is verified with", &|bundle| {
        bundle.as_object_mut().unwrap().remove("verificationMaterial");
    });
    edited("bundle-empty-material", "neither key nor certificate", &|bundle| {
        bundle["verificationMaterial"] = json!({});
    });
    edited("bundle-unknown-field", "a field of no version", &|bundle| {
        bundle["verificationMaterial"]["more"] = json!(1);
    });
    edited("bundle-key-id", "the envelope names another key", &|bundle| {
        bundle["dsseEnvelope"]["signatures"][0]["keyid"] = "another".into();
    });
    edited("bundle-two-signatures", "the signature twice", &|bundle| {
        let signature = bundle["dsseEnvelope"]["signatures"][0].clone();
        bundle["dsseEnvelope"]["signatures"] = json!([signature, signature]);
    });
    edited("bundle-no-signature", "no signature", &|bundle| {
        bundle["dsseEnvelope"]["signatures"] = json!([]);
    });
    edited("bundle-other-payload-type", "an envelope of something else", &|bundle| {
        bundle["dsseEnvelope"]["payloadType"] = "text/plain".into();
    });
    edited("bundle-v0.2", "of an older version", &|bundle| {
        bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    });
    edited("bundle-v0.3-old-name", "the version under its old name", &|bundle| {
        bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.3".into();
    });
    edited("bundle-v0.4", "of a newer version", &|bundle| {
        bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.4+json".into();
    });
    edited("bundle-no-version", "of no version", &|bundle| {
        bundle.as_object_mut().unwrap().remove("mediaType");
    });
    edited("bundle-empty", "an empty bundle", &|bundle| *bundle = json!({}));

    let text = |edit: &dyn Fn(String) -> String| state.clone().edit_bundle_text(it, edit);
    add("bundle-junk", "no JSON", text(&|_| "junk".into()));
    add("bundle-cut", "half of the JSON", text(&|text| text[..300].into()));
    let manifest = |edit: &dyn Fn(&mut Value)| {
        state.clone().edit_bundle_manifest(it, |_, manifest| edit(manifest))
    };
    add(
        "bundle-two-layers",
        "the bundle twice",
        manifest(&|manifest| {
            let layer = manifest["layers"][0].clone();
            manifest["layers"] = json!([layer, layer]);
        }),
    );
    add(
        "bundle-other-layer-type",
        "a layer of another type",
        manifest(&|manifest| {
            manifest["layers"][0]["mediaType"] = "application/json".into();
        }),
    );
    add(
        "bundle-other-artifact-type",
        "a referrer of another type",
        manifest(&|manifest| {
            manifest["artifactType"] = "application/vnd.example".into();
            manifest["layers"][0]["mediaType"] = "application/vnd.example".into();
        }),
    );
    let mut missing = state.clone();
    missing.blobs.clear();
    add("bundle-missing", "the document is not there", missing);
    let mut listed = state.clone();
    listed.manifests.remove(&state.bundles(it)[0]);
    add("bundle-only-listed", "the manifest is not there", listed);
    let mut junk = state.clone();
    let junk_digest = junk.add_manifest(media::INDEX, &json!("junk"));
    junk.tags.insert(format!("sha256-{}", it.hex()), junk_digest);
    add("bundle-list-junk", "the tag's list is none", junk);

    // A bundle of one image in the list of another.
    let (plain, other) = maker.made("bundle-copied-to", |_| {});
    let copied = plain.and(state.clone()).edit_bundle_manifest(it, |_, manifest| {
        manifest["subject"]["digest"] = other.to_string().into();
    });
    let copied = copied.relist(other);
    let forged = copied.clone().edit_bundle(other, |bundle| {
        let payload = &mut bundle["dsseEnvelope"]["payload"];
        let text = STANDARD.decode(payload.as_str().unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap().replace(&it.hex(), &other.hex());
        *payload = STANDARD.encode(text).into();
    });
    all.add(("bundle-copied", "copied from another image"), "one", (copied, other));
    all.add(("bundle-copied-edited", "copied, and the digest changed"), "one", (forged, other));
}

/// What a holder of the key could sign and cosign does not.
fn bundles_made(maker: &Maker, all: &mut Scenarios) {
    let cosigns = &maker.cosigns;
    let (state, it) = maker.made("bundle-made", |_| {});
    let mut made = |name, about, statement: Value| {
        let state = state.clone().with_bundle(it, &bundle_of(cosigns, "one", &statement));
        all.add((name, about), "one", (state, it));
    };
    let other = Digest::of(b"");
    made("bundle-made", "as cosign makes it, by openssl", statement(SIGN, &[it]));
    made("bundle-several-subjects", "of several manifests", statement(SIGN, &[other, it]));
    made("bundle-other-subject", "of another manifest", statement(SIGN, &[other]));
    made("bundle-no-subject", "of no manifest", statement(SIGN, &[]));
    let mut upper = statement(SIGN, &[it]);
    upper["subject"][0]["digest"]["sha256"] = it.hex().to_uppercase().into();
    made("bundle-upper-case", "the digest in capital letters", upper);
    let mut sha512 = statement(SIGN, &[it]);
    sha512["subject"] = json!([{"digest": {"sha512": it.hex()}}]);
    made("bundle-sha512", "the digest of another kind", sha512);
    let mut unknown = statement(SIGN, &[it]);
    unknown["more"] = json!(1);
    made("bundle-statement-unknown-field", "a field of no statement", unknown);
    made("bundle-statement-junk", "no statement", json!("junk"));

    // cosign's signature of a file, the file being the manifest.
    let manifest = &state.manifests[&it].1;
    host::fs::write_atomic(&cosigns.path("manifest"), manifest).unwrap();
    let sign = ["sign-blob", "-y", "--key", "one.key", "--signing-config", "signing.json"];
    let sign = [&sign[..], &["--bundle", "blob.json", "manifest"]].concat();
    cosigns.run(&cosigns.v3, &sign).unwrap();
    let blob = host::fs::read_to_string(&cosigns.path("blob.json")).unwrap();
    let blob: Value = serde_json::from_str(&blob).unwrap();
    assert_eq!(blob["mediaType"], BUNDLE);
    let state = state.with_bundle(it, &blob);
    all.add(("bundle-message", "a signature of bytes"), "one", (state, it));
}

fn attested(maker: &Maker, all: &mut Scenarios) {
    let cosigns = &maker.cosigns;
    let made = maker.made("attested", |it| cosigns.attest("one", it));
    all.add(("attested", "an attestation, and no signature"), "one", made);
    let made = maker.made("attested-old", |it| cosigns.attest_legacy("one", it));
    all.add(("attested-legacy", "an attestation in the old format"), "one", made);
    let made = maker.made("signed-attested", |it| {
        cosigns.sign_legacy("one", it, &[]);
        cosigns.attest("one", it);
    });
    all.add(("attested-signed-legacy", "attested, and signed in the old format"), "one", made);
    let made = maker.made("attested-by-other", |it| {
        cosigns.attest("two", it);
        cosigns.sign_bundle("one", it, &[]);
    });
    all.add(("attested-by-other", "attested by another key"), "one", made);
    let at_once = |it: &str| {
        std::thread::scope(|scope| {
            scope.spawn(|| cosigns.attest("one", it));
            scope.spawn(|| cosigns.sign_bundle("one", it, &[]));
            scope.spawn(|| cosigns.sign_legacy("one", it, &[]));
        });
    };
    let made = maker.made_listed("at-once", at_once);
    all.add(("attested-at-once", "attested and signed at the same time"), "one", made.clone());
    all.add(("attested-at-once-other", "the same, by another key"), "two", made);
}

fn statement(predicate_type: &str, subjects: &[Digest]) -> Value {
    let subjects: Vec<_> =
        subjects.iter().map(|it| json!({"digest": {"sha256": it.hex()}})).collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": subjects,
        "predicateType": predicate_type, "predicate": {},
    })
}

/// Makes a bundle of a statement, by a key.
fn bundle_of(cosigns: &Cosigns, key: &str, statement: &Value) -> Value {
    let (kind, payload) = ("application/vnd.in-toto+json", statement.to_string());
    let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    let signature = STANDARD.encode(cosigns.sign_bytes(key, signed.as_bytes()));
    json!({
        "mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": "test"}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload), "payloadType": kind,
            "signatures": [{"sig": signature}],
        },
    })
}

/// Changes a payload and signs it again.
fn resigned(
    cosigns: &Cosigns,
    key: &str,
    state: State,
    subject: Digest,
    edit: impl FnOnce(String) -> String,
) -> State {
    let mut payload = String::new();
    let state = state.edit_payload(subject, |old| {
        payload = edit(old);
        payload.clone()
    });
    let signature = STANDARD.encode(cosigns.sign_bytes(key, payload.as_bytes()));
    state.annotate(subject, SIGNATURE, Some(&signature))
}

fn first_signature(state: &State, subject: Digest) -> String {
    let manifest = state.document(state.tags[&legacy::tag(subject)]);
    manifest["layers"][0]["annotations"][SIGNATURE].as_str().unwrap().to_owned()
}

/// Changes a bit of the last byte.
fn flipped(base64: &str) -> String {
    let mut bytes = STANDARD.decode(base64).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    STANDARD.encode(bytes)
}
