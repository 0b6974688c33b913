//! `diff-images`: what publishing would change.

use serde_json::{Value, json};
use test_support::Registry;

use super::relay::Relay;
use super::*;

pub(super) fn diff(checkout: &Checkout, registry: &str, args: &[&str]) -> Run {
    let mut command = compiling(checkout, "diff-images", &["--registry", registry]);
    finish(command.args(args).output().unwrap())
}

/// Pushes two images and returns their checkout, to be changed.
fn published(registry: &str) -> Checkout {
    let checkout = checkout(&["one", "two"]);
    succeed(&mut push_command(&checkout, registry, &[]));
    checkout
}

/// Asserts what is printed, and with which code `--check` ends.
#[track_caller]
fn says(checkout: &Checkout, registry: &Registry, expected: &str) {
    let run = diff(checkout, &registry.address, &[]);
    let said = steady(&run.stdout, checkout, &registry.address);
    assert_eq!((run.code, said.as_str()), (0, expected), "{}", run.stderr);
    let lines: Vec<_> = expected.lines().filter(|line| !line.starts_with(' ')).collect();
    let differ = lines.iter().filter(|line| !line.ends_with(": unchanged")).count();
    let checked = diff(checkout, &registry.address, &["-q", "--check"]);
    let message = format!(
        "error: {differ} of {} images not as published\n\n\
         hint: `cargo xtask build-images --push` publishes\n",
        lines.len()
    );
    let expected = if differ == 0 { (0, String::new()) } else { (1, message) };
    assert_eq!((checked.code, checked.stderr), expected);
    assert_eq!(checked.stdout, run.stdout);
}

#[test]
fn unchanged_costs_one_request_a_name() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::before(&registry.address);
    let checkout = published(&relay.address);
    relay.take();
    let run = diff(&checkout, &relay.address, &[]);
    let said = steady(&run.stdout, &checkout, &relay.address);
    let expected = "REGISTRY/o/one:latest: unchanged\nREGISTRY/o/two:latest: unchanged\n";
    assert_eq!((run.code, said.as_str()), (0, expected), "{}", run.stderr);
    assert_eq!(steps(&run, "Compared"), ["2 images with registry: 2 unchanged, 0 not"]);
    let mut requests = relay.take();
    requests.sort();
    let head = |name: &str| format!("HEAD /v2/o/{name}/manifests/latest");
    assert_eq!(requests, [head("one"), head("two")]);
}

#[test]
fn every_kind_of_change_has_its_words() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = published(&registry.address);
    let unchanged = "REGISTRY/o/one:latest: unchanged\n";
    says(&checkout, &registry, &format!("{unchanged}REGISTRY/o/two:latest: unchanged\n"));

    let catalogue = checkout.read("images.yaml");
    checkout.write("images.yaml", &catalogue.replacen("description: d", "description: e", 1));
    let expected = "\
REGISTRY/o/one:latest: labels or other settings only
    other settings for linux/amd64, linux/s390x
REGISTRY/o/two:latest: unchanged
";
    says(&checkout, &registry, expected);

    let more = catalogue.replace("linux/amd64, linux/s390x", "linux/arm64, linux/s390x");
    checkout.write("images.yaml", &format!("{more}{}", entry("three", "bpf/one.bpf.c")));
    let platforms =
        "other platforms\n    platform added linux/arm64\n    platform removed linux/amd64\n";
    let expected = format!(
        "REGISTRY/o/one:latest: {platforms}REGISTRY/o/two:latest: {platforms}\
         REGISTRY/o/three:latest: not published\n"
    );
    says(&checkout, &registry, &expected);
    checkout.write("images.yaml", &catalogue);

    let other = PASS.replace("SEC(\"xdp\")\nint pass(struct xdp_md", COUNTS);
    checkout.write("bpf/other.bpf.c", &other);
    let expected = format!(
        "{unchanged}REGISTRY/o/two:latest: new object\n    \
             new object for linux/amd64, linux/s390x\n    \
             program added: count (tc)\n    \
             program removed: pass (xdp)\n    \
             map added: hits (array)\n"
    );
    says(&checkout, &registry, &expected);
}

/// What makes another program of it, with a map.
const COUNTS: &str = "struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(\".maps\");

SEC(\"classifier\")
int count(struct __sk_buff";

#[test]
fn the_document() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = published(&registry.address);
    let before = digest_of(&registry.name("o/two:latest")).unwrap();
    let other = PASS.replace("SEC(\"xdp\")\nint pass(struct xdp_md", COUNTS);
    checkout.write("bpf/other.bpf.c", &other);
    let run = diff(&checkout, &registry.address, &["--format", "json", "--check"]);
    assert_eq!(run.code, 1);
    let mut report = document(&run);
    let after: Vec<_> = report["images"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|image| image["digest"].take().as_str().unwrap().to_owned())
        .collect();
    let none = json!({"added": {}, "removed": {}, "changed": {}});
    let unchanged = digest_of(&registry.name("o/one:latest")).unwrap();
    assert_eq!(unchanged, after[0]);
    let expected: Value = json!({
        "schema": 1,
        "against": "registry",
        "images": [
            {
                "image": "o/one",
                "reference": registry.name("o/one:latest"),
                "digest": null,
                "published": unchanged,
                "status": "unchanged",
                "platforms_added": [],
                "platforms_removed": [],
                "objects": [],
                "settings": [],
                "programs": none,
                "maps": none,
            },
            {
                "image": "o/two",
                "reference": registry.name("o/two:latest"),
                "digest": null,
                "published": before,
                "status": "new-object",
                "platforms_added": [],
                "platforms_removed": [],
                "objects": ["linux/amd64", "linux/s390x"],
                "settings": [],
                "programs": {"added": {"count": "tc"}, "removed": {"pass": "xdp"}, "changed": {}},
                "maps": {"added": {"hits": "array"}, "removed": {}, "changed": {}},
            },
        ],
        "failures": [],
    });
    assert_eq!(report, expected);
    // What is announced is what comes.
    let run = succeed(&mut push_command(&checkout, &registry.address, &["two"]));
    assert_eq!(digest_in(run.stdout.trim_end()), after[1]);
}
