//! Words on the command line, and variables, that make no sense.

use super::{entry, quiet, said};
use crate::support::Checkout;

/// A checkout with every kind of image; nothing of it is ever compiled here.
fn checkout() -> Checkout {
    let checkout = Checkout::cold();
    let other = "name: app, organization: u, description: d, licenses: MIT";
    let others = format!(
        "  - {{{other}, containerfile: Containerfile, source: elsewhere}}\n  - {{{}, mirror: r.io/a/b:c, default: false}}\n",
        other.replace("app", "copy")
    );
    let bytecode = entry("xdp_pass", "bpf/xdp_pass.bpf.c");
    let again = bytecode.replace("organization: o", "organization: p");
    let sources =
        "sources:\n  elsewhere: {repository: https://git.example/app, variable: APP_DIR}\n";
    checkout.catalogue(&(bytecode + &again + &others + sources));
    checkout
}

/// Runs each case in one checkout: bad words do nothing to it.
#[track_caller]
fn refused(cases: &[(&[&str], &str)], code: i32) {
    let checkout = checkout();
    for (args, stderr) in cases {
        let mut command = checkout.build_images_command(&["-q"]);
        // The usage that is shown has what variables say in it.
        said(command.args(*args).env_remove("CLANG"), &checkout).is(code, "", stderr);
    }
    assert!(!checkout.path().join("target").exists(), "nothing was begun");
}

#[test]
fn words_that_select_nothing() {
    let cases: [(&[&str], &str); 4] = [
        (
            &["xdp_pas"],
            "error: `xdp_pas` names no image, organization or kind of the catalogue\n\n\
             hint: did you mean `xdp_pass`?\n\
             hint: `cargo xtask list-images` shows what there is\n",
        ),
        (
            &["xdp_pass", "bytecodes"],
            "error: `bytecodes` names no image, organization or kind of the catalogue\n\n\
             hint: did you mean `bytecode`?\n\
             hint: `cargo xtask list-images` shows what there is\n",
        ),
        (
            &["p/xdp-pass"],
            "error: `p/xdp-pass` names no image, organization or kind of the catalogue\n\n\
             hint: did you mean `p/xdp_pass`?\n\
             hint: `cargo xtask list-images` shows what there is\n",
        ),
        (
            &["q/"],
            "error: `q/` names no image, organization or kind of the catalogue\n\n\
             hint: `cargo xtask list-images` shows what there is\n",
        ),
    ];
    refused(&cases, 2);
}

#[test]
fn selections_of_which_nothing_is_left() {
    let cases: [(&[&str], &str); 3] = [
        (
            &["--platform", "linux/riscv64", "bytecode"],
            "error: nothing to build: none of the selected images can be made here\n\n\
             hint: `o/xdp_pass` is left out: it is for none of the platforms asked for\n\
             hint: `p/xdp_pass` is left out: it is for none of the platforms asked for\n",
        ),
        (
            &["containerfile"],
            "error: nothing to build: none of the selected images can be made here\n\n\
             hint: `u/app` is left out: made from another checkout, which `--source NAME=DIR` gives\n",
        ),
        (
            &["--platform", "linux/riscv64", "u/"],
            "error: nothing to build: none of the selected images can be made here\n\n\
             hint: `u/app` is left out: it is for none of the platforms asked for\n\
             hint: `u/copy` is left out: it is for none of the platforms asked for\n",
        ),
    ];
    refused(&cases, 4);
}

#[test]
fn other_checkouts_that_are_not_there() {
    let cases: [(&[&str], &str); 7] = [
        (
            &["app"],
            "error: `u/app` is made from a checkout of `elsewhere`, and none is named\n\n\
             hint: `--source elsewhere=DIR` or the variable APP_DIR names one\n\
             hint: `git clone https://git.example/app` makes one\n",
        ),
        (
            &["--source", "elswhere=.", "app"],
            "error: `--source elswhere=.` names no checkout of the catalogue\n\n\
             hint: there are `elsewhere`\n",
        ),
        (
            &["--source", "elsewhere=bpf", "--source", "elsewhere=.", "app"],
            "error: `--source elsewhere=…` is given twice\n",
        ),
        (
            &["--source", "elsewhere=nowhere", "app"],
            "error: `elsewhere=nowhere` is no checkout\n  \
             Caused by: failed to find `nowhere`\n  \
             Caused by: No such file or directory (os error 2)\n\n\
             hint: `--source elsewhere=DIR` says where one is\n",
        ),
        (
            &["--source", "elsewhere=.", "--variant", "openshift", "app"],
            "error: `u/app` has no variant `openshift`\n\n\
             hint: select images that have variants\n",
        ),
        (
            &["--source", "elsewhere", "app"],
            "error: invalid value 'elsewhere' for '--source <NAME=DIR>': it has no `=`: a checkout is given as NAME=DIR\n\n\
             For more information, try '--help'.\n",
        ),
        (
            &["--source", "elsewhere=bpf", "app"],
            "error: `CHECKOUT/bpf` is no checkout of `elsewhere`: it has no `Containerfile`\n\n\
             hint: `git clone https://git.example/app` makes one\n",
        ),
    ];
    refused(&cases, 2);
}

