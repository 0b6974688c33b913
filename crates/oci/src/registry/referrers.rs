//! Referrers: what is about an image, such as its signatures.
//!
//! Asked of the registry where it keeps the list (distribution-spec,
//! "Listing Referrers"), else read from the tag that the specification gives
//! the list ("Referrers Tag Schema").

use std::collections::HashSet;
use std::sync::PoisonError;

use ureq::http::Method;

use super::blob::Repository;
use super::exchange::Asked;
use super::scope::Scopes;
use super::transport::pause;
use super::{Client, Error};
use crate::companion::fallback_tag;
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
            None => self.tagged(&repository, subject)?.manifests,
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
        let url = repository.url(&format!("manifests/{}", fallback_tag(subject))).to_string();
        // One at a time: each reads the list, adds to it and writes it back.
        let turn = self.attaching(&url);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tried = 0;
        loop {
            tried += 1;
            let mut list = self.tagged(&repository, subject)?;
            if has(&list, descriptor) {
                return Ok(());
            }
            list.manifests.push(descriptor.clone());
            let list = Blob::from_bytes(media::INDEX, to_bytes(&list)?);
            repository.put_manifest(self, &list, &fallback_tag(subject))?;
            // Another program may have written between; then ours is not there.
            if has(&self.tagged(&repository, subject)?, descriptor) {
                return Ok(());
            }
            let Some(wait) = self.retries().next(tried, None) else {
                let reason = "the list of referrers is always another's".into();
                return Err(Error::Unexpected { method: "PUT".into(), url, reason });
            };
            pause(wait);
        }
    }

    /// Returns the list under the tag.
    fn tagged(&self, repository: &Repository, subject: Digest) -> Result<Index, Error> {
        match repository.get_manifest(self, &fallback_tag(subject))? {
            Some(list) => Ok(image::parse(&list, "list of referrers")?),
            None => Ok(Index::new(Vec::new())),
        }
    }

    /// Returns the registry's own list; `None` if it keeps none.
    fn listed(
        &self,
        repository: &Repository,
        subject: Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, Error> {
        if repository.host.without_lists.get().is_some() {
            return Ok(None);
        }
        let mut url = repository.url(&format!("referrers/{subject}"));
        if let Some(artifact_type) = artifact_type {
            url = url.with_query("artifactType", artifact_type);
        }
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let scopes = Scopes::pull(&repository.name);
            let mut request = repository.request(Method::GET, url.clone(), scopes);
            request.headers = vec![("accept", media::INDEX)];
            let (response, bytes) = self.document(&request, &UNKNOWN, image::DOCUMENT_MAX)?;
            // Some answer every unknown path with a page of their own.
            let is_list =
                response.header("content-type").is_some_and(|it| it.starts_with(media::INDEX));
            if response.status != 200 || !is_list {
                // Of a repository or manifest that it does not know a registry
                // says so as JSON; who answers with a text has no such route,
                // whatever is asked for.
                let is_text = |it: &str| it.starts_with("text/plain");
                if response.status == 404 && response.header("content-type").is_some_and(is_text) {
                    let _ = repository.host.without_lists.set(());
                }
                return Ok(None);
            }
            let asked = response.asked();
            let links = response.headers.get_all("link").iter();
            let next = links.filter_map(|link| next_page(link.to_str().ok()?)).next();
            let next = next
                .map(|next| url.join(next))
                .transpose()
                .map_err(|reason| asked.unexpected(format!("its `Link` is faulty: {reason}")))?;
            let page: Index = serde_json::from_slice(&bytes).map_err(|fault| {
                asked.unexpected(format!("it is no list of referrers: {fault}"))
            })?;
            found.extend(page.manifests);
            match next {
                Some(next) if next.same_origin(&url) => url = next,
                Some(_) => return Err(asked.unexpected("its next page is on another host")),
                None => return Ok(Some(found)),
            }
        }
        let asked = Asked { method: Method::GET, url };
        Err(asked.unexpected("with more pages than anyone needs"))
    }
}

/// How a list is answered with, and what those answer that have no lists.
const UNKNOWN: [u16; 5] = [200, 400, 404, 405, 406];

fn has(list: &Index, descriptor: &Descriptor) -> bool {
    list.manifests.iter().any(|own| own.digest == descriptor.digest)
}

/// Reads the address of the next page (RFC 8288): `<URL>; rel="next"`, among
/// other links perhaps.
fn next_page(links: &str) -> Option<&str> {
    // Commas separate, but not in a URL or between quotes.
    let mut closing = None;
    let separates = |c: char| {
        closing = match (closing, c) {
            (None, '<') => Some('>'),
            (None, '"') => Some('"'),
            (Some(end), c) if c == end => None,
            (closing, _) => closing,
        };
        closing.is_none() && c == ','
    };
    links.split(separates).find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = |it: &str| matches!(it.trim(), "rel=next" | r#"rel="next""#);
        parameters.split(';').any(is_next).then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        let cases = [
            (r#"</v2/a/referrers/x?n=5>; rel="next""#, Some("/v2/a/referrers/x?n=5")),
            ("<https://g/x>; rel=next", Some("https://g/x")),
            (r#"</a>; rel="prev", </b>; title=x; rel="next""#, Some("/b")),
            ("</a?x=1,2>;rel=next", Some("/a?x=1,2")),
            ("", None),
            ("<x>", None),
            (r#"<x>; rel="prev""#, None),
            ("x; rel=next", None),
            (r#"<x>; title="a, <b>; rel=prev"; rel=next"#, Some("x")),
        ];
        for (links, next) in cases {
            assert_eq!(next_page(links), next, "{links}");
        }
    }
}
