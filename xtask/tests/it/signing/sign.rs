//! What is signed: once, in the formats that were asked for, as cosign
//! verifies it; and not again.

use std::process::Command;

use cosign::{Attest, Cosigns, Key, Session, Signer};
use oci::registry::{Client, Settings};
use signature::Verdict;
use test_support::Registry;

use super::scene::{BEFORE, Scene, client_as};
use crate::support::finish;

/// Registries without the referrers API and with it.
fn registries() -> Vec<Registry> {
    [Registry::anonymous(), Registry::olareg()].into_iter().flatten().collect()
}

/// The legacy format alone, for cosign 3.
const LEGACY: [&str; 1] = ["--new-bundle-format=false"];

#[test]
fn each_digest_is_signed_once_in_both_formats() {
    let Some(scene) = Scene::new(&["a/one", "b/two"]) else { return };
    for registry in registries() {
        let tags = ["latest", "v1", "v2"];
        let one = scene.push(&tags.map(|tag| registry.name(&format!("a/one:{tag}"))));
        let two = scene.push(&[registry.name("b/two:latest")]);
        let all = ["--tag", "latest,v1,v2", "a/one"];
        let run = scene.sign(&registry.address, &all);
        assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
        let signing = ["cosign-2 sign", "cosign-3 sign", "cosign-3 signing-config"];
        let mut expected = [&BEFORE[..], &signing].concat();
        expected.sort_unstable();
        assert_eq!(scene.commands(), expected, "three tags are one digest");

        let run = scene.sign(&registry.address, &[]);
        let expected = format!("{one}: already signed\n{two}: signed\n");
        assert_eq!((run.code, run.stdout), (0, expected), "{}", run.stderr);
        for subject in [&one, &two] {
            assert!(scene.verifies(3, subject, &LEGACY), "{subject}");
            assert!(scene.verifies(3, subject, &[]), "{subject}");
            let signatures = scene.signatures(subject);
            assert_eq!(signatures.legacy(&scene.key()), Verdict::Verified);
            assert_eq!(signatures.bundle(&scene.key()), Verdict::Verified);
            let facts = signatures.facts();
            assert_eq!((facts.legacy, facts.bundles, facts.attestations), (1, 1, 0));
        }

        scene.calls();
        let run = scene.sign(&registry.address, &[]);
        let expected = format!("{one}: already signed\n{two}: already signed\n");
        assert_eq!((run.code, run.stdout), (0, expected), "{}", run.stderr);
        assert_eq!(scene.commands(), BEFORE, "nothing is signed twice");
        assert!(run.stderr.contains("Signed 0 images, 2 already, in "), "{}", run.stderr);
    }
    assert!(!scene.path("home").exists(), "nothing is left in HOME");
}

