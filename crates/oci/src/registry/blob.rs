//! Blobs of a repository: there or not, uploaded, mounted, downloaded.
//!
//! distribution-spec, "Pushing Blobs" and "Pulling Blobs".

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use host::fs::{IoContext, Staged};
use ureq::http::Method;

use super::exchange::{Payload, Response};
use super::scope::Scopes;
use super::transport::{Host, Identity, Request, pause};
use super::url::Url;
use super::{Client, Error};
use crate::digest::Hasher;
use crate::spec::Descriptor;
use crate::{Blob, Content, Digest, media};

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
        let mount =
            uploads.clone().with_query("mount", &digest.to_string()).with_query("from", from);
        let scopes = Scopes::push(&self.name).and_pull(from);
        let answer = client.send(&self.request(Method::POST, mount, scopes), &[201, 202]);
        let response = match answer {
            // Some refuse to mount what they would take as an upload.
            Err(error) if matches!(error.status(), Some(400..=405)) => {
                let request = self.request(Method::POST, uploads, Scopes::push(&self.name));
                client.send(&request, &[202])?
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
    fn cancel(&self, client: &Client, session: Url) {
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

    /// Downloads a blob: a document to memory, anything else to a file in
    /// `directory` that is named by its digest.
    pub(crate) fn pull_blob(
        &self,
        client: &Client,
        descriptor: &Descriptor,
        directory: &Path,
    ) -> Result<Blob, Error> {
        let digest = descriptor.digest;
        let is_document = media::is_config(&descriptor.media_type);
        let path = directory.join(digest.hex());
        if !is_document && path.is_file() {
            let blob = Blob::from_file(&descriptor.media_type, &path)?;
            if blob.digest() == digest && blob.size() == descriptor.size {
                let content = blob.content().clone();
                return Ok(Blob::new(descriptor.clone(), content));
            }
        }
        if is_document {
            let limit = crate::image::DOCUMENT_MAX;
            if descriptor.size > limit {
                let url = self.url(&format!("blobs/{digest}")).to_string();
                return Err(Error::TooLarge { url, limit });
            }
            let mut bytes = Vec::new();
            self.download(client, descriptor, &mut |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(())
            })?;
            return Ok(Blob::new(descriptor.clone(), Content::Memory(bytes.into())));
        }
        let mut staged = Staged::new(directory)?;
        self.download(client, descriptor, &mut |chunk| Ok(staged.put(chunk)?))?;
        io::Write::flush(&mut staged).io_context("write", &path)?;
        staged.place(&path)?;
        let content = Content::File { path: path.into(), offset: 0 };
        Ok(Blob::new(descriptor.clone(), content))
    }

    /// Hands a blob's bytes to `sink`, each once and in order, and verifies
    /// them. A download that breaks is taken up where it broke (RFC 9110,
    /// 14), as often as one request would be tried, counted from the last
    /// time it got on.
    fn download(
        &self,
        client: &Client,
        descriptor: &Descriptor,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let url = self.url(&format!("blobs/{}", descriptor.digest));
        // More than a blob needs at the speed of an old modem; still an end.
        let body_time = client.settings().patience + Duration::from_secs(descriptor.size / 1024);
        let mut download = Download { descriptor, hasher: Hasher::default(), taken: 0, sink };
        let mut tried = 0;
        loop {
            tried += 1;
            let before = download.taken;
            let range = format!("bytes={before}-");
            let mut request = self.request(Method::GET, url.clone(), Scopes::pull(&self.name));
            request.body_time = Some(body_time);
            if before > 0 {
                request.headers = vec![("range", &range)];
            }
            let response = client.send(&request, &[200, 206])?;
            match download.take(response) {
                Ok(()) => break,
                Err(error) if error.is_passing() => {
                    tried = if download.taken > before { 1 } else { tried };
                    match client.retries().next(tried, None) {
                        Some(wait) => pause(wait),
                        None => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let (found, _) = download.hasher.finish();
        if found != descriptor.digest {
            let (url, digest) = (url.to_string(), descriptor.digest);
            let reason = format!("its bytes are those of `{found}`");
            return Err(Error::Corrupt { url, digest, reason });
        }
        Ok(())
    }
}

/// A blob on its way in.
struct Download<'a> {
    descriptor: &'a Descriptor,
    hasher: Hasher,
    /// How many bytes went to the sink.
    taken: u64,
    sink: &'a mut dyn FnMut(&[u8]) -> Result<(), Error>,
}

impl Download<'_> {
    /// Takes what an answer has of the blob, up to its end.
    fn take(&mut self, response: Response) -> Result<(), Error> {
        let asked = response.asked();
        let size = self.descriptor.size;
        let start = match (response.status, response.header("content-range")) {
            (206, Some(range)) => range_start(range)
                .ok_or_else(|| asked.unexpected("its `Content-Range` is faulty"))?,
            (206, None) => return Err(asked.unexpected("without a `Content-Range`")),
            // The whole from its start: what is here already is passed over.
            _ => 0,
        };
        if start > self.taken {
            return Err(asked.unexpected("with another range"));
        }
        let mut skip = self.taken - start;
        let (mut stream, _permit) = response.into_stream();
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let n = match stream.read(&mut chunk) {
                Ok(0) if self.taken == size => return Ok(()),
                Ok(0) => {
                    let fault = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(asked.of_io(&fault));
                }
                Ok(n) => n as u64,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                // All is here, whatever became of the connection.
                Err(_) if self.taken == size => return Ok(()),
                Err(fault) => return Err(asked.of_io(&fault)),
            };
            crate::error::check_interrupt()?;
            let fresh = &chunk[skip.min(n) as usize..n as usize];
            skip -= skip.min(n);
            if self.taken + fresh.len() as u64 > size {
                let (url, digest) = (asked.url.to_string(), self.descriptor.digest);
                let reason = format!("it is longer than {size} bytes");
                return Err(Error::Corrupt { url, digest, reason });
            }
            self.hasher.update(fresh);
            (self.sink)(fresh)?;
            self.taken += fresh.len() as u64;
        }
    }
}

/// Reads where a range starts: `bytes 5-9/10`.
fn range_start(range: &str) -> Option<u64> {
    range.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_start_where_they_say() {
        let cases = [
            ("bytes 5-9/10", Some(5)),
            ("bytes 0-0/*", Some(0)),
            ("bytes */10", None),
            ("lines 1-2/3", None),
            ("", None),
        ];
        for (range, start) in cases {
            assert_eq!(range_start(range), start, "{range}");
        }
    }
}
