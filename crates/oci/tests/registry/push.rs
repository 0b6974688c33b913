//! Pushes to a real registry: what arrives, and what it costs.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;

use oci::Artifact;
use oci::registry::{Credentials, Event};
use test_support::Registry;

use crate::proxy::Proxy;
use crate::support::*;
use crate::wire::Head;

fn count(lines: &[String], start: &str) -> usize {
    lines.iter().filter(|line| line.starts_with(start)).count()
}

#[test]
fn what_is_pushed_is_what_others_read() {
    let Some(registry) = Registry::anonymous() else { return };
    let client = client();
    let artifact = index("one");
    let name = registry.name("org/image:v1");
    let pushed = push(&client, &[named(std::slice::from_ref(&name), &artifact)]);
    assert!(!pushed[0][0].unchanged);
    assert_eq!(pushed[0][0].reference.to_string(), format!("{name}@{}", artifact.digest()));

    assert_arrived(&client, &name, &artifact);
    let amd64 = "linux/amd64".parse().unwrap();
    let one = client.pull(&reference(&name), Some(&amd64)).unwrap();
    assert_eq!(one.digest(), artifact.images()[0].digest());
    let absent = "linux/riscv64".parse().unwrap();
    let error = client.pull(&reference(&name), Some(&absent)).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "has no image for `linux/riscv64`; it has `linux/amd64`, `linux/arm64`, `linux/s390x`"
        ),
        "{error}"
    );
    assert!(client.resolve(&reference(&registry.name("org/image:v2"))).unwrap().is_none());

    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let output = host::Cmd::new(skopeo)
        .args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")])
        .run()
        .unwrap();
    let Artifact::Index(index) = &artifact else { unreachable!() };
    assert_eq!(output.stdout, index.blob().read(u64::MAX).unwrap());
}

#[test]
fn every_request_is_accounted_for() {
    let Some(registry) = Registry::anonymous() else { return };
    let proxy = Proxy::before(&registry.address);
    let name = |rest: &str| format!("{}/{rest}", proxy.address);
    let client = client();
    let batch = [
        named(&[name("org/one:latest"), name("org/one:v1")], &index("text")),
        named(&[name("org/two:latest")], &index("text")),
        named(&[name("org/three:latest")], &index("else")),
    ];
    let sent = std::sync::Mutex::new((0, 0));
    let report = |event: Event<'_>| match event {
        Event::Planned { bytes } => sent.lock().unwrap().0 = bytes,
        Event::Blob { bytes, sent: true } => sent.lock().unwrap().1 += bytes,
        _ => {}
    };
    client.push(&batch, &report).into_iter().for_each(|result| drop(result.unwrap()));
    let sent = sent.into_inner().unwrap();
    assert_eq!(sent.0, sent.1, "everything is sent once");

    let cold = proxy.take();
    // Four tags; three configs and two layers of each of three repositories,
    // of which the second mounts all of the first's. The configs of `two`
    // are those of `one`, and so are those of `three` but for its layers.
    assert_eq!(count(&cold, "HEAD "), 4, "{cold:#?}");
    assert_eq!(count(&cold, "POST "), 15, "{cold:#?}");
    assert_eq!(count(&cold, "PUT /v2/org/one/blobs/"), 5);
    assert_eq!(count(&cold, "PUT /v2/org/two/blobs/"), 0);
    assert_eq!(count(&cold, "PUT /v2/org/three/blobs/"), 5);
    assert_eq!(count(&cold, "PUT /v2/org/one/manifests/"), 3 + 2);
    assert_eq!(count(&cold, "PUT /v2/org/two/manifests/"), 3 + 1);
    assert_eq!(cold.len(), 4 + 15 + 10 + 13);

    // Another client: nothing is remembered.
    let pushed = push(&crate::support::client(), &batch);
    assert!(pushed.iter().flatten().all(|pushed| pushed.unchanged));
    let unchanged = proxy.take();
    assert_eq!((unchanged.len(), count(&unchanged, "HEAD ")), (4, 4), "{unchanged:#?}");

    // A further tag of what is there is one PUT.
    let again = named(&[name("org/one:latest"), name("org/one:v2")], &index("text"));
    push(&client, &[again]);
    let lines = proxy.take();
    assert_eq!(lines.len(), 3, "{lines:#?}");

    // One platform of three changes: the others are found, not asked for.
    let changed = named(&[name("org/one:latest")], &index_with("text", "changed"));
    push(&client, &[changed]);
    let lines = proxy.take();
    assert_eq!((count(&lines, "HEAD "), count(&lines, "POST ")), (4, 2), "{lines:#?}");
    assert_eq!((count(&lines, "PUT "), lines.len()), (4, 10), "{lines:#?}");

    // A tag is missing, its blobs are not: none is sent.
    let fresh = named(&[name("org/three:other")], &index("else"));
    push(&crate::support::client(), &[fresh]);
    let lines = proxy.take();
    assert_eq!(
        (count(&lines, "POST "), count(&lines, "PUT /v2/org/three/blobs")),
        (5, 0),
        "{lines:#?}"
    );
}

