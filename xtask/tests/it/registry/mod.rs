//! The commands against a registry that runs beside the test: what arrives,
//! what it costs, what is said where it does not go well.

mod bad_words;
mod check;
mod clang;
mod credentials;
mod diff;
mod diff_places;
mod failures;
mod from;
mod kill;
mod mirror;
mod mirror_faults;
mod preflight;
mod pushed;
pub mod relay;
mod stopped;
mod tls;

pub use credentials::with_passwords;
pub use tls::certificate;

use std::path::Path;
use std::process::Command;

use oci::registry::{Client, Settings};
use oci::{Artifact, Reference};
use serde_json::Value;

use crate::incremental::{PASS, entry};
use crate::support::{Checkout, LIBBPF, Run, finish};

/// Returns a command of somebody who has no credentials: they have a home of
/// their own.
fn command(checkout: &Checkout, args: &[&str]) -> Command {
    let mut command = checkout.command(args);
    command.env("HOME", checkout.path().join("home"));
    command
}

/// Returns a command that compiles.
fn compiling(checkout: &Checkout, name: &str, args: &[&str]) -> Command {
    let mut command = command(checkout, &[name, "--libbpf-dir"]);
    command.arg(LIBBPF.as_path()).args(args);
    command
}

/// Returns `build-images --push` into a registry.
fn push_command(checkout: &Checkout, registry: &str, args: &[&str]) -> Command {
    let mut command = compiling(checkout, "build-images", &["--push", "--registry", registry]);
    command.args(args);
    command
}

fn push(checkout: &Checkout, registry: &str, args: &[&str]) -> Run {
    finish(push_command(checkout, registry, args).output().unwrap())
}

/// Runs a command that must succeed.
#[track_caller]
fn succeed(command: &mut Command) -> Run {
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    run
}

/// Returns the one document that a run printed.
#[track_caller]
fn document(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// Makes a checkout with the images `o/one`, `o/two` and so on of two sources
/// that compile at once.
fn checkout(names: &[&str]) -> Checkout {
    let checkout = Checkout::with_source(PASS);
    checkout.write("bpf/other.bpf.c", &PASS.replace("XDP_PASS", "XDP_DROP"));
    let source = |number: usize| ["bpf/one.bpf.c", "bpf/other.bpf.c"][number % 2];
    let entries = names.iter().enumerate().map(|(number, name)| entry(name, source(number)));
    checkout.catalogue(&entries.collect::<String>());
    checkout
}

/// Returns a client with nobody's credentials.
pub fn client() -> Client {
    Client::new(Settings::default())
}

fn reference(name: &str) -> Reference {
    name.parse().unwrap()
}

/// Returns the digest that a name stands for, if it stands for anything.
pub fn digest_of(name: &str) -> Option<String> {
    client().resolve(&reference(name)).unwrap().map(|found| found.digest.to_string())
}

/// Reads all that a name stands for, and so verifies it.
#[track_caller]
pub fn whole(name: &str) -> Artifact {
    let artifact = client().pull(&reference(name), None).unwrap();
    for blob in artifact.blobs() {
        blob.read(u64::MAX).unwrap();
    }
    artifact
}

/// Returns the steps of a run with one of the verbs, sorted: several are done
/// at once.
fn steps<'a>(run: &'a Run, verb: &str) -> Vec<&'a str> {
    let steps = run.stderr.lines().filter_map(|line| line.trim_start().strip_prefix(verb));
    let mut steps: Vec<_> = steps.map(str::trim_start).collect();
    steps.sort_unstable();
    steps
}

/// Returns a text with the paths and addresses of the test taken out.
pub fn steady(text: &str, checkout: &Checkout, address: &str) -> String {
    let root = std::fs::canonicalize(checkout.path()).unwrap();
    let text = text.replace(address, "REGISTRY").replace(&root.display().to_string(), "CHECKOUT");
    text.replace(&checkout.path().display().to_string(), "CHECKOUT")
}

/// Returns the digest in a line `reference@digest`.
fn digest_in(line: &str) -> &str {
    line.split_once('@').unwrap().1
}

/// Writes a file outside of the checkouts' catalogue.
fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
