//! What cannot be mirrored, and what is said of it.

use test_support::Registry;

use super::mirror::{mirroring, source};
use super::*;

#[test]
fn what_is_not_there() {
    let Some(registry) = Registry::anonymous() else { return };
    let name = registry.name("src/absent:v1");
    let checkout = mirroring(&name);
    let run = push(&checkout, &registry.address, &["-q"]);
    let expected = "\
error: failed to copy `o/copy` from `REGISTRY/src/absent:v1`
  Caused by: `GET http://REGISTRY/v2/src/absent/manifests/v1` was answered with 404 (there is no such image)

hint: `--mirror NAME=REFERENCE` copies it from elsewhere
";
    let said = steady(&run.stderr, &checkout, &registry.address);
    assert_eq!((run.code, run.stdout.as_str(), said.as_str()), (1, "", expected));
}

#[test]
fn a_platform_that_it_lacks() {
    let Some(registry) = Registry::anonymous() else { return };
    let name = registry.name("src/image:v1");
    source(&name);
    let checkout = mirroring(&name);
    // Of one architecture the name begins as the other's.
    let text = checkout.read("images.yaml");
    let wanted = "linux/amd64, linux/arm, linux/riscv64";
    checkout.write("images.yaml", &text.replace("linux/amd64, linux/s390x", wanted));
    let run = push(&checkout, &registry.address, &["-q"]);
    let expected = "\
error: `o/copy` is not copied: `REGISTRY/src/image:v1` is not for linux/arm, linux/riscv64

hint: it is for linux/amd64, linux/arm64, linux/ppc64le, linux/s390x; `platforms` in images.yaml says what is wanted
";
    let said = steady(&run.stderr, &checkout, &registry.address);
    assert_eq!((run.code, run.stdout.as_str(), said.as_str()), (1, "", expected));
    assert_eq!(digest_of(&registry.name("o/copy:latest")), None);
}

#[test]
fn what_is_made_is_pushed_all_the_same() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&["one"]);
    let text = checkout.read("images.yaml");
    let copy = "  - {name: copy, organization: o, description: d, licenses: MIT, mirror: X}\n";
    let copy = copy.replace('X', &registry.name("src/absent:v1"));
    checkout.write("images.yaml", &format!("{text}{copy}"));
    let run = push(&checkout, &registry.address, &["-q"]);
    let name = registry.name("o/one:latest");
    assert_eq!((run.code, run.stdout), (1, format!("{name}@{}\n", whole(&name).digest())));
}
