//! What `inspect-images` says of images that are not as they should be:
//! which name, which platform, what.

use std::path::Path;
use std::process::Command;

use bytecode_image::{MAPS, PROGRAMS};
use oci::{Blob, Digest, Layer, media};

use super::layouts::{NAME, OBJECTS, Parts, UNLICENSED, WITH_MAP, blobs, layer, write};
use super::{quiet_command, steady, without_digests};
use crate::support::Checkout;

const HINT: &str = "\nhint: `cargo xtask build-images` writes anew what is missing or corrupt\n";

const AMD64: &str = "quay.io/o/one:latest linux/amd64";
const S390X: &str = "quay.io/o/one:latest linux/s390x";

/// Writes the parts, inspects them, and compares all that is said.
#[track_caller]
fn problems(parts: Vec<Parts>, expected: &[String]) {
    let checkout = Checkout::cold();
    write(&checkout.path().join("images"), parts);
    let said = quiet_command(&checkout, &["inspect-images", "images"]);
    let errors: String = expected.iter().map(|line| format!("error: {line}\n")).collect();
    assert_eq!((said.code, said.stderr), (1, format!("{errors}{HINT}")));
    assert!(said.stdout.contains(NAME), "{}", said.stdout);
}

/// A change to the image for amd64, and what is said of that image.
type Case = (fn(&mut Parts), &'static [&'static str]);

