//! The OCI image specification, read from the files by hand: every document
//! is compared whole.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Built, Image, expected, output, read, text};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// The platforms in the order of the catalogue.
const ARCHS: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

#[test]
fn every_document_of_a_layout_is_as_specified() {
    let built = Built::get();
    let catalogue = catalogue();
    for image in built.images() {
        let entry = &catalogue[&image.name];
        let annotations = json!({
            "org.opencontainers.image.title": entry["name"],
            "org.opencontainers.image.description": entry["description"],
            "org.opencontainers.image.licenses": entry["licenses"],
        });
        let file = format!("{}.o", stem(entry["bytecode"].as_str().unwrap()));
        layout(&built, &image);
        index(&built, &image, &annotations);
        for (arch, manifest) in built.manifests(&image) {
            let place = format!("{} {arch}", image.name);
            let config = text(&manifest["config"]["digest"]);
            let layer = text(&manifest["layers"][0]["digest"]);
            let size = |digest: &str| built.blob(&image.name, digest).metadata().unwrap().len();
            let expected = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": config, "size": size(&config)},
                "layers": [{"mediaType": LAYER, "digest": layer, "size": size(&layer)}],
                "annotations": annotations,
            });
            assert_eq!(manifest, expected, "{place}");
            let expected = json!({
                "created": EPOCH,
                "architecture": arch,
                "os": "linux",
                "config": {"Labels": expected::labels(&image.name)},
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [unpacked_digest(&built.blob(&image.name, &layer))],
                },
                "history": [{"created": EPOCH, "created_by": format!("COPY {file} /")}],
            });
            assert_eq!(built.json(&image.name, &config), expected, "{place}");
        }
    }
}

/// Returns each entry of the catalogue that is bytecode, by its full name.
fn catalogue() -> BTreeMap<String, Value> {
    let path = test_support::workspace_root().join("images.yaml");
    let all: Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let entries = all["images"].as_array().unwrap().iter();
    let bytecode = entries.filter(|entry| entry["bytecode"].is_string());
    let named = bytecode.map(|entry| {
        (format!("{}/{}", text(&entry["organization"]), text(&entry["name"])), entry.clone())
    });
    named.collect()
}

fn stem(source: &str) -> &str {
    source.rsplit('/').next().unwrap().strip_suffix(".c").unwrap()
}

/// Checks a layout's own files, and that every blob has the name it deserves.
fn layout(built: &Built, image: &Image) {
    let dir = built.layout(&image.name);
    let read_json = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(dir.join(name)).unwrap()).unwrap()
    };
    assert_eq!(read_json("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}), "{}", image.name);
    let size = built.blob(&image.name, &image.digest).metadata().unwrap().len();
    let expected = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{
            "mediaType": INDEX,
            "digest": image.digest,
            "size": size,
            "annotations": {
                "org.opencontainers.image.ref.name": "latest",
                "io.containerd.image.name": image.reference,
            },
        }],
    });
    assert_eq!(read_json("index.json"), expected, "{}", image.name);
    let sums = read("sh", &dir.join("blobs/sha256"), &["-c", "sha256sum *"]);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(sum, name, "{}", image.name);
    }
}

fn index(built: &Built, image: &Image, annotations: &Value) {
    let found = built.json(&image.name, &image.digest);
    let children = found["manifests"].as_array().unwrap().iter().zip(ARCHS);
    let expected: Vec<_> = children
        .map(|(child, arch)| {
            let digest = text(&child["digest"]);
            let size = built.blob(&image.name, &digest).metadata().unwrap().len();
            json!({
                "mediaType": MANIFEST,
                "digest": digest,
                "size": size,
                "platform": {"architecture": arch, "os": "linux"},
            })
        })
        .collect();
    assert_eq!(expected.len(), ARCHS.len(), "{}", image.name);
    let expected = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": expected,
        "annotations": annotations,
    });
    assert_eq!(found, expected, "{}", image.name);
}

/// Returns the digest of what a compressed file holds, as gzip sees it.
fn unpacked_digest(blob: &Path) -> String {
    let command = r#"gzip -dc -- "$1" | sha256sum"#;
    let sum = output("sh", "/".as_ref(), &["-c", command, "sh", blob.to_str().unwrap()]);
    let sum = String::from_utf8(sum).unwrap();
    format!("sha256:{}", sum.split_whitespace().next().unwrap())
}
