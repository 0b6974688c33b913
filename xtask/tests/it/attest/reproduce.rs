//! Images made again: the same, or in what they differ.

use attestation::PREDICATE;
use oci::registry::Companion;
use test_support::Registry;

use super::*;
use crate::support::program;

const IMAGE: &str = "oci:images:quay.io/o/one:latest";

/// Returns the error that a run must end with, without what depends on the
/// compiler: digests.
#[track_caller]
fn differing(checkout: &Checkout, args: &[&str]) -> String {
    let run = run(checkout, "reproduce", args);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    run.stderr
}

#[test]
fn what_did_not_change_is_identical() {
    let checkout = checkout();
    let mut build = command(&checkout, "build-images", &["--attest", "-q", "--to", "oci:images"]);
    let built = finish(build.env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap());
    let again = run(&checkout, "reproduce", &[IMAGE]);
    let digest = built.stdout.trim_end().split_once('@').unwrap().1;
    assert_eq!(again.stdout, format!("{IMAGE}@{digest}: identical\n"), "{}", again.stderr);
    assert_eq!(again.code, 0);
    // Nothing that was compiled before was believed.
    assert!(again.stderr.contains("Compiled"), "{}", again.stderr);
    let json = run(&checkout, "reproduce", &["--format", "json", IMAGE]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["schema"], &json["identical"]), (&1.into(), &true.into()));
    assert_eq!((&json["image"], &json["rebuilt"]), (&"o/one".into(), &digest.into()));
    assert_eq!(json["differences"], serde_json::json!([]));
}

#[test]
fn what_changed_is_named() {
    let checkout = checkout();
    attest(&checkout, &["--to", "oci:images"]);
    let hint = "hint: check out the commit that the image was made from";
    let message = format!("error: `{IMAGE}` is not what this checkout makes\n");
    let source = "bpf/one.bpf.c";
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);
    let cases: [Case; 4] = [
        (
            "a header",
            &[("bpf/one.h", "#define VERDICT XDP_DROP\n")],
            &["the header `bpf/one.h`: `"],
        ),
        (
            "one header instead of another",
            &[("bpf/one.bpf.c", "#include \"two.h\""), ("bpf/two.h", "#define VERDICT XDP_TX\n")],
            &[
                "the source `bpf/one.bpf.c`: `",
                "the header `bpf/one.h`: recorded, and not here\n",
                "the header `bpf/two.h`: here, and not recorded\n",
            ],
        ),
        (
            "the source",
            &[("bpf/one.bpf.c", "#include \"one.h\"\nint x;")],
            &["the source `bpf/one.bpf.c`: `"],
        ),
        (
            "a macro",
            &[("images.yaml", "define: [VERDICT=XDP_TX], ")],
            &[
                "the compiler's arguments for linux/amd64, linux/s390x: `-DVERDICT=XDP_TX` is here, and was not recorded\n",
            ],
        ),
    ];
    for (what, files, expected) in cases {
        let catalogue = checkout.read("images.yaml");
        for (name, text) in files {
            match *name {
                "bpf/one.bpf.c" => {
                    checkout.write(name, &SOURCE.replace("#include \"one.h\"", text));
                }
                "images.yaml" => {
                    checkout.write(
                        name,
                        &catalogue.replace("bytecode: ", &format!("{text}bytecode: ")),
                    );
                    checkout.write("bpf/one.h", "/* none */\n");
                }
                _ => checkout.write(name, text),
            }
        }
        let said = differing(&checkout, &[IMAGE]);
        assert!(said.contains(&message) && said.contains(hint), "{what}: {said}");
        for line in expected {
            assert!(said.contains(line), "{what}: `{line}` in {said}");
        }
        checkout.write(source, SOURCE);
        checkout.write("bpf/one.h", HEADER);
        checkout.write("images.yaml", &catalogue);
    }
    // Where nothing comes of it, it is said all the same.
    checkout.write("bpf/one.h", &format!("/* more words */ {HEADER}"));
    let same = run(&checkout, "reproduce", &[IMAGE]);
    assert_eq!(same.code, 0, "{}", same.stderr);
    let note = "Without effect: the header `bpf/one.h`: `";
    assert!(same.stderr.contains(note), "{}", same.stderr);
    checkout.write("bpf/one.h", HEADER);
    // What the catalogue says of an image is in it, too.
    let catalogue = checkout.read("images.yaml");
    checkout.write("images.yaml", &catalogue.replace("licenses: MIT", "licenses: ISC"));
    let said = differing(&checkout, &[IMAGE]);
    let line = "the annotation `org.opencontainers.image.licenses` of the index: `MIT` was \
                recorded, and `ISC` is here\n";
    assert!(said.contains(line), "{said}");
    checkout.write("images.yaml", &catalogue.replace("name: one", "name: other"));
    let said = differing(&checkout, &[IMAGE]);
    assert_eq!(
        said,
        format!("error: the catalogue of this checkout has no bytecode image `o/one`\n\n{hint}\n")
    );
}

