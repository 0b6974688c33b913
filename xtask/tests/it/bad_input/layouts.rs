//! Layouts that no build would write: images put together by hand from real
//! objects, each with one thing wrong.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytecode_image::{MAPS, PROGRAMS};
use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Image, Index, Layer, Named, Reference};

use super::{LICENSE, PASS};
use crate::support::Checkout;

/// The name that every image here has.
pub const NAME: &str = "quay.io/o/one:latest";

/// The object of an XDP program `pass`, little-endian and big-endian.
pub static OBJECTS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| compile(""));

/// The same with a map.
pub static WITH_MAP: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    compile(
        "struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); \
         __type(key, __u32); __type(value, __u64); } counts SEC(\".maps\");\n",
    )
});

/// The same without a licence.
pub static UNLICENSED: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| compile_source(PASS));

fn compile(more: &str) -> [Vec<u8>; 2] {
    compile_source(&format!("{PASS}{more}{LICENSE}"))
}

fn compile_source(source: &str) -> [Vec<u8>; 2] {
    let checkout = Checkout::with_source(source);
    let run = checkout.build_ebpf(&["-q", "bpf/one.bpf.c"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    ["x86_bpfel", "s390_bpfeb"].map(|name| {
        let path = checkout.path().join(format!(".output/one.bpf/bpf_{name}.o"));
        std::fs::read(path).unwrap()
    })
}

/// What one platform's image is made of.
#[derive(Clone)]
pub struct Parts {
    pub platform: &'static str,
    pub layers: Vec<Layer>,
    pub labels: Vec<(&'static str, &'static str)>,
}

impl Parts {
    /// Returns the parts of a good image.
    pub fn good(platform: &'static str) -> Parts {
        let object = &OBJECTS[usize::from(platform == "linux/s390x")];
        Parts {
            platform,
            layers: vec![layer("one.bpf.o", object)],
            labels: vec![(PROGRAMS, "{\"pass\":\"xdp\"}"), (MAPS, "{}")],
        }
    }

    fn image(self) -> Image {
        let mut image = Image::builder(self.platform.parse().unwrap());
        for layer in self.layers {
            image = image.layer(layer, "COPY one.bpf.o /");
        }
        for (key, value) in self.labels {
            image = image.label(key, value);
        }
        image.build().unwrap()
    }
}

pub fn layer(name: &str, bytes: &[u8]) -> Layer {
    Layer::single_file(name, bytes, 0).unwrap()
}

/// Writes one image of these parts to a tree in `dir`.
pub fn write(dir: &Path, parts: Vec<Parts>) -> Artifact {
    let images = parts.into_iter().map(Parts::image).collect();
    let artifact = Artifact::Index(Index::new(images, Default::default()).unwrap());
    let references = vec![NAME.parse::<Reference>().unwrap()];
    let named = Named { references, artifact: artifact.clone() };
    let written = Tree::new(dir).write(&[named], WriteOptions { durable: false }).unwrap();
    written.into_iter().for_each(|outcome| assert!(outcome.unwrap().changed));
    artifact
}

/// Returns every regular file below `dir` that `wanted` takes, sorted.
pub fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, wanted));
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Returns every blob below `dir`.
pub fn blobs(dir: &Path) -> Vec<PathBuf> {
    files(dir, &|path| path.parent().is_some_and(|parent| parent.ends_with("blobs/sha256")))
}

/// A way for a file to be damaged.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// One bit differs, at the beginning, in the middle, at the end.
    First,
    Middle,
    Last,
    /// The second half is missing, or all, or the file itself.
    Half,
    Empty,
    Gone,
}

impl Damage {
    pub const ALL: [Damage; 6] =
        [Damage::First, Damage::Middle, Damage::Last, Damage::Half, Damage::Empty, Damage::Gone];

    pub fn apply(self, path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        let length = bytes.len();
        match self {
            Damage::First => bytes[0] ^= 1,
            Damage::Middle => bytes[length / 2] ^= 1,
            Damage::Last => bytes[length - 1] ^= 1,
            Damage::Half => bytes.truncate(length / 2),
            Damage::Empty => bytes.clear(),
            Damage::Gone => return std::fs::remove_file(path).unwrap(),
        }
        std::fs::write(path, bytes).unwrap();
    }
}
