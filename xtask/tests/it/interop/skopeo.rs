//! skopeo, on every image, from the tree and from the archive.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{Built, Image, expected, output, read, text};

/// The architectures as images name them.
const ARCHS: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

/// Returns how skopeo names an image in the tree and in the archive.
fn sources(built: &Built, image: &Image) -> [String; 2] {
    let archive = built.checkout.path().join("all.tar");
    [
        format!("oci:{}:latest", built.layout(&image.name).display()),
        format!("oci-archive:{}:{}", archive.display(), image.reference),
    ]
}

#[test]
fn skopeo_sees_our_index_and_the_labels_of_every_platform() {
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let built = Built::get();
    for image in built.images() {
        let index = std::fs::read(built.blob(&image.name, &image.digest)).unwrap();
        for source in sources(&built, &image) {
            let raw = output(&skopeo, Path::new("/"), &["inspect", "--raw", &source]);
            assert_eq!(raw, index, "{source}");
        }
        let [tree, archive] = sources(&built, &image);
        // The archive holds the same blobs: one platform of it will do.
        let asked = ARCHS.map(|arch| (tree.clone(), arch)).into_iter().chain([(archive, "s390x")]);
        for (source, arch) in asked {
            let args =
                ["--override-os", "linux", "--override-arch", arch, "inspect", source.as_str()];
            let said: Value = serde_json::from_str(&read(&skopeo, "/".as_ref(), &args)).unwrap();
            let labels: BTreeMap<String, String> =
                serde_json::from_value(said["Labels"].clone()).unwrap();
            assert_eq!(labels, expected::labels(&image.name), "{source} {arch}");
            let about = ["Digest", "Architecture", "Os", "Created"].map(|key| text(&said[key]));
            let expected = [image.digest.as_str(), arch, "linux", "1970-01-01T00:00:00Z"];
            assert_eq!(about, expected, "{source} {arch}");
        }
    }
}

#[test]
fn skopeo_copies_every_image_and_keeps_its_digest() {
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let built = Built::get();
    let copies = tempfile::tempdir().unwrap();
    for (number, image) in built.images().iter().enumerate() {
        for (kind, source) in sources(&built, image).iter().enumerate() {
            let dir = copies.path().join(format!("{number}-{kind}"));
            let to = format!("oci:{}:copied", dir.display());
            read(&skopeo, "/".as_ref(), &["copy", "--quiet", "--all", source, &to]);
            let index: Value =
                serde_json::from_slice(&std::fs::read(dir.join("index.json")).unwrap()).unwrap();
            assert_eq!(index["manifests"][0]["digest"], image.digest.as_str(), "{source}");
            let blobs = |dir: &Path| {
                let listed = std::fs::read_dir(dir.join("blobs/sha256")).unwrap();
                let mut names: Vec<_> = listed.map(|entry| entry.unwrap().file_name()).collect();
                names.sort();
                names
            };
            assert_eq!(blobs(&dir), blobs(&built.layout(&image.name)), "{source}");
        }
    }
}
