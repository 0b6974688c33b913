//! Images copied from registry to registry: digests stay, blobs are mounted
//! or stream through, and what belongs to an image comes with it.

use oci::layout::{Tree, WriteOptions};
use oci::registry::{Client, Companion, Link, Settings};
use oci::spec::Descriptor;
use oci::{Artifact, Blob, Image, Layout, Named};
use test_support::Registry;

use crate::proxy::Proxy;
use crate::scripted::{Server, answer};
use crate::support::*;

/// Copies one name to another, with what goes with it if that is wished.
fn copy(client: &Client, from: &str, to: &str, companions: bool) -> Artifact {
    let (from, to) = (reference(from), reference(to));
    let artifact = client.pull(&from, None).unwrap();
    push(client, &[Named { references: vec![to.clone()], artifact: artifact.clone() }]);
    if companions {
        let companions = client.companions(&from, &artifact).unwrap();
        client.push_companions(&to, &companions).unwrap();
    }
    artifact
}

/// A manifest without an image, perhaps about another.
fn statement(text: &str, subject: Option<&Descriptor>) -> Image {
    let layer = Blob::from_bytes("application/vnd.example.statement", text.as_bytes());
    let config = Blob::from_bytes("application/vnd.oci.empty.v1+json", *b"{}");
    let mut document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": oci::media::MANIFEST,
        "artifactType": "application/vnd.example.statement",
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    });
    if let Some(subject) = subject {
        document["subject"] = serde_json::to_value(subject).unwrap();
    }
    let manifest = Blob::from_bytes(oci::media::MANIFEST, serde_json::to_vec(&document).unwrap());
    Image::from_parts(manifest, config, vec![layer]).unwrap()
}

/// Says something about an image in its repository: in the list, and by the
/// tag that cosign makes.
fn remark(client: &Client, name: &str, artifact: &Artifact) -> [Image; 2] {
    let subject = artifact.descriptor();
    let listed = statement("listed", Some(subject));
    let mut descriptor = listed.descriptor().clone();
    let artifact_type = "application/vnd.example.statement".into();
    descriptor.extra.insert("artifactType".into(), artifact_type);
    let tagged = statement("tagged", None);
    let tag = format!("sha256-{}.sig", subject.digest.hex());
    let companions = [
        Companion {
            artifact: Artifact::Image(listed.clone()),
            link: Link::Referrer { subject: subject.digest, descriptor: Box::new(descriptor) },
        },
        Companion { artifact: Artifact::Image(tagged.clone()), link: Link::Tag(tag) },
    ];
    client.push_companions(&reference(name), &companions).unwrap();
    [listed, tagged]
}

#[test]
fn a_copy_has_the_digest_of_what_was_copied() {
    let Some(one) = Registry::anonymous() else { return };
    let Some(other) = Registry::anonymous() else { return };
    let (client, artifact) = (client(), index("one"));
    let (from, to) = (one.name("org/image:v1"), other.name("mirror/image:v1"));
    push(&client, &[named(std::slice::from_ref(&from), &artifact)]);
    assert_eq!(copy(&client, &from, &to, false).digest(), artifact.digest());
    assert_arrived(&client, &to, &artifact);
}

#[test]
fn within_one_registry_nothing_is_sent() {
    let Some(registry) = Registry::anonymous() else { return };
    let proxy = Proxy::before(&registry.address);
    let artifact = index("one");
    let name = |rest: &str| format!("{}/{rest}", proxy.address);
    push(&client(), &[named(&[name("org/image:v1")], &artifact)]);
    proxy.take();
    // Another client: it knows nothing of what was pushed.
    copy(&client(), &name("org/image:v1"), &name("mirror/image:v1"), false);
    let lines = proxy.take();
    let uploads = lines.iter().filter(|line| line.contains("PUT /v2/mirror/image/blobs"));
    assert_eq!(uploads.count(), 0, "{lines:#?}");
    let mounts = lines.iter().filter(|line| line.ends_with("&from=org/image"));
    assert_eq!(mounts.count(), 5, "{lines:#?}");
    let layers = lines.iter().filter(|line| line.starts_with("GET ") && line.contains("/blobs/"));
    assert_eq!(layers.count(), 3, "only configs are read: {lines:#?}");
    assert_arrived(&client(), &name("mirror/image:v1"), &artifact);
}

