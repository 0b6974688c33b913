//! `build-images bpfman`: the programs in an image, for what can be built here.

use bpf_arch::Arch;

use super::{Scene, expected, said, scene};
use crate::examples::images;
use crate::support::{Run, copy, finish};

/// Nothing in the place of the base.
const NO_BASE: &str = "redhat/ubi9-minimal=scratch";

fn build(scene: &Scene, args: &[&str]) -> Run {
    let file = "Containerfile.bpfman.multi.arch";
    copy(&test_support::workspace_root().join(file), &scene.checkout.path().join(file));
    let args = [&["bpfman", "--base", NO_BASE, "--to", "oci:out"], args].concat();
    finish(scene.command_of("build-images", &args).output().unwrap())
}

#[test]
fn the_image_is_for_the_platforms_that_can_be_built_and_the_others_are_said() {
    let (Some(scene), Some(host)) = (scene(), Arch::host()) else { return };
    let run = build(&scene, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for platform in ["linux/arm64", "linux/ppc64le", "linux/s390x"] {
        let said = format!(
            "Left out: bpfman/bpfman for {platform} (no standard library of Rust for {platform}; "
        );
        let is_said = run.stderr.contains(&said);
        assert_eq!(is_said, platform != host.platform(), "{platform}: {}", run.stderr);
    }
    let [image] =
        images::images(&scene.checkout, "out", "quay.io/bpfman/bpfman:latest").try_into().unwrap();
    assert_eq!(image.platform().to_string(), host.platform());
    assert_eq!(image.config().config.entrypoint, ["./bpfman-rpc", "--timeout=0"]);
    let root = tempfile::tempdir().unwrap();
    crate::operator::unpack(&image, root.path());
    for name in super::PROGRAMS {
        assert_eq!(said(&root.path().join(name), None), expected(name));
    }
    let again = build(&scene, &[]);
    assert_eq!((again.code, &again.stdout), (0, &run.stdout), "{}", again.stderr);
    assert!(again.stderr.contains("0 files written"), "{}", again.stderr);
}

#[test]
fn a_platform_that_is_named_must_be_built_for() {
    let scene = Scene::new();
    let run = build(&scene, &["--platform", "linux/s390x"]);
    let start = "error: `bpfman/bpfman` cannot be built for linux/s390x here\n  \
                 Caused by: no standard library of Rust for linux/s390x\n";
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
    assert!(run.stderr.starts_with(start), "{}", run.stderr);
}
