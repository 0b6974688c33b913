//! A bundle that is right is read whole; one change gives these findings.

use operator_bundle::{Crd, Csv, is_bundle, read};

use super::{ANNOTATIONS, CRD, CSV, Parts};

#[test]
fn what_is_right_is_read_whole() {
    let image = Parts::right().image();
    assert!(is_bundle(&image));
    let (bundle, findings) = read(&image).unwrap();
    assert_eq!(findings, []);
    assert_eq!(bundle.package.as_deref(), Some("tea-operator"));
    assert_eq!(bundle.channels, ["alpha", "beta"]);
    let csv = Csv { name: "tea-operator.v1.2.3".into(), version: "1.2.3".into() };
    assert_eq!(bundle.csv, Some(csv));
    let versions = vec!["v1".to_owned(), "v1alpha1".to_owned()];
    let crd = Crd { name: "pots.tea.example".into(), kind: "Pot".into(), versions };
    assert_eq!(bundle.crds, [crd]);
    let images = bundle.images.iter().map(|image| format!("{}: {}", image.place, image.reference));
    assert_eq!(
        images.collect::<Vec<_>>(),
        [
            "annotation `containerImage`: quay.io/tea/operator:v1",
            "deployment `tea-operator`, container `kettle`: quay.io/tea/kettle:v1",
            "deployment `tea-operator`, container `manager`: quay.io/tea/operator:v1",
            "deployment `tea-operator`, container `manager`, variable `POT_IMG`: quay.io/tea/pot:v1",
            "deployment `tea-operator`, container `manager`, variable `RELATED_IMAGE_LID`: quay.io/tea/lid:v1",
            "related image `spout`: quay.io/tea/spout:v1",
        ]
    );
}

#[test]
fn only_what_says_so_is_a_bundle() {
    for (value, expected) in [(Some("registry+v1"), true), (Some("plain+v0"), false), (None, false)]
    {
        let mut parts = Parts::right();
        parts.label("bundle.mediatype.v1", value);
        assert_eq!(is_bundle(&parts.image()), expected, "{value:?}");
    }
}

/// Returns what is found after a change.
fn after(change: impl FnOnce(&mut Parts)) -> String {
    let mut parts = Parts::right();
    change(&mut parts);
    parts.found()
}