#[test]
fn a_whole_catalogue_costs_what_it_must() {
    let Some(registry) = Registry::anonymous() else { return };
    let proxy = Proxy::before(&registry.address);
    let image = |number: usize| {
        let (little, big) = (format!("{number} little"), format!("{number} big"));
        let platforms = ["linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"];
        let texts = [&little, &little, &little, &big];
        let images = platforms.iter().zip(texts).map(|(platform, text)| image(platform, text));
        let index = oci::Index::new(images.collect(), std::collections::BTreeMap::new()).unwrap();
        let name = format!("{}/org/image-{number}:latest", proxy.address);
        named(&[name], &Artifact::Index(index))
    };
    let batch: Vec<_> = (0..22).map(image).collect();
    push(&client(), &batch);
    // Of each: a HEAD, four configs and two layers asked for and sent, four
    // manifests, the tag.
    assert_eq!(proxy.take().len(), 22 * (1 + 6 + 6 + 4 + 1));
    push(&client(), &batch);
    assert_eq!(proxy.take().len(), 22);
}

#[test]
fn what_an_unchanged_name_has_is_mounted_elsewhere() {
    let Some(registry) = Registry::anonymous() else { return };
    let proxy = Proxy::before(&registry.address);
    let name = |rest: &str| format!("{}/{rest}", proxy.address);
    let artifact = index("text");
    push(&client(), &[named(&[name("org/two:latest")], &artifact)]);
    proxy.take();
    // The one that has it comes last.
    let batch = ["org/one:latest", "org/two:latest"].map(|rest| named(&[name(rest)], &artifact));
    push(&client(), &batch);
    let lines = proxy.take();
    // Two tags, five mounts, three manifests and the index.
    assert_eq!((count(&lines, "POST "), lines.len()), (5, 2 + 5 + 4), "{lines:#?}");
}

/// An image with a layer of 20 MB, which is that file.
fn large(path: &Path) -> Artifact {
    let bytes: Vec<u8> =
        (0..20_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    host::fs::write_atomic(path, &bytes).unwrap();
    let layer = oci::Blob::from_file(oci::media::LAYER_TAR, path).unwrap();
    let config = oci::Blob::from_bytes("application/vnd.example+json", *b"{}");
    let document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": oci::media::MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    });
    let manifest =
        oci::Blob::from_bytes(oci::media::MANIFEST, serde_json::to_vec(&document).unwrap());
    Artifact::Image(oci::Image::from_parts(manifest, config, vec![layer]).unwrap())
}

#[test]
fn a_large_file_streams() {
    let Some(registry) = Registry::anonymous() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    let artifact = large(&path);
    let name = registry.name("large:v1");
    let client = client();
    push(&client, &[named(std::slice::from_ref(&name), &artifact)]);
    assert_arrived(&client, &name, &artifact);

    // The file changes after its digest was taken: it is not sent as such.
    let length = host::fs::read(&path).unwrap().len();
    host::fs::write_atomic(&path, &vec![1; length]).unwrap();
    let error = push_fails(&client, &[named(&[registry.name("other:v1")], &artifact)]);
    assert!(error.to_string().contains("is corrupt: its bytes are those of"), "{error}");
}

/// As a proxy before a registry does that takes no large bodies.
#[test]
fn a_large_file_that_is_refused_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let artifact = large(&dir.path().join("large"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut from = BufReader::new(stream.try_clone().unwrap());
                while let Some(request) = Head::read(&mut from) {
                    let (status, more) = match (request.method(), request.length()) {
                        ("HEAD", _) => (404, ""),
                        ("POST", _) => (202, "location: /v2/x/blobs/uploads/1\r\n"),
                        // The rest is not even read.
                        ("PUT", 1_000_000..) => (413, "connection: close\r\n"),
                        _ => (201, ""),
                    };
                    if status != 413 {
                        io::copy(&mut (&mut from).take(request.length()), &mut io::sink())?;
                    }
                    let answer = format!("HTTP/1.1 {status} X\r\n{more}content-length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes())?;
                    if status == 413 {
                        break;
                    }
                }
                io::Result::Ok(())
            });
        }
    });
    let error = push_fails(&client(), &[named(&[format!("{address}/x:v1")], &artifact)]);
    assert_eq!(error.status(), Some(413), "{error}");
}

