//! `doctor`: what it says of a machine that a test has made.

use serde_json::{Value, json};

use super::machine::Machine;
use crate::support::Checkout;

/// Every tool, what it is needed for, and why.
const TOOLS: [(&str, &str, &str); 37] = [
    ("clang", "building", "compiles eBPF programs"),
    ("git", "test", "shows what the checkout holds"),
    ("make", "test", "builds the examples"),
    ("skopeo", "test", "reads the images back"),
    ("podman", "test", "reads the images back"),
    ("containerd", "test", "takes the images"),
    ("ctr", "test", "takes the images to containerd"),
    ("umoci", "test", "unpacks an image"),
    ("bpftool", "test", "loads the objects with libbpf"),
    ("readelf", "test", "reads the objects as well"),
    ("llvm-readelf", "test", "reads the objects as well"),
    ("docker-registry", "test", "is pushed to and pulled from"),
    ("htpasswd", "test", "makes the registry's passwords"),
    ("openssl", "test", "makes the registry's certificates"),
    ("qemu-aarch64-static", "test", "runs programs for arm64"),
    ("qemu-ppc64le-static", "test", "runs programs for ppc64le"),
    ("qemu-s390x-static", "test", "runs programs for s390x"),
    ("runc", "test --slow", "runs what buildkitd builds"),
    ("mmdebstrap", "test --slow", "makes the base of an image"),
    ("dockerd", "test --slow", "takes the images"),
    ("go", "building", "builds the user-space programs, and tools for tests"),
    ("python3", "building", "fetches zig, which links Rust programs for other machines"),
    ("clang-16", "test --slow", "the same suite with another LLVM"),
    ("clang-22", "test --slow", "the same suite with the newest LLVM"),
    ("rustc-web", "building", "compiles Rust programs for other machines"),
    ("cargo-zigbuild", "building", "links them, with zig"),
    ("oci-conformance", "test --slow", "asks a registry what the specification demands"),
    ("olareg", "test --slow", "a registry that keeps lists of referrers"),
    ("kind", "test --slow", "takes images to containerd as to its nodes"),
    ("kustomize", "test --slow", "renders the examples' manifests"),
    ("crane", "test --slow", "reads and writes registries"),
    ("actionlint", "test --slow", "reads the workflows as GitHub does"),
    ("cosign-2", "test --slow", "signs images as released programs verify them"),
    ("cosign-3", "test --slow", "signs images with Sigstore bundles"),
    ("push-with-ggcr", "bench push", "pushes beside us"),
    ("buildx", "test --slow", "builds with any BuildKit, and beside us"),
    ("buildkitd", "test --slow", "builds Containerfiles, for buildx too"),
];

/// How many of them are installed, and how many after those are fetched; the
/// others are built.
const INSTALLED: usize = 24;
const FETCHED: usize = 2;

/// A machine with a compiler and a git, and without versions of one of them.
fn machine() -> Machine {
    Machine::new()
        .stand_in("clang", "echo 'Debian clang version 14.0.6'")
        .stand_in("git", "echo 'git of no version'")
        .stand_in("umoci", "echo 'umoci version 0.4.7'; exit 1")
}

#[test]
fn tools_are_shown_with_their_versions() {
    let machine = machine();
    let run = machine.run(&Checkout::cold(), &["doctor"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let bin = machine.bin().display().to_string();
    let width = bin.len() + "/umoci".len();
    let mut expected = format!("{:<21}{:<w$}  FOR          WHY\n", "TOOL", "FOUND", w = width);
    for (number, (name, needed, purpose)) in TOOLS.into_iter().enumerate() {
        let found = match name {
            "clang" => "14.0.6".to_owned(),
            // Where no version is to be had, the path is shown.
            "git" | "umoci" => format!("{bin}/{name}"),
            _ if number < INSTALLED => "missing".to_owned(),
            _ if number < INSTALLED + FETCHED => "not fetched".to_owned(),
            _ => "not built".to_owned(),
        };
        expected += &format!("{name:<21}{found:<width$}  {needed:<13}{purpose}\n");
    }
    assert_eq!(run.stdout, expected);
}

#[test]
fn tools_are_shown_as_json() {
    let machine = machine();
    let run = machine.run(&Checkout::cold(), &["doctor", "--format", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let tools = TOOLS.map(|(name, needed, purpose)| {
        let there = ["clang", "git", "umoci"].contains(&name);
        json!({
            "name": name,
            "needed_for": needed,
            "purpose": purpose,
            "path": there.then(|| machine.bin().join(name)),
            "version": (name == "clang").then_some("14.0.6"),
        })
    });
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document, json!({"schema": 1, "tools": tools.to_vec()}));
}

#[test]
fn a_missing_compiler_is_an_error_with_the_way_out() {
    let install = if super::machine::is_root() { "" } else { "sudo " };
    let cases = [
        (
            "apt-get",
            format!(
                "`{install}apt-get install -y --no-install-recommends clang` installs it, and so \
                 does `--install-deps`"
            ),
        ),
        ("dnf", format!("`{install}dnf install -y clang` installs it")),
    ];
    for (manager, hint) in cases {
        let machine = Machine::new().manager(manager);
        for format in ["human", "json"] {
            let run = machine.run(&Checkout::cold(), &["doctor", "--format", format]);
            let expected = format!("error: missing for building: clang\n\nhint: {hint}\n");
            assert_eq!((run.code, run.stderr), (3, expected));
            assert!(run.stdout.contains("llvm-readelf"), "the tools are shown all the same");
        }
        assert_eq!(machine.log(), "", "nothing was run");
    }
}

#[test]
fn building_without_a_compiler_ends_like_doctor() {
    let machine = Machine::new().manager("apt-get");
    let libbpf = crate::support::LIBBPF.display().to_string();
    let checkout = Checkout::cold();
    for command in ["build-images", "build-ebpf"] {
        let run = machine.run(&checkout, &[command, "--libbpf-dir", &libbpf]);
        assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
        let hints = run.stderr.lines().filter(|line| line.starts_with("hint: "));
        assert_eq!(hints.count(), 2, "{}", run.stderr);
    }
}
