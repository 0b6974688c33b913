//! `--preflight`: who would be refused hears it before anything is compiled.

use test_support::Registry;

use super::relay::{Relay, Verdict};
use super::*;

#[test]
fn all_refusals_come_before_the_first_compilation() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::judging(&registry.address, |_, line| {
        let shut = ["/o/one/", "/o/three/"].iter().any(|name| line.contains(name));
        if line.starts_with("POST ") && shut { Verdict::Deny } else { Verdict::Pass }
    });
    let checkout = checkout(&["one", "two", "three"]);
    let run = push(&checkout, &relay.address, &["-q", "--preflight", "--format", "json"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let failure = |name: &str| {
        format!(
            "error: `REGISTRY/o/{name}:latest` cannot be pushed\n  Caused by: \
             `POST http://REGISTRY/v2/o/{name}/blobs/uploads/` was answered with 403 \
             (DENIED: requested access to the resource is denied)\n"
        )
    };
    let said = steady(&run.stderr, &checkout, &relay.address);
    let (errors, hints) = said.split_once("\n\n").unwrap();
    assert_eq!(format!("{errors}\n"), failure("one") + &failure("three"));
    assert_eq!(hints.matches("may have to be created first").count(), 2, "{hints}");
    let objects = crate::incremental::files::contents(&checkout.path().join("target/bpf/objects"));
    assert!(objects.is_empty(), "something was compiled");

    // What was let in was given back.
    let requests = relay.take();
    let of = |start: &str| requests.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((of("POST /v2/o/two/"), of("DELETE /v2/o/two/")), (1, 1), "{requests:#?}");
    assert_eq!(of("PUT "), 0, "{requests:#?}");
}

#[test]
fn what_is_unchanged_is_not_knocked_at() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::before(&registry.address);
    let checkout = checkout(&["one", "two"]);
    crate::incremental::files::age(&checkout.path().join("bpf"), 60);
    let preflight = ["--preflight"];
    let run = succeed(&mut push_command(&checkout, &relay.address, &preflight));
    assert_eq!(steps(&run, "Asked"), ["for the right to push 2 names"]);
    relay.take();

    let run = succeed(&mut push_command(&checkout, &relay.address, &preflight));
    assert_eq!(steps(&run, "Pushed"), [""; 0]);
    let requests = relay.take();
    assert!(requests.iter().all(|line| line.starts_with("HEAD ")), "{requests:#?}");

    checkout.write("bpf/other.bpf.c", &PASS.replace("XDP_PASS", "XDP_TX"));
    succeed(&mut push_command(&checkout, &relay.address, &preflight));
    let requests = relay.take();
    let opened = |name: &str| {
        let line = format!("POST /v2/o/{name}/blobs/uploads/");
        requests.iter().filter(|own| **own == line).count()
    };
    assert_eq!((opened("one"), opened("two")), (0, 1), "{requests:#?}");
}

#[test]
fn a_registry_that_is_not_there_is_one_failure() {
    let checkout = checkout(&["one", "two", "three"]);
    let run = push(&checkout, "127.0.0.1:1", &["-q", "--preflight"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr.matches("error:").count(), 1, "{}", run.stderr);
    assert!(run.stderr.starts_with("error: 3 names cannot be pushed\n"), "{}", run.stderr);
}

#[test]
fn what_is_to_be_mirrored_is_looked_for() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = Checkout::cold();
    checkout.catalogue(&format!(
        "  - {{name: copy, organization: o, description: d, licenses: MIT, mirror: {}}}\n",
        registry.name("src/absent:v1")
    ));
    let run = push(&checkout, &registry.address, &["-q", "--preflight"]);
    let expected = "error: `o/copy` cannot be copied\n  \
                    Caused by: there is no `REGISTRY/src/absent:v1`\n\n\
                    hint: `--mirror NAME=REFERENCE` copies it from elsewhere\n";
    assert_eq!(steady(&run.stderr, &checkout, &registry.address), expected);
    assert_eq!(run.code, 1);
}