#[test]
fn one_failure_stops_nothing_else() {
    let Some(registry) = Registry::anonymous() else { return };
    let (good, lost) = (registry.name("org/good:v1"), "127.0.0.1:1/org/lost:v1".to_owned());
    let artifact = index("one");
    let pinned = format!("{}@{}", registry.name("org/pinned:v1"), oci::Digest::of(b"other"));
    let untagged = format!("{}@{}", registry.name("org/untagged"), artifact.digest());
    let words = [lost, pinned, untagged, good.clone()];
    let batch = words.clone().map(|word| named(&[word], &artifact));
    let results = client().push(&batch, &|_| {});
    let errors: Vec<_> =
        results.iter().map(|result| result.as_ref().err().map(ToString::to_string)).collect();
    let lost = errors[0].as_ref().unwrap();
    assert!(
        lost.starts_with("`HEAD http://127.0.0.1:1/v2/org/lost/manifests/v1` failed: "),
        "{lost}"
    );
    assert!(
        errors[1].as_ref().unwrap().ends_with("cannot be pushed: the image has another digest")
    );
    assert_eq!(errors[2..], [None, None]);
    assert!(client().resolve(&reference(&words[2])).unwrap().is_some());
    assert!(client().resolve(&reference(&good)).unwrap().is_some());
}

#[test]
fn basic_credentials_are_shown_and_kept() {
    let Some(htpasswd) = test_support::tool("htpasswd") else { return };
    let Some(registry) = Registry::start(|dir| {
        let path = dir.join("htpasswd");
        let file =
            host::Cmd::new(htpasswd).args(["-Bbn", "robot", "hunter2"]).run().unwrap().stdout;
        host::fs::write_atomic(&path, &file).unwrap();
        format!("auth: {{htpasswd: {{realm: here, path: {}}}}}\n", path.display())
    }) else {
        return;
    };
    let proxy = Proxy::before(&registry.address);
    let name = format!("{}/org/image:v1", proxy.address);
    let batch = [named(std::slice::from_ref(&name), &index("one"))];

    let error = push_fails(&client(), &batch);
    assert_eq!(error.status(), Some(401));
    let hint = error.hint().unwrap();
    assert!(
        hint.starts_with(&format!("no credentials for `{}/org/image`", proxy.address)),
        "{hint}"
    );
    let wrong = client_with(password(&proxy.address, "robot", "wr0ng"));
    let error = push_fails(&wrong, &batch);
    assert!(error.hint().unwrap().contains("are from the test"), "{error}");
    assert!(!format!("{error} {error:?} {wrong:?}").contains("wr0ng"));

    proxy.take();
    // `robot:hunter2`
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("auth.json");
    let text =
        format!(r#"{{"auths": {{"{}/org": {{"auth": "cm9ib3Q6aHVudGVyMg=="}}}}}}"#, proxy.address);
    host::fs::write_atomic(&file, text.as_bytes()).unwrap();
    let client = client_with(Credentials::from_files([file]));
    push(&client, &batch);
    assert_eq!(proxy.take().len(), 1 + 1 + 5 + 5 + 4, "one was refused, the first");
    assert_arrived(&client, &name, &index("one"));
}
