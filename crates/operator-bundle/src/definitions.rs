//! Definitions of resources, and those that a ClusterServiceVersion owns.
//!
//! Both lists must be the same (operator-framework/api, validation of bundles,
//! "owned" definitions): each version of each definition once.

use std::collections::BTreeSet;

use crate::csv::Parsed;
use crate::documents::{Document, list, text};
use crate::{Crd, Finding};

/// The group whose kind it is.
const GROUP: &str = "apiextensions.k8s.io/";

/// Reads the definitions among the documents.
pub(crate) fn read(documents: &[Document], findings: &mut Vec<Finding>) -> Vec<Crd> {
    let is_one = |document: &&Document| {
        document.kind == "CustomResourceDefinition" && document.api_version.starts_with(GROUP)
    };
    let mut crds: Vec<Crd> = Vec::new();
    for document in documents.iter().filter(is_one) {
        let crd = definition(document);
        if crd.versions.is_empty() {
            findings.push(Finding::error(&document.place, "the definition has no versions"));
        }
        if crds.iter().any(|other| other.name == crd.name) {
            let message = format!("`{}` is defined a second time", crd.name);
            findings.push(Finding::error(&document.place, message));
            continue;
        }
        crds.push(crd);
    }
    if crds.is_empty() {
        findings.push(Finding::warning("", "it defines no resources"));
    }
    crds.sort();
    crds
}

fn definition(document: &Document) -> Crd {
    let versions = list(&document.value, &["spec", "versions"]).iter();
    let mut versions: Vec<String> =
        versions.map(|version| text(version, &["name"]).to_owned()).collect();
    // Before `v1` there could be one version alone.
    let alone = text(&document.value, &["spec", "version"]);
    if versions.is_empty() && !alone.is_empty() {
        versions.push(alone.to_owned());
    }
    versions.retain(|version| !version.is_empty());
    let kind = text(&document.value, &["spec", "names", "kind"]).to_owned();
    Crd { name: document.name.clone(), kind, versions }
}

/// Finds what is owned and not defined, and what is defined and not owned.
pub(crate) fn check_owned(
    csv: &Parsed,
    crds: &[Crd],
    document: &Document,
    findings: &mut Vec<Finding>,
) {
    let mut wrong = |message: String| findings.push(Finding::error(&document.place, message));
    let mut seen = BTreeSet::new();
    for owned in &csv.owned {
        let (name, version) = (&owned.name, &owned.version);
        match crds.iter().find(|crd| crd.name == *name) {
            _ if !seen.insert((name, version)) => {
                wrong(format!("it owns `{name}`, version `{version}`, a second time"));
            }
            None => wrong(format!("it owns `{name}`, which is not defined")),
            Some(crd) if !crd.versions.contains(version) => {
                let known = crd.versions.join("`, `");
                wrong(format!(
                    "it owns version `{version}` of `{name}`, which is defined with `{known}`"
                ));
            }
            Some(crd) if crd.kind != owned.kind => wrong(format!(
                "it owns `{name}` as the kind `{}`, which is defined as `{}`",
                owned.kind, crd.kind
            )),
            Some(_) => {}
        }
    }
    for crd in crds {
        for version in crd.versions.iter().filter(|version| !seen.contains(&(&crd.name, version))) {
            let name = &crd.name;
            wrong(format!("it does not own `{name}`, version `{version}`, which is defined"));
        }
    }
}
