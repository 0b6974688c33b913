//! What is attested of images: the documents, where they are, and images made
//! again by them.

mod documents;
mod places;
mod reproduce;
mod signed;

use std::process::Command;

use attestation::Referrer;
use oci::layout::Tree;
use oci::registry::{Client, Companion, Settings};
use oci::{Artifact, Layout, Reference};
use serde_json::Value;

use crate::support::{Checkout, LIBBPF, Run, finish};

/// Where builds put images that a test looks at.
const NAME: &str = "quay.io/o/one:latest";

/// A program with a header of its own.
const SOURCE: &str = r#"// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "one.h"

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return VERDICT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
"#;

const HEADER: &str = "/* SPDX-License-Identifier: MIT */\n#define VERDICT XDP_PASS\n";

/// Makes a checkout of that program.
fn checkout() -> Checkout {
    let checkout = Checkout::with_source(SOURCE);
    checkout.write("bpf/one.h", HEADER);
    checkout
}

/// Returns a command of somebody without credentials, with libbpf's headers.
fn command(checkout: &Checkout, name: &str, args: &[&str]) -> Command {
    let mut command = checkout.command(&[name, "--libbpf-dir"]);
    command.arg(LIBBPF.as_path()).args(args);
    command.env("HOME", checkout.path().join("home"));
    command
}

fn run(checkout: &Checkout, name: &str, args: &[&str]) -> Run {
    finish(command(checkout, name, args).output().unwrap())
}

/// Builds and attests, and returns the JSON of the run.
#[track_caller]
fn attest(checkout: &Checkout, args: &[&str]) -> Value {
    let args = [&["--attest", "--format", "json"], args].concat();
    let run = run(checkout, "build-images", &args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Returns what a tree of layouts has beside the image.
fn beside(checkout: &Checkout, tree: &str) -> (Artifact, Vec<Companion>) {
    let tree = Tree::new(checkout.path().join(tree));
    let layout = Layout::open(&tree.directory(&reference(NAME))).unwrap();
    let artifact = layout.load(&layout.resolve("latest").unwrap()).unwrap();
    let companions = layout.companions(None, &artifact).unwrap();
    (artifact, companions)
}

/// Returns the documents, the record first.
fn documents(companions: &[Companion]) -> Vec<Value> {
    let mut read: Vec<Referrer> =
        companions.iter().filter_map(|it| Referrer::read(it).unwrap()).collect();
    read.sort_by_key(|referrer| referrer.predicate_type.is_none());
    read.iter().map(|referrer| serde_json::from_slice(&referrer.bytes).unwrap()).collect()
}

fn client() -> Client {
    Client::new(Settings::default())
}

fn reference(name: &str) -> Reference {
    name.parse().unwrap()
}
