//! Where documents go: layouts, archives, registries with a list of referrers
//! and without; and what is there is left alone.

use test_support::Registry;

use super::*;
use crate::registry::relay::Relay;

/// The types of what is attached, sorted, by a look at the JSON alone.
fn types(list: &Value) -> Vec<String> {
    let entries = list["manifests"].as_array().unwrap();
    let mut types: Vec<_> =
        entries.iter().map(|it| it["artifactType"].as_str().unwrap().to_owned()).collect();
    types.sort();
    types
}

const BOTH: [&str; 2] = ["application/spdx+json", "application/vnd.in-toto+json"];

#[test]
fn layouts_and_archives_have_them_as_the_specification_says() {
    let checkout = checkout();
    attest(&checkout, &["--to", "oci:images", "--to", "oci-archive:all.tar"]);
    // Read as files, by what the specifications say of them.
    let root = checkout.path().join("images/quay.io/o/one");
    let read = |digest: &str| -> Value {
        let path = root.join("blobs").join(digest.replace(':', "/"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let index: Value =
        serde_json::from_str(&checkout.read("images/quay.io/o/one/index.json")).unwrap();
    let named = |tag: &str| {
        let entries = index["manifests"].as_array().unwrap();
        let has = |it: &&Value| it["annotations"]["org.opencontainers.image.ref.name"] == tag;
        entries.iter().find(has).unwrap()["digest"].as_str().unwrap().to_owned()
    };
    let image = named("latest");
    let list = read(&named(&image.replace(':', "-")));
    assert_eq!(types(&list), BOTH);
    for entry in list["manifests"].as_array().unwrap() {
        let manifest = read(entry["digest"].as_str().unwrap());
        assert_eq!(manifest["subject"]["digest"], image);
        assert_eq!(manifest["artifactType"], entry["artifactType"]);
        assert_eq!(manifest["annotations"], entry["annotations"]);
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        assert_eq!(manifest["layers"][0]["mediaType"], entry["artifactType"]);
    }
    let archive = oci::archive::open(&checkout.path().join("all.tar")).unwrap();
    let artifact = archive.load(&archive.resolve(NAME).unwrap()).unwrap();
    assert_eq!(archive.companions(Some("quay.io/o/one"), &artifact).unwrap().len(), 2);
    // They are shown with the image, and are none.
    for place in ["images", "all.tar"] {
        let inspected = checkout.run(&["inspect-images", place]);
        let shown = "\n    attached application/vnd.in-toto+json, application/spdx+json\n";
        assert!(inspected.stdout.contains(shown), "{inspected:?}");
        assert!(!inspected.stdout.contains(":sha256-"), "{inspected:?}");
        let checked = "Checked 1 image, 2 platforms in all: 0 problems";
        assert!(inspected.stderr.trim() == checked, "{inspected:?}");
    }
    // Pruning leaves what belongs to an image that stays.
    let pruned = run(&checkout, "build-images", &["--prune", "--to", "oci:images"]);
    assert_eq!(pruned.code, 0, "{}", pruned.stderr);
    assert_eq!(beside(&checkout, "images").1.len(), 2);
    let report = oci::verify::layout(&Layout::open(&root).unwrap(), oci::verify::Limits::default());
    assert_eq!(report.problems, []);
    // A docker archive has no room for them, which is said.
    let docker = run(&checkout, "build-images", &["--attest", "--to", "docker-archive:d.tar"]);
    let note = "d.tar` takes images alone, and nothing that is attached to them";
    assert!(docker.stderr.contains(note), "{}", docker.stderr);
}

#[test]
fn registries_get_them_once() {
    for (kind, registry) in [("none", Registry::anonymous()), ("lists", Registry::olareg())] {
        let Some(registry) = registry else { continue };
        let relay = Relay::before(&registry.address);
        let checkout = checkout();
        let args = ["--push", "--registry", &relay.address];
        let first = attest(&checkout, &args);
        let digest = first["images"][0]["digest"].as_str().unwrap().to_owned();
        let name = reference(&registry.name("o/one"));
        let listed = client().referrers(&name, digest.parse().unwrap(), None).unwrap();
        assert_eq!(types(&serde_json::json!({ "manifests": listed })), BOTH, "{kind}");
        let tag = registry.name(&format!("o/one:{}", digest.replace(':', "-")));
        let has_tag = client().resolve(&reference(&tag)).unwrap().is_some();
        assert_eq!(has_tag, kind == "none", "the list stands under its tag where nobody keeps it");
        // Nothing is sent again, and asking takes few requests.
        relay.take();
        let again = attest(&checkout, &args);
        assert_eq!(again["images"][0]["attached"], first["images"][0]["attached"]);
        let requests = relay.take();
        let is_write = |line: &&String| !line.starts_with("GET ") && !line.starts_with("HEAD ");
        let writes: Vec<_> = requests.iter().filter(is_write).collect();
        assert!(writes.is_empty() && requests.len() <= 5, "{kind}: {requests:?}");
    }
}

#[test]
fn what_was_attested_goes_with_what_is_published() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout();
    let made = attest(&checkout, &["--to", "oci-archive:made.tar"]);
    let digest: oci::Digest = made["images"][0]["digest"].as_str().unwrap().parse().unwrap();
    let name = reference(&registry.name("o/one"));
    let push = |args: &[&str]| {
        let from = ["--from", "oci-archive:made.tar", "--push", "--registry", &registry.address];
        let mut command = checkout.command(&[&["build-images"], &from[..], args].concat());
        // Somebody without a compiler.
        command.env("CLANG", "/nowhere/clang");
        let run = finish(command.output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stderr);
        client().referrers(&name, digest, None).unwrap().len()
    };
    assert_eq!((push(&[]), push(&["--attest"]), push(&["--attest"])), (0, 2, 2));
}
