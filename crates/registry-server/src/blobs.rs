//! Blobs, whole or in part (distribution-spec, "Pulling blobs").
//!
//! A blob is what lies under its digest in the repository's layout, whether
//! or not a tag leads to it. It is sent as it lies: the client, who knows the
//! digest, verifies it.

use std::io::{Seek, SeekFrom};

use hyper::Method;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use hyper::http::request::Parts;
use oci::Digest;

use crate::answer::{Answer, Content};
use crate::api::{CONTENT_DIGEST, entity_tag, not_modified};
use crate::problem::Problem;
use crate::range::{Part, part};
use crate::route::{Name, Wanted};
use crate::store::Store;

pub(crate) fn get(
    store: &Store,
    name: &Name,
    wanted: &Wanted,
    request: &Parts,
) -> Result<Answer, Problem> {
    let layout = store.layout(name)?;
    let Wanted::Digest(digest) = *wanted else { return Err(Problem::unknown_blob(wanted)) };
    let blob = store.blob(&layout, digest)?;
    let (mut file, size) = blob.ok_or_else(|| Problem::unknown_blob(wanted))?;
    if let Some(answer) = not_modified(digest, &request.headers) {
        return Ok(answer);
    }
    let (answer, first, length) = match part(range(digest, request), size) {
        Part::Whole => (Answer::new(Content::Empty), 0, size),
        Part::Range(first, last) => {
            let answer = Answer::new(Content::Empty).status(StatusCode::PARTIAL_CONTENT);
            let range = format!("bytes {first}-{last}/{size}");
            (answer.header(CONTENT_RANGE, range), first, last - first + 1)
        }
        Part::Unsatisfiable => {
            let answer = Answer::from(Problem::unsatisfiable(size));
            return Ok(answer.header(CONTENT_RANGE, format!("bytes */{size}")));
        }
    };
    file.seek(SeekFrom::Start(first)).map_err(Problem::fault)?;
    let answer = Answer { content: Content::File(file, length), ..answer };
    Ok(answer
        .header(CONTENT_LENGTH, length)
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(ACCEPT_RANGES, "bytes")
        .header(CONTENT_DIGEST, digest)
        .header(ETAG, entity_tag(digest)))
}

/// Returns the range that counts: of a GET (RFC 9110, 14.2), and only if the
/// client has the beginning of the same bytes (13.1.5).
fn range(digest: Digest, request: &Parts) -> Option<&str> {
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    let same = header(IF_RANGE).is_none_or(|tag| tag == entity_tag(digest));
    header(RANGE).filter(|_| same && request.method == Method::GET)
}
