//! Bundles of the tests' own: a small one that is right, and what is found
//! when one thing of it is changed.

mod changed;
mod compared;
mod hostile;

use std::collections::BTreeMap;

use oci::{Image, Layer};
use operator_bundle::{Finding, Severity};

/// How the labels' names start.
pub(crate) const PREFIX: &str = "operators.operatorframework.io.";

/// What the bundle says of itself, without the beginning of the names.
const LABELS: [(&str, &str); 7] = [
    ("bundle.mediatype.v1", "registry+v1"),
    ("bundle.manifests.v1", "manifests/"),
    ("bundle.metadata.v1", "metadata/"),
    ("bundle.package.v1", "tea-operator"),
    ("bundle.channels.v1", "alpha,beta"),
    ("metrics.builder", "by hand"),
    ("test.config.v1", "tests/scorecard/"),
];

pub(crate) const CSV: &str = "manifests/tea-operator.clusterserviceversion.yaml";
pub(crate) const CRD: &str = "manifests/tea.example_pots.yaml";
pub(crate) const ANNOTATIONS: &str = "metadata/annotations.yaml";

const CSV_TEXT: &str = "apiVersion: operators.coreos.com/v1alpha1
kind: ClusterServiceVersion
metadata:
  name: tea-operator.v1.2.3
  annotations:
    containerImage: quay.io/tea/operator:v1
spec:
  version: 1.2.3
  customresourcedefinitions:
    owned:
      - {kind: Pot, name: pots.tea.example, version: v1}
      - {kind: Pot, name: pots.tea.example, version: v1alpha1}
  relatedImages:
    - {name: spout, image: 'quay.io/tea/spout:v1'}
  install:
    strategy: deployment
    spec:
      deployments:
        - name: tea-operator
          spec:
            template:
              spec:
                initContainers:
                  - {name: kettle, image: 'quay.io/tea/kettle:v1'}
                containers:
                  - name: manager
                    image: quay.io/tea/operator:v1
                    env:
                      - {name: POT_IMG, value: 'quay.io/tea/pot:v1'}
                      - {name: RELATED_IMAGE_LID, value: 'quay.io/tea/lid:v1'}
                      - {name: HANDLE, value: 'Not An Image'}
                      - {name: LATER_IMG, valueFrom: {fieldRef: {fieldPath: x}}}
";

const CRD_TEXT: &str = "---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: pots.tea.example
spec:
  group: tea.example
  names: {kind: Pot, plural: pots}
  versions:
    - {name: v1, served: true, storage: true}
    - {name: v1alpha1, served: true, storage: false}
";

/// What a bundle is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Parts {
    /// Returns those of a bundle that is right.
    pub(crate) fn right() -> Parts {
        let labels = LABELS.map(|(name, value)| (format!("{PREFIX}{name}"), value.to_owned()));
        let annotations = LABELS.map(|(name, value)| format!("  {PREFIX}{name}: '{value}'\n"));
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: tea}\n";
        let files = [
            (CSV, CSV_TEXT.to_owned()),
            (CRD, CRD_TEXT.to_owned()),
            ("manifests/service.yaml", service.to_owned()),
            (ANNOTATIONS, format!("annotations:\n{}  com.example: 5\n", annotations.concat())),
            ("tests/scorecard/config.yaml", "kind: Configuration\n".to_owned()),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes()));
        Parts { labels: labels.into(), files: files.into() }
    }

    /// Puts a text in the place of another in a file, where it must be.
    pub(crate) fn replace(&mut self, file: &str, old: &str, new: &str) {
        let text = String::from_utf8(self.files[file].clone()).unwrap();
        assert!(text.contains(old), "{old}");
        self.files.insert(file.to_owned(), text.replace(old, new).into_bytes());
    }

    /// Sets a label, or removes it, by its name without its beginning.
    pub(crate) fn label(&mut self, name: &str, value: Option<&str>) {
        let name = format!("{PREFIX}{name}");
        match value {
            Some(value) => self.labels.insert(name, value.to_owned()),
            None => self.labels.remove(&name),
        };
    }

    /// Makes the image, each file in a layer of its own.
    pub(crate) fn image(&self) -> Image {
        let mut image = Image::builder("linux/amd64".parse().unwrap());
        for (name, value) in &self.labels {
            image = image.label(name, value);
        }
        for (name, bytes) in &self.files {
            image = image.layer(Layer::single_file(name, bytes, 0).unwrap(), "COPY");
        }
        image.build().unwrap()
    }

    /// Reads the bundle, and returns what is found, a line each.
    pub(crate) fn found(&self) -> String {
        lines(&operator_bundle::read(&self.image()).unwrap().1)
    }
}

pub(crate) fn lines(findings: &[Finding]) -> String {
    let line = |finding: &Finding| match finding.severity {
        Severity::Error => format!("error: {finding}\n"),
        Severity::Warning => format!("warning: {finding}\n"),
    };
    findings.iter().map(line).collect()
}