#[test]
fn one_format_alone() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let one = scene.push(&[registry.name("a/one:latest")]);
    let run = scene.sign(&registry.address, &["--signatures", "legacy"]);
    assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
    assert!(scene.verifies(2, &one, &[]));
    let facts = scene.signatures(&one).facts();
    assert_eq!((facts.legacy, facts.bundles), (1, 0));
    let run = scene.sign(&registry.address, &["--signatures", "bundle", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let expected = serde_json::json!({
        "schema": 1,
        "images": [{
            "image": "a/one",
            "references": [registry.name("a/one:latest")],
            "subject": one.to_string(),
            "digest": one.digest().unwrap().to_string(),
            "manifests": 1,
            "signatures": {"bundle": "signed"},
        }],
        "failures": [],
    });
    assert_eq!(document, expected);
    let facts = scene.signatures(&one).facts();
    assert_eq!((facts.legacy, facts.bundles), (1, 1));
}

#[test]
fn the_images_of_an_index_are_signed_on_request() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    for registry in registries() {
        let one = scene.push(&[registry.name("a/one:latest")]);
        let pulled = scene.client.pull(&one, None).unwrap();
        let children: Vec<_> =
            pulled.images().iter().map(|image| one.with_digest(image.digest())).collect();
        assert_eq!(children.len(), 2);
        let legacy = ["--recursive", "--signatures", "legacy"];
        let run = scene.sign(&registry.address, &legacy);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let signs = |scene: &Scene| {
            let calls = scene.calls();
            let calls = calls.into_iter().filter(|call| call.command() == "sign");
            calls.map(|call| call.line().contains("--recursive")).collect::<Vec<_>>()
        };
        assert_eq!(signs(&scene), [true], "one call for all");

        // The index is signed already: its images one by one.
        let run = scene.sign(&registry.address, &["--signatures", "bundle"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(signs(&scene), [false]);
        let run = scene.sign(&registry.address, &["--recursive"]);
        assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
        assert_eq!(signs(&scene), [false, false]);
        for subject in children.iter().chain([&one]) {
            assert!(scene.verifies(3, subject, &LEGACY), "{subject}");
            assert!(scene.verifies(3, subject, &[]), "{subject}");
            let facts = scene.signatures(subject).facts();
            assert_eq!((facts.legacy, facts.bundles), (1, 1), "{subject}");
        }
        let run = scene.sign(&registry.address, &["--recursive"]);
        assert_eq!((run.code, run.stdout), (0, format!("{one}: already signed\n")));
        assert_eq!(signs(&scene).len(), 0, "nothing is signed twice");
    }
}

#[test]
fn images_are_signed_where_they_were_pushed() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    scene.checkout.write("bpf/one.bpf.c", crate::incremental::PASS);
    let libbpf = crate::support::LIBBPF.display().to_string();
    let build = |args: &[&str]| {
        let key = scene.path("cosign.key");
        let sign = ["--libbpf-dir", &libbpf, "--push", "--sign", "--key", key.to_str().unwrap()];
        let mut command = scene.command("build-images", &registry.address, &[&sign, args].concat());
        finish(command.output().unwrap())
    };
    let run = build(&["--tag", "v1,v2"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 2), "{}", run.stderr);
    let (_, digest) = run.stdout.lines().next().unwrap().split_once('@').unwrap();
    let one = format!("{}@{digest}", registry.name("a/one")).parse().unwrap();
    assert!(scene.verifies(3, &one, &LEGACY) && scene.verifies(3, &one, &[]));
    let run = build(&["--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let signed = &document["signatures"];
    assert_eq!(signed[0]["subject"], one.to_string());
    let already = serde_json::json!({"legacy": "already signed", "bundle": "already signed"});
    assert_eq!((signed.as_array().unwrap().len(), &signed[0]["signatures"]), (1, &already));
}

#[test]
fn each_organization_signs_with_its_own_account() {
    let accounts = [("robot-a", "open-sesame-a"), ("robot-b", "open-sesame-b")];
    let Some(scene) = Scene::new(&["a/one", "b/two"]) else { return };
    let Some(registry) = super::secrets::with_passwords(&accounts) else { return };
    super::secrets::organizations(&scene);
    let push = |organization: &str, name: &str, (user, password): (&str, &str)| {
        let client = client_as(&registry.name(organization), user, password);
        let scene = Scene { client, ..Scene::with(&[], scene.real.clone()) };
        scene.push(&[registry.name(&format!("{organization}/{name}:latest"))])
    };
    let (one, two) = (push("a", "one", accounts[0]), push("b", "two", accounts[1]));
    let sign = |token: &str| {
        let mut command = scene.sign_command(&registry.address, &[]);
        command.envs([("A_USERNAME", "robot-a"), ("A_TOKEN", "open-sesame-a")]);
        finish(command.envs([("B_USERNAME", "robot-b"), ("B_TOKEN", token)]).output().unwrap())
    };
    // The one's account is not the other's, and its failure not either's.
    let run = sign("wr0ng");
    assert_eq!((run.code, run.stdout), (1, format!("{one}: signed\n")), "{}", run.stderr);
    let name = registry.name("b/two:latest");
    assert!(run.stderr.contains(&format!("failed to find `{name}`")), "{}", run.stderr);
    let run = sign("open-sesame-b");
    let expected = format!("{one}: already signed\n{two}: signed\n");
    assert_eq!((run.code, run.stdout), (0, expected), "{}", run.stderr);
}

#[test]
fn a_registry_with_a_private_authority() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(own) = crate::registry::certificate(scene.dir.path(), "own") else { return };
    let (pem, key) = (own.display(), own.with_extension("key"));
    let tls = format!(", tls: {{certificate: '{pem}', key: '{}'}}", key.display());
    let Some(registry) = Registry::start_as(&tls, |_| String::new()) else { return };
    let ca_files = vec![own.clone()];
    let client = Client::new(Settings { ca_files, ..Settings::default() });
    let scene = Scene { client, ..scene };
    let one = scene.push(&[registry.name("a/one:latest")]);
    let run = scene.sign(&registry.address, &["--registry-ca", own.to_str().unwrap()]);
    assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
    let ca = format!("--registry-cacert={}", own.display());
    assert!(scene.verifies(3, &one, &[&ca]));
    assert!(scene.verifies(3, &one, &[&ca, LEGACY[0]]));
}

#[test]
fn who_signs_and_who_attests_at_the_same_time_do_not_lose_each_other() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let predicate = scene.write("predicate.json", "{\"made\": \"here\"}");
    let key = scene.path("unlocked");
    std::fs::create_dir(&key).unwrap();
    let mut command = Command::new(&scene.real[1]);
    command.arg("generate-key-pair").current_dir(&key).env("COSIGN_PASSWORD", "");
    assert!(command.output().unwrap().status.success());
    let cosigns = Cosigns::find(&scene.real).unwrap();
    let locks = scene.checkout.path().join("target/signing");
    let session = Session::new(cosigns, []).unwrap().locks(locks);
    let signer = Signer::Key(Key::File(key.join("cosign.key")));
    for registry in registries() {
        for number in 0..4 {
            let one = scene.push(&[registry.name(&format!("a/one:v{number}"))]);
            let one = &one;
            let access = scene.client.access(one).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let attest = Attest {
                        signer: &signer,
                        subject: one,
                        predicate: predicate.as_ref(),
                        predicate_type: "https://example.com/made/v1",
                    };
                    session.attest(&attest, &access, &|_| {}).unwrap();
                });
                let tag = format!("v{number}");
                let args = ["--tag", &tag, "--signatures", "bundle"];
                let run = scene.sign(&registry.address, &args);
                assert_eq!(run.code, 0, "{}", run.stderr);
            });
            let facts = scene.signatures(one).facts();
            assert_eq!((facts.bundles, facts.attestations), (1, 1), "{one}");
        }
    }
}
