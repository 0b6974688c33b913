//! Stopped, killed, run twice at once: what comes next is whole.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Built;
use crate::incremental::files;
use crate::support::{Checkout, Run, finish, program};

/// What is built: quickly linked.
const TARGET: &str = "bpfman-userspace/go-target";

/// Puts a script before Go that does something where it builds. It may use
/// `$go`, the real one.
fn watch_go(checkout: &Checkout, at_build: &str) -> PathBuf {
    let go = test_support::tool("go").unwrap();
    let tools = checkout.path().join("tools");
    let log = checkout.path().join("go.log");
    let script = format!(
        "go='{}'\nif [ \"$1\" = build ]; then echo \"$GOARCH\" >>'{}'\n{at_build}\nfi\nexec \"$go\" \"$@\"",
        go.display(),
        log.display()
    );
    program(&tools.join("go"), &script);
    tools
}

/// Returns the build with a PATH that begins with a directory, and with a
/// place for its temporary files.
fn build(checkout: &Checkout, tools: Option<&Path>) -> Command {
    let mut command = checkout.build_images_command(&[TARGET, "--to", "oci:out", "--jobs", "1"]);
    let temporary = checkout.path().join("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    command.env("TMPDIR", temporary);
    if let Some(tools) = tools {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", tools.display()));
    }
    command
}

fn run(command: &mut Command) -> Run {
    finish(command.output().unwrap())
}

/// Asserts that the next run makes what it would have made.
fn assert_next(checkout: &Checkout, built: &Built, when: &str) {
    let run = run(&mut build(checkout, None));
    assert_eq!(
        (run.code, run.stdout.trim_end()),
        (0, built.line("go-target")),
        "{when}: {}",
        run.stderr
    );
    assert_eq!(left(checkout), [""; 0], "{when}");
    let seen = checkout.run(&["inspect-images", "out"]);
    assert_eq!(seen.code, 0, "{when}: {}", seen.stderr);
}

/// Returns what a run should have taken away.
fn left(checkout: &Checkout) -> Vec<String> {
    let mut left = files::names(&checkout.path().join("tmp"));
    left.extend(files::unfinished(checkout.path()));
    let made = files::stamps(&checkout.path().join("target/go")).into_keys();
    left.extend(made.filter(|name| name.contains(".building")));
    left
}

#[test]
fn an_interrupt_ends_it_tidily() {
    let Some(built) = Built::get() else { return };
    for signal in ["INT", "TERM"] {
        let checkout = Checkout::whole();
        let tools = watch_go(&checkout, &format!("kill -{signal} $PPID; exec sleep 60"));
        let run = run(&mut build(&checkout, Some(&tools)));
        assert_eq!((run.code, run.stdout.as_str()), (130, ""), "{signal}: {}", run.stderr);
        assert_eq!(run.stderr.lines().last(), Some("error: interrupted"), "{signal}");
        assert_eq!(checkout.read("go.log").lines().count(), 1, "no other build was begun");
        assert_eq!(left(&checkout), [""; 0], "{signal}");
        assert!(!checkout.path().join("out/quay.io").exists(), "{signal}: an image is there");
        assert_next(&checkout, &built, signal);
    }
}

#[test]
fn a_killed_build_is_completed_by_the_next() {
    let Some(built) = Built::get() else { return };
    // What Go is at when the build is killed; it may live on for a while.
    let moments = [
        ("at once", "kill -KILL $PPID"),
        ("while Go works", "(sleep 0.2; kill -KILL $PPID) &"),
        ("after two platforms", "[ $GOARCH != ppc64le ] || kill -KILL $PPID"),
        (
            "with a half of a program",
            "head -c 1000 \"$go\" >\"${5}go-target\"; kill -KILL $PPID; exit",
        ),
    ];
    for (when, script) in moments {
        let checkout = Checkout::whole();
        let tools = watch_go(&checkout, script);
        let run = run(&mut build(&checkout, Some(&tools)));
        // A quick one was done before.
        assert!(
            run.code == -1 || when == "while Go works" && run.code == 0,
            "{when}: {}",
            run.stderr
        );
        std::fs::remove_dir_all(checkout.path().join("tmp")).unwrap();
        assert_next(&checkout, &built, when);
    }
}

#[test]
fn builds_at_once_make_the_same() {
    let Some(built) = Built::get() else { return };
    let checkout = Checkout::whole();
    let start = |_| {
        let mut command = build(&checkout, None);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..2).map(start).collect();
    let runs = children.into_iter().map(|child| finish(child.wait_with_output().unwrap()));
    let runs: Vec<_> = runs.collect();
    for run in &runs {
        assert_eq!(
            (run.code, run.stdout.trim_end()),
            (0, built.line("go-target")),
            "{}",
            run.stderr
        );
    }
    let compiled: usize = runs.iter().map(|run| run.stderr.matches("Compiled 1 ").count()).sum();
    assert_eq!(compiled, 4, "each program is made once: {runs:?}");
    assert_next(&checkout, &built, "two at once");
}
