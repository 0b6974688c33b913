//! From a request to its answer.

use hyper::header::{ETAG, HeaderMap, HeaderName, IF_NONE_MATCH};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use oci::Digest;
use serde::Serialize;

use crate::answer::{Answer, Content};
use crate::problem::Problem;
use crate::route::Route;
use crate::store::Store;
use crate::{blobs, lists, manifests, referrers};

/// The digest of what is sent (distribution-spec, "Pulling manifests").
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// What docker looks for before it takes a server for a registry.
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// Answers a request; reads files, and blocks while it does.
pub(crate) fn answer(store: &Store, request: &Parts) -> Answer {
    let answer = match request.method {
        Method::GET | Method::HEAD => get(store, request).unwrap_or_else(Answer::from),
        _ => Problem::read_only().into(),
    };
    answer
        .header(API_VERSION, "registry/2.0")
        // Layers are a stranger's: no browser is to guess what they are.
        .header(hyper::header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .to(&request.method)
}

fn get(store: &Store, request: &Parts) -> Result<Answer, Problem> {
    let (uri, headers) = (&request.uri, &request.headers);
    match Route::of(uri.path(), uri.query().unwrap_or_default())? {
        Route::Base => Ok(Answer::json(&Base {})),
        Route::Catalog(page) => lists::catalog(store, &page),
        Route::Tags(name, page) => lists::tags(store, &name, &page),
        Route::Manifest(name, wanted) => manifests::get(store, &name, &wanted, headers),
        Route::Blob(name, wanted) => blobs::get(store, &name, &wanted, request),
        Route::Referrers(name, wanted, artifact_type) => {
            referrers::get(store, &name, &wanted, artifact_type.as_deref())
        }
    }
}

/// What the base says, which is nothing.
#[derive(Serialize)]
struct Base {}

/// Returns the tag (RFC 9110, 8.8.3) of what a digest names: it never changes.
pub(crate) fn entity_tag(digest: Digest) -> String {
    format!("\"{digest}\"")
}

/// Returns the answer to a client that has what the digest names already.
pub(crate) fn not_modified(digest: Digest, headers: &HeaderMap) -> Option<Answer> {
    let tag = entity_tag(digest);
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = lists.flat_map(|list| list.split(',')).map(str::trim);
    // Compared weakly (RFC 9110, 13.1.2).
    let is_known = known.any(|own| own == "*" || own.strip_prefix("W/").unwrap_or(own) == tag);
    is_known.then(|| {
        let mut answer = Answer::new(Content::Empty).status(StatusCode::NOT_MODIFIED);
        answer.headers.clear();
        answer.header(ETAG, tag).header(CONTENT_DIGEST, digest)
    })
}
