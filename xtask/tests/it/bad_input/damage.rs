//! Caches and layouts that are not as a build left them: what can be made
//! again is, what belongs to someone else is left alone.

use super::layouts::{Damage, blobs, files};
use super::{entry, quiet, quiet_command};
use crate::support::Checkout;

/// A checkout with two images; its cache has their objects.
fn two_images() -> Checkout {
    let checkout = Checkout::warm();
    checkout.catalogue(&(entry("one", "bpf/xdp_pass.bpf.c") + &entry("two", "bpf/kprobe.bpf.c")));
    checkout
}

#[test]
fn a_damaged_cache_is_repaired() {
    for part in ["objects", "plans"] {
        let checkout = two_images();
        let first = checkout.build_images(&[]);
        assert_eq!((first.code, first.counts().0), (0, 0), "{}", first.stderr);
        let dir = checkout.path().join("target/bpf").join(part);
        for damage in Damage::ALL {
            let paths = files(&dir, &|_| true);
            assert!(paths.len() >= 4, "{paths:?}");
            paths.iter().for_each(|path| damage.apply(path));
            let again = checkout.build_images(&[]);
            assert_eq!((again.code, &again.stdout), (0, &first.stdout), "{part} {damage:?}");
            let (compiled, cached, written) = again.counts();
            // A plan stays one with another letter in a path that it holds.
            if !(part == "plans" && matches!(damage, Damage::Middle)) {
                assert_eq!((compiled, cached, written), (4, 0, 0), "{part} {damage:?}");
            }
            let repaired = checkout.build_images(&[]);
            assert_eq!(repaired.counts(), (0, first.counts().1, 0), "{part} {damage:?}");
        }
    }
}

#[test]
fn what_is_remembered_of_the_compiler_may_be_damaged_too() {
    let checkout = two_images();
    let first = checkout.build_images(&["-q"]);
    for damage in Damage::ALL {
        let paths = files(&checkout.path().join("target/bpf/compilers"), &|_| true);
        assert!(!paths.is_empty());
        paths.iter().for_each(|path| damage.apply(path));
        let again = checkout.build_images(&["-q"]);
        assert_eq!((again.code, &again.stdout), (0, &first.stdout), "{damage:?}");
    }
}

#[test]
fn damaged_blobs_are_written_anew() {
    let checkout = two_images();
    let images = checkout.path().join("target/images");
    let first = checkout.build_images(&[]);
    let paths = blobs(&images);
    assert_eq!((first.code, first.counts().2 - 4), (0, paths.len()), "an index and a marker each");
    for damage in Damage::ALL {
        paths.iter().for_each(|path| damage.apply(path));
        assert_eq!(quiet_command(&checkout, &["inspect-images"]).code, 1, "{damage:?}");
        let again = checkout.build_images(&[]);
        assert_eq!((again.code, &again.stdout), (0, &first.stdout), "{damage:?}");
        assert_eq!(again.counts().2, paths.len(), "{damage:?}");
        assert_eq!(blobs(&images), paths, "nothing else is there");
        let checked = quiet_command(&checkout, &["inspect-images"]);
        assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{damage:?}");
        assert_eq!(checkout.build_images(&[]).counts().2, 0, "{damage:?}");
    }
}

/// What may be wrong with a layout's own files, and what is said of it.
const LAYOUTS: [(&str, &str, &str); 6] = [
    ("index.json", "", "`index.json` is not valid: EOF while parsing a value at line 1 column 0"),
    (
        "index.json",
        "{",
        "`index.json` is not valid: EOF while parsing an object at line 1 column 1",
    ),
    (
        "index.json",
        r#"{"schemaVersion":1,"manifests":[]}"#,
        "`index.json` has schema version 1, not 2",
    ),
    ("oci-layout", "", "`oci-layout` is not valid: EOF while parsing a value at line 1 column 0"),
    (
        "oci-layout",
        "{}",
        "`oci-layout` is not valid: missing field `imageLayoutVersion` at line 1 column 2",
    ),
    (
        "oci-layout",
        r#"{"imageLayoutVersion":"2.0.0"}"#,
        "`oci-layout` has version `2.0.0`, not 1.0.0",
    ),
];

#[test]
fn a_layout_that_cannot_be_understood_is_left_alone() {
    let checkout = two_images();
    let layout = "target/images/quay.io/o/one";
    let hint = format!(
        "\nhint: nothing was changed in it; move `CHECKOUT/{layout}` away or delete it, then write it again\n"
    );
    for (file, text, reason) in LAYOUTS {
        assert_eq!(checkout.build_images(&["-q"]).code, 0);
        let (path, good) = (format!("{layout}/{file}"), checkout.read(&format!("{layout}/{file}")));
        checkout.write(&path, text);
        let unusable = format!("`CHECKOUT/{layout}` is not a usable OCI image layout: {reason}");
        let stderr = format!(
            "error: failed to write to `oci:target/images`: `quay.io/o/one:latest`\n  \
             Caused by: {unusable}\n{hint}"
        );
        quiet(&checkout, &[]).is(1, "quay.io/o/two:latest@sha256:*\n", &stderr);
        assert_eq!(checkout.read(&path), text, "{path}");
        let said = quiet_command(&checkout, &["inspect-images"]);
        let stderr = format!("error: quay.io/o/one: {unusable}\n{hint}");
        assert_eq!((said.code, said.stderr.as_str()), (1, stderr.as_str()));
        assert!(said.stdout.contains("quay.io/o/two:latest"), "{}", said.stdout);
        let said = quiet_command(&checkout, &["inspect-images", layout]);
        let stderr = format!("error: failed to read `{layout}`\n  Caused by: {unusable}\n{hint}");
        said.is(1, "", &stderr);
        checkout.write(&path, &good);
    }
}

#[test]
fn a_layout_that_was_never_finished_is_completed() {
    let checkout = two_images();
    let first = checkout.build_images(&["-q"]);
    for gone in ["oci-layout", "index.json"] {
        let path = checkout.path().join("target/images/quay.io/o/one").join(gone);
        std::fs::remove_file(&path).unwrap();
        let run = checkout.run(&["inspect-images"]);
        let note = "`quay.io/o/one` was never finished; the next build completes it\n";
        match gone {
            "oci-layout" => assert!(run.code == 0 && run.stderr.starts_with(note), "{run:?}"),
            _ => assert!(run.code == 1 && run.stderr.contains("it has no `index.json`"), "{run:?}"),
        }
        let again = checkout.build_images(&["-q"]);
        assert_eq!((again.code, &again.stdout), (0, &first.stdout), "{}", again.stderr);
        assert_eq!(checkout.run(&["inspect-images"]).code, 0, "{gone}");
    }
}
