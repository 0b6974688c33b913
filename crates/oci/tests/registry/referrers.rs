//! Referrers: lists that registries keep, and those under tags.

use std::collections::HashMap;
use std::sync::Mutex;

use oci::spec::{Descriptor, Index};
use oci::{Blob, Digest, media};
use test_support::Registry;

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

#[test]
fn a_registry_without_lists_is_asked_for_one_once() {
    let cases = [
        ("text/plain; charset=utf-8", 1),
        // Of this repository it may know none.
        ("application/json", 3),
    ];
    for (content_type, expected) in cases {
        let server = Server::start(move |_, _| answer(404).header("content-type", content_type));
        let (client, subject) = (client(), Digest::of(b"subject"));
        for repository in ["a", "b", "c"] {
            let name = reference(&server.name(&format!("{repository}:v1")));
            assert_eq!(client.referrers(&name, subject, None).unwrap(), []);
        }
        let asked = server.lines().iter().filter(|line| line.contains("/referrers/")).count();
        assert_eq!((asked, server.lines().len()), (expected, expected + 3), "{content_type}");
    }
}

/// A registry without lists of its own, whose tags and manifests are kept.
/// `put` may change what is put under the tag of a list.
fn keeper(put: impl Fn(usize, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let kept = Mutex::new(HashMap::new());
    Server::start(move |before, request| {
        let mut kept = kept.lock().unwrap();
        match (request.method.as_str(), request.target.contains("/manifests/sha256-")) {
            ("PUT", true) => {
                kept.insert(request.target.clone(), put(before, request.body.clone()));
                answer(201)
            }
            ("PUT", false) => answer(201),
            _ => match kept.get(&request.target) {
                Some(bytes) => answer(200).header("content-type", media::INDEX).body(bytes),
                None => answer(404),
            },
        }
    })
}

fn attach(server: &Server, text: &str) -> Result<(), oci::registry::Error> {
    let (name, manifest) = (
        reference(&server.name("org/image:v1")),
        Blob::from_bytes(media::MANIFEST, text.as_bytes()),
    );
    let descriptor = manifest.descriptor().clone();
    client().attach(&name, &manifest, &descriptor, Digest::of(b"subject"))
}

#[test]
fn a_list_that_another_replaces_is_written_again() {
    let other = entry("other", "sig");
    let theirs = other.clone();
    let server = keeper(move |before, body| match before {
        // Another read the list before, and writes it now.
        0 => list(std::slice::from_ref(&theirs)),
        _ => body,
    });
    attach(&server, "ours").unwrap();
    let name = reference(&server.name("org/image:v1"));
    let found = client().referrers(&name, Digest::of(b"subject"), None).unwrap();
    let digests: Vec<_> = found.iter().map(|found| found.digest).collect();
    assert_eq!(digests, [other.digest, Digest::of(b"ours")]);
}

#[test]
fn a_list_that_is_always_anothers_is_an_error() {
    let server = keeper(|_, _| list(&[entry("other", "sig")]));
    let error = attach(&server, "ours").unwrap_err().to_string();
    let tag = format!("sha256-{}", Digest::of(b"subject").hex());
    let expected = format!(
        "`PUT http://{}/v2/org/image/manifests/{tag}` was answered, but \
         the list of referrers is always another's",
        server.address
    );
    assert_eq!(error, expected);
    // Each write is read back, the last as well.
    assert!(server.lines().last().unwrap().starts_with("GET "), "{:#?}", server.lines());
}

#[test]
fn a_registry_that_keeps_lists_needs_no_tag() {
    let subject = Digest::of(b"subject");
    let server = Server::start(move |_, _| answer(201).header("oci-subject", subject));
    attach(&server, "ours").unwrap();
    let put = format!("PUT /v2/org/image/manifests/{}", Digest::of(b"ours"));
    assert_eq!(server.lines(), [put]);
}

/// What registries answer that do not know of lists.
#[test]
fn the_tag_is_read_where_there_is_no_list() {
    let unknown = [
        answer(404),
        answer(400).body("no such route"),
        answer(405),
        answer(406),
        answer(200).header("content-type", "text/html").body("<html>"),
    ];
    for unknown in unknown {
        let one = entry("1", "sig");
        let body = list(std::slice::from_ref(&one));
        let server =
            Server::start(move |_, request| match request.target.contains("/referrers/") {
                true => unknown.clone(),
                false => answer(200).header("content-type", media::INDEX).body(&body),
            });
        let name = reference(&server.name("org/image:v1"));
        assert_eq!(client().referrers(&name, Digest::of(b"subject"), None).unwrap(), [one]);
    }
}

#[test]
fn a_list_is_whole_or_an_error() {
    let cases = [
        ("</again>; rel=\"next\"", "with more pages than anyone needs"),
        ("<http://127.0.0.9:1/>; rel=next", "its next page is on another host"),
        ("<http://h:80:80/>; rel=next", "its `Link` is faulty"),
    ];
    for (link, reason) in cases {
        let body = list(&[entry("1", "sig")]);
        let server = Server::start(move |_, _| {
            answer(200).header("content-type", media::INDEX).header("link", link).body(&body)
        });
        let name = reference(&server.name("org/image:v1"));
        let error = client().referrers(&name, Digest::of(b"subject"), None).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(server.requests().len() <= 100);
    }
}
