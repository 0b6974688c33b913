//! Bundles of strangers: nothing panics, and what layers take away is gone.

use oci::{Image, Layer};
use operator_bundle::read;
use proptest::prelude::*;

use super::{ANNOTATIONS, CRD, CSV, Parts};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text: String, place in 0usize..3, at: prop::sample::Index) {
        let file = [CSV, CRD, ANNOTATIONS][place];
        for bytes in [&bytes[..], text.as_bytes()] {
            let mut parts = Parts::right();
            parts.files.insert(file.to_owned(), bytes.to_vec());
            let _ = read(&parts.image()).unwrap();
            // In the middle of what is right.
            let mut parts = Parts::right();
            let whole = parts.files.get_mut(file).unwrap();
            let at = at.index(whole.len());
            whole.splice(at..at, bytes.iter().copied());
            let _ = read(&parts.image()).unwrap();
        }
    }

    #[test]
    fn no_labels_panic(name in "[a-z0-9.]{0,20}", value: String) {
        let mut parts = Parts::right();
        parts.label(&name, Some(&value));
        parts.label("bundle.manifests.v1", Some(&value));
        parts.label("bundle.metadata.v1", Some(&value));
        let _ = read(&parts.image()).unwrap();
    }
}

#[test]
fn what_repeats_without_end_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let names = vec![format!("*a{}", level - 1); 9].join(", ");
        text += &format!("a{level}: &a{level} [{names}]\n");
    }
    let deep = "[".repeat(100_000);
    for text in [text, deep] {
        let mut parts = Parts::right();
        parts.files.insert("manifests/bomb.yaml".into(), text.into_bytes());
        let found = parts.found();
        assert!(found.starts_with("error: manifests/bomb.yaml"), "{found}");
        assert!(found.contains("it is not valid YAML"), "{found}");
    }
}

#[test]
fn a_large_file_is_not_read() {
    let mut parts = Parts::right();
    parts.files.insert("manifests/large.yaml".into(), vec![b'#'; (4 << 20) + 1]);
    assert_eq!(parts.found(), "error: manifests/large.yaml: it has more than 4194304 bytes\n");
}

#[test]
fn a_layer_takes_away_what_is_below_it() {
    let parts = Parts::right();
    let build = |names: &[&str]| -> Image {
        let mut image = Image::builder("linux/amd64".parse().unwrap());
        for (name, value) in &parts.labels {
            image = image.label(name, value);
        }
        for layer in parts.image().layers() {
            image = image.layer(layer.clone(), "COPY");
        }
        for name in names {
            image = image.layer(Layer::single_file(name, b"", 0).unwrap(), "RUN");
        }
        image.build().unwrap()
    };
    let gone = "error: it has no ClusterServiceVersion\n";
    let cases = [
        (vec![], ""),
        (vec!["manifests/.wh.service.yaml"], ""),
        (vec!["manifests/.wh.tea-operator.clusterserviceversion.yaml"], gone),
        (
            vec!["manifests/.wh..wh..opq"],
            "error: the label `operators.operatorframework.io.bundle.manifests.v1` names `manifests/`, in which there are no files\n\
             warning: it defines no resources\n\
             error: it has no ClusterServiceVersion\n",
        ),
    ];
    for (names, expected) in cases {
        let findings = read(&build(&names)).unwrap().1;
        assert_eq!(super::lines(&findings), expected, "{names:?}");
    }
}
