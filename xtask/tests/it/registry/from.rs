//! `--from`: what one run has made is published by another, byte for byte.

use test_support::Registry;

use super::*;

/// Returns a command of somebody who has no compiler, with these names in
/// the environment.
fn without_clang(checkout: &Checkout, registry: &str, args: &[&str]) -> Command {
    let mut command = command(checkout, args);
    command.env("CLANG", "/nowhere/clang").env("IMAGE_REGISTRY", registry);
    command
}

/// Returns the lines `reference@digest` as image and digest.
fn images(run: &Run) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (name, digest) = line.split_once('@').unwrap();
        let (repository, _) = name.rsplit_once(':').unwrap();
        let image = repository.rsplit('/').next().unwrap().to_owned();
        (image, digest.to_owned())
    };
    let mut images: Vec<_> = run.stdout.lines().map(line).collect();
    images.dedup();
    images
}

#[test]
fn what_was_built_is_published() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&["one", "two"]);
    for (place, other) in
        [("oci-archive:made/images.tar", "x.invalid"), ("oci:tree", "y.invalid/z")]
    {
        let address = &registry.address;
        let tags = if place.starts_with("oci:") { "a,b" } else { "c\nd" };
        let args = ["--to", place, "--registry", other, "--tag", "before"];
        let made = succeed(&mut compiling(&checkout, "build-images", &args));
        let args = ["build-images", "--from", place, "--push", "--checksums-file", "sums.txt"];
        let mut push = without_clang(&checkout, address, &args);
        let pushed = succeed(push.env("IMAGE_TAGS", tags));
        assert_eq!(images(&pushed), images(&made), "{place}");
        assert_eq!(pushed.stdout.lines().count(), 4, "{}", pushed.stdout);
        for (image, digest) in images(&made) {
            for tag in tags.split([',', '\n']) {
                let name = format!("{address}/o/{image}:{tag}");
                assert_eq!(digest_of(&name).as_deref(), Some(digest.as_str()), "{name}");
            }
        }
        let sum = |(image, digest): (String, String)| {
            format!("{}  {address}/o/{image}\n", digest.trim_start_matches("sha256:"))
        };
        let sums: String = images(&made).into_iter().map(sum).collect();
        assert_eq!(checkout.read("sums.txt"), sums);

        let args = ["diff-images", "--from", place, "--check"];
        let same = succeed(without_clang(&checkout, address, &args).env("IMAGE_TAGS", tags));
        assert_eq!(same.stdout.matches(": unchanged\n").count(), 4, "{}", same.stdout);
    }
    // Somebody moves a tag.
    let moved = ["--as", &format!("{}/o/one:a", registry.address), "two"];
    succeed(&mut compiling(&checkout, "build-images", &[&["--push"], &moved[..]].concat()));
    let args = ["diff-images", "--from", "oci:tree", "--check", "--tag", "a"];
    let differing = finish(without_clang(&checkout, &registry.address, &args).output().unwrap());
    assert_eq!(differing.code, 1, "{}", differing.stderr);
    assert!(differing.stderr.contains("error: 1 of 2 images not as published"), "{differing:?}");
}

#[test]
fn what_is_not_there_is_named() {
    let checkout = checkout(&["one", "two"]);
    let build = |args: &[&str]| succeed(&mut compiling(&checkout, "build-images", args));
    build(&["one", "--to", "oci-archive:one.tar"]);
    build(&["--to", "oci:small", "--platform", "linux/amd64"]);
    build(&["one", "--to", "oci:tree", "--tag", "a"]);
    checkout.write("bpf/one.bpf.c", &PASS.replace("XDP_PASS", "XDP_DROP"));
    build(&["one", "--to", "oci:tree", "--tag", "b"]);
    let hint = "\nhint: `cargo xtask build-images --to …` puts it there\n";
    let absent = format!("error: `o/two` is not in `oci-archive:{{}}/one.tar`\n{hint}");
    let several = "\
error: `o/one` is not one image in `oci:{}/tree`: `quay.io/o/one:a` and `quay.io/o/one:b` differ

hint: build to a place of its own, such as `--to oci-archive:images.tar`
";
    let platform = "\
error: `o/one` in `oci:{}/small` is not for linux/s390x

hint: it is for linux/amd64; build it again without `--platform`
";
    let nowhere = "\
error: failed to take images from `oci:{}/nowhere`
  Caused by: there is no `{}/nowhere`

hint: `cargo xtask build-images --to …` puts them there
";
    let word = "\
error: invalid value `docker://quay.io/o/one:latest` for `--from`
  Caused by: images are taken from `oci:DIR` or `oci-archive:FILE`, whole
";
    let cases = [
        ("oci-archive:one.tar", "two", 1, absent.as_str()),
        ("oci:tree", "one", 1, several),
        ("oci:small", "one", 1, platform),
        ("oci:nowhere", "one", 1, nowhere),
        ("quay.io/o/one", "one", 2, word),
    ];
    for (place, image, code, expected) in cases {
        let args = ["build-images", "-q", "--to", "oci:out", "--from", place, image];
        let run = finish(without_clang(&checkout, "", &args).output().unwrap());
        let expected = expected.replace("{}", checkout.path().to_str().unwrap());
        assert_eq!((run.code, run.stdout.as_str(), run.stderr), (code, "", expected), "{place}");
    }
    assert!(!checkout.path().join("out").exists());
}