#[test]
fn names_that_cannot_be() {
    let cases: [(&[&str], &str); 8] = [
        (
            &["--organization", "z", "bytecode"],
            "error: `o/xdp_pass` and `p/xdp_pass` would both be `quay.io/z/xdp_pass:latest`\n\n\
             hint: select one of them, or leave `--organization` out\n",
        ),
        (
            &["--as", "quay.io/x/y:z", "xdp_pass"],
            "error: `--as quay.io/x/y:z` names one image, and 2 are selected: `o/xdp_pass`, `p/xdp_pass`\n\n\
             hint: select one as `organization/name`\n",
        ),
        (
            &["--as", "Upper/x", "o/xdp_pass"],
            "error: `o/xdp_pass` cannot be named so\n  \
             Caused by: invalid reference `Upper/x`: the repository has uppercase letters\n",
        ),
        (
            &["--as", "", "o/xdp_pass"],
            "error: `o/xdp_pass` cannot be named so\n  Caused by: invalid reference ``: it is empty\n\n\
             hint: a part of the name is empty: is a variable not set?\n",
        ),
        (
            &["--tag", "v1", "--tag", "a b", "o/"],
            "error: `o/xdp_pass` cannot be named so\n  \
             Caused by: invalid reference `quay.io/o/xdp_pass:a b`: the tag is not `A-Za-z0-9_` followed by more of them, `.` or `-`\n",
        ),
        (
            &["--tag", "", "o/"],
            "error: `o/xdp_pass` cannot be named so\n  \
             Caused by: invalid reference `quay.io/o/xdp_pass:`: the tag is empty\n\n\
             hint: a part of the name is empty: is a variable not set?\n",
        ),
        (
            &["--registry", "quay io", "o/"],
            "error: `o/xdp_pass` cannot be named so\n  \
             Caused by: invalid reference `quay io/o/xdp_pass:latest`: the repository's components are `a-z0-9` with single `.`, `_`, `__` or dashes between\n",
        ),
        (
            &["--organization", "Z", "o/"],
            "error: `o/xdp_pass` cannot be named so\n  \
             Caused by: invalid reference `quay.io/Z/xdp_pass:latest`: the repository has uppercase letters\n",
        ),
    ];
    refused(&cases, 2);
}

#[test]
fn names_for_what_is_not_selected_or_not_one() {
    let cases: [(&[&str], &str); 10] = [
        (
            &["--as", "xdp_pas=a/b:c", "o/"],
            "error: `--as xdp_pas=a/b:c` names no image of the catalogue\n\n\
             hint: did you mean `xdp_pass`?\n",
        ),
        (
            &["--as", "=a/b:c", "o/"],
            "error: `--as =a/b:c` names no image of the catalogue\n\n\
             hint: `cargo xtask list-images` shows what there is\n",
        ),
        // A kind and an organization select, and name nothing.
        (
            &["--as", "bytecode=a/b:c", "o/"],
            "error: `--as bytecode=a/b:c` names no image of the catalogue\n\n\
             hint: `cargo xtask list-images` shows what there is\n",
        ),
        (
            &["--as", "p/xdp_pass=a/b:c", "o/"],
            "error: `--as p/xdp_pass=a/b:c` names an image that is not selected\n\n\
             hint: select `p/xdp_pass` as well\n",
        ),
        (
            &["--as", "xdp_pass=a/b:c", "bytecode"],
            "error: `--as xdp_pass=a/b:c` names `o/xdp_pass` and `p/xdp_pass`\n\n\
             hint: name one as `organization/name`\n",
        ),
        (
            &["--as", "xdp_pass=a/b:c", "--as", "o/xdp_pass=a/b:d", "o/"],
            "error: `--as xdp_pass=a/b:c` and `--as o/xdp_pass=a/b:d` both name `o/xdp_pass`\n\n\
             hint: `--as` gives an image one name\n",
        ),
        (
            &["--as", "a/b:c", "--as", "a/b:d", "o/"],
            "error: `--as a/b:c` and `--as a/b:d` both name `o/xdp_pass`\n\n\
             hint: `--as` gives an image one name\n",
        ),
        (
            &["--as", "o/xdp_pass=a/b:c", "--as", "p/xdp_pass=a/b:c", "bytecode"],
            "error: `o/xdp_pass` and `p/xdp_pass` would both be `docker.io/a/b:c`\n\n\
             hint: give each a name of its own with `--as`\n",
        ),
        (
            &["--as", "o/xdp_pass=quay.io//b:c", "o/"],
            "error: `o/xdp_pass` cannot be named so\n  \
             Caused by: invalid reference `quay.io//b:c`: a part of the repository is empty\n\n\
             hint: a part of the name is empty: is a variable not set?\n",
        ),
        (
            &["--as", "o/xdp_pass=", "o/"],
            "error: `o/xdp_pass` cannot be named so\n  Caused by: invalid reference ``: it is empty\n\n\
             hint: a part of the name is empty: is a variable not set?\n",
        ),
    ];
    refused(&cases, 2);
}

