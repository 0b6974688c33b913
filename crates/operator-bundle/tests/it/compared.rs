//! What a bundle names beside what was built.

use operator_bundle::{compare, read};

use super::{CSV, Parts, lines};

/// Returns what is found of the right bundle, with `kettle` as it is given.
fn found(kettle: &str, built: &[&str]) -> String {
    let mut parts = Parts::right();
    parts.replace(CSV, "quay.io/tea/kettle:v1", kettle);
    let (bundle, findings) = read(&parts.image()).unwrap();
    assert_eq!(findings, []);
    let built: Vec<_> = built.iter().map(|word| word.parse().unwrap()).collect();
    lines(&compare(&bundle, &built))
}

#[test]
fn what_was_built_under_another_name_is_found() {
    let digest = |c: char| format!("@sha256:{}", c.to_string().repeat(64));
    let (one, two) = (digest('1'), digest('2'));
    let place = "deployment `tea-operator`, container `kettle`";
    let cases: [(&str, &str, bool); 12] = [
        ("quay.io/tea/kettle:v1", "quay.io/tea/kettle:v1", true),
        ("quay.io/tea/kettle:v1", "quay.io/tea/other:v2", true),
        ("quay.io/tea/kettle:v1", "quay.io/tea/kettle:v2", false),
        ("quay.io/tea/kettle:v1", "quay.io/me/kettle:v1", false),
        ("quay.io/tea/kettle:v1", "localhost:5000/tea/kettle:v1", false),
        ("quay.io/tea/kettle", "quay.io/tea/kettle:latest", true),
        (&format!("quay.io/tea/kettle:v1{one}"), &format!("quay.io/tea/kettle:v2{one}"), true),
        (&format!("quay.io/tea/kettle{one}"), &format!("quay.io/tea/kettle:v1{two}"), false),
        (&format!("quay.io/tea/kettle{one}"), "quay.io/tea/kettle:v1", true),
        (&format!("quay.io/tea/kettle:v2{one}"), "quay.io/tea/kettle:v1", false),
        ("quay.io/tea/kettle:v1", &format!("quay.io/tea/kettle:v1{two}"), true),
        ("quay.io/tea/kettle:v1", &format!("quay.io/tea/kettle{two}"), true),
    ];
    for (named, built, is_same) in cases {
        let full = |word: &str| word.parse::<oci::Reference>().unwrap();
        let expected = match is_same {
            true => String::new(),
            false => format!(
                "warning: it names `{}` ({place}), and `{}` was built\n",
                full(named),
                full(built)
            ),
        };
        assert_eq!(found(named, &[built]), expected, "{named} {built}");
    }
}

#[test]
fn an_image_is_said_once_with_all_its_places() {
    let built = ["quay.io/me/operator:v1", "quay.io/you/operator:v1", "quay.io/tea/lid:v1"];
    assert_eq!(
        found("quay.io/tea/kettle:v1", &built),
        "warning: it names `quay.io/tea/operator:v1` (annotation `containerImage`; deployment \
         `tea-operator`, container `manager`), and `quay.io/me/operator:v1`, \
         `quay.io/you/operator:v1` was built\n"
    );
    // One of several that is meant is enough.
    let built = ["quay.io/me/operator:v1", "quay.io/tea/operator:v1"];
    assert_eq!(found("quay.io/tea/kettle:v1", &built), "");
}
