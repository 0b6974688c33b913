//! Words about registries that make no sense: nothing is begun.

use super::*;

/// A word, and what is said of it.
#[track_caller]
fn refused(args: &[&str], environment: &[(&str, &str)], stderr: &str) {
    let checkout = checkout(&["one"]);
    let mut command = command(&checkout, &[args, &["-q"]].concat());
    if args[0] != "list-images" {
        command.arg("--libbpf-dir").arg(LIBBPF.as_path());
    }
    let run = finish(command.envs(environment.iter().copied()).output().unwrap());
    let said = steady(&run.stderr, &checkout, "nowhere.invalid");
    assert_eq!((run.code, run.stdout.as_str(), said.as_str()), (2, "", stderr), "{args:?}");
    assert!(!checkout.path().join("target").exists(), "{args:?}: something was begun");
}

#[test]
fn destinations_and_places() {
    let known = "known are `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `registry`, `docker`, `podman`, `kind:CLUSTER`, `containerd[:NAMESPACE]`";
    let to = format!("error: invalid destination `registri`: it has no scheme; {known}\n");
    refused(&["build-images", "--to", "registri"], &[], &to);
    let against = format!("error: invalid destination `foo`: it has no scheme; {known}\n");
    refused(&["diff-images", "--against", "foo"], &[], &against);
    let against = "\
error: invalid value `oci-archive:x.tar` for `--against`
  Caused by: images are compared with `registry` or `oci:DIR`
";
    refused(&["diff-images", "--against", "oci-archive:x.tar"], &[], against);
    let against = "error: `nowhere` is not a directory\n";
    refused(&["diff-images", "--against", "oci:nowhere"], &[], against);
}

#[test]
fn registries_and_names() {
    let stderr = "\
error: `o/one` cannot be named so
  Caused by: invalid reference `bad host/o/one:latest`: the repository's components are `a-z0-9` with single `.`, `_`, `__` or dashes between
";
    refused(&["build-images", "--push", "--registry", "bad host"], &[], stderr);
    let stderr = "\
error: `--preflight` asks a registry, and nothing is to be pushed

hint: add `--push`, or leave it out
";
    refused(&["build-images", "--preflight"], &[], stderr);
}

#[test]
fn mirrors() {
    let help = "\n\nFor more information, try '--help'.\n";
    let stderr = format!(
        "error: invalid value 'x' for '--mirror <NAME=REFERENCE>': it is not `NAME=REFERENCE`{help}"
    );
    refused(&["build-images", "--mirror", "x"], &[], &stderr);
    let stderr = format!(
        "error: invalid value 'x=Y/z' for '--mirror <NAME=REFERENCE>': invalid reference `Y/z`: \
         the repository has uppercase letters{help}"
    );
    refused(&["build-images", "--mirror", "x=Y/z"], &[], &stderr);
    let stderr = "\
error: `--mirror one=…` names no mirrored image that is selected

hint: `cargo xtask list-images mirror` shows those of the catalogue
";
    refused(&["build-images", "--mirror", "one=quay.io/a/b:c"], &[], stderr);
}

#[test]
fn files_that_are_not_there() {
    for option in ["--registry-ca", "--registry-auth"] {
        let stderr = "\
error: failed to open `CHECKOUT/absent`
  Caused by: No such file or directory (os error 2)
";
        refused(&["build-images", "--push", option, "absent"], &[], stderr);
        refused(&["diff-images", option, "absent"], &[], stderr);
    }
}