#[test]
fn destinations_that_are_none() {
    let cases = [
        ("images", "it has no scheme"),
        ("", "it has no scheme"),
        ("oci:", "its path is empty"),
        ("oci-archive:", "its path is empty"),
        ("docker:x", "nothing can follow `docker`"),
        ("dockerd:x", "`dockerd` is not a known scheme"),
    ];
    for (to, why) in cases {
        let stderr = format!(
            "error: invalid destination `{to}`: {why}; known are `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `registry`, `docker`, `podman`, `kind:CLUSTER`, `containerd[:NAMESPACE]`\n"
        );
        refused(&[(&["--to", "oci:good", "--to", to], &stderr)], 2);
    }
}

#[test]
fn what_the_command_line_itself_refuses() {
    let platforms = "known are linux/386, linux/amd64, linux/arm, linux/arm64, linux/loong64, linux/mips, linux/mipsle, linux/mips64, linux/mips64le, linux/ppc64, linux/ppc64le, linux/riscv64, linux/s390x";
    let help = "\n\nFor more information, try '--help'.\n";
    let platform = |word: &str, nearest: &str| {
        format!(
            "error: invalid value '{word}' for '--platform <PLATFORM>': unknown platform `{word}`; {platforms}{nearest}{help}"
        )
    };
    let cases: [(&[&str], String); 7] = [
        (
            &["--as", "a/b:c", "--tag", "d", "o/"],
            format!(
                "error: the argument '--as <REFERENCE>' cannot be used with '--tag <TAG>'\n\n\
                 Usage: cargo xtask build-images --libbpf-dir <DIR> --quiet... --as <REFERENCE> <SELECTION>...{help}"
            ),
        ),
        (
            &["--all", "o/"],
            format!(
                "error: the argument '--all' cannot be used with '[SELECTION]...'\n\n\
                 Usage: cargo xtask build-images --libbpf-dir <DIR> --quiet... --all [SELECTION]...{help}"
            ),
        ),
        (
            &["--jobs", "0"],
            format!(
                "error: invalid value '0' for '--jobs <N>': number would be zero for non-zero type{help}"
            ),
        ),
        (
            &["-j", "many"],
            format!(
                "error: invalid value 'many' for '--jobs <N>': invalid digit found in string{help}"
            ),
        ),
        (&["--platform", "linux/amd46"], platform("linux/amd46", "; did you mean `linux/amd64`?")),
        (&["--platform", "arm64,s390"], platform("s390", "; did you mean `linux/s390x`?")),
        (&["--platform", "plan9"], platform("plan9", "")),
    ];
    for (args, stderr) in &cases {
        refused(&[(args, stderr)], 2);
    }
}

#[test]
fn times_that_are_none() {
    let checkout = checkout();
    for epoch in ["", "abc", "-1", "1.5", "253402300800", "99999999999999999999"] {
        let mut command = checkout.build_images_command(&["-q", "o/"]);
        let stderr = format!(
            "error: SOURCE_DATE_EPOCH is `{epoch}`, not a number of seconds up to 253402300799\n"
        );
        said(command.env("SOURCE_DATE_EPOCH", epoch), &checkout).is(2, "", &stderr);
    }
    assert!(!checkout.path().join("target").exists(), "nothing was begun");
    let last = "make quay.io/o/xdp_pass:latest for linux/amd64, linux/s390x";
    let mut command = checkout.build_images_command(&["-q", "--dry-run", "o/"]);
    let run = said(command.env("SOURCE_DATE_EPOCH", "253402300799"), &checkout);
    assert_eq!((run.code, run.stdout.lines().any(|line| line == last)), (0, true), "{run:?}");
}

#[test]
fn a_file_for_the_references_that_cannot_be_written() {
    let checkout = Checkout::warm();
    let run = quiet(&checkout, &["--refs-file", "bpf", "xdp-dispatcher"]);
    let stderr =
        "error: failed to write `CHECKOUT/bpf`\n  Caused by: Is a directory (os error 21)\n";
    run.is(1, "quay.io/bpfman/xdp-dispatcher:latest@sha256:*\n", stderr);
}
