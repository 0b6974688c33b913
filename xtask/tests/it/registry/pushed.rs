//! Pushes that go well: what is printed, what is there afterwards, and how
//! little is asked for it.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_support::Registry;

use super::relay::Relay;
use super::*;
use crate::interop::podman::Storage;

/// How many of the catalogue's images are made from C.
const IMAGES: usize = 22;

/// Returns what a command prints as JSON.
fn asked(checkout: &Checkout, args: &[&str]) -> Value {
    document(&succeed(&mut command(checkout, &[args, &["--format", "json"]].concat())))
}

#[test]
fn the_whole_catalogue() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::before(&registry.address);
    let checkout = Checkout::warm();
    let args = ["bytecode", "--to", "oci:out", "--refs-file", "refs.txt"];
    let run = succeed(&mut push_command(&checkout, &relay.address, &args));
    let requests = relay.take().len();
    assert!((2 * IMAGES..=400).contains(&requests), "{requests} requests");

    let listed = asked(&checkout, &["list-images", "bytecode"]);
    let names = listed["images"].as_array().unwrap().iter().map(|image| {
        let name = image["reference"].as_str().unwrap();
        name.replace("quay.io/", &format!("{}/", relay.address))
    });
    let mut names: Vec<_> = names.collect();
    assert_eq!(names.len(), IMAGES);
    let lines = names.iter().map(|name| format!("{name}@{}\n", whole(name).digest()));
    assert_eq!(run.stdout, lines.collect::<String>(), "in the order of the catalogue");
    assert_eq!(checkout.read("refs.txt"), run.stdout);
    assert_eq!(pushing(&run), names, "in the order of the catalogue");
    let in_order = names.clone();
    names.sort_unstable();
    assert_eq!(steps(&run, "Pushed"), names);
    assert_eq!(steps(&run, "Packaged").len(), IMAGES);
    let summary = run.stderr.lines().last().unwrap();
    assert!(summary.contains(": 0 compiled, ") && summary.contains(" sent in "), "{summary}");

    let inspected = asked(&checkout, &["inspect-images", "out"]);
    let held = inspected["images"].as_array().unwrap().iter().map(|image| {
        format!("{}@{}", image["name"].as_str().unwrap(), image["digest"].as_str().unwrap())
    });
    let mut held: Vec<_> = held.collect();
    let mut lines: Vec<_> = run.stdout.lines().collect();
    held.sort_unstable();
    lines.sort_unstable();
    assert_eq!(held, lines, "the layouts hold what the registry does");

    // Once more, with one request a name: nothing is written, nothing sent.
    relay.take();
    let mut again = push_command(&checkout, &relay.address, &["bytecode", "--format", "json"]);
    let again = succeed(&mut again);
    let requests = relay.take();
    let heads = requests.iter().filter(|line| line.starts_with("HEAD "));
    assert_eq!((requests.len(), heads.count()), (IMAGES, IMAGES), "{requests:#?}");
    let report = document(&again);
    assert_eq!(report["summary"]["bytes_sent"], 0);
    let mut images = report["images"].as_array().unwrap().iter();
    assert!(images.all(|image| image["destinations"][0]["changed"] == false), "{report:#}");
    assert_eq!(steps(&again, "Pushed"), [""; 0]);
    assert_eq!(pushing(&again), in_order, "whether the registry has it or not");
}

/// Returns the names that a run said it pushes, which were all made in
/// process.
fn pushing(run: &Run) -> Vec<&str> {
    let lines = run.stderr.lines().filter_map(|line| line.strip_prefix(" => pushing "));
    lines.map(|line| line.strip_suffix(" with native").unwrap()).collect()
}

#[test]
fn what_is_not_made_is_not_said_to_be_pushed() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&["one", "two", "three"]);
    checkout.write("bpf/other.bpf.c", "int x = ;\n");
    let run = push(&checkout, &registry.address, &["--tag", "v1", "--tag", "v2"]);
    let names = ["one:v1", "one:v2", "three:v1", "three:v2"];
    let names = names.map(|name| registry.name(&format!("o/{name}")));
    assert_eq!((run.code, pushing(&run)), (1, names.iter().map(String::as_str).collect()));
    let quiet = push(&checkout, &registry.address, &["-q"]);
    assert_eq!(pushing(&quiet), [""; 0]);
    let kept = finish(compiling(&checkout, "build-images", &["--to", "oci:out"]).output().unwrap());
    assert_eq!(pushing(&kept), [""; 0]);
}

