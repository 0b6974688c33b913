//! What succeeds leaves no temporary files, and neither does what fails.

use super::{several, temporary, temporary_files};
use crate::incremental::{PASS, files};
use crate::support::{LIBBPF, finish};

#[test]
fn no_command_leaves_temporary_files() {
    let checkout = several(4);
    checkout.write("bpf/broken.bpf.c", &PASS.replace("return", "retrun"));
    // The command, its exit code.
    let cases: [(&[&str], i32); 11] = [
        (&["inspect-images"], 4),
        (&["build-images", "--dry-run"], 0),
        (&["build-images"], 0),
        (&["build-images", "--to", "oci:a", "--to", "oci-archive:b/c.tar", "--refs-file", "r"], 0),
        (&["build-images", "--to", "oci-archive:b/c.tar"], 0),
        (&["build-images", "--prune", "image1"], 0),
        (&["build-images", "nothing"], 2),
        (&["build-ebpf", "bpf/source0.bpf.c", "bpf/xdp_pass.bpf.c"], 0),
        (&["build-ebpf", "bpf/source0.bpf.c", "bpf/broken.bpf.c"], 1),
        (&["inspect-images"], 0),
        (&["list-images"], 0),
    ];
    for (args, code) in cases {
        let mut command = checkout.command(args);
        if args[0].starts_with("build") {
            command.arg("--libbpf-dir").arg(LIBBPF.as_path());
        }
        let run = finish(command.env("TMPDIR", temporary(&checkout)).output().unwrap());
        assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
        assert_eq!(temporary_files(&checkout), [""; 0], "{args:?}");
    }
    let made = [
        ".output",
        "a",
        "b",
        "bpf",
        "dispatchers",
        "examples",
        "images.yaml",
        "r",
        "target",
        "tmp",
    ];
    assert_eq!(files::names(checkout.path()), made);
}
