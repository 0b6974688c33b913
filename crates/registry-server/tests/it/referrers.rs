//! What is about an image: in the layout's index, under a tag, in an index.

use oci::layout::REF_NAME;
use oci::registry::Client;
use oci::spec::Descriptor;
use oci::{Digest, media};
use serde_json::{Value, json};

use crate::forge::{Forge, tagged};
use crate::support::{Running, sample};

/// A manifest about `subject`; more fields may say more.
fn about(subject: Digest, more: Value) -> Value {
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": {"mediaType": "config/type", "digest": Digest::of(b"{}"), "size": 2},
        "layers": [],
        "subject": {"mediaType": media::MANIFEST, "digest": subject, "size": 1},
    });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document
}

/// What a list says of a manifest.
fn listed(descriptor: &Descriptor, artifact_type: Option<&str>, annotations: Value) -> Value {
    let mut entry = json!({
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    });
    let object = entry.as_object_mut().unwrap();
    object.extend(artifact_type.map(|own| ("artifactType".to_owned(), own.into())));
    if annotations != json!({}) {
        object.insert("annotations".to_owned(), annotations);
    }
    entry
}

#[test]
fn every_manifest_about_another_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let forge = Forge::at(dir.path().join("quay.io/a"));
    let image = forge.json(media::MANIFEST, &json!({"schemaVersion": 2, "layers": []}));
    let (subject, other) = (image.digest, Digest::of(b"other"));

    let manifest = |more: Value| forge.json(media::MANIFEST, &about(subject, more));
    let signature = manifest(json!({"artifactType": "sig", "annotations": {"a": "b"}}));
    let by_config = manifest(json!({"artifactType": "", "annotations": null}));
    let in_list = manifest(json!({"artifactType": "a/b+json"}));
    let unnamed = manifest(json!({"artifactType": "nobody names it"}));
    let of_other = forge.json(media::MANIFEST, &about(other, json!({"artifactType": "sig"})));
    let bundle = json!({
        "schemaVersion": 2, "mediaType": media::INDEX, "manifests": null,
        "subject": {"mediaType": media::MANIFEST, "digest": subject, "size": 1},
    });
    let bundle = forge.json(media::INDEX, &bundle);
    // The list under a tag names one twice, and one that is not there.
    let absent = Descriptor::of(media::MANIFEST, b"absent");
    let list = json!({"schemaVersion": 2, "mediaType": media::INDEX,
        "manifests": [in_list, signature, absent]});
    let list = forge.json(media::INDEX, &list);
    let list = tagged(list, &format!("sha256-{}", subject.hex()));
    let entries = vec![
        tagged(image, "v1"),
        signature.clone(),
        by_config.clone(),
        of_other.clone(),
        list,
        bundle.clone(),
    ];
    forge.index(entries);

    let server = Running::start(&oci::layout::Tree::new(dir.path()));
    let signature = listed(&signature, Some("sig"), json!({"a": "b"}));
    let by_config = listed(&by_config, Some("config/type"), json!({}));
    let in_list = listed(&in_list, Some("a/b+json"), json!({}));
    let bundle = listed(&bundle, None, json!({}));
    let of_other = listed(&of_other, Some("sig"), json!({}));
    let foreign = format!("sha512:{}", "0".repeat(128));
    let cases = [
        (subject.to_string(), "", vec![&signature, &by_config, &in_list, &bundle]),
        (subject.to_string(), "?artifactType=sig", vec![&signature]),
        (subject.to_string(), "?artifactType=config%2Ftype", vec![&by_config]),
        (subject.to_string(), "?artifactType=a/b%2Bjson", vec![&in_list]),
        (subject.to_string(), "?artifactType=none", vec![]),
        (other.to_string(), "", vec![&of_other]),
        (unnamed.digest.to_string(), "", vec![]),
        (Digest::of(b"none").to_string(), "", vec![]),
        (foreign, "", vec![]),
    ];
    for (subject, query, expected) in cases {
        let response = server.get(&format!("/v2/a/referrers/{subject}{query}"));
        let filters = (!query.is_empty()).then_some("artifactType");
        let head = (
            response.status,
            response.header("content-type"),
            response.header("oci-filters-applied"),
        );
        assert_eq!(head, (200, Some(media::INDEX), filters), "{subject}{query}");
        let document =
            json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": expected});
        assert_eq!(response.json(), document, "{subject}{query}");
    }
    // Never 404, the specification says: that would mean that no lists are kept.
    let response = server.get(&format!("/v2/none/referrers/{subject}"));
    assert_eq!((response.status, response.json()["manifests"].clone()), (200, json!([])));

    let name = server.name("a:v1").parse().unwrap();
    let client = Client::new(oci::registry::Settings::default());
    assert_eq!(client.referrers(&name, subject, None).unwrap().len(), 4);
    assert_eq!(client.referrers(&name, subject, Some("sig")).unwrap().len(), 1);
}

#[test]
fn what_leads_in_circles_or_nowhere_is_survived() {
    let (_dir, tree, artifact) = sample();
    let subject = artifact.digest();
    let forge = Forge::at(tree.root().join("quay.io/odd"));
    let mut nest = forge.json(media::MANIFEST, &about(subject, json!({"artifactType": "deep"})));
    for _ in 0..200 {
        let list =
            json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [nest, nest]});
        nest = forge.json(media::INDEX, &list);
    }
    let text = forge.blob("text/plain", b"no document");
    let odd = forge.json("", &json!({"subject": 1, "manifests": {}}));
    let mut entries = vec![nest, text, odd, Descriptor::of(media::INDEX, b"absent")];
    entries[1].annotations.insert(REF_NAME.to_owned(), "quay.io/odd:not-a-tag".to_owned());
    forge.index(entries);
    let server = Running::start(&tree);
    let response = server.get(&format!("/v2/odd/referrers/{subject}"));
    assert_eq!(response.json()["manifests"][0]["artifactType"], "deep");
    assert_eq!(server.get("/v2/odd/tags/list").text(), r#"{"name":"odd","tags":[]}"#);
}

#[test]
fn an_endless_list_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let forge = Forge::at(dir.path().join("quay.io/a"));
    let absent = |number: usize| Descriptor::of(media::MANIFEST, &number.to_le_bytes());
    forge.index((0..10_001).map(absent).collect());
    let server = Running::start(&oci::layout::Tree::new(dir.path()));
    let subject = Digest::of(b"");
    assert_eq!(server.get(&format!("/v2/a/referrers/{subject}")).status, 500);
    server.says(&format!("`{}` names too many manifests", forge.path().display()));
}
