//! `check-registry`: what a registry has of the catalogue, to whom it shows
//! it, and what is left to do.

use test_support::Registry;

use super::credentials::{A, organizations, with_passwords};
use super::relay::{Relay, Verdict};
use super::*;

fn check(checkout: &Checkout, registry: &str, envs: &[(&str, &str)], more: &[&str]) -> Run {
    let args = [&["check-registry", "--registry", registry], more].concat();
    finish(command(checkout, &args).envs(envs.iter().copied()).output().unwrap())
}

const END: &str =
    "\nhint: what is to be done is listed above; docs/publishing.md says who can do it\n";

#[test]
fn what_is_left_to_do() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&["one", "two", "three"]);
    assert_eq!(push(&checkout, &registry.address, &["one", "three"]).code, 0);
    // Nobody may write to what is called `three`.
    let relay = Relay::judging(&registry.address, |_, line| match line {
        line if line.starts_with("POST /v2/o/three/") => Verdict::Deny,
        _ => Verdict::Pass,
    });
    let run = check(&checkout, &relay.address, &[], &[]);
    let stdout = "\
IMAGE    EXISTS  PUBLIC  WRITABLE  SIGNED
o/one    yes     yes     yes       no
o/two    no      -       -         -
o/three  yes     yes     no        no

Add the repository to its organization:
  o/two

Make the repository public, so that everybody can pull:
  o/two

Give the robot account that pushes (on quay.io `bpfman+github_actions`) the permission Write:
  o/two
  o/three

Sign in both formats, with `cargo xtask sign-images ORGANIZATION/NAME`:
  o/one
  o/three
";
    let stderr = format!("error: 3 of 3 images not ready\n{END}");
    assert_eq!((run.code, run.stdout.as_str(), run.stderr), (1, stdout, stderr));
    let left = relay.take();
    assert!(left.iter().all(|line| !line.starts_with("PUT ")), "{left:#?}");
    assert!(left.iter().all(|line| !line.starts_with("POST /v2/o/two/")), "{left:#?}");

    let run = check(&checkout, &relay.address, &[], &["three", "--format", "json"]);
    let report = document(&run);
    let row = &report["images"][0];
    let answers = ["exists", "public", "writable", "signed"].map(|key| row[key]["answer"].clone());
    assert_eq!(answers, ["yes", "yes", "no", "no"], "{report:#}");
    assert!(row["writable"]["why"].as_str().unwrap().contains("403"), "{report:#}");
    assert_eq!(row["signed"]["why"], "it has 0 signatures in the old format and 0 bundles");
    assert_eq!((&report["schema"], run.code), (&1.into(), 1));
}

#[test]
fn what_strangers_see() {
    let Some(registry) = with_passwords() else { return };
    let checkout = organizations();
    // One is not for everybody.
    let text = checkout.read("images.yaml");
    let text = text.replacen("organization: a,", "organization: a, private: true,", 1);
    checkout.write("images.yaml", &text);
    let mut push = push_command(&checkout, &registry.address, &["one"]);
    succeed(push.envs(A));
    let run = check(&checkout, &registry.address, &A, &[]);
    let table = "\
IMAGE  EXISTS  PUBLIC  WRITABLE  SIGNED
a/one  yes     no      yes       no
b/two  -       no      no        -
";
    assert!(run.stdout.starts_with(table), "{}", run.stdout);
    let silent = format!(
        "error: the registry does not say whether it has `{}/b/two:latest`\n",
        registry.address
    );
    assert!(run.stderr.starts_with(&silent), "{}", run.stderr);
    assert!(run.stderr.contains("error: 2 of 2 images not ready"), "{}", run.stderr);
    let public = "\nMake the repository public, so that everybody can pull:\n  b/two\n\n";
    assert!(run.stdout.contains(public), "{}", run.stdout);
    assert_eq!(run.code, 1);
}

#[test]
fn private_images_are_not_for_strangers() {
    let Some(registry) = with_passwords() else { return };
    let checkout = organizations();
    let text = checkout.read("images.yaml").replacen(
        "organization: a,",
        "organization: a, private: true,",
        1,
    );
    checkout.write("images.yaml", &text);
    let left_out = "Left out: a/one (it is private, and there are no credentials)\n";
    let args = ["diff-images", "--registry", &registry.address, "--libbpf-dir"];
    let differ = |envs: &[(&str, &str)], image: &str| {
        let mut command = command(&checkout, &args);
        command.arg(LIBBPF.as_path()).args(["--check", image]).envs(envs.iter().copied());
        finish(command.output().unwrap())
    };
    let run = differ(&[], "one");
    assert!(run.code == 0 && run.stderr.contains(left_out), "{run:?}");
    // One that is not private is missed, and so is one for whom there are
    // credentials, if bad ones.
    let run = differ(&[], "two");
    assert!(run.code == 1 && !run.stderr.contains("Left out"), "{run:?}");
    let run = differ(&[("A_USERNAME", "robot-a"), ("A_TOKEN", "wr0ng")], "one");
    assert!(run.code == 1 && !run.stderr.contains("Left out"), "{run:?}");
}
