//! Blobs of a repository: there or not, mounted, uploaded.
//!
//! distribution-spec, "Pushing Blobs". Downloading is in `download`.

use std::sync::Arc;

use ureq::http::Method;

use super::exchange::{Payload, Response};
use super::scope::Scopes;
use super::transport::{Host, Identity, Request, pause};
use super::url::Url;
use super::{Client, Error};
use crate::{Blob, Digest};

/// A repository of a registry.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) host: Arc<Host>,
    pub(crate) name: String,
}

/// How a blob came to be in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It was there, or the registry had it elsewhere.
    Present,
    /// It was sent.
    Uploaded,
}

/// Larger blobs are looked for once more before they are sent, as a registry
/// that mounts nothing says 202 also to what it has; and they wait for the
/// registry's word to go on (RFC 9110, 10.1.1), as one that refuses them
/// without reading would cut the connection before its answer is read.
const WORTH_A_LOOK: u64 = 1 << 20;

impl Repository {
    pub(crate) fn url(&self, rest: &str) -> Url {
        self.host.base.at(&format!("/v2/{}/{rest}", self.name))
    }

    pub(crate) fn request(&self, method: Method, url: Url, scopes: Scopes) -> Request<'_> {
        let identity = Identity::Account { repository: &self.name, scopes };
        Request::new(&self.host, method, url, identity)
    }

    /// Sees to it that a blob is there. `from` is a repository of the
    /// registry that may have it; it may be this one.
    pub(crate) fn push_blob(
        &self,
        client: &Client,
        blob: &Blob,
        from: &str,
    ) -> Result<Arrival, Error> {
        let mut tried = 0;
        loop {
            tried += 1;
            let Some(session) = self.open(client, blob.digest(), from)? else {
                return Ok(Arrival::Present);
            };
            if blob.size() > WORTH_A_LOOK && tried == 1 && self.has_blob(client, blob.digest())? {
                self.cancel(client, session);
                return Ok(Arrival::Present);
            }
            match self.upload(client, session, blob) {
                Ok(()) => return Ok(Arrival::Uploaded),
                // A session that broke is not used again: how much of it the
                // registry has is not known.
                Err(error) if error.is_passing() => {
                    match client.retries().next(tried, error.retry_after()) {
                        Some(wait) => pause(wait),
                        None => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks for the blob to be mounted, and for a place to upload it to
    /// where that cannot be; `None` if it is there now.
    fn open(&self, client: &Client, digest: Digest, from: &str) -> Result<Option<Url>, Error> {
        let uploads = self.url("blobs/uploads/");
        let mount = uploads.with_query("mount", &digest.to_string()).with_query("from", from);
        let scopes = Scopes::push(&self.name).and_pull(from);
        let answer = client.send(&self.request(Method::POST, mount, scopes), &[201, 202]);
        let response = match answer {
            // Some refuse to mount what they would take as an upload.
            Err(error) if matches!(error.status(), Some(400..=405)) => {
                return self.open_session(client).map(Some);
            }
            answer => answer?,
        };
        if response.status == 201 {
            check_digest(&response, digest)?;
            response.drain();
            return Ok(None);
        }
        let location = location(&response)?;
        response.drain();
        Ok(Some(location))
    }

    /// Asks for a place to upload to.
    pub(crate) fn open_session(&self, client: &Client) -> Result<Url, Error> {
        let uploads = self.url("blobs/uploads/");
        let request = self.request(Method::POST, uploads, Scopes::push(&self.name));
        let response = client.send(&request, &[202])?;
        let location = location(&response)?;
        response.drain();
        Ok(location)
    }

    /// Sends the whole blob in one request.
    fn upload(&self, client: &Client, session: Url, blob: &Blob) -> Result<(), Error> {
        let url = session.with_query("digest", &blob.digest().to_string());
        let mut request = self.request(Method::PUT, url, Scopes::push(&self.name));
        request.headers = vec![("content-type", "application/octet-stream")];
        if blob.size() > WORTH_A_LOOK {
            request.headers.push(("expect", "100-continue"));
        }
        request.payload = Payload::Blob(blob);
        request.again = false;
        // 204 is what some answered before the specification.
        let response = client.send(&request, &[201, 204])?;
        check_digest(&response, blob.digest())?;
        response.drain();
        Ok(())
    }

    /// Gives a session back; the registry forgets it some day anyway.
    pub(crate) fn cancel(&self, client: &Client, session: Url) {
        let mut request = self.request(Method::DELETE, session, Scopes::push(&self.name));
        request.again = false;
        if let Ok(response) = client.send(&request, &[202, 204]) {
            response.drain();
        }
    }

    fn has_blob(&self, client: &Client, digest: Digest) -> Result<bool, Error> {
        let url = self.url(&format!("blobs/{digest}"));
        let request = self.request(Method::HEAD, url, Scopes::push(&self.name));
        let response = client.send(&request, &[200, 404])?;
        Ok(response.status == 200)
    }
}

/// Returns where an answer says to go on.
pub(crate) fn location(response: &Response) -> Result<Url, Error> {
    let asked = response.asked();
    let location = response.header("location").unwrap_or_default();
    if location.is_empty() {
        return Err(asked.unexpected("without a `Location` to upload to"));
    }
    let faulty = |reason| asked.unexpected(format!("its `Location` is faulty: {reason}"));
    asked.url.join(location).map_err(faulty)
}

/// Checks the digest that a registry says it has stored, where it says one.
pub(crate) fn check_digest(response: &Response, digest: Digest) -> Result<(), Error> {
    match response.header("docker-content-digest") {
        Some(other) if other.starts_with("sha256:") && other != digest.to_string() => {
            let reason = format!("it stored `{other}` for `{digest}`");
            Err(response.asked().unexpected(reason))
        }
        _ => Ok(()),
    }
}