/// An upload that reads from the registry it goes to needs one place, not
/// two.
#[test]
fn a_registry_that_mounts_nothing_is_copied_within_one_request_at_a_time() {
    let Some(registry) = Registry::anonymous() else { return };
    let artifact = index("one");
    push(&client(), &[named(&[registry.name("org/image:v1")], &artifact)]);
    let address = registry.address.clone();
    let server = Server::start(move |_, request| forward(&address, request));
    let client = Client::new(Settings { concurrency: 1, ..settings() });
    let name = |rest: &str| server.name(rest);
    copy(&client, &name("org/image:v1"), &name("mirror/image:v1"), false);
    assert_arrived(&client, &name("mirror/image:v1"), &artifact);
}

/// Hands a request on, with no wish to mount.
fn forward(address: &str, request: &crate::scripted::Request) -> crate::scripted::Answer {
    let target = match request.target.split_once("?mount=") {
        Some((path, _)) => path.to_owned(),
        None => request.target.clone(),
    };
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut onward = ureq::http::Request::builder()
        .method(request.method.as_str())
        .uri(format!("http://{address}{target}"));
    for name in ["accept", "content-type", "range"] {
        if let Some(value) = request.header(name) {
            onward = onward.header(name, value);
        }
    }
    let mut answered = agent.run(onward.body(&request.body[..]).unwrap()).unwrap();
    let body = answered.body_mut().read_to_vec().unwrap();
    let mut back = answer(answered.status().as_u16());
    for (name, value) in answered.headers() {
        let value = value.to_str().unwrap();
        match name.as_str() {
            "location" => back = back.header("location", value.split(address).last().unwrap()),
            "content-length" | "docker-content-digest" | "content-type" | "content-range" => {
                back = back.header(name.as_str(), value);
            }
            _ => {}
        }
    }
    back.body(body)
}

#[test]
fn what_belongs_to_an_image_comes_with_it() {
    let Some(one) = Registry::anonymous() else { return };
    let Some(other) = Registry::anonymous() else { return };
    let (client, artifact) = (client(), index("one"));
    let (from, to) = (one.name("org/image:v1"), other.name("mirror/image:v1"));
    push(&client, &[named(std::slice::from_ref(&from), &artifact)]);
    let [listed, tagged] = remark(&client, &from, &artifact);
    let child = Artifact::Image(artifact.images()[0].clone());
    remark(&client, &from, &child);

    copy(&client, &from, &to, false);
    assert!(client.referrers(&reference(&to), artifact.digest(), None).unwrap().is_empty());
    copy(&client, &from, &to, true);
    for subject in [artifact.digest(), child.digest()] {
        let found = |name: &str| client.referrers(&reference(name), subject, None).unwrap();
        assert_eq!(found(&to), found(&from));
        assert_eq!(found(&to).len(), 1);
        let tag = format!("sha256-{}.sig", subject.hex());
        let signature = reference(&to).with_tag(&tag).unwrap();
        assert_eq!(client.resolve(&signature).unwrap().unwrap().digest, tagged.digest());
    }
    let pulled = client.pull(&reference(&to).with_digest(listed.digest()), None).unwrap();
    assert_eq!(contents(&pulled), contents(&Artifact::Image(listed)));
    // Once more, nothing is to be done and nothing doubled.
    copy(&client, &from, &to, true);
    assert_eq!(client.referrers(&reference(&to), artifact.digest(), None).unwrap().len(), 1);
}

