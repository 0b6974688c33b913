//! Places that cannot be written, and places that are full. The places are
//! file systems of their own, mounted where no one else sees them.

use std::fs::File;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use super::layouts::files;
use super::{LICENSE, PASS, Said, entry, quiet_command, said, steady};
use crate::support::{Checkout, LIBBPF, Run, finish};

/// Whether this user may mount file systems in a namespace of their own.
static MAY_MOUNT: LazyLock<bool> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs"]).arg(dir.path());
    command.output().is_ok_and(|output| output.status.success())
});

/// Runs a script in the checkout, in a namespace in which it may mount;
/// `"$@"` is the program with these arguments. `None` where that is not
/// possible, which is said.
fn mounted(checkout: &Checkout, script: &str, args: &[&str]) -> Option<Run> {
    if !*MAY_MOUNT {
        test_support::not_run("unshare", "no file system can be mounted in a namespace");
        return None;
    }
    let mut command = checkout.command(&[]);
    let program = command.get_program().to_owned();
    let envs: Vec<_> =
        command.get_envs().map(|(k, v)| (k.to_owned(), v.unwrap().to_owned())).collect();
    command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(program);
    command.args(args).env_clear().envs(envs).current_dir(checkout.path());
    Some(finish(command.output().unwrap()))
}

/// A checkout whose two images are made from one source.
fn two_images() -> Checkout {
    let checkout = Checkout::with_source(&format!("{PASS}{LICENSE}"));
    checkout.catalogue(&(entry("one", "bpf/one.bpf.c") + &entry("two", "bpf/one.bpf.c")));
    std::fs::create_dir(checkout.path().join("out")).unwrap();
    checkout
}

/// A command that writes to `out`.
fn writer<'a>(command: &[&'a str]) -> Vec<&'a str> {
    let libbpf = LIBBPF.to_str().unwrap();
    [&command[..1], &["-q", "--libbpf-dir", libbpf], &command[1..]].concat()
}

const READ_ONLY: &str = "Read-only file system (os error 30)";

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let staged = "at path \"CHECKOUT/out/.staged-*\"";
    let cases: [(&[&str], String); 4] = [
        (
            &["build-images", "--to", "oci:out"],
            format!(
                "error: failed to write to `oci:out`\n  Caused by: failed to open the lock file `CHECKOUT/out/.lock`\n  Caused by: {READ_ONLY}\n"
            ),
        ),
        (
            &["build-images", "--to", "oci-archive:out/a.tar"],
            format!(
                "error: failed to write to `oci-archive:out/a.tar`\n  Caused by: failed to create a file in `CHECKOUT/out`\n  Caused by: {READ_ONLY} {staged}\n"
            ),
        ),
        (
            &["build-images", "--to", "oci:out/sub/tree"],
            format!(
                "error: failed to write to `oci:out/sub/tree`\n  Caused by: failed to create the directory `CHECKOUT/out/sub/tree`\n  Caused by: {READ_ONLY}\n"
            ),
        ),
        (
            &["build-ebpf", "--output", "out", "bpf/one.bpf.c"],
            format!(
                "error: failed to create the directory `CHECKOUT/out/one.bpf`\n  Caused by: {READ_ONLY}\n"
            ),
        ),
    ];
    let checkout = two_images();
    for (args, stderr) in cases {
        let script = "mount -t tmpfs -o ro tmpfs out && exec \"$@\"";
        let Some(run) = mounted(&checkout, script, &writer(args)) else { return };
        Said::of(&run, &checkout).is(1, "", &stderr);
    }
}

#[test]
fn one_destination_that_fails_does_not_keep_the_other() {
    let checkout = two_images();
    let args = ["build-images", "--to", "oci:out", "--to", "oci:good", "--refs-file", "out/refs"];
    let script = "mount -t tmpfs -o ro tmpfs out && exec \"$@\"";
    let Some(run) = mounted(&checkout, script, &writer(&args)) else { return };
    let stderr = format!(
        "\
error: failed to write to `oci:out`
  Caused by: failed to open the lock file `CHECKOUT/out/.lock`
  Caused by: {READ_ONLY}
error: failed to write `CHECKOUT/out/refs`
  Caused by: {READ_ONLY} at path \"CHECKOUT/out/.staged-*\"
"
    );
    let stdout = "quay.io/o/one:latest@sha256:*\nquay.io/o/two:latest@sha256:*\n";
    Said::of(&run, &checkout).is(1, stdout, &stderr);
    assert_eq!(quiet_command(&checkout, &["inspect-images", "good"]).code, 0);
}

