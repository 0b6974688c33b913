//! BuildKit runs the Containerfiles for all platforms, and makes the same
//! images as the built-in builder with the programs of the host.
//!
//! The image that they build in is a stand-in that holds the Go, the shell and
//! the downloaded modules of this machine. Nothing comes from the network, and
//! everything is compiled anew.

use std::process::Command;

use test_support::BuildKit;

use super::podman::{assert_same, go_env, image_of_go};
use super::{ALL, Built, PROGRAMS, platforms};
use crate::support::{Checkout, finish};

const BUILDER: &str = "of-the-tests";

/// Puts together what is in the image, in the directory `files`. What Go needs
/// for its own tests only stays away.
const FILES: &str = r#"
mkdir -p files/tmp files/root files/usr/local/go
cp -L --parents /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*') files
cp -RL "$GO"/bin "$GO"/pkg "$GO"/src "$GO"/VERSION "$GO"/go.env files/usr/local/go
find files -name testdata -prune -exec rm -rf {} +
find files -name '*.syso' -delete
cd "$MODULE"
GOPROXY="file://$MODULES,$(go env GOPROXY)" GOMODCACHE="$BASE/modules" GOFLAGS=-modcacherw go mod download
mv "$BASE/modules/cache/download" "$BASE/files/modules"
"#;

const CONTAINERFILE: &str = "FROM scratch\nCOPY base/files /\n\
     ENV PATH=/usr/local/go/bin:/bin HOME=/root GOPATH=/go GOTOOLCHAIN=local \
     GOPROXY=file:///modules GOFLAGS=-modcacherw\n";

/// Makes the image, and returns what names it as a context.
fn base(built: &Built) -> (Checkout, String) {
    let checkout = Checkout::cold();
    let host = bpf_arch::Arch::host().unwrap().platform();
    checkout.catalogue(&format!(
        "  - {{name: golang, organization: o, description: d, licenses: MIT, \
         platforms: [{host}], containerfile: base/Containerfile}}\n"
    ));
    checkout.write("base/Containerfile", CONTAINERFILE);
    let base = checkout.path().join("base");
    let mut command = Command::new("/bin/sh");
    command.args(["-ec", FILES]).current_dir(&base).env("BASE", &base);
    command.env("GO", go_env("GOROOT")).env("MODULE", built.checkout.path().join("examples"));
    command.env("MODULES", go_env("GOMODCACHE").join("cache/download"));
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = checkout.build_images(&["--to", "oci:tree"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (_, digest) = run.stdout.trim_end().split_once('@').unwrap();
    let layout = checkout.path().join("tree/quay.io/o/golang");
    let context =
        format!("{}=oci-layout://{}@{digest}", image_of_go(&built.checkout), layout.display());
    (checkout, context)
}

#[test]
fn all_are_the_same_for_all_platforms() {
    if !test_support::slow() {
        return;
    }
    let Some(built) = Built::get() else { return };
    let Some(buildkit) = BuildKit::start(BUILDER) else { return };
    let (_base, context) = base(&built);
    let checkout = Checkout::whole();
    let engine = ["--engine", "docker", "--builder", BUILDER, "--build-context", &context];
    let mut command =
        checkout.build_images_command(&[&[ALL, "--to", "oci:buildx"][..], &engine].concat());
    let run = finish(command.envs(buildkit.variables()).output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    for name in PROGRAMS {
        for (platform, _) in platforms() {
            assert_same(&built, (&checkout, "buildx"), name, platform);
        }
    }
}
