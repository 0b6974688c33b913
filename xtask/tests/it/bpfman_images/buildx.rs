//! BuildKit carries `.local` out: the mounts are its.

use std::process::Command;

use oci::Layout;
use test_support::BuildKit;

use super::base::{self, Bases, DEBIAN, RUST};
use super::built::{assert_holds_programs, assert_starts_rpc, load};
use super::{LOCAL, PROGRAMS};

const BUILDER: &str = "of-bpfman";

/// Builds in a checkout, with the images that podman has made; `listed` is
/// what is known of packages in the image. Nothing where there is no BuildKit.
pub(super) fn local(bases: &Bases, listed: &str) {
    let Some(buildkit) = BuildKit::start(BUILDER) else { return };
    let checkout = base::checkout();
    let out = bases.path().join("buildx");
    let mut build = Command::new("buildx");
    build.args(["build", "--builder", BUILDER, "-f", &format!("./{LOCAL}"), "."]);
    build.args(["-t", "quay.io/me/bpfman:test", "--provenance=false"]);
    build.arg("--output").arg(format!("type=oci,tar=false,dest={}", out.display()));
    for (name, directory) in [(RUST, "rust"), (DEBIAN, "debian")] {
        let layout = bases.path().join(directory);
        let dir = layout.display().to_string();
        bases.podman(&["save", "-q", "--uncompressed", "--format", "oci-dir", "-o", &dir, name]);
        let digest = Layout::open(&layout).unwrap().index().manifests[0].digest;
        build.args(["--build-context", &format!("{name}=oci-layout://{dir}@{digest}")]);
    }
    base::done(build.current_dir(checkout.path()).envs(buildkit.variables()));
    let image = load(&out);
    assert_holds_programs(&image, 1, listed);
    assert_starts_rpc(&image);
    assert_eq!(image.layers().len(), 4, "the base, the packages, the programs, their links");
    for program in PROGRAMS {
        assert!(!checkout.path().join("target/release").join(program).exists());
    }
}
