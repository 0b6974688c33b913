//! Copies from place to place: the bytes stay what they are, and what cannot
//! be copied is named.

use std::collections::BTreeMap;
use std::path::Path;

use destination::Source;
use oci::registry::{Client, Settings};
use oci::{Artifact, Index, Named};
use test_support::Registry;

use crate::support::{self, image};

fn load(word: &str) -> Result<Vec<Named>, destination::Error> {
    let client = Client::new(Settings::default());
    word.parse::<Source>().unwrap().load(&client, &std::env::temp_dir())
}

fn publish(batch: &[Named], word: &str) {
    for outcome in support::publish(&word.parse().unwrap(), batch).unwrap() {
        outcome.unwrap();
    }
}

/// Two names of one registry: of an index, and of a plain manifest.
fn batch(registry: &str) -> Vec<Named> {
    let images = vec![image("linux/amd64", "one"), image("linux/s390x", "one, big-endian")];
    let index = Artifact::Index(Index::new(images, BTreeMap::new()).unwrap());
    let plain = Artifact::Image(image("linux/arm64", "two"));
    let named = |name: &str, artifact| Named {
        references: vec![format!("{registry}/org/{name}:v1").parse().unwrap()],
        artifact,
    };
    vec![named("index", index), named("plain", plain)]
}

/// What there is to compare: every name, with the bytes of all that is under
/// it, by digest.
fn contents(batch: &[Named]) -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
    let bytes = |blob: &oci::Blob| (blob.digest().to_string(), blob.read(u64::MAX).unwrap());
    let all = |named: &Named| {
        let names: Vec<_> = named.references.iter().map(ToString::to_string).collect();
        (names.join(" "), named.artifact.blobs().map(bytes).collect())
    };
    batch.iter().map(all).collect()
}

/// Gives all names another registry.
fn renamed(batch: Vec<Named>, from: &str, to: &str) -> Vec<Named> {
    let name = |named: Named| {
        let names = named.references.iter().map(|name| name.to_string().replace(from, to));
        Named { references: names.map(|name| name.parse().unwrap()).collect(), ..named }
    };
    batch.into_iter().map(name).collect()
}

#[test]
fn all_round_the_places() {
    let Some(one) = Registry::anonymous() else { return };
    let Some(other) = Registry::anonymous() else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let original = batch(&one.address);
    publish(&original, "registry");
    let expected = contents(&original);

    let of_registry = |registry: &Registry| {
        let names = ["index", "plain"].map(|name| registry.name(&format!("org/{name}:v1")));
        let loaded = names.map(|name| load(&name).unwrap());
        loaded.into_iter().flatten().collect::<Vec<_>>()
    };
    let pulled = of_registry(&one);
    assert_eq!(contents(&pulled), expected);
    publish(&pulled, &format!("oci:{}", at("tree")));
    let tree = load(&format!("oci:{}", at("tree"))).unwrap();
    assert_eq!(contents(&tree), expected);
    publish(&tree, &format!("oci-archive:{}", at("all.tar")));
    let archive = load(&format!("oci-archive:{}", at("all.tar"))).unwrap();
    assert_eq!(contents(&archive), expected);
    publish(&renamed(archive, &one.address, &other.address), "registry");
    // Nothing of the first is needed any more.
    drop(one);
    let there = of_registry(&other);
    let expected = contents(&batch(&other.address));
    assert_eq!(contents(&there), expected);
    publish(&there, &format!("oci:{}", at("last")));
    let last = load(&format!("oci:{}", at("last"))).unwrap();
    assert_eq!(contents(&last), expected);
}

#[test]
fn one_name_of_several() {
    let dir = tempfile::tempdir().unwrap();
    let batch = batch("quay.io");
    let (tree, archive) = (dir.path().join("tree"), dir.path().join("all.tar"));
    let (tree, archive) = (tree.display(), archive.display());
    publish(&batch, &format!("oci:{tree}"));
    publish(&batch, &format!("oci-archive:{archive}"));
    let digest = batch[1].artifact.digest();
    let words = [
        format!("oci:{tree}:quay.io/org/plain:v1"),
        format!("oci:{tree}/quay.io/org/plain"),
        format!("oci:{tree}/quay.io/org/plain:v1"),
        format!("oci-archive:{archive}:quay.io/org/plain:v1"),
    ];
    for word in words {
        assert_eq!(contents(&load(&word).unwrap()), contents(&batch[1..]), "{word}");
    }
    // A digest is a name as well.
    let loaded = load(&format!("oci:{tree}:quay.io/org/plain@{digest}")).unwrap();
    assert_eq!(loaded[0].artifact.digest(), digest);
}

