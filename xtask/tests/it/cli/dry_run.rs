//! `--dry-run`: says everything, does nothing.

use std::path::Path;

use super::{files, rooted};
use crate::support::Checkout;

const CATALOGUE: &str = "
  - {name: one, organization: o, description: d, licenses: MIT, bytecode: bpf/xdp_pass.bpf.c}
  - {name: two, organization: o, description: d, licenses: MIT, bytecode: bpf/xdp_pass.bpf.c, platforms: [linux/amd64]}
  - {name: far, organization: o, description: d, licenses: MIT, default: false, mirror: r.io/a:b}
";

#[test]
fn a_dry_run_lists_commands_images_what_is_left_out_and_destinations() {
    let checkout = Checkout::cold();
    checkout.catalogue(CATALOGUE);
    let to = ["--to", "oci:out", "--to", "oci-archive:/srv/all.tar", "--tag", "a", "--tag", "b"];
    let run = checkout.build_images(&[&to[..], &["--dry-run"]].concat());
    let note = "One run serves all platforms of a byte order where the source never asks for its \
                architecture.\n";
    assert_eq!((run.code, run.stderr.as_str()), (0, note));
    // What clang is told is tested where it is decided.
    let said = rooted(&checkout, &run.stdout);
    let said = said.lines().map(|line| match line.strip_prefix("    cd 'ROOT' && ") {
        Some(command) => {
            assert!(command.ends_with(" -c bpf/xdp_pass.bpf.c"), "{command}");
            let words = command.split(' ').filter(|word| word.starts_with("-D__TARGET_ARCH_"));
            format!("    CLANG {}\n", words.collect::<Vec<_>>().join(" "))
        }
        None => format!("{line}\n"),
    });
    let expected = "\
compile bpf/xdp_pass.bpf.c for linux/amd64
    CLANG -D__TARGET_ARCH_x86
compile bpf/xdp_pass.bpf.c for linux/s390x
    CLANG -D__TARGET_ARCH_s390
make quay.io/o/one:a for linux/amd64, linux/s390x
make quay.io/o/one:b for linux/amd64, linux/s390x
make quay.io/o/two:a for linux/amd64
make quay.io/o/two:b for linux/amd64
leave out o/far: only when named, or with --all
write to oci:out
write to oci-archive:/srv/all.tar
";
    assert_eq!(said.collect::<String>(), expected);
}

#[test]
fn a_dry_run_writes_nothing() {
    let args = ["--dry-run", "--to", "oci:out", "--refs-file", "refs.txt", "--prune"];
    let warm = Checkout::warm();
    let before = files(warm.path());
    assert_eq!(warm.build_images(&args).code, 0);
    assert_eq!(files(warm.path()), before);
    // In a new checkout it looks at the compiler and stages the headers.
    let cold = Checkout::cold();
    let before = files(cold.path());
    assert_eq!(cold.build_images(&args).code, 0);
    let after = files(cold.path());
    let new = after.keys().filter(|path| !before.contains_key(*path));
    let kept = ["target/bpf/headers", "target/bpf/compilers"].map(Path::new);
    let beyond: Vec<_> =
        new.clone().filter(|path| !kept.iter().any(|kept| path.starts_with(kept))).collect();
    assert!(beyond.is_empty(), "{beyond:?}");
    assert!(new.count() > 0);
}
