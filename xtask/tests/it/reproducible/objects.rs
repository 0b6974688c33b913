//! The objects have the names that their users look for.

use std::collections::BTreeSet;

use bpf_arch::Arch;
use serde_json::Value;

use crate::incremental::{PASS, files};
use crate::support::{Checkout, LIBBPF};

/// The files that the reference names, for the four published platforms.
const PUBLISHED: [&str; 4] =
    ["bpf_arm64_bpfel.o", "bpf_powerpc_bpfel.o", "bpf_s390_bpfeb.o", "bpf_x86_bpfel.o"];

#[test]
fn every_source_has_its_directory_of_four_objects() {
    let checkout = Checkout::warm();
    let run = checkout.build_ebpf(&[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let output = checkout.path().join(".output");
    let directories = [
        "app-test.bpf",
        "app_counter",
        "fentry.bpf",
        "kprobe.bpf",
        "kprobe_counter",
        "kprobe_globals.bpf",
        "tc_counter",
        "tc_dispatcher.bpf",
        "tc_pass.bpf",
        "tcx_counter",
        "tcx_test.bpf",
        "tp_openat.bpf",
        "tracepoint_counter",
        "uprobe.bpf",
        "uprobe_counter",
        "uretprobe_counter",
        "xdp_counter",
        "xdp_dispatcher_v2.bpf",
        "xdp_pass.bpf",
    ];
    assert_eq!(directories.len(), 19);
    assert_eq!(files::names(&output), directories);
    let mut paths = String::new();
    for directory in directories {
        assert_eq!(files::names(&output.join(directory)), PUBLISHED, "{directory}");
        PUBLISHED.iter().for_each(|name| paths += &format!(".output/{directory}/{name}\n"));
    }
    assert_eq!(run.stdout, paths);
}

#[test]
fn every_platform_can_be_asked_for() {
    let checkout = Checkout::with_source(PASS);
    let platforms = Arch::ALL.map(Arch::platform);
    assert_eq!(platforms.len(), 13);
    checkout.write(
        "images.yaml",
        &checkout
            .read("images.yaml")
            .replace("[linux/amd64, linux/s390x]", &format!("[{}]", platforms.join(", "))),
    );
    for arch in Arch::ALL {
        let dir = format!("{}.out", arch.goarch());
        let run = checkout.build_ebpf(&[
            "bpf/one.bpf.c",
            "--platform",
            arch.platform(),
            "--output",
            &dir,
        ]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(run.stdout, format!("{dir}/one.bpf/{}\n", arch.object_file()));
        assert_eq!(byte_order(&checkout, run.stdout.trim_end()), arch.endian(), "{arch}");
    }
    let run = checkout.build_ebpf(&["bpf/one.bpf.c", "--platform", &platforms.join(",")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected: BTreeSet<_> = Arch::ALL.map(Arch::object_file).map(str::to_owned).into();
    let names = files::names(&checkout.path().join(".output/one.bpf"));
    assert_eq!(names, expected.into_iter().collect::<Vec<_>>());

    let run = checkout.build_images(&["--platform", &platforms.join(",")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = checkout.run(&["inspect-images", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let held = report["images"][0]["platforms"].as_array().unwrap().iter();
    let held: Vec<_> = held.map(|held| held["platform"].as_str().unwrap()).collect();
    assert_eq!(held, platforms);
}

#[test]
fn libbpf_may_lie_anywhere() {
    let checkout = Checkout::with_source(PASS);
    let first = checkout.build_images(&[]);
    let elsewhere = checkout.path().join("a=b c");
    crate::support::copy(&LIBBPF.join("src"), &elsewhere.join("src"));
    crate::support::copy(&LIBBPF.join("include"), &elsewhere.join("include"));
    let build = || {
        let mut command = checkout.command(&["build-images", "--libbpf-dir", "a=b c/"]);
        crate::support::finish(command.output().unwrap())
    };
    let second = build();
    assert_eq!((second.code, second.counts()), (0, (0, 2, 0)), "{}", second.stderr);
    assert_eq!(second.stdout, first.stdout);
    // Another libbpf compiles anew; what no program reads of it changes nothing.
    std::fs::write(elsewhere.join("include/uapi/linux/unread.h"), "int unread;\n").unwrap();
    let third = build();
    assert_eq!((third.code, third.counts()), (0, (2, 0, 0)), "{}", third.stderr);
    assert_eq!(third.stdout, first.stdout);
}

/// Reads the byte order of an ELF file: byte 5, `EI_DATA` of elf(5).
fn byte_order(checkout: &Checkout, path: &str) -> bpf_arch::Endian {
    match std::fs::read(checkout.path().join(path)).unwrap()[5] {
        1 => bpf_arch::Endian::Little,
        _ => bpf_arch::Endian::Big,
    }
}
