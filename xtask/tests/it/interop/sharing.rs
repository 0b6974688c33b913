//! What is the same is there once: layers of one byte order, and files of
//! repositories that hold the same.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use super::{Built, text};

/// What reads its architecture's registers is compiled for each.
const PER_ARCHITECTURE: [&str; 3] =
    ["bpfman-bytecode/fentry", "bpfman-bytecode/fexit", "bpfman-bytecode/app-test"];

#[test]
fn little_endian_platforms_share_a_layer() {
    let built = Built::get();
    for image in built.images() {
        let manifests = built.manifests(&image).into_iter();
        let layers: BTreeMap<String, String> =
            manifests.map(|(arch, m)| (arch, text(&m["layers"][0]["digest"]))).collect();
        assert_eq!(layers.len(), 4, "{}", image.name);
        assert_ne!(layers["amd64"], layers["s390x"], "{}", image.name);
        if !PER_ARCHITECTURE.contains(&image.name.as_str()) {
            let little = ["arm64", "ppc64le"].map(|arch| &layers[arch]);
            assert_eq!(little, [&layers["amd64"]; 2], "{}", image.name);
        }
    }
}

#[test]
fn equal_blobs_of_two_repositories_are_one_file() {
    let built = Built::get();
    let images = built.images();
    let find = |name: &str| images.iter().find(|image| image.name == name).unwrap();
    let [public, private] =
        ["bpfman-bytecode/xdp_pass", "bpfman-bytecode/xdp_pass_private"].map(find);
    let pairs = built.manifests(public).into_iter().zip(built.manifests(private));
    for ((arch, one), (_, other)) in pairs {
        // The names of the images are in the manifests, not in these.
        for part in ["/config/digest", "/layers/0/digest"] {
            let digest = text(one.pointer(part).unwrap());
            assert_eq!(digest, text(other.pointer(part).unwrap()), "{arch} {part}");
            let [a, b] = [public, private]
                .map(|image| std::fs::metadata(built.blob(&image.name, &digest)).unwrap());
            assert_eq!((a.dev(), a.ino()), (b.dev(), b.ino()), "{arch} {part}");
        }
    }
}
