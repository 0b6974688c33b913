//! The compiler that the catalogue pins.

use bpf_build::Compiler;
use test_support::Registry;

use super::*;

#[test]
fn another_compiler_builds_but_does_not_push() {
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&["one"]);
    let text = checkout.read("images.yaml").replace("images:\n", "clang: 99\nimages:\n");
    checkout.write("images.yaml", &text);
    let wanted = std::env::var_os("CLANG").filter(|clang| !clang.is_empty());
    let dir = tempfile::tempdir().unwrap();
    let own = Compiler::find(wanted.as_deref().map(Path::new), dir.path()).unwrap();
    let said = format!(
        "the catalogue is built with clang 99; clang {} gives other bytes\n",
        own.version().major
    );

    let run = succeed(&mut compiling(&checkout, "build-images", &["-q"]));
    assert_eq!(run.stderr, format!("warning: {said}"));
    let run = push(&checkout, &registry.address, &["-q"]);
    let hint = "hint: `--clang clang-99` names that one; `--any-clang` pushes all the same\n";
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert_eq!(run.stderr, format!("error: {said}\n{hint}"));
    assert_eq!(digest_of(&registry.name("o/one:latest")), None);

    let run = push(&checkout, &registry.address, &["-q", "--any-clang"]);
    assert_eq!((run.code, run.stderr), (0, format!("warning: {said}")));
    assert!(digest_of(&registry.name("o/one:latest")).is_some());

    // What is only copied does not depend on a compiler.
    let copy = "  - {name: copy, organization: o, description: d, licenses: MIT, mirror: X}\n";
    let text = format!("{text}{}", copy.replace('X', &registry.name("o/one:latest")));
    checkout.write("images.yaml", &text);
    let run = push(&checkout, &registry.address, &["-q", "copy"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}
