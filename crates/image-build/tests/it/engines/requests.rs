//! Whole requests, as commands make them: the project's Containerfiles, other
//! Containerfiles for several platforms, contexts, labels and annotations.

use std::collections::BTreeMap;

use image_build::{BuildRequest, NamedContext};
use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Image, Index, Layer, Named};

use super::Engine;
use crate::support::{World, platform};

/// What is asked for, by name.
pub(super) type Request = (&'static str, World, BuildRequest);

fn request(world: &World, platforms: &[&str]) -> BuildRequest {
    let mut request = world.request();
    request.platforms = platforms.iter().map(|word| platform(word)).collect();
    request.created = 1_700_000_000;
    request
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with_contexts(mut request: BuildRequest, world: &World, words: &[&str]) -> BuildRequest {
    let context = |word: &&str| word.parse::<NamedContext>().unwrap().relative_to(&world.context());
    request.contexts = words.iter().map(context).collect();
    request
}

/// Words that someone on the way could take for something else.
const ODD: &str = r#"{"a b":"c,d=e","f":"g\"h'i $HOME \\ `j`"}"#;

fn bytecode() -> Request {
    let world = World::new("").file("objects/prog.bpf.o", "object");
    let mut request = request(&world, &["linux/amd64"]);
    request.containerfile = test_support::workspace_root().join("Containerfile.bytecode");
    request.build_args =
        map(&[("BYTECODE_FILE", "objects/prog.bpf.o"), ("PROGRAMS", ODD), ("MAPS", "{}")]);
    ("Containerfile.bytecode", world, request)
}

fn multi_arch() -> Request {
    let world = World::new("").file("el/prog.bpf.o", "little").file("eb/prog.bpf.o", "big");
    let platforms = ["linux/s390x", "linux/arm64", "linux/amd64", "linux/arm", "linux/ppc64le"];
    let mut request = request(&world, &platforms);
    request.containerfile =
        test_support::workspace_root().join("Containerfile.bytecode.multi.arch");
    request.build_args = map(&[
        ("BC_S390X_EB", "eb/prog.bpf.o"),
        ("BC_ARM64_EL", "el/prog.bpf.o"),
        ("BC_AMD64_EL", "el/prog.bpf.o"),
        ("BC_ARM_EL", "el/prog.bpf.o"),
        ("BC_PPC64LE_EL", "el/prog.bpf.o"),
        ("PROGRAMS", r#"{"xdp_pass":"xdp"}"#),
        ("MAPS", ODD),
    ]);
    request.annotations = map(&[
        ("org.opencontainers.image.title", "prog"),
        ("org.opencontainers.image.description", ODD),
    ]);
    ("Containerfile.bytecode.multi.arch", world, request)
}

/// Programs of no machine, so that they may be for any: engines do not look.
fn bpfman() -> Request {
    let world = World::new("")
        .file(".dockerignore", "/.git\n**/target\nlibbpf/\n")
        .file("Cargo.toml", "")
        .file("target/CACHEDIR.TAG", "");
    let archs = ["x86_64-unknown-linux-musl", "s390x-unknown-linux-gnu"];
    let world = archs.into_iter().fold(world, |world, triple| {
        ["bpfman", "bpfman-ns", "bpfman-rpc"].into_iter().fold(world, |world, name| {
            let path = format!("target/{triple}/release/{name}");
            let world = world.file(&path, &path).mode(&path, 0o755);
            world.file(&format!("{path}.d"), "left out")
        })
    });
    let mut request = request(&world, &["linux/s390x", "linux/amd64"]);
    request.containerfile = test_support::workspace_root().join("Containerfile.bpfman.multi.arch");
    request.build_args = map(&[("BASE", "scratch")]);
    ("Containerfile.bpfman.multi.arch", world, request)
}

fn everything() -> Request {
    let world = World::new(
        "FROM scratch AS first\nARG TARGETARCH\nCOPY --chown=5:6 --chmod=640 $TARGETARCH/f /f\nLABEL kept=yes replaced=no\nFROM scratch AS last\nCOPY no /\n",
    )
    .file("amd64/f", "a")
    .file("s390x/f", "s");
    let mut request = request(&world, &["linux/s390x", "linux/amd64"]);
    request.target = Some("first".to_owned());
    request.labels = map(&[("replaced", "yes"), ("odd", ODD), ("lines", "1\n2"), ("empty", "")]);
    request.annotations = map(&[("k", "v")]);
    ("a target, labels and annotations", world, request)
}

fn contexts() -> Request {
    let world = World::new(
        "FROM nowhere.invalid/go:1 AS build\nRUN go build\nFROM scratch\nCOPY --from=build app /bin/\nCOPY --from=other . /other\nCOPY --from=docker.io/library/other:latest kept /spelled\nCOPY a /\n",
    )
    .file("a", "A")
    .file("out/app", "app")
    .mode("out/app", 0o755)
    .file("others/kept", "K")
    .mode("others", 0o755)
    .file("others/secret", "S")
    .link("others/link", "kept")
    .file("others/deep/x", "X")
    .mode("others/deep", 0o700)
    .file("others/.dockerignore", "secret\n.dockerignore\n")
    .file(".containerignore", "a\n");
    let request = request(&world, &["linux/amd64", "linux/s390x"]);
    let request = with_contexts(request, &world, &["build=no", "other=others", "build=out"]);
    ("directories as contexts", world, request)
}

fn contexts_for_platforms() -> Request {
    let world = World::new(
        "FROM nowhere.invalid/go:1 AS build\nRUN go build\nFROM --platform=$BUILDPLATFORM nowhere.invalid/x AS host\nRUN x\nFROM scratch\nCOPY --from=build app /\nCOPY --from=host app /host\n",
    )
    .file("amd64/app", "a")
    .file("s390x/app", "s")
    .file("all/app", "all");
    let words = [
        "build::linux/amd64=amd64",
        "build::linux/s390x=s390x",
        "host=all",
        "host::linux/s390x=s390x",
        "build=all",
    ];
    let request = request(&world, &["linux/arm64", "linux/s390x", "linux/amd64"]);
    let request = with_contexts(request, &world, &words);
    ("contexts for platforms", world, request)
}

fn no_context() -> Request {
    let world = World::new("FROM scratch\nCOPY --from=files f /\n").file("files/f", "F");
    let mut request = request(&world, &["linux/riscv64"]);
    request.context = None;
    let request = with_contexts(request, &world, &["files=files"]);
    ("no context", world, request)
}

fn ignore_file_of_its_own() -> Request {
    let world = World::new("FROM scratch\nCOPY . /\n")
        .file("one", "1")
        .file("two", "2")
        .file(".dockerignore", "one\n")
        .file("../Containerfile.dockerignore", "two\n.dockerignore\n");
    let request = request(&world, &["linux/amd64"]);
    ("an ignore file of its own", world, request)
}

/// A layout whose image a stage starts from; not every engine takes one.
pub(super) fn layout() -> Request {
    let world = World::new("FROM base\nCOPY --from=base f /g\nCOPY a /\nUSER 5\n").file("a", "A");
    let platforms = ["linux/s390x", "linux/amd64"];
    let images = platforms.map(|word| {
        let layer = Layer::single_file("f", word.as_bytes(), 0).unwrap();
        let image = Image::builder(platform(word)).label("of", word).layer(layer, "COPY f /");
        image.build().unwrap()
    });
    let index = Index::new(images.to_vec(), BTreeMap::new()).unwrap();
    let word = format!("base=oci-layout://tree/quay.io/x/y@{}", index.digest());
    let references = vec!["quay.io/x/y:1".parse().unwrap()];
    let named = Named { references, artifact: Artifact::Index(index) };
    let options = WriteOptions { durable: false };
    Tree::new(world.path("tree")).write(&[named], options).unwrap();
    let request = request(&world, &platforms);
    let request = with_contexts(request, &world, &[&word]);
    ("a layout as a context", world, request)
}

/// A staged file that ends in settings alone: an engine could make an empty
/// layer of them.
fn stage_with_settings() -> Request {
    let world = World::new(
        "ARG TARGETOS\nARG TARGETARCH\nFROM scratch AS linuxamd64\nCOPY a /\nFROM scratch AS linuxs390x\nCOPY b /\nFROM ${TARGETOS}${TARGETARCH}\nARG X\nLABEL x=$X\nENTRYPOINT [\"/a\"]\nUSER 65532:65532\n",
    )
    .file("a", "A")
    .file("b", "B");
    let mut request = request(&world, &["linux/amd64", "linux/s390x"]);
    request.build_args = map(&[("X", "x=y z")]);
    ("settings on a stage", world, request)
}

/// Nothing in the place of an image, by another spelling than the file's.
fn nothing() -> Request {
    let world = World::new(
        "FROM docker.io/library/nowhere:latest AS made\nCOPY --chmod=755 a /made/\nFROM nowhere.invalid/base:1\nWORKDIR /w\nCOPY --from=made /made/a .\nENV A=$PATH\nLABEL b=c\nUSER 65532:65532\nENTRYPOINT [\"/w/a\"]\n",
    )
    .file("a", "A");
    let request = request(&world, &["linux/amd64", "linux/s390x"]);
    let nothing = "docker-image://scratch";
    let words = [format!("nowhere={nothing}"), format!("nowhere.invalid/base:1={nothing}")];
    let request = with_contexts(request, &world, &[&words[0], &words[1]]);
    ("nothing in the place of images", world, request)
}

fn all() -> [Request; 10] {
    [
        bytecode(),
        multi_arch(),
        bpfman(),
        everything(),
        contexts(),
        contexts_for_platforms(),
        no_context(),
        ignore_file_of_its_own(),
        stage_with_settings(),
        nothing(),
    ]
}

/// Builds them with an engine and in process.
pub(super) fn compare(engine: Engine) {
    for request in all() {
        compare_one(engine, request);
    }
}

/// The same for an engine that builds for one platform at a time, and takes no
/// contexts with names.
pub(super) fn compare_simple(engine: Engine) {
    let simple = all().into_iter().filter(|(_, _, request)| request.contexts.is_empty());
    for (name, world, mut request) in simple {
        request.platforms.truncate(1);
        compare_one(engine, (name, world, request));
    }
}

pub(super) fn compare_one(engine: Engine, (name, world, request): Request) {
    let (ours, theirs) = engine.both(&world, &request);
    let theirs = theirs.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(ours, theirs, "{engine:?} and the built-in builder (left): {name}");
}
