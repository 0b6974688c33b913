//! `diff-images` against layouts, against images of others, and against
//! registries that do not answer.

use test_support::Registry;

use super::diff::diff;
use super::mirror::{mirroring, source};
use super::*;

#[test]
fn against_a_tree_of_layouts() {
    let checkout = checkout(&["one", "two"]);
    succeed(&mut compiling(&checkout, "build-images", &["--to", "oci:out", "one"]));
    let tree = crate::incremental::files::stamps(&checkout.path().join("out"));
    let run = diff(&checkout, "quay.io", &["--against", "oci:out", "--check"]);
    let expected = "quay.io/o/one:latest: unchanged\nquay.io/o/two:latest: not published\n";
    assert_eq!((run.code, run.stdout.as_str()), (1, expected), "{}", run.stderr);
    assert_eq!(steps(&run, "Compared"), ["2 images with oci:out: 1 unchanged, 1 not"]);
    checkout.write("bpf/one.bpf.c", &PASS.replace("XDP_PASS", "XDP_DROP"));
    let run = diff(&checkout, "quay.io", &["--against", "oci:out", "one"]);
    let expected =
        "quay.io/o/one:latest: new object\n    new object for linux/amd64, linux/s390x\n";
    assert_eq!((run.code, run.stdout.as_str()), (0, expected), "{}", run.stderr);
    let run = diff(&checkout, "quay.io", &["--against", "oci:out", "--tag", "v2", "one"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "quay.io/o/one:v2: not published\n"));
    let after = crate::incremental::files::stamps(&checkout.path().join("out"));
    assert!(tree == after, "something was written");
}

#[test]
fn a_mirrored_image_is_compared_with_its_source() {
    let Some(registry) = Registry::anonymous() else { return };
    let name = registry.name("src/image:v1");
    source(&name);
    let checkout = mirroring(&name);
    let run = diff(&checkout, &registry.address, &[]);
    let said = |run: &Run| steady(&run.stdout, &checkout, &registry.address);
    assert_eq!((run.code, said(&run).as_str()), (0, "REGISTRY/o/copy:latest: not published\n"));
    succeed(&mut push_command(&checkout, &registry.address, &[]));
    let run = diff(&checkout, &registry.address, &["--check"]);
    assert_eq!((run.code, said(&run).as_str()), (0, "REGISTRY/o/copy:latest: unchanged\n"));
}

#[test]
fn an_image_of_another_kind() {
    let Some(registry) = Registry::anonymous() else { return };
    let (checkout, other) = (checkout(&["one"]), checkout(&["one"]));
    // One platform, and without a program.
    other.write("bpf/one.bpf.c", &PASS.replace("SEC(\"xdp\")", "SEC(\"classifier\")"));
    let name = registry.name("o/one:latest");
    let args = ["--to", "registry", "--as", &name, "--platform", "linux/s390x"];
    succeed(&mut compiling(&other, "build-images", &args));
    let run = diff(&checkout, &registry.address, &[]);
    let expected = "\
REGISTRY/o/one:latest: other platforms
    platform added linux/amd64
    new object for linux/s390x
    program pass: tc is now xdp
";
    let said = steady(&run.stdout, &checkout, &registry.address);
    assert_eq!((run.code, said.as_str()), (0, expected), "{}", run.stderr);
}

#[test]
fn a_registry_that_is_not_there_is_one_failure() {
    let checkout = checkout(&["one", "two", "three"]);
    let run = diff(&checkout, "127.0.0.1:1", &["-q"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let start = "error: failed to compare 3 images\n  Caused by: `HEAD http://127.0.0.1:1/v2/o/";
    assert!(run.stderr.starts_with(start), "{}", run.stderr);
    assert_eq!(run.stderr.matches("Caused by").count(), 1, "{}", run.stderr);
}

#[test]
fn what_cannot_be_compiled_is_told_and_the_rest_compared() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&["one", "two"]);
    checkout.write("bpf/other.bpf.c", "int x = nothing;\n");
    let run = diff(&checkout, &registry.address, &["-q"]);
    let said = steady(&run.stdout, &checkout, &registry.address);
    assert_eq!((run.code, said.as_str()), (1, "REGISTRY/o/one:latest: not published\n"));
    assert!(run.stderr.contains("bpf/other.bpf.c"), "{}", run.stderr);
}
