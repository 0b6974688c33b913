//! Platforms whose tools are missing, and all of them where the tools are
//! there.

use bpf_arch::Arch;
use serde_json::Value;

use super::{PROGRAMS, Scene, bytes, expected, said, scene};
use crate::support::{Run, finish};

/// A platform that nobody has a whole Rust for: not this machine, as tests run.
const FOREIGN: &str = "linux/s390x";

#[test]
fn a_platform_that_is_named_must_be_built() {
    let scene = Scene::new();
    for args in [&["--platform", FOREIGN][..], &["--platform", "host,s390x"]] {
        let run = scene.run(args);
        let start = format!("error: no standard library of Rust for {FOREIGN}\n\nhint: ");
        assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
        assert!(run.stderr.starts_with(&start), "{}", run.stderr);
        assert!(run.stderr.contains("`--install-deps` fetches"), "{}", run.stderr);
    }
    assert!(!scene.checkout.path().join("target").exists(), "nothing was begun");
}

#[test]
fn platforms_without_their_tools_are_left_out_and_said() {
    let Some(scene) = scene() else { return };
    // The catalogue of this checkout, for the platforms of another test.
    scene.checkout.catalogue("");
    let run = scene.run(&["--program", "bpfman"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    let warning =
        format!("warning: left out {FOREIGN}: no standard library of Rust for {FOREIGN}\n");
    assert!(run.stderr.starts_with(&warning), "{}", run.stderr);
    let hints = run.stderr.lines().filter(|line| line.contains("--install-deps"));
    assert_eq!(hints.count(), 1, "{}", run.stderr);
    let run = scene.run(&["--format", "json", "--dry-run", "--program", "bpfman"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["left_out"][0]["platform"], FOREIGN);
    assert_eq!(report["commands"].as_array().unwrap().len(), 1);
    // A checkout that says what it is built with is not built with another.
    scene.write("rust-toolchain.toml", "[toolchain]\n");
    let run = scene.run(&["--program", "bpfman", "--platform", FOREIGN]);
    assert_eq!(run.code, 3);
    assert!(!run.stderr.contains("--install-deps"), "{}", run.stderr);
}

/// Runs with what was fetched for this user.
fn run_with_kit(scene: &Scene, platforms: &str) -> Run {
    let mut command = scene.command(&["--platform", platforms]);
    match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => command.env("XDG_CACHE_HOME", cache),
        None => command.env_remove("XDG_CACHE_HOME"),
    };
    finish(command.output().unwrap())
}

#[test]
fn every_platform_is_built_by_one_machine() {
    if !test_support::slow() {
        return;
    }
    let all = Arch::PUBLISHED.map(Arch::platform).join(",");
    let scene = Scene::new();
    let run = run_with_kit(&scene, &all);
    if run.code == 3 {
        for name in ["rustc-web", "cargo-zigbuild"] {
            test_support::not_run(name, "it is not fetched (`cargo xtask doctor --rust-tools`)");
        }
        return;
    }
    assert_eq!(run.code, 0, "{}", run.stderr);
    let paths = scene.paths(&run);
    assert_eq!(paths.len(), 12, "{}", run.stdout);
    for (paths, arch) in paths.chunks(3).zip(Arch::PUBLISHED) {
        let triple = arch.rust_musl_triple().unwrap();
        let qemu = match arch {
            _ if Arch::host() == Some(arch) => None,
            Arch::Amd64 => Some(test_support::tool("qemu-x86_64-static")),
            Arch::Arm64 => Some(test_support::tool("qemu-aarch64-static")),
            Arch::Ppc64le => Some(test_support::tool("qemu-ppc64le-static")),
            _ => Some(test_support::tool("qemu-s390x-static")),
        };
        for (path, name) in paths.iter().zip(PROGRAMS) {
            assert!(path.ends_with(format!("{triple}/release/{name}")), "{}", path.display());
            cargo_build::check_program(path, arch).unwrap();
            match &qemu {
                None => assert_eq!(said(path, None), expected(name), "{arch}"),
                Some(Some(qemu)) => assert_eq!(said(path, Some(qemu)), expected(name), "{arch}"),
                Some(None) => {}
            }
        }
    }
    // One of each byte order once more, elsewhere: a standard library takes
    // its time.
    let other = Scene::at("else where/than before");
    let again = run_with_kit(&other, "linux/arm64,linux/s390x");
    assert_eq!(again.code, 0, "{}", again.stderr);
    let same = [&paths[3..6], &paths[9..]].concat();
    assert!(bytes(&same) == bytes(&other.paths(&again)), "the programs differ");
}