#[test]
fn a_cache_that_cannot_be_written_is_still_of_use() {
    let read_only = "mount --bind target target && mount -o remount,bind,ro target && exec \"$@\"";
    let checkout = two_images();
    assert_eq!(checkout.build_images(&["--to", "oci:first"]).code, 0);
    let args = writer(&["build-images", "--to", "oci:out"]);
    let Some(run) = mounted(&checkout, read_only, &args) else { return };
    let stdout = "quay.io/o/one:latest@sha256:*\nquay.io/o/two:latest@sha256:*\n";
    Said::of(&run, &checkout).is(0, stdout, "");

    checkout.write("bpf/one.bpf.c", &format!("{PASS}{LICENSE}int more;\n"));
    // What changes during a run is not kept, and file times are coarse.
    let source = File::options().append(true).open(checkout.path().join("bpf/one.bpf.c")).unwrap();
    source.set_modified(SystemTime::now() - Duration::from_secs(9)).unwrap();
    let Some(run) = mounted(&checkout, read_only, &args) else { return };
    let stderr = steady(&run.stderr, &checkout);
    let first = "error: failed to compile `bpf/one.bpf.c` for linux/";
    assert!(run.code == 1 && stderr.starts_with(first), "{run:?}");
    assert!(
        stderr.contains("\n  Caused by: failed to write `CHECKOUT/target/bpf/objects/"),
        "{stderr}"
    );
    assert!(stderr.contains(READ_ONLY), "{stderr}");

    let empty = "mount -t tmpfs -o ro tmpfs target && exec \"$@\"";
    let Some(run) = mounted(&checkout, empty, &args) else { return };
    let stderr = format!(
        "error: failed to create the directory `CHECKOUT/target/bpf/headers`\n  Caused by: {READ_ONLY}\n"
    );
    Said::of(&run, &checkout).is(1, "", &stderr);
}

#[test]
fn without_a_place_for_temporary_files_it_says_so() {
    let checkout = two_images();
    let mut command = checkout.build_images_command(&["-q"]);
    let stderr = "\
error: failed to compile `bpf/one.bpf.c` for linux/amd64, linux/s390x
  Caused by: failed to create a directory in `/nowhere`
  Caused by: No such file or directory (os error 2) at path \"/nowhere/.tmp*\"
error: `o/one` is not made: it lacks objects
error: `o/two` is not made: it lacks objects
";
    said(command.env("TMPDIR", "/nowhere"), &checkout).is(1, "", stderr);
}

/// Runs it where there is room for little, keeps what is there, and runs it
/// again where there is room for all.
fn full(checkout: &Checkout, size: &str, args: &[&str]) -> Option<Run> {
    let script = format!(
        "mount -t tmpfs -o size={size} tmpfs out || exit 99
\"$@\"; code=$?
echo ===; cp -r out half && mount -o remount,size=16m out || exit 98
\"$@\" && cp -r out whole && exit $code"
    );
    mounted(checkout, &script, &writer(args))
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    const FULL: &str = "No space left on device (os error 28)";
    let blobs = |name: &str| format!("CHECKOUT/out/quay.io/o/{name}/blobs/sha256");
    let lost = |name: &str| {
        let blobs = blobs(name);
        format!(
            "error: failed to write to `oci:out`: `quay.io/o/{name}:latest`\n  Caused by: failed to write a file in `{blobs}`\n  Caused by: {FULL} at path \"{blobs}/.staged-*\"\n"
        )
    };
    let archive = format!(
        "error: failed to write to `oci-archive:out/a.tar`\n  Caused by: failed to write `CHECKOUT/out/a.tar`\n  Caused by: {FULL} at path \"CHECKOUT/out/.staged-*\"\n"
    );
    let object = format!(
        "error: failed to write `CHECKOUT/out/one.bpf/bpf_s390_bpfeb.o`\n  Caused by: {FULL} at path \"CHECKOUT/out/one.bpf/.staged-*\"\n"
    );
    let names = "quay.io/o/one:latest@sha256:*\nquay.io/o/two:latest@sha256:*\n";
    let objects = "out/one.bpf/bpf_s390_bpfeb.o\nout/one.bpf/bpf_x86_bpfel.o\n";
    let cases: [(&[&str], &str, String, &str, &str); 3] = [
        (&["build-images", "--to", "oci:out"], "16k", lost("one") + &lost("two"), "", names),
        (&["build-images", "--to", "oci-archive:out/a.tar"], "8k", archive, "", names),
        (
            &["build-ebpf", "--output", "out", "bpf/one.bpf.c"],
            "4k",
            object,
            "out/one.bpf/bpf_x86_bpfel.o\n",
            objects,
        ),
    ];
    for (args, size, stderr, first, then) in cases {
        let checkout = two_images();
        let Some(run) = full(&checkout, size, args) else { return };
        Said::of(&run, &checkout).is(1, &format!("{first}===\n{then}"), &stderr);
        let temporary = |path: &std::path::Path| path.to_string_lossy().contains(".staged-");
        for place in ["half", "whole"] {
            let left = files(&checkout.path().join(place), &temporary);
            assert!(left.is_empty(), "{left:?}");
        }
        for path in super::layouts::blobs(&checkout.path().join("half")) {
            let digest = oci::Digest::of(&std::fs::read(&path).unwrap()).hex();
            assert!(path.ends_with(digest), "{}", path.display());
        }
    }
}

#[test]
fn a_tree_that_was_cut_short_by_a_full_disk_is_completed() {
    let checkout = two_images();
    let Some(run) = full(&checkout, "16k", &["build-images", "--to", "oci:out"]) else { return };
    assert_eq!(run.code, 1, "{}", run.stderr);
    let half = checkout.run(&["inspect-images", "half"]);
    let stderr = "\
`quay.io/o/one` was never finished; the next build completes it
`quay.io/o/two` was never finished; the next build completes it
error: `half` holds no images

hint: `cargo xtask build-images` makes them
";
    Said::of(&half, &checkout).is(4, "", stderr);
    let whole = checkout.run(&["inspect-images", "whole"]);
    let stderr = "   Checked 2 images, 4 platforms in all: 0 problems\n";
    assert_eq!((whole.code, whole.stderr.as_str()), (0, stderr));
}
