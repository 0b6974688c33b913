//! `bench push`, `bench containerfile` and `bench userspace`: what they find to
//! measure, and that they measure what they say.

use std::path::Path;

use serde_json::Value;

use super::machine::{Machine, is_root};
use crate::support::{Checkout, finish};

#[test]
fn without_a_registry_there_is_nothing_to_push_to() {
    let machine = Machine::new().stand_in("clang", "").manager("apt-get");
    let run = machine.run(&Checkout::cold(), &["bench", "push"]);
    let expected = format!(
        "error: `docker-registry` is missing to push to\n\nhint: `{}apt-get install -y \
         --no-install-recommends docker-registry` installs it, and so does `--install-deps`\n",
        if is_root() { "" } else { "sudo " }
    );
    assert_eq!((run.code, run.stdout.as_str(), run.stderr), (3, "", expected));
}

/// Returns a row of the report.
fn row<'a>(report: &'a Value, what: &str) -> &'a Value {
    let mut rows = report["measurements"].as_array().unwrap().iter();
    rows.find(|row| row["what"] == what).unwrap_or_else(|| panic!("{what}: {report:#}"))
}

#[test]
fn pushes_are_measured_and_what_is_not_there_is_named() {
    if !test_support::slow() || test_support::tool("docker-registry").is_none() {
        return;
    }
    let checkout = Checkout::cold();
    let mut command = checkout.command(&["bench", "push"]);
    command.args(["--runs", "1", "--no-old-way", "--format", "json"]);
    // Of the checkout itself: what it pins is asked of cargo. Nothing that
    // was built with Go is in an empty cache.
    command.env("CARGO_MANIFEST_DIR", Path::new(env!("CARGO_MANIFEST_DIR")));
    command.env("XDG_CACHE_HOME", checkout.path());
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((report["images"].as_u64(), report["platforms"].as_u64()), (Some(22), Some(4)));
    let not_run: Vec<_> = report["not_run"].as_array().unwrap().iter().collect();
    assert_eq!(not_run.len(), 3, "{not_run:?}");

    let requests = |what: &str| row(&report, what)["requests"].as_u64().unwrap();
    assert_eq!(requests("unchanged: build-images --push"), 22);
    let cold = requests("cold: build-images --push");
    assert!((22 * 2..=400).contains(&cold), "{cold}");
    assert_eq!(requests("from nothing: build-images --push"), cold);
    assert!(report["peak_memory_kib"].as_u64().unwrap() > 0);
}

#[test]
fn containerfiles_are_measured_and_who_cannot_build_is_named() {
    if !test_support::slow() {
        return;
    }
    let checkout = Checkout::cold();
    let mut command = checkout.command(&["bench", "containerfile"]);
    command.args(["--runs", "1", "--no-old-way", "--format", "json"]);
    command.env("CARGO_MANIFEST_DIR", Path::new(env!("CARGO_MANIFEST_DIR")));
    command.env("XDG_CACHE_HOME", checkout.path());
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let not_run = "buildx build: `buildx` is not built; `cargo xtask doctor --go-tools` builds it";
    assert_eq!(report["not_run"], serde_json::json!([not_run]));

    let seconds = |what: &str| row(&report, what)["median_s"].as_f64().unwrap();
    assert!(seconds("from nothing: without a Containerfile") > 0.0);
    assert!(seconds("from nothing: the built-in builder") < 1.0);
    let (made, kept) =
        (seconds("200 MB: 1 platform"), seconds("200 MB: 1 platform, kept from before"));
    assert!(kept < made / 2.0, "{kept} {made}");
    let large = &report["large"];
    assert_eq!(large["bytes"], 200_000_000);
    let peak = large["peak_memory_kib_of_4_platforms"].as_u64().unwrap();
    assert!(peak < 200_000_000 / 1024, "{peak} KiB");
}

#[test]
fn without_go_there_are_no_userspace_images_to_measure() {
    let machine = Machine::new().stand_in("clang", "");
    let checkout = Checkout::cold();
    let mut command = machine.command(&checkout, &["bench", "userspace"]);
    command.env("CARGO_MANIFEST_DIR", Path::new(env!("CARGO_MANIFEST_DIR")));
    let run = finish(command.output().unwrap());
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
    assert!(run.stderr.starts_with("error: `go` was not found"), "{}", run.stderr);
}

#[test]
fn userspace_images_are_measured_and_nothing_is_read_again() {
    if !test_support::slow() || test_support::tool("go").is_none() {
        return;
    }
    let checkout = Checkout::cold();
    let mut command = checkout.command(&["bench", "userspace", "--runs", "1", "--format", "json"]);
    command.env("CARGO_MANIFEST_DIR", Path::new(env!("CARGO_MANIFEST_DIR")));
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((report["images"].as_u64(), report["platforms"].as_u64()), (Some(9), Some(4)));
    let why = "from nothing, buildx and podman: they take minutes; `--cold` measures them";
    assert_eq!(report["not_measured"], serde_json::json!([why]));
    let [whole] = &report["whole"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert!(whole["go_seconds"].as_f64().unwrap() < whole["seconds"].as_f64().unwrap());
    assert!(whole["go_cpu_s"].as_f64().unwrap() > 0.0, "{whole}");

    let read = |what: &str| row(&report, what)["bytes_read"].as_u64().unwrap();
    let programs = report["program_bytes"].as_u64().unwrap();
    let more = read("unchanged: build-images") - read("unchanged: the Go runs alone");
    assert!(more < programs / 10, "{more} of {programs}");
    // One program for four platforms, of 36.
    let more = read("one program changed: build-images");
    assert!(more < programs, "{more} of {programs}");
    row(&report, "one program changed: the Go runs alone");
}
