//! Blobs read from a registry, verified, and taken up where they broke off.
//!
//! distribution-spec, "Pulling blobs"; ranges are those of RFC 9110, 14.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Method;

use super::blob::Repository;
use super::exchange::{Asked, Response};
use super::scope::Scopes;
use super::transport::pause;
use super::{Client, Error};
use crate::digest::Hasher;
use crate::spec::Descriptor;
use crate::{Digest, Reference, blob};

/// A repository as a source of blobs.
#[derive(Debug)]
pub(crate) struct Source {
    client: Client,
    repository: Repository,
    /// Registry and repository, as references have them.
    name: Arc<str>,
}

impl Source {
    pub(crate) fn new(client: &Client, repository: &Repository, reference: &Reference) -> Source {
        Source {
            client: client.clone(),
            repository: repository.clone(),
            name: reference.name().into(),
        }
    }

    /// Returns registry and repository.
    pub(crate) fn full_name(&self) -> &Arc<str> {
        &self.name
    }
}

impl blob::Source for Source {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, crate::Error> {
        let (client, repository) = (self.client.clone(), self.repository.clone());
        Ok(Box::new(Download::new(client, repository, descriptor)))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// A blob on its way in. A connection that breaks is replaced by one for the
/// rest, as often as one request would be tried, counted from the last time
/// it got on.
pub(crate) struct Download {
    client: Client,
    repository: Repository,
    digest: Digest,
    size: u64,
    hasher: Hasher,
    /// How many bytes were handed on.
    taken: u64,
    /// How often it was tried since it last got on.
    tried: u32,
    stream: Option<Stream>,
    verified: bool,
}

/// What is left of one answer.
struct Stream {
    body: Box<dyn Read + Send>,
    asked: Asked,
    /// How many bytes of it were handed on before it came.
    skip: u64,
}

impl Download {
    pub(crate) fn new(client: Client, repository: Repository, descriptor: &Descriptor) -> Download {
        let (digest, size) = (descriptor.digest, descriptor.size);
        let (hasher, stream) = (Hasher::default(), None);
        Download {
            client,
            repository,
            digest,
            size,
            hasher,
            taken: 0,
            tried: 0,
            stream,
            verified: false,
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            crate::error::check_interrupt()?;
            match self.take(buffer) {
                Ok(n) => return Ok(n),
                Err(error) if error.is_passing() => {
                    self.stream = None;
                    match self.client.retries().next(self.tried, None) {
                        Some(wait) => pause(wait),
                        None => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes some of the blob, 0 bytes at its end.
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open()?,
        };
        loop {
            let n = match stream.body.read(buffer) {
                Ok(0) if self.taken == self.size => return self.end(&stream.asked).map(|()| 0),
                Ok(0) => {
                    let fault = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(stream.asked.of_io(&fault));
                }
                Ok(n) => n,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                // All is here, whatever became of the connection.
                Err(_) if self.taken == self.size => return self.end(&stream.asked).map(|()| 0),
                Err(fault) => return Err(stream.asked.of_io(&fault)),
            };
            let old = stream.skip.min(n as u64);
            stream.skip -= old;
            let fresh = n - old as usize;
            if fresh == 0 {
                continue;
            }
            if self.taken + fresh as u64 > self.size {
                let reason = format!("it is longer than {} bytes", self.size);
                return Err(self.corrupt(&stream.asked, reason));
            }
            buffer.copy_within(old as usize..n, 0);
            self.hasher.update(&buffer[..fresh]);
            self.taken += fresh as u64;
            self.tried = 1;
            self.stream = Some(stream);
            return Ok(fresh);
        }
    }

    /// Asks for what is not here yet.
    fn open(&mut self) -> Result<Stream, Error> {
        self.tried += 1;
        let url = self.repository.url(&format!("blobs/{}", self.digest));
        let range = format!("bytes={}-", self.taken);
        let scopes = Scopes::pull(&self.repository.name);
        let mut request = self.repository.request(Method::GET, url, scopes);
        // It may be read by an upload that counts already: were it to wait
        // for a place, all places could be taken by those who wait.
        request.counted = false;
        // More than a blob needs at the speed of an old modem; still an end.
        let patience = self.client.settings().patience;
        request.body_time = Some(patience + Duration::from_secs(self.size / 1024));
        if self.taken > 0 {
            request.headers = vec![("range", &range)];
        }
        let response = self.client.send(&request, &[200, 206])?;
        let asked = response.asked();
        let start = start_of(&response)?;
        if start > self.taken {
            return Err(asked.unexpected("with another range"));
        }
        // The whole from its start: what is here already is passed over.
        let skip = self.taken - start;
        Ok(Stream { body: Box::new(response.into_stream()), asked, skip })
    }

    fn end(&mut self, asked: &Asked) -> Result<(), Error> {
        if !self.verified {
            let (found, _) = std::mem::take(&mut self.hasher).finish();
            if found != self.digest {
                return Err(self.corrupt(asked, format!("its bytes are those of `{found}`")));
            }
            self.verified = true;
        }
        Ok(())
    }

    fn corrupt(&self, asked: &Asked, reason: String) -> Error {
        Error::Corrupt { url: asked.url.to_string(), digest: self.digest, reason }
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.verified || buffer.is_empty() {
            return Ok(0);
        }
        self.fill(buffer).map_err(|error| io::Error::other(crate::Error::from(error)))
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Download({}, {} of {})", self.digest, self.taken, self.size)
    }
}

/// Returns where in the blob an answer starts.
fn start_of(response: &Response) -> Result<u64, Error> {
    let asked = response.asked();
    match (response.status, response.header("content-range")) {
        (206, Some(range)) => {
            range_start(range).ok_or_else(|| asked.unexpected("its `Content-Range` is faulty"))
        }
        (206, None) => Err(asked.unexpected("without a `Content-Range`")),
        _ => Ok(0),
    }
}

/// Reads where a range starts: `bytes 5-9/10`.
fn range_start(range: &str) -> Option<u64> {
    range.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
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
