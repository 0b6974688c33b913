//! Images for the tests: good ones that the program builds, and others that
//! it would never make.

use std::collections::BTreeMap;
use std::path::Path;

use bpf_arch::Arch;
use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Blob, Digest, Image, Index, Layer, Named, media};

use crate::world::{LABELS, World};

/// The name of the image in every place that [`places`] makes.
pub const NAME: &str = "quay.io/me/pass:latest";

/// Makes a world where the same image lies in `images`, a tree of layouts,
/// and in `pass.tar`.
pub fn places() -> World {
    let world = World::with_objects(&Arch::PUBLISHED);
    let to = ["--to", "oci:images", "--to", "oci-archive:pass.tar"];
    world.run(&[&["build", "-q", "-t", NAME, "-c", "objects"], &to[..]].concat()).done();
    world
}

/// Returns the digest of that image.
pub fn digest(world: &World) -> String {
    let tree = Tree::new(world.here().join("images"));
    let layout = oci::Layout::open(&tree.directory(&NAME.parse().unwrap())).unwrap();
    layout.resolve("latest").unwrap().digest.to_string()
}

/// Makes a layer of one file with any name, as no builder would.
pub fn layer(name: &str, bytes: &[u8]) -> Layer {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let digest = Digest::of(&tar);
    Layer::new(Blob::from_bytes(media::LAYER_TAR, tar), digest)
}

/// Makes one platform's image with the labels of the object `pass`.
pub fn image(platform: &str, layer: Layer) -> Image {
    let [programs, maps] = LABELS;
    let image = Image::builder(platform.parse().unwrap()).layer(layer, "COPY pass.o /");
    let image = image.label("io.ebpf.programs", programs).label("io.ebpf.maps", maps);
    image.build().unwrap()
}

/// Makes an index.
pub fn index(images: Vec<Image>) -> Artifact {
    Artifact::Index(Index::new(images, BTreeMap::new()).unwrap())
}

/// Puts an artifact into a tree of layouts.
pub fn put(tree: &Path, name: &str, artifact: Artifact) {
    let named = Named { references: vec![name.parse().unwrap()], artifact };
    let options = WriteOptions { durable: false };
    for outcome in Tree::new(tree).write(&[named], options).unwrap() {
        outcome.unwrap();
    }
}

/// Returns every path below a directory, sorted.
pub fn paths(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(directory).unwrap().display().to_string());
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}
