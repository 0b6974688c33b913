//! Another compiler compiles anew; the same one under another name, or with a
//! configuration, does not matter.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::watched::{Watched, clang};
use super::{PASS, files};
use crate::support::Checkout;

const BOTH: [&str; 2] = ["bpf/one.bpf.c bpfeb", "bpf/one.bpf.c bpfel"];
const NOTHING: [&str; 0] = [];

#[test]
fn another_compiler_compiles_anew() {
    let watched = Watched::new(Checkout::with_source(PASS));
    let first = watched.build(&[]);
    assert_eq!((&first.compiled[..], first.asked), (&BOTH.map(String::from)[..], 1));
    // What is done to the script, what is compiled, how often it is asked.
    type Case = (&'static str, fn(&Watched), &'static [&'static str], usize);
    let cases: [Case; 4] = [
        ("touched", |w| w.install(""), &NOTHING, 1),
        ("left alone", |_| {}, &NOTHING, 0),
        ("changed", |w| w.install("# rebuilt"), &BOTH, 1),
        ("changed back", |w| w.install(""), &NOTHING, 1),
    ];
    for (what, change, compiled, asked) in cases {
        change(&watched);
        let outcome = watched.build(&[]);
        assert_eq!(outcome.compiled, compiled, "{what}");
        assert_eq!(outcome.asked, asked, "{what}");
        assert_eq!(outcome.run.stdout, first.run.stdout, "{what}");
        assert_eq!(outcome.images(), NOTHING, "{what}");
    }
    // Under another name it is still what it is.
    let moved = watched.checkout.path().join("tools/cc");
    std::fs::copy(watched.clang(), &moved).unwrap();
    let outcome = watched.watch(watched.command(&[]).env("CLANG", &moved));
    assert_eq!((&outcome.compiled[..], outcome.asked), (&[][..], 1));
    // The real one is no script, and so another one.
    let real = clang().path().to_owned();
    let outcome = watched.watch(watched.command(&[]).env("CLANG", real));
    assert_eq!(outcome.run.counts(), (2, 0, 0));
    assert_eq!(outcome.run.stdout, first.run.stdout);
}

#[test]
fn no_configuration_file_is_read() {
    let Some(real) = reads_configuration() else { return };
    let define = "-DVERDICT=XDP_TX\n";
    let source = PASS.replace("XDP_PASS", "VERDICT");
    let checkout = Checkout::with_source(&format!(
        "#ifndef VERDICT\n#define VERDICT XDP_PASS\n#endif\n{source}"
    ));
    let clang = checkout.path().join("cc/clang");
    std::fs::create_dir(checkout.path().join("cc")).unwrap();
    std::fs::copy(real, &clang).unwrap();
    let build = |target: &str| {
        let mut command = checkout.build_images_command(&["--to", "oci:images"]);
        let run = command.env("CLANG", &clang).env("CARGO_TARGET_DIR", target);
        let run = crate::support::finish(run.output().unwrap());
        assert_eq!((run.code, run.counts().0), (0, 2), "{}", run.stderr);
        run.stdout
    };
    let without = build("first");
    for name in ["clang.cfg", "bpfel-clang.cfg", "bpfeb-clang.cfg", "bpfel.cfg", "bpfeb.cfg"] {
        checkout.write(&format!("cc/{name}"), define);
    }
    assert!(defines(&clang, "VERDICT"), "left to itself, clang reads one of them");
    assert_eq!(build("second"), without);
    assert_eq!(files::unfinished(checkout.path()), [""; 0]);
}

/// Returns a clang that reads configuration files unasked: 16 and newer do.
fn reads_configuration() -> Option<PathBuf> {
    let compiler = clang();
    let path = match compiler.version().major {
        16.. => compiler.path().to_owned(),
        _ => test_support::tool("clang-16")?,
    };
    Some(std::fs::canonicalize(path).unwrap())
}

/// Asks clang whether it predefines a macro.
fn defines(clang: &Path, name: &str) -> bool {
    let args = ["-target", "bpfel", "-x", "c", "-E", "-dM", "/dev/null"];
    let output = Command::new(clang).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().contains(name)
}
