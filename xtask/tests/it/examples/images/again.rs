//! What is done again, and what is not.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use oci::Image;

use super::{ALL, Built, warm};
use crate::cli::machine::{Machine, clang};
use crate::incremental::files;
use crate::support::{Checkout, LIBBPF};

#[test]
fn nothing_is_done_twice_and_only_what_changed_is_done_again() {
    let Some(built) = Built::get() else { return };
    let checkout = warm();
    let build = || {
        let run = checkout.build_images(&[ALL, "--to", "oci:out"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run
    };
    assert_eq!(build().stdout, built.run.stdout);
    let tree = || files::stamps(&checkout.path().join("out"));
    let inodes = || {
        let stamps = files::stamps(&checkout.path().join("target/go")).into_iter();
        let programs = stamps.filter(|(name, _)| name.contains("/go-"));
        programs.map(|(name, (inode, ..))| (name, inode)).collect()
    };
    let (before, programs) = (tree(), inodes());

    // Another time of a source is no other source.
    for touched in [false, true] {
        if touched {
            files::age(&checkout.path().join("examples"), 60);
        }
        let run = build();
        assert_eq!(run.stdout, built.run.stdout);
        assert!(!run.stderr.contains("Compiled"), "{}", run.stderr);
        assert_eq!(run.counts().2, 0, "{}", run.stderr);
        assert_eq!(files::changed(&before, &tree()).len(), 0, "touched: {touched}");
        assert_eq!(files::changed(&programs, &inodes()).len(), 0, "touched: {touched}");
    }

    let source = "examples/go-target/main.go";
    checkout.write(source, &checkout.read(source).replace("\"Count: %d\"", "\"Counted: %d\""));
    let run = build();
    let changed: Vec<_> = run
        .stdout
        .lines()
        .zip(built.run.stdout.lines())
        .filter(|(now, then)| now != then)
        .map(|(now, _)| now.split('@').next().unwrap())
        .collect();
    assert_eq!(changed, [super::reference("go-target")]);
    assert_eq!(run.stderr.matches("Compiled 1 Go program for ").count(), 4, "{}", run.stderr);
    let changed = files::changed(&before, &tree());
    let others: Vec<_> = changed
        .iter()
        .filter(|name| !name.contains("/go-target") && name.contains("/go-"))
        .collect();
    assert_eq!(others, [""; 0]);
    // What all share changes all of the counters.
    let source = "examples/internal/counts/counts.go";
    checkout.write(source, &format!("{}\n// A remark.\n", checkout.read(source)));
    assert_eq!(build().stdout, run.stdout, "a remark is in no program");
}

#[test]
fn a_stage_that_is_given_needs_no_go() {
    let Some(built) = Built::get() else { return };
    let checkout = Checkout::whole();
    let name = "go-target";
    let images = built.images(name);
    let expected = images.last().unwrap();
    let path = checkout.path().join("by hand/out").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, super::program(expected).bytes).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let what = format!("{ALL}{name}");
    let platform = expected.platform().to_string();
    let run = Machine::new().run(
        &checkout,
        &[
            "build-images",
            &what,
            "--platform",
            &platform,
            "--build-context",
            "build=by hand",
            "--to",
            "oci:out",
        ],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let made = super::images(&checkout, "out", &super::reference(name));
    assert_eq!(made.iter().map(Image::digest).collect::<Vec<_>>(), [expected.digest()]);
    assert!(!checkout.path().join("target/go").exists());
}

#[test]
fn bytecode_needs_no_go() {
    let Some(clang) = clang() else { return };
    let machine = Machine::new();
    symlink(clang, machine.bin().join("clang")).unwrap();
    let libbpf = LIBBPF.display().to_string();
    let args = ["build-images", "--libbpf-dir", &libbpf, "--to", "oci:out"];
    let checkout = Checkout::whole();
    let run = machine.run(&checkout, &[&args[..], &["bpfman-bytecode/xdp_pass"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = machine.run(&checkout, &[&args[..], &["bytecode", "--dry-run"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stdout.contains("go build"), "{}", run.stdout);
}
