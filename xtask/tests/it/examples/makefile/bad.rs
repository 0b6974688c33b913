//! What is typed wrong or is missing: what is said, and that nothing was
//! begun.

use std::os::unix::fs::symlink;

use test_support::Registry;

use super::programs::small_module;
use super::{desk, desk_and_registry, pushing, succeed, type_line};
use crate::desk::{Desk, which};
use crate::support::Run;

/// Returns what was said, without what make says of itself.
fn said(run: &Run) -> String {
    let own = |line: &&str| line.starts_with("make: ***") || line.starts_with("make: [");
    run.stderr.lines().filter(|line| !own(line)).map(|line| format!("{line}\n")).collect()
}

const BYTECODE: &str = "tc tcx tp xdp kprobe uprobe uretprobe app";

#[test]
fn words_that_are_none() {
    let Some(desk) = desk() else { return };
    let empty = "hint: a part of the name is empty: is a variable not set?\n";
    let unnamed = |kind: &str, why: &str| {
        format!(
            "error: `bpfman-{kind}/go-xdp-counter` cannot be named so\n  Caused by: {why}\n\n{empty}"
        )
    };
    let no_account = |tag: &str| {
        format!(
            "invalid reference `quay.io//go-xdp-counter:{tag}`: a part of the repository is empty"
        )
    };
    let cases = [
        (
            "make build-bc-foo",
            format!("error: unknown program `foo`; those with a bytecode image are {BYTECODE}\n"),
        ),
        (
            "make build-us-foo",
            format!(
                "error: unknown program `foo`; those with a user-space image are {BYTECODE} target\n"
            ),
        ),
        (
            "make build-bc-target",
            format!(
                "error: unknown program `target`; those with a bytecode image are {BYTECODE}\n"
            ),
        ),
        // QUAY_USER is not set.
        (
            "make build-bc-xdp USER_BC=$QUAY_USER TAG_BC=test-bc",
            unnamed("bytecode", &no_account("test-bc")),
        ),
        (
            "make build-us-xdp USER_US=$QUAY_USER TAG_US=test-us",
            unnamed("userspace", &no_account("test-us")),
        ),
        (
            "make build-bc-xdp IMAGE_XDP_BC=",
            unnamed("bytecode", "invalid reference ``: it is empty"),
        ),
        (
            "make build-bc-xdp TAG_BC=",
            unnamed(
                "bytecode",
                "invalid reference `quay.io/bpfman-bytecode/go-xdp-counter:`: the tag is empty",
            ),
        ),
    ];
    for (line, stderr) in cases {
        let run = type_line(&desk, line, &[]);
        assert_eq!((run.code, said(&run)), (2, stderr), "{line}");
    }
    // One that is in all names, one of several, and words for the command.
    let beginnings = [
        (
            "make build-bc-images USER_BC=",
            "error: `bpfman-bytecode/go-xdp-counter` cannot be named so\n",
        ),
        (
            "make build-bc-images IMAGE_TCX_BC=",
            "error: `bpfman-bytecode/go-tcx-counter` cannot be named so\n",
        ),
        (
            "make build-bc-images IMAGE_TCX_BC=a.io/b:c IMAGE_TC_BC=a.io/b:c",
            "error: `bpfman-bytecode/go-tc-counter` and `bpfman-bytecode/go-tcx-counter` would both be `a.io/b:c`\n",
        ),
        (
            "make build-bc-xdp PLATFORM=linux/amd46",
            "error: invalid value 'linux/amd46' for '--platform <PLATFORM>': unknown platform `linux/amd46`; known are ",
        ),
        (
            "make build-bc-xdp PLATFORM=",
            "error: invalid value '' for '--platform <PLATFORM>': unknown platform ``; ",
        ),
        (
            "make build-bc-xdp ENGINE=dockre",
            "error: invalid value 'dockre' for '--engine <ENGINE>': ",
        ),
        (
            "make build-bc-xdp TO=registri",
            "error: invalid destination `registri`: it has no scheme; known are ",
        ),
        (
            "make build-bc-xdp REGISTRY='quay io'",
            "error: `bpfman-bytecode/go-xdp-counter` cannot be named so\n",
        ),
        (
            "make build-bc-xdp USER_BC=\"it's\"",
            "error: `bpfman-bytecode/go-xdp-counter` cannot be named so\n",
        ),
    ];
    for (line, beginning) in beginnings {
        let run = type_line(&desk, line, &[]);
        assert!(run.code == 2 && said(&run).starts_with(beginning), "{line}: {}", run.stderr);
    }
    let run = type_line(&desk, "make build-bc-xdp PUSH=yes", &[]);
    assert!(
        run.code == 2 && run.stderr.contains("*** PUSH is `yes`: 1 pushes, 0 does not."),
        "{run:?}"
    );
    assert!(!desk.checkout.path().join("target/images").exists(), "nothing was begun");
}

#[test]
fn a_registry_that_is_not_there() {
    let Some(desk) = desk() else { return };
    let run = type_line(&desk, "make build-bc-xdp", &[("REGISTRY", "127.0.0.1:1")]);
    let error = "error: failed to push `127.0.0.1:1/bpfman-bytecode/go-xdp-counter:latest`\n";
    assert!(run.code == 2 && run.stderr.contains(error), "{}", run.stderr);
}

/// Types a line of which a tool fails: its message is shown, nothing pushed.
#[track_caller]
fn fails(desk: &Desk, registry: &Registry, line: &str, message: &str) {
    let run = type_line(desk, line, &[("REGISTRY", &registry.address)]);
    assert!(run.code == 2 && run.stderr.contains(message), "{line}: {}", run.stderr);
    assert_eq!(pushing(&run), [""; 0], "{line}");
}

#[test]
fn a_tool_that_fails_says_why() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    fails(&desk, &registry, "make build-bc-xdp CLANG=false", "`false");
    fails(&desk, &registry, "make generate CLANG=false", "`false");
    desk.checkout.write("examples/go-xdp-counter/bpf/xdp_counter.c", "int x = ;\n");
    let clang = "examples/go-xdp-counter/bpf/xdp_counter.c:1:9: error: expected expression";
    fails(&desk, &registry, "make build-bc-xdp", clang);
    fails(&desk, &registry, "make -j2 build-bc-xdp generate", clang);
}

#[test]
fn bytecode_needs_no_go() {
    let Some(desk) = desk() else { return };
    // A PATH that has what is needed, and no Go.
    let tools = desk.home.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    for tool in ["make", "env", "bash", "sh", "awk", "rustc", clang.as_str()] {
        if !tool.contains('/') {
            symlink(which(tool), tools.join(tool)).unwrap();
        }
    }
    let path = format!("{}:{}", desk.home.path().join("bin").display(), tools.display());
    let path = [("PATH", path.as_str())];
    succeed(&desk, "make build-bc-xdp PUSH=0", &path);
    succeed(&desk, "make generate help", &path);
    for target in ["build", "fmt", "verify"] {
        let run = type_line(&desk, &format!("make {target}"), &path);
        let error =
            "error: `go` is not installed\nhint: https://go.dev/doc/install says how to get it\n";
        assert_eq!((run.code, said(&run).as_str()), (2, error), "{target}");
    }
}

#[test]
fn a_go_that_is_too_old_says_so() {
    let Some(desk) = desk() else { return };
    if !small_module(&desk) {
        return;
    }
    desk.checkout.write("examples/go.mod", "module bpfman.io/examples\n\ngo 9.99\n");
    let run = type_line(&desk, "make build", &[]);
    assert!(run.code == 2 && run.stderr.contains("requires go >= 9.99"), "{}", run.stderr);
}
