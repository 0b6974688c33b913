//! Whether a bundle deploys what was built.

use oci::Reference;

use crate::{Bundle, Finding};

/// Finds images that a bundle names and that are much like one that was
/// built: of the same name, but of another registry or organization, or with
/// another tag or digest. Each is said once, with all places where it stands.
pub fn compare(bundle: &Bundle, built: &[Reference]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: Vec<&Reference> = Vec::new();
    for image in &bundle.images {
        let reference = &image.reference;
        if seen.contains(&reference) {
            continue;
        }
        seen.push(reference);
        let alike: Vec<_> = built.iter().filter(|built| last(built) == last(reference)).collect();
        if alike.is_empty() || alike.iter().any(|built| is_same(reference, built)) {
            continue;
        }
        let places = bundle.images.iter().filter(|other| other.reference == *reference);
        let places: Vec<_> = places.map(|other| other.place.as_str()).collect();
        let built: Vec<_> = alike.iter().map(|built| format!("`{built}`")).collect();
        let message = format!(
            "it names `{reference}` ({}), and {} was built",
            places.join("; "),
            built.join(", ")
        );
        findings.push(Finding::warning("", message));
    }
    findings
}

fn last(reference: &Reference) -> &str {
    reference.repository().rsplit('/').next().unwrap_or_default()
}

/// Returns whether a name means what was built, as far as that can be told.
fn is_same(named: &Reference, built: &Reference) -> bool {
    let by_name = named.name() == built.name();
    let by_content = match (named.digest(), built.digest()) {
        (Some(named), Some(built)) => named == built,
        // By its digest alone it may be any.
        (Some(_), None) => named.tag().is_none() || named.tag() == built.tag(),
        (None, _) => built.tag().is_none() || named.tag() == built.tag(),
    };
    by_name && by_content
}