#[test]
fn layouts_hold_what_belongs_to_an_image_under_tags() {
    let Some(registry) = Registry::anonymous() else { return };
    let (client, artifact) = (client(), index("one"));
    let name = registry.name("org/image:v1");
    push(&client, &[named(std::slice::from_ref(&name), &artifact)]);
    remark(&client, &name, &artifact);

    let (dir, name) = (tempfile::tempdir().unwrap(), reference(&name));
    let pulled = client.pull(&name, None).unwrap();
    let companions = client.companions(&name, &pulled).unwrap();
    let mut batch = vec![Named { references: vec![name.clone()], artifact: pulled }];
    batch.extend(Companion::named(&name, &companions).unwrap());
    let tree = Tree::new(dir.path());
    let written = tree.write(&batch, WriteOptions { durable: false }).unwrap();
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    let layout = Layout::open(&tree.directory(&name)).unwrap();
    let hex = artifact.digest().hex();
    let expected = [format!("sha256-{hex}"), format!("sha256-{hex}.sig"), "v1".to_owned()];
    assert_eq!(layout.tags(), expected);
    let report = oci::verify::layout(&layout, oci::verify::Limits::default());
    assert_eq!(report.problems, []);

    // What the layout gives back is what the registry had.
    let facts = |companions: &[Companion]| -> Vec<(String, String)> {
        let fact = |one: &Companion| (format!("{:?}", one.link), one.artifact.digest().to_string());
        companions.iter().map(fact).collect()
    };
    let own = layout.load(&layout.resolve("v1").unwrap()).unwrap();
    for repository in [None, Some(name.name())] {
        let found = layout.companions(repository.as_deref(), &own).unwrap();
        assert_eq!(facts(&found), facts(&companions));
    }
    assert!(layout.companions(Some("quay.io/other/image"), &own).unwrap().is_empty());
}

#[test]
fn a_referrer_without_a_name_is_found_by_its_subject() {
    let (dir, artifact) = (tempfile::tempdir().unwrap(), index("one"));
    let name = reference("quay.io/org/image:v1");
    let listed = statement("listed", Some(artifact.descriptor()));
    let about_it = statement("about that", Some(listed.descriptor()));
    let tag = |tag: &str, artifact: Artifact| Named {
        references: vec![name.with_tag(tag).unwrap()],
        artifact,
    };
    let batch = [
        tag("v1", artifact.clone()),
        tag("a", Artifact::Image(listed.clone())),
        tag("b", Artifact::Image(about_it.clone())),
        tag("c", Artifact::Image(statement("of another", Some(about_it.descriptor())))),
    ];
    let tree = Tree::new(dir.path());
    tree.write(&batch, WriteOptions { durable: false }).unwrap();
    // As oras writes it: in the index, by its digest alone.
    let path = tree.directory(&name).join("index.json");
    let mut document: serde_json::Value =
        serde_json::from_slice(&host::fs::read(&path).unwrap()).unwrap();
    for entry in document["manifests"].as_array_mut().unwrap() {
        let tag = entry["annotations"][oci::layout::REF_NAME].as_str().unwrap();
        if ["a", "b"].contains(&tag) {
            entry.as_object_mut().unwrap().remove("annotations");
        }
    }
    host::fs::write_atomic(&path, document.to_string().as_bytes()).unwrap();
    let layout = Layout::open(&tree.directory(&name)).unwrap();
    let found = layout.companions(None, &artifact).unwrap();
    let digests: Vec<_> = found.iter().map(|it| it.artifact.digest()).collect();
    // What is about a companion comes first; what has a name is an image.
    assert_eq!(digests, [about_it.digest(), listed.digest()]);
    let Link::Referrer { subject, descriptor } = &found[1].link else { panic!("{found:?}") };
    assert_eq!(*subject, artifact.digest());
    assert_eq!(descriptor.extra["artifactType"], "application/vnd.example.statement");
}