#[test]
fn an_image_that_is_as_it_should_be_passes() {
    let checkout = Checkout::cold();
    write(&checkout.path().join("images"), both());
    let said = quiet_command(&checkout, &["inspect-images", "images"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}

fn both() -> Vec<Parts> {
    vec![Parts::good("linux/amd64"), Parts::good("linux/s390x")]
}

#[test]
fn what_is_wrong_with_one_platform_is_said_of_it() {
    let cases: [Case; 14] = [
        (
            |parts| parts.labels.retain(|(key, _)| *key != MAPS),
            &["the label `io.ebpf.maps` is missing"],
        ),
        (
            |parts| parts.labels.clear(),
            &["the label `io.ebpf.programs` is missing", "the label `io.ebpf.maps` is missing"],
        ),
        (
            |parts| parts.labels[0] = (PROGRAMS, "{\"pass\":\"tc\"}"),
            &["the labels do not say what the object holds: programs {\"pass\":\"xdp\"}, maps {}"],
        ),
        (
            |parts| parts.labels[1] = (MAPS, "{\"more\":\"array\"}"),
            &["the labels do not say what the object holds: programs {\"pass\":\"xdp\"}, maps {}"],
        ),
        (
            |parts| parts.labels[0] = (PROGRAMS, "pass"),
            &["the label `io.ebpf.programs` is no JSON object of strings: `pass`"],
        ),
        (
            |parts| parts.labels[0] = (PROGRAMS, "{\"pass\":\"\"}"),
            &["the label `io.ebpf.programs` gives `pass` no type"],
        ),
        (
            |parts| parts.layers = vec![layer("one.bpf.o", &OBJECTS[1])],
            &["`one.bpf.o` is big-endian, but linux/amd64 is little-endian"],
        ),
        (
            |parts| parts.layers = vec![layer("one.bpf.o", b"no object")],
            &["`one.bpf.o`: not an ELF file"],
        ),
        (
            |parts| parts.layers = vec![layer("one.bpf.o", &UNLICENSED[0])],
            &["it has no section `license`, without which the kernel takes it as proprietary"],
        ),
        (
            |parts| parts.layers = vec![layer("one.bpf", &OBJECTS[0])],
            &["the name of the object, `one.bpf`, does not end in `.o`"],
        ),
        (
            |parts| parts.layers = vec![layer("objects/one.bpf.o", &OBJECTS[0])],
            &["the object, `objects/one.bpf.o`, is not at the root"],
        ),
        (|parts| parts.layers.clear(), &["it has 0 layers instead of one"]),
        (
            |parts| parts.layers.push(layer("two.bpf.o", &OBJECTS[0])),
            &["it has 2 layers instead of one"],
        ),
        (|parts| parts.platform = "linux/wasm", &["`linux/wasm` is no platform for bytecode"]),
    ];
    for (change, expected) in cases {
        let mut parts = both();
        change(&mut parts[0]);
        let place = AMD64.replace("linux/amd64", parts[0].platform);
        let expected: Vec<_> = expected.iter().map(|line| format!("{place}: {line}")).collect();
        problems(parts, &expected);
    }
}

#[test]
fn every_platform_has_its_say() {
    let mut parts = both();
    parts.iter_mut().for_each(|parts| parts.layers.reverse());
    parts[0].labels.pop();
    parts[1].layers = vec![layer("one.bpf.o", &OBJECTS[0])];
    let expected = [
        format!("{AMD64}: the label `io.ebpf.maps` is missing"),
        format!("{S390X}: `one.bpf.o` is little-endian, but linux/s390x is big-endian"),
    ];
    problems(parts, &expected);
}

#[test]
fn platforms_that_differ_are_said_of_the_name() {
    let mut parts = both();
    parts[1].layers = vec![layer("one.bpf.o", &WITH_MAP[1])];
    parts[1].labels[1] = (MAPS, "{\"counts\":\"array\"}");
    let difference = "the platforms differ: map `counts`: absent on linux/amd64; array, key 4, value 8, 1 entries on linux/s390x";
    problems(parts, &[format!("{NAME}: {difference}")]);
}

/// Makes a layer of several files with the system's tar.
fn tarred(tar: &Path, names: &[&str]) -> Layer {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::write(dir.path().join(name), &OBJECTS[0]).unwrap();
    }
    let run = |args: &[&str]| {
        let mut command = Command::new(tar);
        command.args(["--format=ustar", "-C"]).arg(dir.path()).args(args).args(names);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let plain = run(&["-c"]);
    Layer::new(Blob::from_bytes(media::LAYER_GZIP, run(&["-cz"])), Digest::of(&plain))
}

#[test]
fn a_second_file_in_the_layer_is_too_much() {
    let Some(tar) = test_support::tool("tar") else { return };
    let Some(_) = test_support::tool("gzip") else { return };
    let more = "its layer holds more than the object:";
    let cases: [(&[&str], String); 2] = [
        (&["one.bpf.o", "two.bpf.o"], format!("{AMD64}: {more} `one.bpf.o`, `two.bpf.o`")),
        (&["one.bpf.o", "README"], format!("{AMD64}: {more} `one.bpf.o`, `README`")),
    ];
    for (names, expected) in cases {
        let mut parts = both();
        parts[0].layers = vec![tarred(&tar, names)];
        problems(parts, &[expected]);
    }
    let mut parts = both();
    parts[0].layers = vec![tarred(&tar, &["one.bpf.o"])];
    let checkout = Checkout::cold();
    write(&checkout.path().join("images"), parts);
    let said = quiet_command(&checkout, &["inspect-images", "images"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "one file is right");
}

/// Which blob is which: its digest, and how the way to it is told.
fn roles(artifact: &oci::Artifact) -> Vec<(Digest, String)> {
    let mut roles = vec![(artifact.digest(), NAME.to_owned())];
    for image in artifact.images() {
        let place = format!("{NAME} {}", image.platform());
        roles.extend(image.blobs().map(|blob| (blob.digest(), place.clone())));
    }
    roles
}

#[test]
fn every_blob_that_is_damaged_or_missing_is_found() {
    let checkout = Checkout::cold();
    let images = checkout.path().join("images");
    let artifact = write(&images, both());
    let roles = roles(&artifact);
    let paths = blobs(&images);
    assert_eq!(paths.len(), roles.len(), "each blob has one role");
    for (digest, place) in roles {
        let path = paths.iter().find(|path| path.ends_with(digest.hex())).unwrap();
        let good = std::fs::read(path).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let layout = "CHECKOUT/images/quay.io/o/one";
        let corrupt =
            format!("`{digest}` in `{layout}/blobs/sha256/{}` is corrupt: ", digest.hex());
        let short = format!("it is {} bytes long instead of {}", good.len() - 1, good.len());
        let cases = [
            (
                Some(flipped.clone()),
                format!("{corrupt}its bytes are those of `{}`", Digest::of(&flipped)),
            ),
            (Some(good[1..].to_vec()), format!("{corrupt}{short}")),
            (None, format!("`{digest}` is missing from `{layout}`")),
        ];
        for (bytes, message) in cases {
            match bytes {
                Some(bytes) => std::fs::write(path, bytes).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
            let run = checkout.run(&["inspect-images", "-q", "images"]);
            let stderr = steady(&run.stderr, &checkout);
            assert_eq!((run.code, stderr), (1, format!("error: {place}: {message}\n{HINT}")));
        }
        std::fs::write(path, good).unwrap();
    }
    assert_eq!(checkout.run(&["inspect-images", "images"]).code, 0, "all is mended");
}

#[test]
fn paths_without_images() {
    let checkout = Checkout::cold();
    std::fs::create_dir(checkout.path().join("empty")).unwrap();
    checkout.write("text", "no archive\n");
    let makes = "\nhint: `cargo xtask build-images` makes them\n";
    let cases: [(&[&str], i32, String); 5] = [
        (&[], 4, format!("error: `target/images` holds no images\n{makes}")),
        (&["empty"], 4, format!("error: `empty` holds no images\n{makes}")),
        (&["bpf"], 4, format!("error: `bpf` holds no images\n{makes}")),
        (
            &["nowhere"],
            1,
            "error: failed to open `CHECKOUT/nowhere`\n  Caused by: No such file or directory (os error 2)\n".into(),
        ),
        (
            &["text"],
            1,
            "error: failed to read `text`\n  Caused by: `CHECKOUT/text` is not a usable OCI image layout: it is not a tar of one: failed to read entire block\n".into(),
        ),
    ];
    for (args, code, stderr) in cases {
        quiet_command(&checkout, &[&["inspect-images"], args].concat()).is(code, "", &stderr);
    }
}

#[test]
fn archives_that_are_cut_short_or_damaged() {
    let checkout = Checkout::warm();
    let build = || checkout.build_images(&["-q", "--to", "oci-archive:a.tar", "xdp_pass"]);
    let inspect = || quiet_command(&checkout, &["inspect-images", "a.tar"]);
    let built = build();
    assert_eq!((built.code, inspect().code), (0, 0), "{}", built.stderr);
    let path = checkout.path().join("a.tar");
    let good = std::fs::read(&path).unwrap();
    // Two directories come first, the marker last.
    let cases = [
        (0, "it has no `oci-layout`"),
        (100, "it is not a tar of one: failed to read entire block"),
        (1024, "it has no `oci-layout`"),
        (1024 + 512 + 10, "it is not a tar of one: it ends in the middle of an entry"),
        (good.len() - 2048, "it has no `oci-layout`"),
    ];
    for (length, reason) in cases {
        std::fs::write(&path, &good[..length]).unwrap();
        let stderr = format!(
            "error: failed to read `a.tar`\n  \
             Caused by: `CHECKOUT/a.tar` is not a usable OCI image layout: {reason}\n"
        );
        inspect().is(1, "", &stderr);
    }
    let (name, digest) = built.stdout.trim_end().split_once("@sha256:").unwrap();
    let entry = format!("blobs/sha256/{digest}");
    let header = good.windows(entry.len()).position(|window| window == entry.as_bytes()).unwrap();
    let mut flipped = good.clone();
    flipped[header + 512] ^= 1;
    std::fs::write(&path, flipped).unwrap();
    let said = inspect();
    let error = "`sha256:*` in `CHECKOUT/a.tar` is corrupt: its bytes are those of `sha256:*`";
    let stderr = format!("error: {name}: {error}\n{HINT}");
    assert_eq!((said.code, without_digests(&said.stderr)), (1, stderr));
    assert_eq!((build().stdout, std::fs::read(&path).unwrap()), (built.stdout, good), "mended");
}
