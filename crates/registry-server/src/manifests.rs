//! Manifests and indexes, by tag and by digest (distribution-spec, "Pulling
//! manifests").

use hyper::header::{CONTENT_TYPE, ETAG, HeaderMap};
use oci::{Digest, Error, Layout, media};
use serde::Deserialize;

use crate::answer::{Answer, Content};
use crate::api::{CONTENT_DIGEST, entity_tag, not_modified};
use crate::problem::Problem;
use crate::route::{Name, Wanted};
use crate::store::{Store, TRIES};

/// Answers with a manifest as it lies in the layout. What the client says it
/// accepts is not looked at: the bytes of a digest are what they are.
pub(crate) fn get(
    store: &Store,
    name: &Name,
    wanted: &Wanted,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let unknown = || Problem::unknown_manifest(wanted);
    let mut found = None;
    // A tag may have moved, and what it named be gone, while it was read.
    let tries = if matches!(wanted, Wanted::Tag(_)) { TRIES } else { 1 };
    for _ in 0..tries {
        found = read(store, name, wanted)?;
        if found.is_some() {
            break;
        }
    }
    let Found { digest, media_type, bytes } = found.ok_or_else(unknown)?;
    let media_type = match media_type {
        Some(media_type) => media_type,
        None => media_type_of(&bytes).ok_or_else(unknown)?,
    };
    if let Some(answer) = not_modified(digest, headers) {
        return Ok(answer);
    }
    Ok(Answer::new(Content::Bytes(bytes.into()))
        .header(CONTENT_TYPE, media_type)
        .header(CONTENT_DIGEST, digest)
        .header(ETAG, entity_tag(digest)))
}

/// A manifest, and of what type it is where an entry of the layout says so.
struct Found {
    digest: Digest,
    media_type: Option<String>,
    bytes: Vec<u8>,
}

fn read(store: &Store, name: &Name, wanted: &Wanted) -> Result<Option<Found>, Problem> {
    let layout = store.layout(name)?;
    let (digest, media_type) = find(&layout, wanted)?;
    let bytes = store.manifest(&layout, digest)?;
    Ok(bytes.map(|bytes| Found { digest, media_type, bytes }))
}

/// Finds out which digest is meant, and of what type it is where an entry of
/// the layout says so.
fn find(layout: &Layout, wanted: &Wanted) -> Result<(Digest, Option<String>), Problem> {
    let entry = match wanted {
        Wanted::Foreign => return Err(Problem::unknown_manifest(wanted)),
        Wanted::Digest(digest) => {
            let mut entries = layout.index().manifests.iter();
            match entries.find(|entry| entry.digest == *digest) {
                Some(entry) => entry.clone(),
                // A child of an index, or what a tag named before: whoever
                // began to pull it can go on.
                None => return Ok((*digest, None)),
            }
        }
        Wanted::Tag(tag) => layout.resolve(tag).map_err(|error| match error {
            Error::NotFound { .. } => Problem::unknown_manifest(wanted),
            Error::Ambiguous { .. } => Problem::ambiguous_tag(tag),
            other => Problem::fault(other),
        })?,
    };
    let media_type = Some(entry.media_type).filter(|media_type| !media_type.is_empty());
    Ok((entry.digest, media_type))
}

/// As much of a document as tells what it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    schema_version: Option<u32>,
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
}

/// Returns the type that a document says it has, or else looks like; `None`
/// for what is no manifest, such as a config.
pub(crate) fn media_type_of(bytes: &[u8]) -> Option<String> {
    let kind: Kind = serde_json::from_slice(bytes).ok()?;
    match kind {
        Kind { media_type: Some(media_type), .. } => Some(media_type),
        Kind { schema_version: Some(2), manifests, .. } => {
            let media_type = if manifests.is_some() { media::INDEX } else { media::MANIFEST };
            Some(media_type.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart() {
        let cases = [
            (r#"{"schemaVersion":2,"mediaType":"a/b","manifests":[]}"#, Some("a/b")),
            (r#"{"mediaType":"a/b"}"#, Some("a/b")),
            (r#"{"schemaVersion":2,"manifests":[]}"#, Some(media::INDEX)),
            (r#"{"schemaVersion":2,"layers":[]}"#, Some(media::MANIFEST)),
            (r#"{"schemaVersion":1}"#, None),
            (r#"{"architecture":"amd64","os":"linux"}"#, None),
            ("[]", None),
            ("", None),
            ("\u{1f8b}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(media_type_of(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }
}
