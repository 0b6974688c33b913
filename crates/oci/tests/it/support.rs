//! Samples, and ways to look at what became of them.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use oci::layout::{Tree, WriteOptions, Written};
use oci::verify::{Limits, Report};
use oci::{Artifact, Image, Index, Layer, Layout, Named};

pub(crate) const FAST: WriteOptions = WriteOptions { durable: false };
pub(crate) const DURABLE: WriteOptions = WriteOptions { durable: true };

/// An image for one platform, with one file of this text.
pub(crate) fn image(platform: &str, text: &str) -> Image {
    let layer = Layer::single_file("prog.bpf.o", text.as_bytes(), 0).unwrap();
    Image::builder(platform.parse().unwrap())
        .layer(layer, "COPY prog.bpf.o /")
        .label("io.ebpf.programs", r#"{"pass":"xdp"}"#)
        .build()
        .unwrap()
}

/// An index over two architectures that share a layer, and a third.
pub(crate) fn index(text: &str) -> Artifact {
    let big = format!("{text} (big-endian)");
    let images =
        vec![image("linux/amd64", text), image("linux/arm64", text), image("linux/s390x", &big)];
    let annotations = BTreeMap::from([("org.opencontainers.image.title".into(), text.into())]);
    Artifact::Index(Index::new(images, annotations).unwrap())
}

pub(crate) fn named(references: &[&str], artifact: Artifact) -> Named {
    let references = references.iter().map(|reference| reference.parse().unwrap()).collect();
    Named { references, artifact }
}

/// Writes a batch of which nothing is expected to fail.
pub(crate) fn write(tree: &Tree, batch: &[Named]) -> Vec<Written> {
    tree.write(batch, FAST).unwrap().into_iter().map(Result::unwrap).collect()
}

/// Everything below a directory: path, inode, time of change, length.
pub(crate) fn snapshot(directory: &Path) -> Vec<(PathBuf, u64, i64, i64, u64)> {
    let mut files = Vec::new();
    for path in host::fs::read_dir(directory).unwrap() {
        let file = path.symlink_metadata().unwrap();
        let relative = path.strip_prefix(directory).unwrap().to_owned();
        files.push((relative.clone(), file.ino(), file.mtime(), file.mtime_nsec(), file.len()));
        if file.is_dir() {
            let below = snapshot(&path).into_iter();
            files.extend(below.map(|(p, i, s, n, l)| (relative.join(p), i, s, n, l)));
        }
    }
    files
}

/// The paths of the files below a directory.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let is_file = |path: &PathBuf| directory.join(path).is_file();
    let paths = snapshot(directory).into_iter().map(|(path, ..)| path).filter(is_file);
    paths.map(|path| path.display().to_string()).collect()
}

pub(crate) fn judge(path: &Path) -> Report {
    oci::verify::layout(&Layout::open(path).unwrap(), Limits::default())
}

/// Fails unless every layout of the tree is valid; returns all their names.
pub(crate) fn valid_names(tree: &Tree) -> Vec<String> {
    let mut names = Vec::new();
    for repository in tree.layouts().unwrap() {
        let report = judge(&repository.path);
        assert_eq!(report.problems, [], "{}", repository.name);
        names.extend(report.names.into_iter().filter_map(|name| name.full_name));
    }
    names
}

pub(crate) fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}
