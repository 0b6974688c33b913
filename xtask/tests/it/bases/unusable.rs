//! What is said where there is no base, and what it shows of credentials.

use super::*;
use crate::registry::with_passwords;

/// What a build that fails says first.
const HEAD: &str = "failed to build `app/Containerfile`\n  \
    Caused by: `CHECKOUT/app/Containerfile`, line 1: `FROM REGISTRY/b/base:v1` failed for ";

/// The way out that there always is.
const REPLACED: &str = "hint: `--base REGISTRY/b/base:v1=REFERENCE` takes another image in its \
    place, and `--base REGISTRY/b/base:v1=scratch` none\n";

/// Returns what was said behind the head, whichever platform was first.
#[track_caller]
fn reason(checkout: &Checkout, address: &str, args: &[&str]) -> String {
    let text = failure(checkout, address, args);
    let rest = text.strip_prefix(HEAD).unwrap_or_else(|| panic!("{text}"));
    let (_, rest) = rest.split_once('\n').unwrap();
    let (first, rest) = rest.split_once('\n').unwrap();
    assert_eq!(first, "  Caused by: failed to get the image `REGISTRY/b/base:v1`");
    rest.to_owned()
}

#[test]
fn a_platform_that_is_missing_is_named_with_those_that_are_there() {
    let Some(registry) = Registry::anonymous() else { return };
    let name = registry.name("b/base:v1");
    let digest = push(&name, &base("one", &["linux/amd64", "linux/arm64"]));
    let checkout = checkout(&name);
    let found = reason(&checkout, &registry.address, &[]);
    let expected = format!(
        "  Caused by: `REGISTRY/b/base:v1` could not be pulled\n  \
         Caused by: `http://REGISTRY/v2/b/base/manifests/{digest}` has no image for \
         `linux/s390x`; it has `linux/amd64`, `linux/arm64`\n\n{REPLACED}"
    );
    assert_eq!(found, expected);
    // Offline, by what is kept.
    said(&checkout, &["--platform", "linux/amd64"]);
    let found = reason(&checkout, &registry.address, &["--offline"]);
    let expected = format!(
        "  Caused by: `REGISTRY/b/base:v1` is not kept for linux/s390x, only for linux/amd64\n\n\
         hint: build without `--offline` once, and it is kept\n{REPLACED}"
    );
    assert_eq!(found, expected);
}

#[test]
fn a_name_that_stands_for_nothing() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&registry.name("b/base:v1"));
    let found = reason(&checkout, &registry.address, &[]);
    let expected = format!("  Caused by: the registry has no `REGISTRY/b/base:v1`\n\n{REPLACED}");
    assert_eq!(found, expected);
    let found = reason(&checkout, &registry.address, &["--offline"]);
    let expected = format!(
        "  Caused by: nothing is kept of `REGISTRY/b/base:v1`, and `--offline` asks no registry\n\n\
         hint: build without `--offline` once, and it is kept\n{REPLACED}"
    );
    assert_eq!(found, expected);
}

#[test]
fn a_registry_that_is_gone_leaves_two_ways_out() {
    let Some(registry) = Registry::anonymous() else { return };
    let address = registry.address.clone();
    let name = registry.name("b/base:v1");
    let digest = push(&name, &base("one", &BOTH));
    let checkout = checkout(&name);
    said(&checkout, &[]);
    let expected = built(&checkout).digest();
    drop(registry);
    let found = reason(&checkout, &address, &[]);
    let cause = "  Caused by: the registry did not say what `REGISTRY/b/base:v1` stands for\n  \
        Caused by: `HEAD http://REGISTRY/v2/b/base/manifests/v1` failed: ";
    assert!(found.starts_with(cause), "{found}");
    let offline = format!("hint: `--offline` takes the image as it is kept, {digest}\n");
    let running = "hint: is the registry running, and is `REGISTRY` its address?\n";
    assert!(found.ends_with(&format!("\n\n{offline}{REPLACED}{running}")), "{found}");
    assert_eq!(said(&checkout, &["--offline"]).len(), 1);
    assert_eq!(built(&checkout).digest(), expected);
    std::fs::remove_dir_all(checkout.path().join("target/bases")).unwrap();
    let found = reason(&checkout, &address, &[]);
    assert!(found.starts_with(cause) && !found.contains("--offline"), "{found}");
    assert!(found.ends_with(&format!("\n\n{REPLACED}{running}")), "{found}");
    let without = format!("{name}=scratch");
    assert_eq!(said(&checkout, &["--base", &without]), [""; 0]);
}

#[test]
fn credentials_reach_the_registry_alone() {
    let Some(registry) = with_passwords() else { return };
    let name = registry.name("b/base:v1");
    // `robot-a:open-sesame-a`
    let secrets = ["cm9ib3QtYTpvcGVuLXNlc2FtZS1h", "open-sesame-a"];
    let checkout = checkout(&name);
    let auth = format!(r#"{{"auths": {{"{}": {{"auth": "{}"}}}}}}"#, registry.address, secrets[0]);
    checkout.write("auth.json", &auth);
    let credentials = oci::registry::Credentials::from_files([checkout.path().join("auth.json")]);
    let settings = oci::registry::Settings { credentials, ..Default::default() };
    let named = Named { references: vec![name.parse().unwrap()], artifact: base("one", &BOTH) };
    oci::registry::Client::new(settings).push(&[named], &|_| {}).remove(0).unwrap();
    let refused = build(&checkout, &[]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("was answered with 401"), "{}", refused.stderr);
    let mut said = String::new();
    for args in [&["-vv"][..], &["-vv", "--offline"], &["--format", "json"]] {
        let run = build(&checkout, &[args, &["--registry-auth", "auth.json"]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        said += &(run.stdout + &run.stderr);
    }
    for file in kept(&checkout) {
        said += &String::from_utf8_lossy(&std::fs::read(file).unwrap());
    }
    for secret in secrets {
        assert!(!said.contains(secret));
    }
}
