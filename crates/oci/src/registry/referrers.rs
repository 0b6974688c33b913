//! Referrers: what is about an image, such as its signatures.
//!
//! Asked of the registry where it keeps the list (distribution-spec,
//! "Listing Referrers"), else read from the tag that the specification gives
//! the list ("Referrers Tag Schema").

use std::collections::HashSet;

use ureq::http::Method;

use super::blob::Repository;
use super::companions::fallback_tag;
use super::scope::Scopes;
use super::url::Url;
use super::{Client, Error};
use crate::spec::{Descriptor, Index, to_bytes};
use crate::{Blob, Digest, Reference, image, media};

/// How many pages of a list are read.
const PAGES_MAX: usize = 100;

impl Client {
    /// Returns what is about an image, of any type or of one. `reference`
    /// names the repository.
    ///
    /// # Errors
    ///
    /// Fails if the registry does, or the list cannot be parsed.
    pub fn referrers(
        &self,
        reference: &Reference,
        subject: Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, Error> {
        let (repository, _) = self.named(reference)?;
        let mut found = match self.listed(&repository, subject, artifact_type)? {
            Some(found) => found,
            None => match repository.get_manifest(self, &fallback_tag(subject))? {
                Some(list) => image::parse::<Index>(&list, "list of referrers")?.manifests,
                None => Vec::new(),
            },
        };
        // A registry need not filter, and a tag cannot.
        let is_wanted = |found: &Descriptor| {
            artifact_type.is_none_or(|wanted| {
                found.extra.get("artifactType").and_then(|own| own.as_str()) == Some(wanted)
            })
        };
        let mut seen = HashSet::new();
        found.retain(|found| is_wanted(found) && seen.insert(found.digest));
        Ok(found)
    }

    /// Puts a manifest that is about another into the repository of
    /// `reference`, under its digest; its blobs must be there. Where the
    /// registry keeps no list, its `descriptor` (with artifact type and
    /// annotations) is added to the tag's.
    ///
    /// # Errors
    ///
    /// Fails if the registry does, or if another writer's list keeps winning.
    pub fn attach(
        &self,
        reference: &Reference,
        manifest: &Blob,
        descriptor: &Descriptor,
        subject: Digest,
    ) -> Result<(), Error> {
        let (repository, _) = self.named(reference)?;
        if repository.put_manifest(self, manifest, &manifest.digest().to_string())? {
            return Ok(());
        }
        // One at a time: each reads the list, adds to it and writes it back.
        let _turn = self.attaching().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Another program may write between; then ours is not in the list.
        for _ in 0..=self.settings().retry.attempts {
            let mut list = match repository.get_manifest(self, &fallback_tag(subject))? {
                Some(list) => image::parse::<Index>(&list, "list of referrers")?,
                None => Index::new(Vec::new()),
            };
            if list.manifests.iter().any(|own| own.digest == descriptor.digest) {
                return Ok(());
            }
            list.manifests.push(descriptor.clone());
            let list = Blob::from_bytes(media::INDEX, to_bytes(&list)?);
            repository.put_manifest(self, &list, &fallback_tag(subject))?;
        }
        Err(Error::Unexpected {
            method: "PUT".into(),
            url: repository.url(&format!("manifests/{}", fallback_tag(subject))).to_string(),
            reason: "the list of referrers is always another's".into(),
        })
    }

    /// Returns the registry's own list; `None` if it keeps none.
    fn listed(
        &self,
        repository: &Repository,
        subject: Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, Error> {
        let mut url = repository.url(&format!("referrers/{subject}"));
        if let Some(artifact_type) = artifact_type {
            url = url.with_query("artifactType", artifact_type);
        }
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let scopes = Scopes::pull(&repository.name);
            let mut request = repository.request(Method::GET, url.clone(), scopes);
            request.headers = vec![("accept", media::INDEX)];
            let response = self.send(&request, &[200, 404])?;
            // Some answer every unknown path with a page of their own.
            let is_list =
                response.header("content-type").is_some_and(|it| it.starts_with(media::INDEX));
            if response.status == 404 || !is_list {
                response.drain();
                return Ok(None);
            }
            let asked = response.asked();
            let next = response.header("link").and_then(|link| next_page(&url, link));
            let bytes = response.read(image::DOCUMENT_MAX)?;
            let page: Index = serde_json::from_slice(&bytes).map_err(|fault| {
                asked.unexpected(format!("it is no list of referrers: {fault}"))
            })?;
            found.extend(page.manifests);
            match next.filter(|next| next.same_origin(&url)) {
                Some(next) => url = next,
                None => return Ok(Some(found)),
            }
        }
        Ok(Some(found))
    }
}

/// Reads the address of the next page (RFC 8288): `<URL>; rel="next"`.
fn next_page(url: &Url, link: &str) -> Option<Url> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|it| matches!(it.trim(), "rel=next" | r#"rel="next""#));
    is_next.then(|| url.join(target).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        let url = Url::parse("https://h/v2/a/referrers/x").unwrap();
        let next = |link| next_page(&url, link).map(|url| url.exposed());
        assert_eq!(
            next(r#"</v2/a/referrers/x?n=5>; rel="next""#).unwrap(),
            "https://h/v2/a/referrers/x?n=5"
        );
        assert_eq!(next("<https://g/x>; rel=next").unwrap(), "https://g/x");
        for link in ["", "<x>", r#"<x>; rel="prev""#, "x; rel=next"] {
            assert_eq!(next(link), None, "{link}");
        }
    }
}
