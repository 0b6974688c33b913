//! Bundles of operators: images that the Operator Lifecycle Manager unpacks.
//!
//! A bundle says twice what it is, by labels and by
//! `metadata/annotations.yaml`, and holds manifests: one ClusterServiceVersion
//! and the definitions of the resources that it owns (operator-framework,
//! "Operator Bundle", format `registry+v1`). [`read`] tells what is in one and
//! what is wrong with it, [`compare()`] whether it deploys what was built. Not
//! here: files, registries, and what is done about a finding.

#![forbid(unsafe_code)]

mod compare;
mod csv;
mod definitions;
mod documents;
mod files;
mod finding;
mod labels;

use oci::{Image, Reference};

pub use compare::compare;
pub use finding::{Finding, Severity};

use documents::Document;
use files::Files;
use labels::Labels;

/// The label that marks a bundle.
pub const MEDIA_TYPE_LABEL: &str = "operators.operatorframework.io.bundle.mediatype.v1";

/// What a bundle of manifests, the only kind that is read here, says there.
const REGISTRY_V1: &str = "registry+v1";

/// What a bundle holds, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// The package that it is a version of.
    pub package: Option<String>,
    /// The channels in which it is offered.
    pub channels: Vec<String>,
    /// The version of the operator; `None` if there is not exactly one.
    pub csv: Option<Csv>,
    /// The resources that are defined, by name.
    pub crds: Vec<Crd>,
    /// The images that it names, in the order in which they stand there.
    pub images: Vec<ImageUse>,
}

/// A ClusterServiceVersion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csv {
    /// Its name, such as `bpfman-operator.v0.5.1`.
    pub name: String,
    /// The operator's version; empty if it says none.
    pub version: String,
}

/// A CustomResourceDefinition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crd {
    /// Its name: plural and group.
    pub name: String,
    /// The kind of the resources.
    pub kind: String,
    /// Its versions, in its order.
    pub versions: Vec<String>,
}

/// An image that a bundle names, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    /// Where it stands, in words.
    pub place: String,
    /// The image.
    pub reference: Reference,
}

/// Returns whether an image is a bundle of the kind that is read here.
pub fn is_bundle(image: &Image) -> bool {
    image.labels().get(MEDIA_TYPE_LABEL).is_some_and(|value| value == REGISTRY_V1)
}

/// Reads a bundle, and finds what is wrong with it.
///
/// # Errors
///
/// Fails if a layer cannot be read or is none.
pub fn read(image: &Image) -> Result<(Bundle, Vec<Finding>), oci::Error> {
    let mut findings = Vec::new();
    let files = Files::of(image, &mut findings)?;
    let labels = Labels::new(image.labels());
    labels.check(&files, &mut findings);
    let mut bundle = Bundle {
        package: labels.of(labels::PACKAGE).map(str::to_owned),
        channels: labels.channels(),
        ..Bundle::default()
    };
    let documents = match labels.of(labels::MANIFESTS) {
        Some(directory) => documents::read(&files, directory, &mut findings),
        None => Vec::new(),
    };
    bundle.crds = definitions::read(&documents, &mut findings);
    let versions: Vec<&Document> = documents.iter().filter(|it| csv::is_one(it)).collect();
    match versions.as_slice() {
        [csv] => {
            let parsed = csv::read(csv, &mut findings);
            definitions::check_owned(&parsed, &bundle.crds, csv, &mut findings);
            bundle.csv = Some(parsed.csv);
            bundle.images = parsed.images;
        }
        [] => findings.push(Finding::error("", "it has no ClusterServiceVersion")),
        several => {
            let names: Vec<_> = several.iter().map(|csv| format!("`{}`", csv.name)).collect();
            let message = format!("it has several ClusterServiceVersions: {}", names.join(", "));
            findings.push(Finding::error("", message));
        }
    }
    Ok((bundle, findings))
}
