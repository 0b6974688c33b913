//! The time in an image is the one it was given.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::incremental::{PASS, files};
use crate::support::{Checkout, Run, finish};

fn build(checkout: &Checkout, epoch: Option<&str>, to: &str) -> Run {
    let mut command = checkout.build_images_command(&[
        "--to",
        &format!("oci:{to}"),
        "--to",
        &format!("oci-archive:{to}.tar"),
    ]);
    command.envs(epoch.map(|seconds| ("SOURCE_DATE_EPOCH", seconds)));
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    run
}

/// Returns every time that a document below `dir` holds.
fn times(checkout: &Checkout, dir: &str) -> BTreeSet<String> {
    let dir = checkout.path().join(dir);
    let mut times = BTreeSet::new();
    for name in files::contents(&dir).keys() {
        let document = serde_json::from_slice(&std::fs::read(dir.join(name)).unwrap());
        collect(&document.unwrap_or(Value::Null), &mut times);
    }
    times
}

fn collect(value: &Value, times: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let named = map.iter().filter(|(key, _)| key.ends_with("created"));
            times.extend(named.map(|(_, time)| time.as_str().unwrap().to_owned()));
            map.values().for_each(|value| collect(value, times));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, times)),
        _ => {}
    }
}

#[test]
fn the_time_is_the_given_one() {
    let cases = [
        (None, "1970-01-01T00:00:00Z"),
        (Some("0"), "1970-01-01T00:00:00Z"),
        (Some("1700000000"), "2023-11-14T22:13:20Z"),
        (Some("4102444799"), "2099-12-31T23:59:59Z"),
    ];
    let checkouts = [Checkout::with_source(PASS), Checkout::with_source(PASS)];
    let mut digests = BTreeSet::new();
    for (number, (epoch, time)) in cases.into_iter().enumerate() {
        let to = format!("target/to{number}");
        let [one, other] = checkouts.each_ref().map(|at| build(at, epoch, &to));
        assert_eq!(one.stdout, other.stdout, "{epoch:?}");
        for name in [to.clone(), format!("{to}.tar")] {
            let [one, other] = checkouts.each_ref().map(|at| bytes(at, &name));
            assert!(!one.is_empty());
            assert_eq!(one, other, "{name}");
        }
        assert_eq!(times(&checkouts[0], &to), BTreeSet::from([time.to_owned()]));
        digests.insert(one.stdout);
    }
    assert_eq!(digests.len(), 3, "no time and 0 are the same, the others differ");
}

/// Returns the digest of a file, or of each below a directory.
fn bytes(checkout: &Checkout, name: &str) -> Vec<String> {
    let path = checkout.path().join(name);
    if path.is_file() {
        return vec![oci::Digest::of(&std::fs::read(path).unwrap()).to_string()];
    }
    let all = files::contents(&path).into_iter();
    all.map(|(name, (mode, digest))| format!("{name} {mode:o} {digest}")).collect()
}
