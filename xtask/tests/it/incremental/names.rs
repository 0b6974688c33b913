//! Names and platforms that come one after the other share what was made.

use serde_json::Value;

use super::watched::Watched;
use super::{PASS, entry};
use crate::support::Checkout;

#[test]
fn tags_are_added_to_what_is_there() {
    let watched = Watched::new(Checkout::with_source(PASS));
    let digests = |text: &str| {
        let lines = text.lines().map(|line| line.split_once('@').unwrap());
        lines.map(|(name, digest)| (name.to_owned(), digest.to_owned())).collect::<Vec<_>>()
    };
    let first = digests(&watched.build(&["--tag", "b", "--tag", "a", "--tag", "b"]).run.stdout);
    let names: Vec<_> = first.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["quay.io/o/one:b", "quay.io/o/one:a"]);

    let third = watched.build(&["--tag", "c"]);
    assert_eq!(third.run.counts(), (0, 2, 1), "the index alone");
    let digest = &first[0].1;
    assert_eq!(digests(&third.run.stdout), [("quay.io/o/one:c".to_owned(), digest.clone())]);
    let expected = ["a", "b", "c"].map(|tag| (format!("quay.io/o/one:{tag}"), digest.clone()));
    let held: Vec<_> = inspect(&watched.checkout).into_iter().map(|(n, d, _)| (n, d)).collect();
    assert_eq!(held, expected);
}

#[test]
fn platforms_asked_for_one_by_one_are_compiled_once() {
    let watched = Watched::new(Checkout::with_source(PASS));
    let compiled = |args: &[&str]| watched.build(args).compiled;
    assert_eq!(compiled(&["--platform", "linux/s390x"]), ["bpf/one.bpf.c bpfeb"]);
    assert_eq!(compiled(&[]), ["bpf/one.bpf.c bpfel"]);
    for platform in ["linux/s390x", "linux/amd64", "amd64,s390x"] {
        assert_eq!(compiled(&["--platform", platform]), [""; 0], "{platform}");
    }
}

#[test]
fn an_entry_may_be_for_fewer_platforms() {
    let watched = Watched::new(Checkout::with_source(PASS));
    let narrow = entry("narrow", "bpf/one.bpf.c").replace('}', ", platforms: [linux/s390x]}");
    watched.checkout.catalogue(&[narrow, entry("wide", "bpf/one.bpf.c")].concat());
    let outcome = watched.build(&[]);
    assert_eq!(outcome.compiled, ["bpf/one.bpf.c bpfeb", "bpf/one.bpf.c bpfel"]);
    let both = vec!["linux/amd64".to_owned(), "linux/s390x".to_owned()];
    let held: Vec<_> = inspect(&watched.checkout).into_iter().map(|(n, _, p)| (n, p)).collect();
    assert_eq!(
        held,
        [
            ("quay.io/o/narrow:latest".to_owned(), both[1..].to_vec()),
            ("quay.io/o/wide:latest".to_owned(), both),
        ]
    );

    let amd64 = watched.build(&["--platform", "linux/amd64"]);
    assert_eq!(amd64.compiled, [""; 0]);
    assert_eq!(amd64.images(), ["quay.io/o/wide"]);
    let note = "Left out: o/narrow (it is for none of the platforms asked for)";
    assert_eq!(amd64.run.stderr.lines().next(), Some(note));
}

/// Returns name, digest and platforms of each image in the default tree.
fn inspect(checkout: &Checkout) -> Vec<(String, String, Vec<String>)> {
    let run = checkout.run(&["inspect-images", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let images = report["images"].as_array().unwrap().iter();
    images
        .map(|image| {
            let platforms = image["platforms"].as_array().unwrap().iter();
            let platforms = platforms.map(|platform| text(&platform["platform"])).collect();
            (text(&image["name"]), text(&image["digest"]), platforms)
        })
        .collect()
}