#[test]
fn labels_and_annotations_are_compared() {
    let cases: [(&str, String); 9] = [
        (
            "error: metadata/annotations.yaml: `operators.operatorframework.io.bundle.channels.v1` is `alpha,beta`, and the label is `stable`\n",
            after(|it| it.label("bundle.channels.v1", Some("stable"))),
        ),
        (
            "error: metadata/annotations.yaml: `operators.operatorframework.io.metrics.builder` is `by hand`, and there is no such label\n",
            after(|it| it.label("metrics.builder", None)),
        ),
        (
            "error: metadata/annotations.yaml: `operators.operatorframework.io.metrics.other` is missing, and there is such a label\n",
            after(|it| it.label("metrics.other", Some("x"))),
        ),
        ("", after(|it| it.label("test.mediatype.v1", Some("scorecard+v1")))),
        (
            "error: metadata/annotations.yaml: `operators.operatorframework.io.bundle.package.v1` is no text: put it in quotes\n\
             error: metadata/annotations.yaml: `operators.operatorframework.io.bundle.package.v1` is missing, and there is such a label\n",
            after(|it| it.replace(ANNOTATIONS, "'tea-operator'", "4.10")),
        ),
        (
            "error: the label `operators.operatorframework.io.bundle.package.v1` is missing\n\
             error: metadata/annotations.yaml: `operators.operatorframework.io.bundle.package.v1` is `tea-operator`, and there is no such label\n",
            after(|it| it.label("bundle.package.v1", None)),
        ),
        (
            "error: the label `operators.operatorframework.io.bundle.channel.default.v1` names `stable`, which is none of its channels\n\
             error: metadata/annotations.yaml: `operators.operatorframework.io.bundle.channel.default.v1` is missing, and there is such a label\n",
            after(|it| it.label("bundle.channel.default.v1", Some("stable"))),
        ),
        (
            "error: metadata/annotations.yaml: it has no `annotations`\n",
            after(|it| it.replace(ANNOTATIONS, "annotations:\n", "others:\n")),
        ),
        (
            "error: metadata/annotations.yaml: the file is missing\n",
            after(|it| {
                it.files.remove(ANNOTATIONS);
                it.files.insert("metadata/other.yaml".into(), b"a: b\n".to_vec());
            }),
        ),
    ];
    for (expected, found) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn directories_must_hold_something() {
    let found = after(|it| {
        it.files.remove("tests/scorecard/config.yaml");
        it.files.remove(ANNOTATIONS);
    });
    assert_eq!(
        found,
        "error: the label `operators.operatorframework.io.bundle.metadata.v1` names `metadata/`, in which there are no files\n\
         error: the label `operators.operatorframework.io.test.config.v1` names `tests/scorecard/`, in which there are no files\n\
         error: metadata/annotations.yaml: the file is missing\n"
    );
}

#[test]
fn manifests_are_objects() {
    let service = "manifests/service.yaml";
    let put = |text: &str| {
        let bytes = text.as_bytes().to_vec();
        after(|it| drop(it.files.insert(service.into(), bytes)))
    };
    let cases = [
        ("apiVersion: v1\nkind: X\nmetadata: {name: a}\n---\n# nothing\n", ""),
        ("", "error: manifests/service.yaml: it holds nothing\n"),
        (
            "apiVersion: v1\nkind: X\nmetadata: {name: a}\n---\nkind: Y\nmetadata: {name: ''}\n",
            "error: manifests/service.yaml, line 4: it is no object: it has no `apiVersion` and no `metadata.name`\n",
        ),
        (
            "[1, 2]\n",
            "error: manifests/service.yaml: it is no object: it has no `apiVersion` and no `kind` and no `metadata.name`\n",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(put(text), expected, "{text}");
    }
    let found = put("apiVersion: v1\nkind: X\nmetadata: {name: a}\n---\nkind: Y\nb: [\n");
    let start = "error: manifests/service.yaml, line 7: it is not valid YAML: ";
    assert!(found.starts_with(start), "{found}");
    let twice = put("kind: X\nkind: Y\n");
    assert!(twice.contains("it is not valid YAML: duplicate"), "{twice}");
    let bytes = after(|it| drop(it.files.insert(service.into(), vec![0xff])));
    assert_eq!(bytes, "error: manifests/service.yaml: it is no text: its bytes are not UTF-8\n");
}

#[test]
fn there_is_one_version_and_it_owns_what_is_defined() {
    let none = after(|it| drop(it.files.remove(CSV)));
    assert_eq!(none, "error: it has no ClusterServiceVersion\n");
    let several = after(|it| {
        let again = String::from_utf8(it.files[CSV].clone()).unwrap().replace("1.2.3", "1.2.4");
        it.files.insert("manifests/again.yaml".into(), again.into_bytes());
    });
    assert_eq!(
        several,
        "error: it has several ClusterServiceVersions: `tea-operator.v1.2.4`, `tea-operator.v1.2.3`\n"
    );
    let cases = [
        (after(|it| it.replace(CSV, "  version: 1.2.3\n", "")), "it has no `spec.version`"),
        (
            after(|it| it.replace(CRD, "name: v1alpha1", "name: v1beta1")),
            "it owns version `v1alpha1` of `pots.tea.example`, which is defined with `v1`, `v1beta1`\n\
             it does not own `pots.tea.example`, version `v1beta1`, which is defined",
        ),
        (
            after(|it| {
                it.replace(CSV, "      - {kind: Pot, name: pots.tea.example, version: v1}\n", "")
            }),
            "it does not own `pots.tea.example`, version `v1`, which is defined",
        ),
        (
            after(|it| it.replace(CSV, "version: v1alpha1}", "version: v1}")),
            "it owns `pots.tea.example`, version `v1`, a second time\n\
             it does not own `pots.tea.example`, version `v1alpha1`, which is defined",
        ),
        (
            after(|it| {
                it.replace(
                    CSV,
                    "{kind: Pot, name: pots.tea.example, version: v1}",
                    "{kind: Cup, name: pots.tea.example, version: v1}",
                )
            }),
            "it owns `pots.tea.example` as the kind `Cup`, which is defined as `Pot`",
        ),
        (
            after(|it| it.replace(CSV, "image: 'quay.io/tea/kettle:v1'", "image: 'Quay/Tea'")),
            "deployment `tea-operator`, container `kettle`: invalid reference `Quay/Tea`: the repository has uppercase letters",
        ),
        (
            after(|it| it.replace(CSV, "value: 'quay.io/tea/pot:v1'", "value: ''")),
            "deployment `tea-operator`, container `manager`, variable `POT_IMG`: invalid reference ``: it is empty",
        ),
        (
            after(|it| it.replace(CSV, ", image: 'quay.io/tea/spout:v1'", "")),
            "related image `spout`: invalid reference ``: it is empty",
        ),
    ];
    for (found, expected) in cases {
        let lines = expected.lines().map(|line| format!("error: {CSV}: {line}\n"));
        assert_eq!(found, lines.collect::<String>());
    }
    let undefined = after(|it| drop(it.files.remove(CRD)));
    assert_eq!(
        undefined,
        format!(
            "warning: it defines no resources\n\
             error: {CSV}: it owns `pots.tea.example`, which is not defined\n\
             error: {CSV}: it owns `pots.tea.example`, which is not defined\n"
        )
    );
}
