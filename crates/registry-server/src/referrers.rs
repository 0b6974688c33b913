//! What is about a manifest: signatures, attestations and the like
//! (distribution-spec, "Listing Referrers").
//!
//! Nobody keeps a list that could be wrong: each time, the manifests that the
//! layout's index leads to are looked at for their subject. Lists under a tag
//! (`sha256-<hex>`, "Referrers Tag Schema") are indexes, so what they name is
//! among them.

use std::collections::{BTreeMap, HashSet};

use hyper::header::{CONTENT_TYPE, HeaderName};
use oci::spec::{Descriptor, Index};
use oci::{Digest, Layout, media};
use serde::Deserialize;

use crate::answer::Answer;
use crate::manifests::media_type_of;
use crate::problem::Problem;
use crate::route::{Name, Wanted};
use crate::store::Store;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// How many manifests of a layout are looked at: a few small files can name
/// more than anyone can read.
const MANIFESTS_MAX: usize = 10_000;

/// As much of a manifest or an index as says what it is about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    artifact_type: Option<String>,
    config: Option<Part>,
    subject: Option<Part>,
    manifests: Option<Vec<Part>>,
    annotations: Option<BTreeMap<String, String>>,
}

/// As much of a descriptor.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default)]
    media_type: String,
    digest: Digest,
}

pub(crate) fn get(
    store: &Store,
    name: &Name,
    subject: &Wanted,
    artifact_type: Option<&str>,
) -> Result<Answer, Problem> {
    let found = match (store.layout(name), subject) {
        (Ok(layout), Wanted::Digest(subject)) => find(store, &layout, *subject)?,
        // What is not there has no referrers: a registry that keeps such
        // lists never answers 404 here.
        (Ok(_), _) => Vec::new(),
        (Err(problem), _) if problem.is_absence() => Vec::new(),
        (Err(problem), _) => return Err(problem),
    };
    let is_wanted = |found: &Descriptor| {
        let own = found.extra.get("artifactType").and_then(|own| own.as_str());
        artifact_type.is_none_or(|wanted| own == Some(wanted))
    };
    let answer = Answer::json(&Index::new(found.into_iter().filter(is_wanted).collect()))
        .header(CONTENT_TYPE, media::INDEX);
    Ok(match artifact_type {
        Some(_) => answer.header(FILTERS_APPLIED, "artifactType"),
        None => answer,
    })
}

/// Returns the manifests that the layout's index leads to and that are about
/// `subject`.
fn find(store: &Store, layout: &Layout, subject: Digest) -> Result<Vec<Descriptor>, Problem> {
    let mut pending: Vec<Digest> = layout.index().manifests.iter().map(|own| own.digest).collect();
    pending.reverse();
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(digest) = pending.pop() {
        if !seen.insert(digest) {
            continue;
        }
        if seen.len() > MANIFESTS_MAX {
            let place = layout.path().display();
            return Err(Problem::fault(format!("`{place}` names too many manifests")));
        }
        // What is missing or no manifest is about nothing.
        let Some(bytes) = store.manifest(layout, digest)? else { continue };
        let Ok(document) = serde_json::from_slice::<Document>(&bytes) else { continue };
        if document.subject.as_ref().is_some_and(|own| own.digest == subject) {
            found.extend(descriptor(&bytes, &document));
        }
        let children = document.manifests.unwrap_or_default();
        pending.extend(children.iter().rev().map(|child| child.digest));
    }
    Ok(found)
}

fn descriptor(bytes: &[u8], document: &Document) -> Option<Descriptor> {
    let mut descriptor = Descriptor::of(&media_type_of(bytes)?, bytes);
    let of_config = || document.config.as_ref().map(|config| config.media_type.clone());
    let own = document.artifact_type.clone().filter(|own| !own.is_empty());
    let own = own.or_else(of_config);
    descriptor.extra.extend(own.map(|own| ("artifactType".to_owned(), own.into())));
    descriptor.annotations = document.annotations.clone().unwrap_or_default();
    Some(descriptor)
}