/// Loads what cannot be; returns the message and the hint, paths shortened.
fn refusal(dir: &Path, word: &str) -> (String, Option<String>) {
    let word = word.replace("DIR", &dir.display().to_string());
    let error = load(&word).unwrap_err();
    let short = |text: String| text.replace(&dir.display().to_string(), "DIR");
    (short(error.to_string()), error.hint().map(short))
}

#[test]
fn what_cannot_be_copied_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    host::fs::create_dir_all(&root.join("empty")).unwrap();
    let batch = batch("quay.io");
    publish(&batch, &format!("oci:{}", root.join("tree").display()));
    publish(&batch, &format!("oci-archive:{}", root.join("all.tar").display()));
    // A layout whose entries have lost their names, and one without entries.
    let plain = root.join("tree/quay.io/org/plain");
    let index = host::fs::read_to_string(&plain.join("index.json")).unwrap();
    let mut document: oci::spec::Index = serde_json::from_str(&index).unwrap();
    let digest = document.manifests[0].digest;
    document.manifests[0].annotations.clear();
    let write = |name: &str, document: &oci::spec::Index| {
        let layout = root.join(name);
        host::fs::create_dir_all(&layout).unwrap();
        let text = serde_json::to_vec(document).unwrap();
        host::fs::write_atomic(&layout.join("index.json"), &text).unwrap();
        let marker = br#"{"imageLayoutVersion":"1.0.0"}"#;
        host::fs::write_atomic(&layout.join("oci-layout"), marker).unwrap();
    };
    write("nameless", &document);
    write("hollow", &oci::spec::Index::new(Vec::new()));

    let hint = "full names stand in the annotation `io.containerd.image.name`; in an archive of \
                docker's, in `RepoTags`";
    let nameless = format!("`{digest}` in `DIR/nameless` has no full name");
    let cases: [(&str, &str, Option<&str>); 10] = [
        ("oci:DIR/absent", "there is no `DIR/absent`", None),
        ("oci-archive:DIR/absent.tar", "failed to open `DIR/absent.tar`", None),
        ("oci:DIR/empty", "`DIR/empty` holds no images", None),
        ("oci:DIR/hollow", "`DIR/hollow` holds no images", None),
        ("oci:DIR/nameless", &nameless, Some(hint)),
        ("oci:DIR/tree:quay.io/org/absent:v1", "`DIR/tree` has no `quay.io/org/absent:v1`", None),
        (
            "oci:DIR/tree:quay.io/org/plain:v2",
            "`DIR/tree/quay.io/org/plain` has no `v2`; it has `v1`",
            None,
        ),
        (
            "oci:DIR/tree/quay.io/org/plain:v2",
            "`DIR/tree/quay.io/org/plain` has no `v2`; it has `v1`",
            None,
        ),
        (
            "oci-archive:DIR/all.tar:quay.io/org/plain:v2",
            "`DIR/all.tar` has no `quay.io/org/plain:v2`; it has `quay.io/org/index:v1`, \
             `quay.io/org/plain:v1`",
            None,
        ),
        (
            "oci:DIR/tree:Not/a/name",
            "invalid reference `Not/a/name`: the repository has uppercase letters",
            None,
        ),
    ];
    for (word, message, hint) in cases {
        let expected = (message.to_owned(), hint.map(str::to_owned));
        assert_eq!(refusal(root, word), expected, "{word}");
    }
}

#[test]
fn what_a_registry_does_not_have_is_named() {
    let Some(registry) = Registry::anonymous() else { return };
    let error = load(&registry.name("org/absent:v1")).unwrap_err().to_string();
    let request = format!("`GET http://{}/v2/org/absent/manifests/v1`", registry.address);
    assert_eq!(error, format!("{request} was answered with 404 (there is no such image)"));
}

#[test]
fn a_docker_archive_gives_what_was_put_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let references = ["quay.io/org/a:v1", "docker.io/library/a:v2"];
    let references = references.map(|word| word.parse().unwrap()).to_vec();
    let original = [Named { references, artifact: Artifact::Image(image("linux/amd64", "one")) }];
    publish(&original, &format!("docker-archive:{}", at("a.tar")));
    let loaded = load(&format!("docker-archive:{}", at("a.tar"))).unwrap();
    let sorted = |batch: &[Named]| {
        let names = batch.iter().flat_map(|named| named.references.clone());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(sorted(&loaded), sorted(&original));
    assert_eq!(loaded[0].artifact.digest(), original[0].artifact.digest());
    // A name as docker prints it is the same name.
    let loaded = load(&format!("docker-archive:{}:a:v2", at("a.tar"))).unwrap();
    assert_eq!(loaded[0].references[0].to_string(), "docker.io/library/a:v2");
    let error = load(&format!("docker-archive:{}:a:v3", at("a.tar"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` has no `a:v3`; it has `docker.io/library/a:v2`, `quay.io/org/a:v1`",
            at("a.tar")
        )
    );
}
