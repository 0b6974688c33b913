//! An engine builds the same images: its containers run what the host does
//! otherwise.

use std::process::Command;

use super::{NO_BASE, Scene, VERSION, files, is_ready};
use crate::bpfman_images::base::{Bases, done};
use crate::examples::images;
use crate::support::finish;

/// What the build stages start from.
const GOLANG: &str = "docker.io/library/golang:1.24";

/// This machine's Go on a Debian. What Go is told on the host it is told there,
/// so that programs can be compared byte by byte.
const WITH_GO: &str = "\
FROM docker.io/library/debian:trixie-slim
COPY . /usr/local/go
ENV PATH=/usr/local/go/bin:/usr/bin:/bin GOFLAGS='-trimpath -buildvcs=false' GOTOOLCHAIN=local
";

#[test]
fn podman_builds_the_same_images() {
    let Some(bases) = Bases::new().filter(|_| is_ready()) else { return };
    let goroot = done(Command::new("go").args(["env", "GOROOT"])).stdout;
    let file = bases.path().join("Containerfile.go");
    std::fs::write(&file, WITH_GO).unwrap();
    let file = file.display().to_string();
    bases.podman(&["build", "--quiet", "--tag", GOLANG, "--file", &file, goroot.trim()]);

    let scene = Scene::new();
    let names = ["bpfman-agent", "bpfman-operator", "bpfman-operator-bundle"];
    let platforms = ["--platform", "linux/amd64,linux/arm64,linux/ppc64le,linux/s390x"];
    let args = [&names[..], &["--base", NO_BASE], &platforms, &VERSION].concat();
    let ours = scene.build(&args);
    assert_eq!(ours.code, 0, "{}", ours.stderr);
    let mut command = scene.command(&["--to", "oci:theirs", "--engine", "podman"]);
    let variables = bases.command(&[]);
    let variables = variables.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let theirs = finish(command.args(&args).envs(variables).output().unwrap());
    assert_eq!(theirs.code, 0, "{}", theirs.stderr);

    for name in names {
        let theirs =
            images::images(&scene.checkout, "theirs", &format!("quay.io/bpfman/{name}:latest"));
        let ours = scene.images(name);
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let platform = ours.platform();
            assert_eq!(platform, theirs.platform(), "{name}");
            assert_eq!(files(ours), files(theirs), "{name} for {platform}");
            let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            super::unpack(ours, one.path());
            super::unpack(theirs, other.path());
            let same = Command::new("diff").arg("-r").args([one.path(), other.path()]).output();
            let same = finish(same.unwrap());
            assert_eq!((same.code, same.stdout.as_str()), (0, ""), "{name} for {platform}");
            let config = |image: &oci::Image| {
                let config = &image.config().config;
                // podman says nothing of the root.
                let directory = config.working_dir.trim_end_matches('/').to_owned();
                (config.entrypoint.clone(), config.user.clone(), directory)
            };
            assert_eq!(config(ours), config(theirs), "{name} for {platform}");
            assert_eq!(ours.labels(), theirs.labels(), "{name} for {platform}");
        }
    }
}
