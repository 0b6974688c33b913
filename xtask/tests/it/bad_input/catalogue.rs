//! Catalogues that cannot be read, or contradict themselves.

use super::{entry, quiet, quiet_command};
use crate::support::Checkout;

const GOOD: &str = "name: one, organization: o, description: d, licenses: MIT";

/// Returns what is said of a catalogue, without its path.
fn complaint(images: &str) -> String {
    let checkout = Checkout::cold();
    checkout.catalogue(images);
    let said = quiet(&checkout, &[]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{images}");
    assert!(!checkout.path().join("target").exists(), "nothing was begun");
    let message = said.stderr.strip_prefix("error: CHECKOUT/images.yaml:");
    message.unwrap_or_else(|| panic!("{}", said.stderr)).to_owned()
}

/// Entries and what is said of them; the first is on line 5.
#[test]
fn mistakes_are_said_with_line_and_column() {
    let platforms = "known are linux/386, linux/amd64, linux/arm, linux/arm64, linux/loong64, linux/mips, linux/mipsle, linux/mips64, linux/mips64le, linux/ppc64, linux/ppc64le, linux/riscv64, linux/s390x";
    let keys = "expected one of `name`, `organization`, `description`, `licenses`, `default`, `private`, `platforms`, `one-platform`, `variable`, `bytecode`, `include`, `define`, `cpu`, `headers`, `containerfile`, `stages`, `source`, `variants`, `cargo`, `mirror`";
    let cases = [
        (
            format!("  - {{{GOOD}, platforms: [linux/amd46], bytecode: x.c}}\n"),
            format!(
                "5:76: images[0].platforms: unknown platform `linux/amd46`; {platforms}; did you mean `linux/amd64`?"
            ),
        ),
        (
            format!("  - {{{GOOD}, bytecod: x.c}}\n"),
            format!(
                "5:65: images[0]: unknown field `bytecod`, {keys}; did you mean `bytecode`?"
            ),
        ),
        (
            format!("  - {{{GOOD}, frobnicate: x.c}}\n"),
            format!("5:65: images[0]: unknown field `frobnicate`, {keys}"),
        ),
        (format!("  - {{{GOOD}, bytecode: x.c\n"), "6:1: did not find expected ',' or '}'".into()),
        (
            format!("  - {{{GOOD}, bytecode: x.c, name: two}}\n"),
            "5:5: images[0]: duplicate field `name`".into(),
        ),
        (
            format!("  - {{{GOOD}, bytecode: [x.c]}}\n"),
            "5:75: images[0].bytecode: invalid type: sequence, expected path string".into(),
        ),
        (
            "  - {name: one, description: d, licenses: MIT, bytecode: x.c}\n".into(),
            "5:5: images[0]: missing field `organization`".into(),
        ),
        (
            entry("one", "x.c") + &entry("two", "x.c") + &entry("one", "y.c"),
            "7:3: `o/one` is named twice".into(),
        ),
        (
            entry("one", "x.c") + &entry("Two", "x.c"),
            "6:3: `quay.io/o/Two:latest` is no image reference: invalid reference `quay.io/o/Two:latest`: the repository has uppercase letters".into(),
        ),
    ];
    for (images, expected) in cases {
        assert_eq!(complaint(&images), expected + "\n");
    }
}

#[test]
fn kinds_do_not_mix() {
    let cases = [
        ("bytecode: x.c, mirror: r/i:t", " says both `bytecode` and `mirror`"),
        ("bytecode: x.c, containerfile: C", " says both `bytecode` and `containerfile`"),
        ("containerfile: C, mirror: r/i:t", " says both `containerfile` and `mirror`"),
        ("default: true", " says neither `bytecode`, `containerfile` nor `mirror`"),
        ("mirror: r/i:t, cpu: v3", " says `cpu`, which goes with `bytecode`"),
        ("containerfile: C, include: [i]", " says `include`, which goes with `bytecode`"),
        ("containerfile: C, define: [D]", " says `define`, which goes with `bytecode`"),
        ("mirror: r/i:t, headers: system", " says `headers`, which goes with `bytecode`"),
        ("bytecode: x.c, stages: {}", " says `stages`, which goes with `containerfile`"),
        ("bytecode: x.c, source: other", " says `source`, which goes with `containerfile`"),
        ("bytecode: x.c, cargo: [p]", " says `cargo`, which goes with `containerfile`"),
        ("mirror: r/i:t, variants: {}", " says `variants`, which goes with `containerfile`"),
        ("bytecode: ../x.c", ": the source `../x.c` is not inside the checkout"),
        ("bytecode: /abs/x.c", ": the source `/abs/x.c` is not inside the checkout"),
        ("bytecode: bpf/../../x.c", ": the source `bpf/../../x.c` is not inside the checkout"),
        ("bytecode: ''", ": the source `` is not inside the checkout"),
        ("bytecode: .", ": the source `.` is not inside the checkout"),
        ("bytecode: x.c, platforms: [arm64]", " adds linux/arm64, which is not among `platforms`"),
    ];
    for (keys, expected) in cases {
        let images = entry("zero", "x.c") + &format!("  - {{{GOOD}, {keys}}}\n");
        assert_eq!(complaint(&images), format!("6:3: `o/one`{expected}\n"));
    }
}

#[test]
fn what_is_wrong_at_the_top_is_said_too() {
    let head = "registry: quay.io\ntag: latest\nplatforms: [linux/amd64]\nimages: []\n";
    let cases = [
        (String::new(), "1:1: missing field `registry`"),
        (
            head.replace("tag:", "tags:"),
            "2:1: unknown field `tags`, expected one of `registry`, `tag`, `platforms`, `clang`, `organizations`, `sources`, `images`; did you mean `tag`?",
        ),
        (format!("{head}tag: x\n"), "1:1: duplicate field `tag`"),
        (
            format!(
                "organizations: {{o: {{username: U, password: P}}, o: {{username: U, password: P}}}}\n{head}"
            ),
            "1:16: organizations: duplicate key `o`",
        ),
        (
            format!("organizations: {{o: {{username: U}}}}\n{head}"),
            "1:20: organizations.o: missing field `password`",
        ),
    ];
    for (text, expected) in cases {
        let checkout = Checkout::cold();
        checkout.write("images.yaml", &text);
        let stderr = format!("error: CHECKOUT/images.yaml:{expected}\n");
        quiet(&checkout, &[]).is(2, "", &stderr);
    }
}

#[test]
fn a_catalogue_that_cannot_be_read_stops_every_command() {
    let reasons = ["No such file or directory (os error 2)", "stream did not contain valid UTF-8"];
    for reason in reasons {
        let checkout = Checkout::cold();
        let path = checkout.path().join("images.yaml");
        match reason.starts_with("No such") {
            true => std::fs::remove_file(&path).unwrap(),
            false => std::fs::write(&path, b"\xff\xfe").unwrap(),
        }
        let stderr =
            format!("error: failed to read `CHECKOUT/images.yaml`\n  Caused by: {reason}\n");
        for command in ["build-images", "build-ebpf", "list-images"] {
            quiet_command(&checkout, &[command]).is(2, "", &stderr);
        }
    }
}
