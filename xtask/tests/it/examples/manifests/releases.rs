//! What a release publishes, and the manifests that one may keep.

use std::path::Path;

use super::Variant;
use super::kit::Kit;

fn count(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[test]
fn a_release_has_a_file_for_each_example() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    // Whatever else is asked for, its tag is that of the images.
    let printed = kit.prints(&["build-release-yamls", "VERSION=1.2.3", "TAG=v8", "TAG_BC=x"]);
    for variant in Variant::all() {
        let selinux = if variant.selinux { "-selinux" } else { "" };
        let name = format!("{}-install{selinux}-v1.2.3.yaml", variant.example.directory);
        let path = kit.path("target/release-yamls").join(&name);
        let rendered = kit.prints(&[&format!("render-{}", variant.word()), "TAG=v1.2.3"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), rendered, "{name}");
        assert_eq!(printed.matches(&format!("/{name}\n")).count(), 1, "{printed}");
    }
    assert_eq!(count(&kit.path("target/release-yamls")), Variant::all().len());
    assert_eq!(kit.calls(), Vec::<String>::new(), "no cluster is needed");
}

#[test]
fn a_release_goes_where_it_is_wanted_with_or_without_a_v() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    let dir = kit.path("a place");
    kit.prints(&[
        "build-release-yamls",
        "VERSION=v2.0.0",
        &format!("RELEASE_DIR={}", dir.display()),
    ]);
    assert_eq!(count(&dir), Variant::all().len());
    assert!(dir.join("go-target-install-v2.0.0.yaml").is_file());
}

#[test]
fn a_release_that_fails_leaves_no_half_of_a_file() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    let script =
        "cat \"$2/kustomization.yaml\"; ! sed -n 1p \"$2/kustomization.yaml\" | grep -q tcx";
    let kit = kit.stand_in("kustomize", script);
    let run = kit.make(&["-k", "build-release-yamls", "VERSION=2"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert_eq!(count(&kit.path("target/release-yamls")), Variant::all().len() - 2);

    let run = kit.make(&["build-release-yamls", "VERSION="]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.starts_with("error: VERSION is not set\n"), "{}", run.stderr);
}

#[test]
fn manifests_that_a_release_keeps_are_used_as_they_are() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    for dir in ["v1.0.0/go-xdp-counter", "v1.0.0-selinux/go-tc-counter"] {
        kit.write(&format!("examples/config/{dir}/kustomization.yaml"), "resources: []\n");
    }
    // The word of the target, TAG, the overlay, and whether images are changed.
    for (word, tag, overlay, changed) in [
        ("xdp", "v1.0.0", "v1.0.0/go-xdp-counter", false),
        ("xdp-selinux", "v1.0.0", "selinux/go-xdp-counter", true),
        ("tc", "v1.0.0", "default/go-tc-counter", true),
        ("tc-selinux", "v1.0.0", "v1.0.0-selinux/go-tc-counter", false),
        ("xdp", "v1.0.1", "default/go-xdp-counter", true),
        // Directories that are no release's.
        ("xdp", "base", "default/go-xdp-counter", true),
        ("xdp", "selinux", "default/go-xdp-counter", true),
    ] {
        let args = [&format!("render-{word}"), &format!("TAG={tag}"), "IMAGE_XDP_BC=quay.io/me/it"];
        let printed = kit.prints(&args);
        assert!(printed.starts_with(&format!("resources: [../{overlay}]\n")), "{args:?} {printed}");
        let count = printed.matches(&format!(":{tag}\"\n")).count();
        assert_eq!(count, if changed { 2 } else { 0 }, "{args:?} {printed}");
        assert!(!printed.contains("quay.io/me"), "{args:?} {printed}");
    }
}
