//! Referrers: lists that registries keep, and those under tags.

use oci::spec::{Descriptor, Index};
use oci::{Blob, Digest, media};

use crate::real::Registry;
use crate::scripted::{Server, answer};
use crate::support::*;

fn entry(text: &str, artifact_type: &str) -> Descriptor {
    let mut descriptor = Descriptor::of(media::MANIFEST, text.as_bytes());
    descriptor.extra.insert("artifactType".into(), artifact_type.into());
    descriptor
}

fn list(entries: &[Descriptor]) -> Vec<u8> {
    serde_json::to_vec(&Index::new(entries.to_vec())).unwrap()
}

#[test]
fn a_registrys_own_list_is_read_to_its_end() {
    let (one, two, three) = (entry("1", "sig"), entry("2", "sbom"), entry("3", "sig"));
    let pages = [list(&[one.clone(), two.clone()]), list(&[three.clone(), one.clone()])];
    let server = Server::start(move |_, request| {
        let second = request.target.contains("page=2");
        let page =
            answer(200).header("content-type", media::INDEX).body(&pages[usize::from(second)]);
        let path = request.target.split('?').next().unwrap();
        if second { page } else { page.header("link", format!(r#"<{path}?page=2>; rel="next""#)) }
    });
    let name = reference(&server.name("org/image:v1"));
    let subject = Digest::of(b"subject");
    let found = client().referrers(&name, subject, None).unwrap();
    assert_eq!(found, [one.clone(), two, three.clone()]);
    let found = client().referrers(&name, subject, Some("sig")).unwrap();
    assert_eq!(found, [one, three]);
    let first = server.lines().remove(2);
    assert_eq!(first, format!("GET /v2/org/image/referrers/{subject}?artifactType=sig"));
}

#[test]
fn what_is_attached_is_found_under_the_tag() {
    // This registry keeps no lists.
    let Some(registry) = Registry::anonymous() else { return };
    let client = client();
    let artifact = index("one");
    let name = registry.name("org/image:v1");
    push(&client, &[named(std::slice::from_ref(&name), &artifact)]);
    let (name, subject) = (reference(&name), artifact.digest());
    assert_eq!(client.referrers(&name, subject, None).unwrap(), []);

    // The blobs are those of the image; what differs is an annotation.
    let attach = |number: usize| {
        let mut document = artifact.images()[0].manifest().clone();
        document.subject = Some(artifact.descriptor().clone());
        document.annotations.insert("number".into(), number.to_string());
        let manifest = Blob::from_bytes(media::MANIFEST, serde_json::to_vec(&document).unwrap());
        let mut descriptor = manifest.descriptor().clone();
        descriptor.extra.insert("artifactType".into(), format!("t{}", number % 2).into());
        client.attach(&name, &manifest, &descriptor, subject).unwrap();
    };
    std::thread::scope(|scope| {
        (0..6).for_each(|number| {
            drop(scope.spawn({
                let attach = &attach;
                move || attach(number)
            }))
        });
    });
    attach(3);
    assert_eq!(client.referrers(&name, subject, None).unwrap().len(), 6);
    assert_eq!(client.referrers(&name, subject, Some("t1")).unwrap().len(), 3);
}
