//! Two worlds, built to the last byte alike.

use std::process::Command;

use super::{Built, is_ready};
use crate::support::{Checkout, finish};

/// What Go would heed: each of them changes a program.
const NOISE: [(&str, &str); 9] = [
    ("GOFLAGS", "-race -tags=noise"),
    ("GOOS", "darwin"),
    ("GOAMD64", "v3"),
    ("GOARM64", "v9.0"),
    ("GOPPC64", "power10"),
    ("GOFIPS140", "latest"),
    ("GOEXPERIMENT", "nogreenteagc"),
    ("GO_EXTLINK_ENABLED", "1"),
    ("CGO_ENABLED", "1"),
];

/// What `go env -w` writes.
const GOENV: &str = "GOFLAGS=-ldflags=-X=main.x=y\nGOAMD64=v4\nGOFIPS140=latest\nCGO_ENABLED=1\n";

/// Where the world is another, these are built again, from nothing but the
/// user's cache of compiled packages.
const REBUILT: [&str; 2] = ["bpfman-userspace/go-app-counter", "bpfman-userspace/go-target"];

#[test]
fn neither_place_nor_surroundings_are_in_an_image() {
    let Some(built) = Built::get() else { return };
    let checkout = Checkout::whole();
    checkout.write("env of go", GOENV);
    let inner = checkout
        .build_images_command(&[&REBUILT[..], &["--to", "oci:out", "--jobs", "3"]].concat());
    // Everything is made under another umask.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(inner.get_program());
    command.args(inner.get_args()).current_dir(checkout.path()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.envs(NOISE).env("GOENV", checkout.path().join("env of go"));
    command.envs([("LC_ALL", "tr_TR.UTF-8"), ("LANG", "de_DE.UTF-8"), ("TZ", "Asia/Kathmandu")]);
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = ["go-app-counter", "go-target"].map(|name| built.line(name)).join("\n");
    assert_eq!(run.stdout.trim_end(), expected);
    assert_eq!(run.stderr.matches("Compiled 2 Go programs for ").count(), 4, "{}", run.stderr);
}

#[test]
fn a_time_that_is_asked_for_is_in_every_image() {
    if !is_ready() {
        return;
    }
    let checkout = super::warm();
    let args = ["bpfman-userspace/go-target", "--to", "oci:out"];
    let mut command = checkout.build_images_command(&args);
    let run = finish(command.env("SOURCE_DATE_EPOCH", "1000000000").output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    for image in super::images(&checkout, "out", &super::reference("go-target")) {
        assert_eq!(image.config().created.as_deref(), Some("2001-09-09T01:46:40Z"));
        assert_eq!(super::program(&image).mtime, 1_000_000_000);
    }
}
