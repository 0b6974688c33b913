//! The JSON documents: each is one, says which version it is, and has the
//! keys that programs were written for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Checkout, Run};

/// Returns whether the keys of the map `value` at `key` are names, not ours to
/// list.
fn holds_names(key: &str, value: &Value) -> bool {
    value.is_object() && ["programs", "maps", "images"].contains(&key)
}

/// A command and the keys of its document: `a[].b` is the key `b` of the
/// members of the list `a`.
struct Case {
    run: fn(&Checkout) -> Run,
    code: i32,
    keys: &'static [&'static str],
}

const CASES: [Case; 6] = [
    Case {
        run: |checkout| checkout.build_images(&["--format", "json", "--to", "oci:out"]),
        code: 1,
        keys: &[
            "schema",
            "images",
            "images[].image",
            "images[].references",
            "images[].digest",
            "images[].platforms",
            "images[].size",
            "images[].destinations",
            "images[].destinations[].to",
            "images[].destinations[].changed",
            "images[].destinations[].files_written",
            "images[].destinations[].digest",
            "images[].destinations[].platforms",
            "left_out",
            "left_out[].image",
            "left_out[].why",
            "summary",
            "summary.images",
            "summary.platforms",
            "summary.compiled",
            "summary.cached",
            "summary.files_written",
            "summary.bytes_sent",
            "summary.seconds",
            "failures",
            "failures[].message",
            "failures[].detail",
            "failures[].hints",
        ],
    },
    Case {
        run: |checkout| checkout.build_images(&["--format", "json", "--dry-run"]),
        code: 0,
        keys: &[
            "schema",
            "commands",
            "images",
            "left_out",
            "left_out[].image",
            "left_out[].why",
            "destinations",
            "attest",
            "sign",
        ],
    },
    Case {
        run: |checkout| checkout.build_ebpf(&["--format", "json"]),
        code: 1,
        keys: &[
            "schema",
            "objects",
            "objects[].source",
            "objects[].platform",
            "objects[].path",
            "objects[].size",
            "objects[].programs",
            "objects[].maps",
            "compiled",
            "cached",
            "written",
            "failures",
            "failures[].message",
            "failures[].detail",
            "failures[].hints",
        ],
    },
    Case {
        run: |checkout| {
            // Something to find beside what is good.
            checkout.write("out/quay.io/o/broken/oci-layout", "{}");
            checkout.run(&["inspect-images", "--format", "json", "out"])
        },
        code: 1,
        keys: &[
            "schema",
            "images",
            "images[].name",
            "images[].attached",
            "images[].digest",
            "images[].platforms",
            "images[].platforms[].platform",
            "images[].platforms[].digest",
            "images[].platforms[].object",
            "images[].platforms[].object.file",
            "images[].platforms[].object.size",
            "images[].platforms[].object.programs",
            "images[].platforms[].object.maps",
            "problems",
            "problems[].place",
            "problems[].message",
            "warnings",
            "notes",
        ],
    },
    Case {
        run: |checkout| checkout.run(&["list-images", "--format", "json"]),
        code: 0,
        keys: &[
            "schema",
            "images",
            "images[].name",
            "images[].organization",
            "images[].reference",
            "images[].kind",
            "images[].source",
            "images[].platforms",
            "images[].description",
            "images[].licenses",
            "images[].default",
        ],
    },
    Case {
        run: |checkout| checkout.run(&["doctor", "--format", "json"]),
        code: 0,
        keys: &[
            "schema",
            "tools",
            "tools[].name",
            "tools[].needed_for",
            "tools[].purpose",
            "tools[].path",
            "tools[].version",
        ],
    },
];

/// Adds the keys of a value, with where they are.
fn keys(place: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let dot = if place.is_empty() { "" } else { "." };
                let key = format!("{place}{dot}{name}");
                found.insert(key.clone());
                if !holds_names(name, value) {
                    keys(&key, value, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|item| keys(&format!("{place}[]"), item, found)),
        _ => {}
    }
}

/// Makes a checkout with one good image, one that fails, one left out.
fn checkout() -> Checkout {
    let checkout = Checkout::cold();
    checkout.catalogue(
        "  - {name: good, organization: o, description: d, licenses: MIT, \
         bytecode: bpf/xdp_pass.bpf.c}\n  \
         - {name: bad, organization: o, description: d, licenses: MIT, bytecode: bpf/bad.c}\n  \
         - {name: far, organization: o, description: d, licenses: MIT, default: false, \
         mirror: r.io/a:b}\n",
    );
    checkout.write("bpf/bad.c", "#include <nowhere.h>\n");
    checkout
}

#[test]
fn documents_have_a_version_and_their_keys() {
    let checkout = checkout();
    for (number, Case { run, code, keys: expected }) in CASES.iter().enumerate() {
        let run = run(&checkout);
        assert_eq!(run.code, *code, "{run:?}");
        let document: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(document["schema"], 1);
        let mut found = BTreeSet::new();
        keys("", &document, &mut found);
        let expected: BTreeSet<String> = expected.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(found, expected, "case {number}");
    }
}
