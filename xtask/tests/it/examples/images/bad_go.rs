//! No Go, or one that will not do: said before anything is done.

use std::path::PathBuf;

use super::{ALL, is_ready};
use crate::cli::machine::{Machine, is_root};
use crate::support::{Checkout, Run};

const TARGET: &str = "bpfman-userspace/go-target";

/// What is offered to whoever has no Go.
const WAYS_OUT: &str = "hint: `https://go.dev/dl/` has the newest Go: unpack it and put its `bin` on PATH\n\
     hint: `--engine docker` or `podman` builds in a container; `bytecode` selects the images that need no Go\n";

const OLD: &str = "echo 'go version go1.19.8 linux/amd64'";

fn sudo() -> &'static str {
    if is_root() { "" } else { "sudo " }
}

fn build(machine: &Machine, checkout: &Checkout, more: &[&str]) -> Run {
    machine.run(checkout, &[&["build-images", "--to", "oci:out"][..], more].concat())
}

/// Asserts that nothing was done, and what is said.
fn assert_refused(machine: &Machine, more: &[&str], said: &str) {
    let checkout = Checkout::whole();
    let run = build(machine, &checkout, more);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
    let root = std::fs::canonicalize(checkout.path()).unwrap().display().to_string();
    let bin = machine.bin().display().to_string();
    assert_eq!(run.stderr.replace(&root, "ROOT").replace(&bin, "BIN"), said);
    assert!(!checkout.path().join("target").exists(), "something was done");
    assert!(!checkout.path().join("out").exists(), "something was made");
}

#[test]
fn without_go_the_way_to_it_is_said() {
    let error = "error: `go` was not found: `ROOT/examples` needs Go 1.26 or newer\n\n";
    assert_refused(&Machine::new(), &[ALL], &format!("{error}{WAYS_OUT}"));
}

#[test]
fn an_old_go_is_named_with_both_versions() {
    let error = "error: `BIN/go` is Go 1.19.8, and `ROOT/examples` needs 1.26 or newer\n\n";
    let machine = Machine::new().stand_in("go", OLD);
    assert_refused(&machine, &[ALL], &format!("{error}{WAYS_OUT}"));
    assert_eq!(machine.log(), "go version\n", "it is asked once, for nine programs");
}

#[test]
fn another_program_of_that_name_is_no_go() {
    let machine = Machine::new().stand_in("go", "echo 'a game of go'");
    let error = "error: `BIN/go` is not Go: its version line is `a game of go`\n";
    assert_refused(&machine, &[ALL], error);
}

/// An apt that offers a version, and makes Go appear where there is one.
fn with_apt(machine: Machine, offered: &str, go: Option<PathBuf>) -> Machine {
    let policy = format!("echo 'golang-go:'\necho '  Candidate: {offered}'");
    let machine = machine.stand_in("apt-cache", &policy);
    let machine = match go {
        Some(go) => machine.apt(&[("go", go)]),
        None => machine.stand_in("apt-get", "echo chatting"),
    };
    machine.stand_in("sudo", "exec \"$@\"")
}

/// Returns what was run of apt.
fn apt(machine: &Machine) -> Vec<String> {
    let log = machine.log();
    log.lines().filter(|line| line.starts_with("apt-")).map(str::to_owned).collect()
}

#[test]
fn an_apt_whose_go_is_too_old_installs_nothing() {
    let sudo = sudo();
    let cases = [("2:1.19~1", "Go 1.19"), ("(none)", "no Go")];
    for (offered, said) in cases {
        for machine in [Machine::new(), Machine::new().stand_in("go", OLD)] {
            let machine = with_apt(machine, offered, None);
            let error = format!(
                "$ {sudo}apt-get update\nchatting\nerror: apt has {said}, and Go 1.26 or newer is needed\n\n{WAYS_OUT}"
            );
            assert_refused(&machine, &[ALL, "--install-deps"], &error);
            assert_eq!(apt(&machine), ["apt-get update", "apt-cache policy golang-go"]);
        }
    }
}

#[test]
fn an_apt_that_installs_nothing_is_not_believed() {
    let sudo = sudo();
    let machine = with_apt(Machine::new(), "2:1.26~1", None);
    let error = format!(
        "$ {sudo}apt-get update\nchatting\n$ {sudo}apt-get install -y --no-install-recommends golang-go\nchatting\n\
         error: `go` was not found: `ROOT/examples` needs Go 1.26 or newer\n\n{WAYS_OUT}"
    );
    assert_refused(&machine, &[ALL, "--install-deps"], &error);
}

#[test]
fn a_go_that_is_new_enough_is_installed_and_used() {
    if !is_ready() {
        return;
    }
    let Some(go) = test_support::tool("go") else { return };
    let install = "apt-get install -y --no-install-recommends golang-go";
    let machine = with_apt(Machine::new(), "2:1.99~1", Some(go));
    let checkout = Checkout::whole();
    let args = [TARGET, "--platform", "linux/s390x", "--install-deps"];
    let run = build(&machine, &checkout, &args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(apt(&machine), ["apt-get update", "apt-cache policy golang-go", install]);
    // Now that it is there, apt is not asked.
    let run = build(&machine, &checkout, &args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(apt(&machine).len(), 3);
}

#[test]
fn a_dry_run_shows_what_go_would_be_asked() {
    let machine = Machine::new().stand_in("go", "echo 'go version go1.26.0 linux/amd64'");
    let checkout = Checkout::whole();
    let counter = "bpfman-userspace/go-kprobe-counter";
    let run = build(
        &machine,
        &checkout,
        &[TARGET, counter, "--platform", "linux/arm64", "--jobs", "3", "--dry-run"],
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let root = std::fs::canonicalize(checkout.path()).unwrap().display().to_string();
    let stdout = run.stdout.replace(&root, "ROOT").replace(machine.bin().to_str().unwrap(), "BIN");
    assert_eq!(
        stdout,
        "build ./go-kprobe-counter, ./go-target for linux/arm64\n    \
         cd 'ROOT/examples' && GOFLAGS='-trimpath -buildvcs=false' CGO_ENABLED=0 GOOS=linux GOAMD64=v1 \
         GOARM64=v8.0 GOPPC64=power8 GOFIPS140=off GOTOOLCHAIN=local GOWORK=off GOARCH=arm64 BIN/go build \
         -p 3 -o 'ROOT/target/go/examples/arm64/bin/' '-ldflags=./go-kprobe-counter=-s -w' \
         ./go-kprobe-counter ./go-target\n\
         build examples/go-kprobe-counter/container-deployment/Containerfile.go-kprobe-counter to \
         quay.io/bpfman-userspace/go-kprobe-counter:latest for linux/arm64\n\
         build examples/go-target/container-deployment/Containerfile.go-target to \
         quay.io/bpfman-userspace/go-target:latest for linux/arm64\n\
         write to oci:out\n"
    );
    assert_eq!(machine.log(), "go version\n");
    assert!(!checkout.path().join("target").exists());
}
