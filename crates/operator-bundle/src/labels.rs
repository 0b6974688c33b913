//! What a bundle says of itself: labels, and the file that says the same.
//!
//! Tools that build catalogues read one or the other, so they must agree.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::documents;
use crate::files::{Files, Node, clean, join};
use crate::{Finding, MEDIA_TYPE_LABEL};

/// How the names of all of them start.
const PREFIX: &str = "operators.operatorframework.io.";

/// Of those about tests of the bundle the file need not speak.
const TESTS: &str = "operators.operatorframework.io.test.";

/// The label that names the directory of the manifests.
pub(crate) const MANIFESTS: &str = "operators.operatorframework.io.bundle.manifests.v1";

/// The label that names the directory of the file.
const METADATA: &str = "operators.operatorframework.io.bundle.metadata.v1";

/// The label that names the package.
pub(crate) const PACKAGE: &str = "operators.operatorframework.io.bundle.package.v1";

/// The label that names the channels.
const CHANNELS: &str = "operators.operatorframework.io.bundle.channels.v1";

/// The label that names one of the channels, where there are several.
const DEFAULT_CHANNEL: &str = "operators.operatorframework.io.bundle.channel.default.v1";

/// The label that names the directory of the tests' settings.
const TEST_CONFIG: &str = "operators.operatorframework.io.test.config.v1";

/// Those without which a bundle cannot be used.
const NEEDED: [&str; 5] = [MEDIA_TYPE_LABEL, MANIFESTS, METADATA, PACKAGE, CHANNELS];

/// Those that name directories.
const DIRECTORIES: [&str; 3] = [MANIFESTS, METADATA, TEST_CONFIG];

/// The file that says the same.
const FILE: &str = "annotations.yaml";

/// The labels of a bundle.
pub(crate) struct Labels<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Labels<'a> {
    pub(crate) fn new(labels: &'a BTreeMap<String, String>) -> Labels<'a> {
        let own = labels.iter().filter(|(name, _)| name.starts_with(PREFIX));
        Labels(own.map(|(name, value)| (name.as_str(), value.as_str())).collect())
    }

    /// Returns what a label says, unless that is nothing.
    pub(crate) fn of(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied().filter(|value| !value.is_empty())
    }

    pub(crate) fn channels(&self) -> Vec<String> {
        let channels = self.of(CHANNELS).into_iter().flat_map(|value| value.split(','));
        channels.map(|channel| channel.trim().to_owned()).collect()
    }

    /// Finds what is missing, and where the file says something else.
    pub(crate) fn check(&self, files: &Files, findings: &mut Vec<Finding>) {
        for name in NEEDED.into_iter().filter(|name| self.of(name).is_none()) {
            findings.push(Finding::error("", format!("the label `{name}` is missing")));
        }
        for name in DIRECTORIES {
            let Some(directory) = self.of(name) else { continue };
            if files.below(directory).next().is_none() {
                let message =
                    format!("the label `{name}` names `{directory}`, in which there are no files");
                findings.push(Finding::error("", message));
            }
        }
        let channels = self.channels();
        if let Some(channel) = self.of(DEFAULT_CHANNEL)
            && !channels.iter().any(|other| other == channel)
        {
            let message = format!(
                "the label `{DEFAULT_CHANNEL}` names `{channel}`, which is none of its channels"
            );
            findings.push(Finding::error("", message));
        }
        if let Some(directory) = self.of(METADATA) {
            self.check_file(directory, files, findings);
        }
    }

    fn check_file(&self, directory: &str, files: &Files, findings: &mut Vec<Finding>) {
        let place = join(&clean(directory), FILE);
        let Some(annotations) = annotations(directory, &place, files, findings) else { return };
        for (name, value) in &annotations {
            let message = match self.0.get(name.as_str()) {
                Some(label) if label == value => continue,
                Some(label) => format!("`{name}` is `{value}`, and the label is `{label}`"),
                None => format!("`{name}` is `{value}`, and there is no such label"),
            };
            findings.push(Finding::error(&place, message));
        }
        let missing = |name: &&str| !annotations.contains_key(*name) && !name.starts_with(TESTS);
        for name in self.0.keys().filter(|name| missing(name)) {
            let message = format!("`{name}` is missing, and there is such a label");
            findings.push(Finding::error(&place, message));
        }
    }
}

/// Returns what the file says under the names that labels have.
fn annotations(
    directory: &str,
    place: &str,
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Option<BTreeMap<String, String>> {
    let mut wrong = |message: &str| {
        findings.push(Finding::error(place, message));
        None
    };
    let bytes = match files.get(directory, FILE) {
        Some(Node::File(bytes)) => bytes,
        // What is wrong with it was said.
        Some(_) => return None,
        None => return wrong("the file is missing"),
    };
    let mut values = documents::values(place, bytes, findings)?;
    if values.len() != 1 {
        findings.push(Finding::error(place, "it is not one document"));
        return None;
    }
    let value = values.remove(0).1;
    let Some(Value::Mapping(listed)) = value.get("annotations") else {
        findings.push(Finding::error(place, "it has no `annotations`"));
        return None;
    };
    let mut annotations = BTreeMap::new();
    for (name, value) in listed {
        let Some(name) = name.as_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        match value.as_str() {
            Some(value) => drop(annotations.insert(name.to_owned(), value.to_owned())),
            None => {
                let message = format!("`{name}` is no text: put it in quotes");
                findings.push(Finding::error(place, message));
            }
        }
    }
    Some(annotations)
}
