//! podman, with a storage of its own.

use std::path::Path;

use host::Cmd;
use image_build::BuildRequest;
use oci::Layout;

use super::Engine;
use super::cases::{self, Case};
use crate::support::World;

fn podman(storage: &Path) -> Cmd {
    let at = |name: &str| storage.join(name);
    Cmd::new("podman")
        .env("CONTAINERS_STORAGE_CONF", at("storage.conf"))
        .env("XDG_CONFIG_HOME", at("config"))
        .env("XDG_DATA_HOME", at("data"))
        .env("TMPDIR", storage)
}

fn run(command: Cmd) {
    if let Err(error) = command.run() {
        panic!("{command}: {error}: {}", error.stderr);
    }
}

#[test]
fn podman_makes_the_same_files() {
    compare(cases::FILES);
}

#[test]
fn podman_makes_the_same_settings() {
    compare(cases::SETTINGS);
}

fn compare(cases: &[Case]) {
    if test_support::tool("podman").is_none() {
        return;
    }
    let storage = tempfile::tempdir().unwrap();
    let path = storage.path().display();
    let text = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{path}/graph\"\nrunroot = \"{path}/run\"\n"
    );
    std::fs::write(storage.path().join("storage.conf"), text).unwrap();
    Engine::Podman.compare(cases, &|world: &World, request: &BuildRequest| {
        let arguments = request
            .build_args
            .iter()
            .flat_map(|(name, value)| ["--build-arg".to_owned(), format!("{name}={value}")]);
        // Nothing is run, so that the isolation does not matter but must be
        // one that is possible.
        let build = podman(storage.path())
            .args(["build", "--quiet", "--isolation=chroot", "--layers=false", "--timestamp=0"])
            .args(["--platform=linux/amd64", "--tag=localhost/compared"])
            .arg("--file")
            .arg(&request.containerfile)
            .args(arguments)
            .arg(world.context());
        run(build);
        let layout = world.path("../layout");
        let save = podman(storage.path())
            .args(["image", "save", "--quiet", "--format=oci-dir", "--output"])
            .arg(&layout)
            .arg("localhost/compared");
        run(save);
        Layout::open(&layout).unwrap()
    });
}
