//! Preflight: who would be refused hears it before anything is pushed, and
//! nothing is left behind.

use oci::registry::{Intent, Looks};
use test_support::Registry;

use crate::proxy::Proxy;
use crate::scripted::{Server, answer};
use crate::support::*;

fn intent(name: &str, digest: Option<oci::Digest>) -> Intent {
    Intent { reference: reference(name), digest }
}

#[test]
fn only_what_changes_is_knocked_at() {
    let Some(registry) = Registry::anonymous() else { return };
    let proxy = Proxy::before(&registry.address);
    let name = |rest: &str| format!("{}/{rest}", proxy.address);
    let artifact = index("one");
    push(&client(), &[named(&[name("org/same:v1"), name("org/other:v1")], &artifact)]);
    proxy.take();
    let digest = Some(artifact.digest());
    let intents = [
        intent(&name("org/same:v1"), digest),
        intent(&name("org/other:v1"), Some(oci::Digest::of(b"else"))),
        intent(&name("org/new:v1"), None),
        intent(&name("org/new:v2"), None),
    ];
    let ends = client().preflight(&intents, &Looks::default());
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    let mut lines = proxy.take();
    let opened: Vec<_> = lines.extract_if(.., |line| !line.starts_with("HEAD ")).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    let of = |method: &str, repository: &str| {
        let start = format!("{method} /v2/org/{repository}/blobs/uploads/");
        opened.iter().filter(|line| line.starts_with(&start)).count()
    };
    assert_eq!((of("POST", "new"), of("DELETE", "new")), (1, 1), "{opened:?}");
    assert_eq!((of("POST", "other"), of("DELETE", "other")), (1, 1), "{opened:?}");
    assert_eq!(opened.len(), 4, "{opened:?}");
}

#[test]
fn what_was_looked_at_is_not_asked_for_again() {
    let Some(registry) = Registry::anonymous() else { return };
    let proxy = Proxy::before(&registry.address);
    let (client, artifact) = (client(), index("one"));
    let names = ["org/one:v1", "org/two:v1"].map(|rest| format!("{}/{rest}", proxy.address));
    push(&client, &[named(&names[..1], &artifact)]);
    proxy.take();
    let references = names.clone().map(|name| reference(&name));
    let looks = client.look(&references.each_ref());
    let found = |at: usize| looks.of(&references[at]).unwrap().as_ref().unwrap().clone();
    assert_eq!(found(0).map(|found| found.digest), Some(artifact.digest()));
    assert_eq!(found(1), None);
    assert!(looks.of(&reference("org/three:v1")).is_none());
    assert_eq!(proxy.take().len(), 2);

    let intents = names.clone().map(|name| intent(&name, Some(artifact.digest())));
    let ends = client.preflight(&intents, &looks);
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    let batch = [named(&names, &artifact)];
    let pushed = client.push_looked(&batch, &looks, &|_| {}).remove(0).unwrap();
    assert_eq!(pushed.iter().map(|pushed| pushed.unchanged).collect::<Vec<_>>(), [true, false]);
    let lines = proxy.take();
    assert!(lines.iter().all(|line| !line.starts_with("HEAD ")), "{lines:?}");
}

/// A digest in a name says what it is to stand for, not that it does.
#[test]
fn a_tag_is_looked_at_whatever_digest_is_named_with_it() {
    let Some(registry) = Registry::anonymous() else { return };
    let (client, artifact) = (client(), index("one"));
    push(&client, &[named(&[registry.name("org/one:v1")], &artifact)]);
    let name = format!("{}@{}", registry.name("org/one:v2"), artifact.digest());
    let looks = client.look(&[&reference(&name)]);
    let batch = [named(std::slice::from_ref(&name), &artifact)];
    let pushed = client.push_looked(&batch, &looks, &|_| {}).remove(0).unwrap();
    assert!(!pushed[0].unchanged);
    let tag = client.resolve(&reference(&registry.name("org/one:v2"))).unwrap().unwrap();
    assert_eq!(tag.digest, artifact.digest());
}

#[test]
fn every_refusal_is_told() {
    let server = Server::start(|_, request| {
        let denied = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#;
        match (request.method.as_str(), request.target.contains("/open/")) {
            ("HEAD", _) => answer(404),
            ("POST", true) => {
                answer(202).header("location", request.target.replace("uploads/", "uploads/1"))
            }
            ("DELETE", true) => answer(202),
            _ => answer(403).body(denied),
        }
    });
    let names = ["shut/a:v1", "open/b:v1", "shut/c:v1"];
    let intents = names.map(|name| intent(&server.name(name), None));
    let ends = client().preflight(&intents, &Looks::default());
    let texts: Vec<_> =
        ends.iter().map(|end| end.as_ref().err().map(ToString::to_string)).collect();
    let refusal = |repository: &str| {
        let url = format!("http://{}/v2/{repository}/blobs/uploads/", server.address);
        Some(format!("`POST {url}` was answered with 403 (DENIED: not yours)"))
    };
    assert_eq!(texts, [refusal("shut/a"), None, refusal("shut/c")]);
    let deleted = server.lines().iter().filter(|line| line.starts_with("DELETE")).count();
    assert_eq!(deleted, 1);
}