#[test]
fn another_compiler_is_named_with_a_way_to_get_it() {
    let checkout = checkout();
    let other = "#ifdef OTHER\n#undef VERDICT\n#define VERDICT XDP_DROP\n#endif\n";
    checkout.write("bpf/one.h", &format!("{HEADER}{other}"));
    let real = bpf_build::Compiler::default_program().unwrap();
    let other = checkout.path().join("tools/clang-other");
    // It says it is another version, and writes another object.
    let script = format!(
        "if [ \"$1\" = --version ]; then echo 'clang version 15.0.7'; exit; fi\n\
         exec '{}' \"$@\" -DOTHER",
        real.display()
    );
    program(&other, &script);
    let mut build = command(&checkout, "build-images", &["--attest", "-q", "--to", "oci:images"]);
    let built = finish(build.env("CLANG", &other).output().unwrap());
    assert_eq!(built.code, 0, "{}", built.stderr);
    let said = differing(&checkout, &[IMAGE]);
    assert!(said.contains("the compiler: `clang 15.0.7 ("), "{said}");
    assert!(said.contains("--clang clang-15"), "{said}");
    if which("apt-get") && !which("clang-15") {
        assert!(said.contains("apt-get install -y --no-install-recommends clang-15`"), "{said}");
    }
    let same = run(&checkout, "reproduce", &["--clang", other.to_str().unwrap(), IMAGE]);
    assert_eq!(same.code, 0, "{}", same.stderr);
    assert!(same.stdout.ends_with(": identical\n"), "{}", same.stdout);
    let json = run(&checkout, "reproduce", &["--format", "json", IMAGE]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["compiler"]["recorded"]["version"], "15.0.7");
    assert_eq!(json["differences"][0]["kind"], "compiler");
    assert_eq!(json["identical"], false);
}

fn which(name: &str) -> bool {
    host::find_tool(name).is_some()
}

#[test]
fn a_real_other_clang_is_named() {
    // The suite as a whole may run with another one already.
    if std::env::var_os("CLANG").is_some_and(|clang| !clang.is_empty()) {
        return;
    }
    let Some(other) = test_support::tool("clang-16") else { return };
    let checkout = checkout();
    let mut build = command(&checkout, "build-images", &["--attest", "-q", "--to", "oci:images"]);
    let built = finish(build.env("CLANG", &other).output().unwrap());
    assert_eq!(built.code, 0, "{}", built.stderr);
    let plain = run(&checkout, "reproduce", &[IMAGE]);
    let said = plain.stderr;
    assert!(said.contains("the compiler: `clang 16."), "{said}");
    let same = run(&checkout, "reproduce", &["--clang", "clang-16", IMAGE]);
    assert_eq!(same.code, 0, "{}", same.stderr);
}

#[test]
fn without_a_record_there_is_nothing_to_go_by() {
    let checkout = checkout();
    let plain = run(&checkout, "build-images", &["-q", "--to", "oci:images"]);
    assert_eq!(plain.code, 0, "{}", plain.stderr);
    let attach = "\nhint: `cargo xtask build-images --attest` attaches one\n";
    assert_eq!(
        differing(&checkout, &[IMAGE]),
        format!("error: `{IMAGE}` has no record of how it was made\n{attach}")
    );
    let usage = [
        ("oci:images", "error: `oci:images` names no image\n\nhint: `oci:images:NAME` names one\n"),
        ("oci:", "error: invalid source `oci:`: its path is empty\n"),
    ];
    for (word, expected) in usage {
        let run = run(&checkout, "reproduce", &[word]);
        assert_eq!((run.code, run.stderr.as_str()), (2, expected));
    }

    // What is there and cannot be read, and what is no record.
    let Some(registry) = Registry::anonymous() else { return };
    let push = |name: &str, referrer: &Referrer| {
        let args = ["-q", "--push", "--as", name];
        assert_eq!(run(&checkout, "build-images", &args).code, 0);
        let artifact = client().pull(&reference(name), None).unwrap();
        let companion: Companion = referrer.about(artifact.descriptor()).unwrap();
        client().push_companions(&reference(name), &[companion]).unwrap();
    };
    let damaged = registry.name("o/damaged:v1");
    push(&damaged, &Referrer::statement(PREDICATE, b"{\"_type\":".to_vec()));
    let said = differing(&checkout, &[&damaged]);
    let message = format!(
        "error: the record of `{damaged}` cannot be read\n  Caused by: it cannot be read: EOF while \
         parsing a value at line 1 column 9\n{attach}"
    );
    assert_eq!(said, message);
    let other = registry.name("o/other:v1");
    let statement = attestation::Statement::new("x", oci::Digest::of(b""), PREDICATE, ());
    push(&other, &Referrer::statement(PREDICATE, statement.to_bytes()));
    let said = differing(&checkout, &[&other]);
    assert!(said.contains("Caused by: it is not about `sha256:"), "{said}");
    let bill = registry.name("o/bill:v1");
    let packages = serde_json::json!({"packages": [
        {"name": "example.com/prog", "primaryPackagePurpose": "APPLICATION", "comment": "prog, by go1.25"},
        {"name": "std", "versionInfo": "1.25", "primaryPackagePurpose": "LIBRARY"},
    ]});
    push(&bill, &Referrer::spdx(packages.to_string().into_bytes()));
    let expected = format!(
        "error: `{bill}` has a bill of materials, and no record to make it by\n\
         \x20   example.com/prog: prog, by go1.25\n      std 1.25\n\
         \nhint: only bytecode images have a record of how they were made\n"
    );
    assert_eq!(differing(&checkout, &[&bill]), expected);
}