#[test]
fn the_document() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&["one", "two"]);
    let args = ["--to", "oci:out", "--tag", "v1", "--tag", "v2", "--format", "json"];
    let run = succeed(&mut push_command(&checkout, &registry.address, &args));
    let mut report = document(&run);
    for image in report["images"].as_array_mut().unwrap() {
        for reference in image["references"].as_array().unwrap() {
            let digest = digest_of(reference.as_str().unwrap()).unwrap();
            assert_eq!(image["digest"], digest, "{reference}");
        }
        let platforms = image["platforms"].clone();
        let digest = std::mem::replace(&mut image["digest"], json!("DIGEST"));
        assert!(image["size"].take().as_u64().unwrap() > 0);
        // Layouts share blobs by links: how many are new depends on both.
        image["destinations"][0]["files_written"].take();
        for destination in image["destinations"].as_array_mut().unwrap() {
            assert_eq!(destination["digest"].take(), digest);
            assert_eq!(destination["platforms"].take(), platforms);
        }
    }
    let at = |to: &str, files_written: Value| {
        let nothing = Value::Null;
        json!({
            "to": to, "changed": true, "files_written": files_written,
            "digest": nothing, "platforms": nothing,
        })
    };
    let image = |name: &str| {
        let references = ["v1", "v2"].map(|tag| registry.name(&format!("o/{name}:{tag}")));
        json!({
            "image": format!("o/{name}"),
            "references": references,
            "digest": "DIGEST",
            "platforms": ["linux/amd64", "linux/s390x"],
            "size": null,
            "destinations": [
                at("oci:out", Value::Null),
                at("registry", json!(0)),
            ],
        })
    };
    assert_eq!(report["images"], json!([image("one"), image("two")]));
    assert_eq!(report["failures"], json!([]));
    assert!(report["summary"]["bytes_sent"].as_u64().unwrap() > 0);
}

#[test]
fn names_as_the_user_wants_them() {
    /// Arguments, and the names that come of them.
    type Case<'a> = (&'a [&'a str], &'a [&'a str]);
    let Some(registry) = Registry::anonymous() else { return };
    let whole_name = registry.name("deep/er/name:x");
    let several = [("two", "y:2"), ("o/one", "x/two:1")];
    let several = several.map(|(image, name)| format!("{image}={}", registry.name(name)));
    let cases: [Case<'_>; 5] = [
        (&["one"], &["o/one:latest"]),
        (&["--organization", "me", "one"], &["me/one:latest"]),
        (&["--tag", "v1", "--tag", "v1.2"], &["o/one:v1", "o/one:v1.2", "o/two:v1", "o/two:v1.2"]),
        (&["--as", &whole_name, "two"], &["deep/er/name:x"]),
        (&["--as", &several[0], "--as", &several[1]], &["x/two:1", "y:2"]),
    ];
    let checkout = checkout(&["one", "two"]);
    for (args, names) in cases {
        let given = [["--push", "--registry", &registry.address].as_slice(), args].concat();
        // A whole name has its registry.
        let given = if args[0] == "--as" { [&["--to", "registry"], args].concat() } else { given };
        let run = succeed(&mut compiling(&checkout, "build-images", &given));
        let lines = names.iter().map(|name| {
            let name = registry.name(name);
            format!("{name}@{}\n", digest_of(&name).unwrap())
        });
        assert_eq!(run.stdout, lines.collect::<String>(), "{args:?}");
    }
}

#[test]
fn what_is_shared_is_sent_once() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::before(&registry.address);
    // Two images of one source: they differ in their titles alone.
    let checkout = checkout(&["one", "two", "three"]);
    succeed(&mut push_command(&checkout, &relay.address, &["one", "three"]));
    let requests = relay.take();
    let of = |start: &str| requests.iter().filter(|line| line.starts_with(start)).count();
    // A layer for each byte order; a config for each platform, the same in
    // both images.
    assert_eq!(of("PUT /v2/o/one/blobs/") + of("PUT /v2/o/three/blobs/"), 4, "{requests:#?}");
    assert_eq!(of("POST /v2/o/one/") + of("POST /v2/o/three/"), 8, "{requests:#?}");
}

#[test]
fn others_read_what_was_pushed() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = Checkout::warm();
    let args = ["--to", "oci:out", "xdp-dispatcher", "bpfman-bytecode/go-app-counter", "tc_pass"];
    let run = succeed(&mut push_command(&checkout, &registry.address, &args));
    assert_eq!(run.stdout.lines().count(), 3);
    let mut tools = Vec::new();
    tools.extend(test_support::tool("skopeo").map(|skopeo| (skopeo, "skopeo")));
    tools.extend(test_support::tool("podman").map(|podman| (podman, "podman")));
    let storage = Storage::new();
    for line in run.stdout.lines() {
        let (name, digest) = line.split_once('@').unwrap();
        let repository = name.rsplit_once(':').unwrap().0.replace(':', "_");
        let blob = format!("out/{repository}/blobs/{}", digest.replace(':', "/"));
        let index = std::fs::read(checkout.path().join(blob)).unwrap();
        for (tool, kind) in &tools {
            let image = format!("docker://{name}");
            let args: &[&str] = match *kind {
                "skopeo" => &["inspect", "--tls-verify=false", "--raw", &image],
                _ => &["pull", "--quiet", "--tls-verify=false", "--arch", "s390x", &image],
            };
            let mut command = Command::new(tool);
            command.args(args).envs(storage.environment()).stdin(Stdio::null());
            let output = command.output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{kind} {name}: {stderr}");
            assert!(*kind != "skopeo" || output.stdout == index, "{name}: other bytes");
        }
    }
}
