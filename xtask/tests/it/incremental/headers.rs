//! Headers that come and go, and directories of headers that nobody asked
//! for.

use super::PASS;
use super::watched::Watched;
use crate::support::Checkout;

const BOTH: [&str; 2] = ["bpf/one.bpf.c bpfeb", "bpf/one.bpf.c bpfel"];

/// Makes a checkout whose source begins with `lines` and has a directory of
/// headers of its own; `bpf/include/api.h` is there.
fn watched(lines: &str) -> Watched {
    let source = format!(
        "{lines}\n#ifndef VERDICT\n#define VERDICT XDP_PASS\n#endif\n{}",
        PASS.replace("XDP_PASS", "VERDICT")
    );
    let checkout = Checkout::with_source(&source);
    checkout.write("bpf/include/api.h", "#define VERDICT XDP_DROP\n");
    checkout.catalogue(
        "  - {name: one, organization: o, description: d, licenses: MIT, bytecode: bpf/one.bpf.c, include: [bpf/own]}\n",
    );
    Watched::new(checkout)
}

#[test]
fn a_header_that_appears_is_noticed() {
    // What the source says, and which file then comes into being.
    let cases = [
        ("#include <api.h>", "bpf/own/api.h"),
        ("#include \"api.h\"", "bpf/api.h"),
        ("#include \"api.h\"", "bpf/own/api.h"),
        ("#if __has_include(<maybe.h>)\n#include <maybe.h>\n#endif", "bpf/own/maybe.h"),
        ("#if __has_include(\"maybe.h\")\n#include \"maybe.h\"\n#endif", "bpf/maybe.h"),
    ];
    for (lines, header) in cases {
        let why = format!("{lines:?}, {header}");
        let watched = watched(lines);
        let before = watched.build(&[]);
        assert_eq!(before.compiled, BOTH, "{why}");
        watched.checkout.write("bpf/own/unrelated.h", "");
        assert_eq!(watched.build(&[]).compiled, [""; 0], "an unrelated one: {why}");

        watched.checkout.write(header, "#define VERDICT XDP_TX\n");
        let with = watched.build(&[]);
        assert_eq!(with.compiled, BOTH, "{why}");
        assert_ne!(with.run.stdout, before.run.stdout, "{why}");

        std::fs::remove_file(watched.checkout.path().join(header)).unwrap();
        let without = watched.build(&[]);
        assert_eq!(without.run.stdout, before.run.stdout, "gone again: {why}");
    }
}

/// Makes a directory whose headers would change every object.
fn poison(watched: &Watched) -> String {
    let verdict = "#define VERDICT XDP_ABORTED\n";
    watched.checkout.write("poison/maybe.h", verdict);
    watched.checkout.write("poison/api.h", verdict);
    watched.checkout.path().join("poison").to_str().unwrap().to_owned()
}

#[test]
fn the_environment_adds_no_headers() {
    let watched =
        watched("#include <api.h>\n#if __has_include(<maybe.h>)\n#include <maybe.h>\n#endif");
    let poison = poison(&watched);
    let clean = watched.build(&[]).run.stdout;
    let names = ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "C_PLUS_INCLUDE_PATH", "INCLUDE"];
    for name in names {
        let mut command = watched.command(&[]);
        let fresh = watched.checkout.path().join("target").join(name);
        command.env(name, &poison).env("CARGO_TARGET_DIR", fresh);
        let outcome = watched.watch(&mut command);
        assert_eq!(outcome.compiled, BOTH, "{name}");
        assert_eq!(outcome.run.stdout, clean, "{name}");
        let mut command = watched.command(&[]);
        assert_eq!(watched.watch(command.env(name, &poison)).touched, [""; 0], "{name}");
    }
    // The directory does do harm where it is searched.
    watched
        .checkout
        .write("images.yaml", &watched.checkout.read("images.yaml").replace("bpf/own", "poison"));
    let poisoned = watched.build(&[]);
    assert_eq!(poisoned.compiled, BOTH);
    assert_ne!(poisoned.run.stdout, clean);
}
