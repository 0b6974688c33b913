//! ClusterServiceVersions: what is owned, and which images are named.

use serde_yaml::Value;

use crate::documents::{Document, at_path, list, text};
use crate::{Csv, Finding, ImageUse};

/// The group whose kind it is.
const GROUP: &str = "operators.coreos.com/";

/// How a variable's name ends, or starts, whose value is an image.
const IMAGE_ENDING: &str = "_IMG";
const IMAGE_BEGINNING: &str = "RELATED_IMAGE_";

/// What is read of a ClusterServiceVersion.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) csv: Csv,
    pub(crate) owned: Vec<Owned>,
    pub(crate) images: Vec<ImageUse>,
}

/// A version of a resource that it owns.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

/// Returns whether a document is one.
pub(crate) fn is_one(document: &Document) -> bool {
    document.kind == "ClusterServiceVersion" && document.api_version.starts_with(GROUP)
}

/// Reads one, and finds what is wrong with it by itself.
pub(crate) fn read(document: &Document, findings: &mut Vec<Finding>) -> Parsed {
    let value = &document.value;
    let version = text(value, &["spec", "version"]).to_owned();
    if version.is_empty() {
        findings.push(Finding::error(&document.place, "it has no `spec.version`"));
    }
    let owned = list(value, &["spec", "customresourcedefinitions", "owned"]).iter();
    let owned = owned.map(|owned| Owned {
        name: text(owned, &["name"]).to_owned(),
        version: text(owned, &["version"]).to_owned(),
        kind: text(owned, &["kind"]).to_owned(),
    });
    Parsed {
        csv: Csv { name: document.name.clone(), version },
        owned: owned.collect(),
        images: images(document, findings),
    }
}

/// Returns the images that are named, and finds those that are no names.
fn images(document: &Document, findings: &mut Vec<Finding>) -> Vec<ImageUse> {
    let mut images = Vec::new();
    for (place, word) in words(&document.value) {
        match word.parse() {
            Ok(reference) => images.push(ImageUse { place, reference }),
            Err(error) => {
                findings.push(Finding::error(&document.place, format!("{place}: {error}")))
            }
        }
    }
    images
}

/// Returns the words that are to be images, and where they stand.
fn words(csv: &Value) -> Vec<(String, &str)> {
    let mut words = Vec::new();
    let annotation = at_path(csv, &["metadata", "annotations", "containerImage"]);
    words.extend(image("annotation `containerImage`".to_owned(), annotation));
    for deployment in list(csv, &["spec", "install", "spec", "deployments"]) {
        let name = text(deployment, &["name"]);
        for kind in ["initContainers", "containers"] {
            for container in list(deployment, &["spec", "template", "spec", kind]) {
                of_container(&format!("deployment `{name}`"), container, &mut words);
            }
        }
    }
    for related in list(csv, &["spec", "relatedImages"]) {
        let place = format!("related image `{}`", text(related, &["name"]));
        // One without an image is none.
        words.extend(image(place, Some(related.get("image").unwrap_or(&Value::Null))));
    }
    words
}

fn of_container<'v>(deployment: &str, container: &'v Value, words: &mut Vec<(String, &'v str)>) {
    let place = format!("{deployment}, container `{}`", text(container, &["name"]));
    words.extend(image(place.clone(), Some(container.get("image").unwrap_or(&Value::Null))));
    for variable in list(container, &["env"]) {
        let name = text(variable, &["name"]);
        if name.ends_with(IMAGE_ENDING) || name.starts_with(IMAGE_BEGINNING) {
            // What stands elsewhere is not known.
            let value = variable.get("value");
            words.extend(image(format!("{place}, variable `{name}`"), value));
        }
    }
}

/// Returns the word that stands in a place; an empty one if it is no text.
fn image(place: String, value: Option<&Value>) -> Option<(String, &str)> {
    value.map(|value| (place, value.as_str().unwrap_or_default()))
}
