//! podman, with a storage of its own.

use std::path::Path;

use host::Cmd;

use super::cases::{self, Case};
use super::{Engine, requests, run};
use crate::support::{Variables, World, is_again, platform};

/// Returns the variables for a storage in a directory. Root needs an
/// isolation that works in a container or a small machine.
fn variables(storage: &Path) -> Variables {
    let path = storage.display();
    let text = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{path}/graph\"\nrunroot = \"{path}/run\"\n"
    );
    std::fs::write(storage.join("storage.conf"), text).unwrap();
    let at = |name: &str| storage.join(name).into_os_string();
    vec![
        ("CONTAINERS_STORAGE_CONF", at("storage.conf")),
        ("XDG_CONFIG_HOME", at("config")),
        ("XDG_DATA_HOME", at("data")),
        ("TMPDIR", storage.into()),
        ("BUILDAH_ISOLATION", "chroot".into()),
    ]
}

/// Runs the body with podman, in a process that has a storage of its own; at
/// the end nothing must be left there.
fn with_podman(name: &str, body: impl FnOnce()) {
    let storage = || {
        test_support::tool("podman")?;
        let storage = tempfile::tempdir().unwrap();
        Some((variables(storage.path()), storage))
    };
    if !is_again(name, storage) {
        return;
    }
    body();
    assert_eq!(podman(&["images", "--all", "--quiet"]), "", "images were left behind");
}

fn podman(args: &[&str]) -> String {
    let output = Cmd::new("podman").args(args).run();
    let output = output.unwrap_or_else(|error| panic!("{error}: {}", error.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn compare(name: &str, cases: &[Case]) {
    with_podman(name, || Engine::Podman.compare(cases));
}

#[test]
fn it_makes_the_same_files() {
    compare("engines::podman::it_makes_the_same_files", cases::FILES);
}

#[test]
fn it_makes_the_same_settings() {
    compare("engines::podman::it_makes_the_same_settings", cases::SETTINGS);
}

#[test]
fn it_does_the_same_with_whole_requests() {
    with_podman("engines::podman::it_does_the_same_with_whole_requests", || {
        requests::compare(Engine::Podman);
    });
}

#[test]
fn it_runs_what_the_host_did() {
    with_podman("engines::podman::it_runs_what_the_host_did", || run::compare(Engine::Podman));
}

#[test]
fn a_build_leaves_alone_what_was_there() {
    with_podman("engines::podman::a_build_leaves_alone_what_was_there", || {
        let world = World::new("FROM scratch\nCOPY a /\n").file("a", "A");
        let mut request = world.request();
        request.platforms = ["linux/s390x", "linux/amd64"].map(platform).to_vec();
        // The same image of the user's own, and another that uses it.
        let file = request.containerfile.display().to_string();
        let context = world.context().display().to_string();
        let build = ["build", "--quiet", "--layers", "--timestamp=0", "--identity-label=false"];
        let own = ["--platform=linux/amd64", "--tag=localhost/mine", "--file", &file, &context];
        podman(&[&build[..], &own].concat());
        let before = podman(&["images", "--all", "--no-trunc"]);
        let digests = || {
            let (built, log) = world.build_with(&image_build::Engine::Podman, &request);
            let index = built.unwrap_or_else(|error| panic!("{error}\n{log}")).index;
            assert_eq!(index.children().len(), 2);
            index.digest()
        };
        assert_eq!(digests(), digests(), "the same again is the same");
        assert_eq!(podman(&["images", "--all", "--no-trunc"]), before);
        // An image of its storage stands for another.
        let world = World::new("FROM nowhere.invalid/x:1\nCOPY b /\n").file("b", "B");
        let mut request = world.request();
        let word = "nowhere.invalid/x:1=docker-image://localhost/mine";
        request.contexts = vec![word.parse().unwrap()];
        let (built, log) = world.build_with(&image_build::Engine::Podman, &request);
        let built = built.unwrap_or_else(|error| panic!("{error}\n{log}"));
        let oci::Artifact::Image(image) = &built.index.children()[0] else { panic!("no image") };
        let entries =
            image.layers().iter().flat_map(|layer| layer.entries(Default::default()).unwrap());
        assert_eq!(entries.map(|entry| entry.name).collect::<Vec<_>>(), ["a", "b"]);
        podman(&["image", "rm", "localhost/mine"]);
    });
}

/// A program without libraries that makes the file `/made`.
const PROGRAM: &str = r#"fn main() { std::fs::write("/made", "by RUN").unwrap(); }"#;

#[test]
fn it_runs_programs() {
    with_podman("engines::podman::it_runs_programs", || {
        let world =
            World::new("FROM scratch\nCOPY make /\nRUN [\"/make\"]\n").file("make.rs", PROGRAM);
        let compile = Cmd::new("rustc")
            .args(["-C", "target-feature=+crt-static", "-C", "opt-level=0", "-o"])
            .args([world.path("make"), world.path("make.rs")]);
        if let Err(error) = compile.run() {
            test_support::not_run(
                "rustc",
                &format!("no static program: {error}: {}", error.stderr),
            );
            return;
        }
        let mut request = world.request();
        let machine = podman(&["info", "--format", "{{.Host.OS}}/{{.Host.Arch}}"]);
        request.platforms = vec![platform(machine.trim())];
        let (built, log) = world.build_with(&image_build::Engine::Podman, &request);
        let built = built.unwrap_or_else(|error| panic!("{error}\n{log}"));
        let oci::Artifact::Image(image) = &built.index.children()[0] else { panic!("no image") };
        let entries = image.layers()[0].entries(oci::EntryLimits::default()).unwrap();
        let made = entries.iter().find(|entry| entry.name == "made").expect("what RUN made");
        assert_eq!(made.bytes, b"by RUN");
        // What fails in it is the build's failure, and nothing is left.
        let world = World::new("FROM scratch\nCOPY make /\nRUN [\"/no-such\"]\n").file("make", "");
        let error = world.build_with(&image_build::Engine::Podman, &world.request()).0;
        assert!(world.tell(&error.unwrap_err()).starts_with("`podman build` exited with status"));
    });
}
