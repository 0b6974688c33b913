//! What is no checkout, and what cannot be built.

use super::{Scene, scene};
use crate::support::finish;

/// The end of every message about what is no checkout.
const HINT: &str = "hint: `--source NAME=DIR` names the top of a checkout\n";

#[test]
fn words_that_name_no_checkout() {
    let scene = Scene::new();
    let empty = scene.dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let (empty, absent) = (empty.canonicalize().unwrap(), scene.dir.path().join("absent"));
    let run = |word: &str| {
        let mut command = scene.checkout.command(&["build-binaries", "--source", word]);
        finish(command.output().unwrap())
    };
    let mut command = scene.checkout.command(&["build-binaries"]);
    let found = finish(command.output().unwrap());
    let expected = "error: no checkout is named\n\nhint: `--source NAME=DIR` or the variable \
                    BPFMAN_DIR names one\n";
    assert_eq!((found.code, found.stderr.as_str()), (2, expected));
    let found = finish(command.env("BPFMAN_DIR", &empty).output().unwrap());
    let expected = format!(
        "error: `{}` is no checkout of a Rust program: it has no `Cargo.toml`\n\n{HINT}",
        empty.display()
    );
    assert_eq!((found.code, found.stderr), (2, expected));
    for word in ["bpfman", "=x", "a/b=x", "bpfman="] {
        let run = run(word);
        let start = format!("error: invalid value '{word}' for '--source <NAME=DIR>': ");
        assert_eq!((run.code, run.stdout.as_str()), (2, ""));
        assert!(run.stderr.starts_with(&start), "{}", run.stderr);
    }
    let word = format!("x={}", absent.display());
    let expected = format!(
        "error: `{word}` is no checkout\n  Caused by: failed to find `{}`\n  Caused by: No such \
         file or directory (os error 2)\n\nhint: `--source x=DIR` says where one is\n",
        absent.display()
    );
    let found = run(&word);
    assert_eq!((found.code, found.stderr), (2, expected));
    for file in ["Cargo.toml", "Cargo.lock"] {
        let expected = format!(
            "error: `{}` is no checkout of a Rust program: it has no `{file}`\n\n{HINT}",
            empty.display()
        );
        let found = run(&format!("x={}", empty.display()));
        assert_eq!((found.code, found.stdout, found.stderr), (2, String::new(), expected));
        std::fs::write(empty.join(file), "").unwrap();
    }
}

#[test]
fn a_checkout_of_something_else_is_told_by_cargo() {
    let Some(scene) = scene() else { return };
    let run = scene.run(&["--platform", "host", "--program", "bpfman,bpfmand"]);
    let stderr = scene.placeless(&run.stderr);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{stderr}");
    let start = "error: `SOURCE` makes no such program\n  Caused by: `cargo` exited with status \
                 101\n    error: no bin target named `bpfmand`";
    assert!(stderr.contains(start) && stderr.ends_with(&format!("\n\n{HINT}")), "{stderr}");
}

#[test]
fn what_cargo_says_is_kept() {
    let Some(scene) = scene() else { return };
    scene.write("bpfman-ns/src/main.rs", "fn main() { let x: u8 = \"text\"; }\n");
    let run = scene.run(&["--platform", "host"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    for part in [
        "error: failed to build `bpfman`, `bpfman-ns`, `bpfman-rpc` for linux/",
        "Caused by: `cargo` exited with status 101",
        "error[E0308]: mismatched types",
        "bpfman-ns/src/main.rs:1:25",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    // A lock file that does not fit is not written anew.
    let scene = Scene::new();
    let lock = std::fs::read_to_string(scene.source().join("Cargo.lock")).unwrap();
    let stale = lock.replace("bpfman-api", "bpfman-old");
    scene.write("Cargo.lock", &stale);
    let run = scene.run(&["--platform", "host"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("--locked"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(scene.source().join("Cargo.lock")).unwrap(), stale);
}

#[test]
fn a_toolchain_that_is_not_installed_is_not_fetched() {
    if test_support::tool("rustup").is_none() {
        return;
    }
    let scene = Scene::new();
    scene.write("rust-toolchain.toml", "[toolchain]\nchannel = \"1.2.3\"\n");
    let run = scene.run(&["--platform", "host"]);
    let stderr = scene.placeless(&run.stderr);
    let start = "error: the toolchain that `SOURCE/rust-toolchain.toml` names cannot be used\n  \
                 Caused by: `rustc` exited with status 1\n";
    let end =
        "\n\nhint: `rustup toolchain install`, typed in the checkout, installs what it names\n";
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{stderr}");
    assert!(stderr.starts_with(start) && stderr.ends_with(end), "{stderr}");
    assert!(stderr.contains("1.2.3"), "what rustup says: {stderr}");
}
