//! Images that Containerfiles start from: pulled once from a registry beside
//! the test, kept, replaced, and done without.

mod kept;
mod replaced;
mod unusable;

use std::collections::BTreeMap;

use oci::layout::Tree;
use oci::spec::ContainerConfig;
use oci::{Artifact, Image, Index, Layer, Layout, Named, Reference};
use test_support::Registry;

use crate::registry::relay::Relay;
use crate::registry::{client, steady};
use crate::support::{Checkout, Run, finish};

/// What a base has in its layers: the second is large enough that it is not
/// read at each build.
fn layers(word: &str) -> [Layer; 2] {
    let large = word.repeat(300_000);
    [("etc/base", word), ("usr/large", &large)]
        .map(|(name, text)| Layer::single_file(name, text.as_bytes(), 0).unwrap())
}

/// Makes a base for these platforms; `word` is what tells it from others.
pub(crate) fn base(word: &str, platforms: &[&str]) -> Artifact {
    let image = |platform: &&str| {
        let container = ContainerConfig {
            user: "1000:1000".to_owned(),
            env: vec!["PATH=/base/bin".to_owned(), format!("BASE={word}")],
            entrypoint: vec!["/base".to_owned()],
            working_dir: "/srv".to_owned(),
            labels: BTreeMap::from([("of".to_owned(), format!("{word} {platform}"))]),
            ..ContainerConfig::default()
        };
        let [small, large] = layers(&format!("{word} {platform}"));
        let image = Image::builder(platform.parse().unwrap()).container(container);
        image.layer(small, "COPY base").layer(large, "COPY large").build().unwrap()
    };
    let images = platforms.iter().map(image).collect();
    Artifact::Index(Index::new(images, BTreeMap::new()).unwrap())
}

const BOTH: [&str; 2] = ["linux/amd64", "linux/s390x"];

/// Pushes an artifact; returns its digest.
pub(crate) fn push(name: &str, artifact: &Artifact) -> String {
    let named = Named { references: vec![name.parse().unwrap()], artifact: artifact.clone() };
    client().push(&[named], &|_| {}).remove(0).unwrap();
    artifact.digest().to_string()
}

/// Makes a checkout with an image `o/app` that starts from `base`, for amd64
/// and s390x.
fn checkout(base: &str) -> Checkout {
    let checkout = Checkout::cold();
    checkout.catalogue("  - {name: app, organization: o, description: d, licenses: MIT, containerfile: app/Containerfile}\n");
    checkout.write("app/Containerfile", &format!("FROM {base}\nCOPY app/x /x\nENV APP=$BASE\n"));
    checkout.write("app/x", "x");
    checkout
}

/// Builds into the tree `out`.
fn build(checkout: &Checkout, args: &[&str]) -> Run {
    let mut command = checkout.build_images_command(&["--to", "oci:out"]);
    finish(command.args(args).env("HOME", checkout.path().join("home")).output().unwrap())
}

/// Builds, which must go well, and returns what was said of bases.
#[track_caller]
fn said(checkout: &Checkout, args: &[&str]) -> Vec<String> {
    let run = build(checkout, args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    bases(&run)
}

fn bases(run: &Run) -> Vec<String> {
    let lines = run.stderr.lines().filter_map(|line| line.trim_start().strip_prefix("Base "));
    lines.map(str::to_owned).collect()
}

/// Returns what a build said that failed, without the paths and addresses of
/// the test.
#[track_caller]
fn failure(checkout: &Checkout, address: &str, args: &[&str]) -> String {
    let run = build(checkout, args);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    let (_, error) = run.stderr.split_once("error: ").unwrap();
    steady(error, checkout, address)
}

/// Returns the image that was built.
fn built(checkout: &Checkout) -> Artifact {
    let reference: Reference = "quay.io/o/app:latest".parse().unwrap();
    let layout =
        Layout::open(&Tree::new(checkout.path().join("out")).directory(&reference)).unwrap();
    layout.load(&layout.resolve("latest").unwrap()).unwrap()
}

/// Returns the files of the tree that bases are kept in.
fn kept(checkout: &Checkout) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![checkout.path().join("target/bases")];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.path().is_dir() {
                true => pending.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}
