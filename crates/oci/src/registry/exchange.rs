//! One request and its answer, with nothing clever in between.
//!
//! Redirects, credentials and further tries are the business of
//! `transport`; here bytes go out with their length and come back with a
//! cap. Every fault is told as one that may pass or one that will not.

use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ureq::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use ureq::http::{self, HeaderMap, HeaderValue, Method};
use ureq::{Agent, SendBody};

use super::error::{self, Refusal};
use super::limit::Permit;
use super::retry::retry_after;
use super::url::Url;
use super::{Error, Secret, fault};
use crate::Blob;

/// What a request carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// What no other host may see.
    Secret(&'a Secret),
    Blob(&'a Blob),
}

impl<'a> Payload<'a> {
    /// Returns what is in memory of it.
    fn bytes(self) -> &'a [u8] {
        match self {
            Payload::Bytes(bytes) => bytes,
            Payload::Secret(secret) => secret.expose().as_bytes(),
            Payload::Nothing | Payload::Blob(_) => &[],
        }
    }
}

/// An answer whose body is still to be read.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) method: Method,
    pub(crate) url: Url,
    body: ureq::Body,
    /// Held until the body is read or dropped; nothing where the request does
    /// not count.
    permit: Option<Permit>,
}

/// What errors say of a request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) url: Url,
}

impl Asked {
    pub(crate) fn unexpected(&self, reason: impl Into<String>) -> Error {
        Error::Unexpected {
            method: self.method.to_string(),
            url: self.url.to_string(),
            reason: reason.into(),
        }
    }

    fn transport(&self, reason: String, passing: bool) -> Error {
        let (method, url) = (self.method.to_string(), self.url.to_string());
        Error::Transport { method, url, reason, passing }
    }

    fn of_ureq(&self, fault: &ureq::Error) -> Error {
        match fault {
            ureq::Error::Io(fault) => self.of_io(fault),
            ureq::Error::Timeout(_) => self.transport(fault::SLOW.into(), true),
            ureq::Error::HostNotFound => self.transport(fault::NO_ADDRESS.into(), false),
            ureq::Error::Protocol(fault) => {
                self.transport(format!("the answer is not HTTP ({fault})"), true)
            }
            // Its text is the URI, secrets included.
            ureq::Error::BadUri(_) => self.transport("the URL cannot be used".into(), false),
            ureq::Error::LargeResponseHeader(..) => {
                self.transport("the head of the answer is too long".into(), false)
            }
            fault => self.transport(fault.to_string(), false),
        }
    }

    pub(crate) fn of_io(&self, error: &io::Error) -> Error {
        if let Some(fault) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return self.of_ureq(fault);
        }
        let (reason, passing) = fault::explain(error);
        self.transport(reason, passing)
    }
}

/// Sends one request. `headers` are names and values; the length of the
/// payload is added. The body of the answer may take `body_time`, by default
/// as long as the agent's configuration says.
pub(crate) fn exchange(
    agent: &Agent,
    permit: Option<Permit>,
    asked: &Asked,
    headers: &[(&'static str, &str)],
    authorization: Option<&Secret>,
    payload: Payload<'_>,
    body_time: Option<Duration>,
) -> Result<Response, Error> {
    let bad = |_| asked.unexpected("its headers cannot be sent");
    let mut builder = http::Request::builder().method(&asked.method).uri(asked.url.exposed());
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::from_str(authorization.expose())
            .map_err(|_| asked.unexpected("the credentials have characters that no header has"))?;
        value.set_sensitive(true);
        builder = builder.header(http::header::AUTHORIZATION, value);
    }
    let (answer, mut local) = match payload {
        Payload::Nothing if matches!(asked.method, Method::GET | Method::HEAD) => {
            let request = builder.body(()).map_err(bad)?;
            let answer = match body_time {
                Some(_) => {
                    let request = agent.configure_request(request).timeout_recv_body(body_time);
                    agent.run(request.build())
                }
                None => agent.run(request),
            };
            (answer, None)
        }
        Payload::Blob(blob) => {
            let (left, place) = (blob.size(), blob.place());
            let mut source = Source { inner: blob.reader()?, left, place, fault: None };
            let body = SendBody::from_reader(&mut source);
            let request = builder.header(CONTENT_LENGTH, blob.size()).body(body).map_err(bad)?;
            let answer = agent.run(request);
            (answer, source.fault)
        }
        payload => {
            let bytes = payload.bytes();
            let request = builder.header(CONTENT_LENGTH, bytes.len()).body(bytes).map_err(bad)?;
            (agent.run(request), None)
        }
    };
    let answer = answer.map_err(|fault| match local.take() {
        Some(fault) => fault.into(),
        None => asked.of_ureq(&fault),
    })?;
    let (parts, body) = answer.into_parts();
    let Asked { method, url } = asked.clone();
    Ok(Response {
        status: parts.status.as_u16(),
        headers: parts.headers,
        method,
        url,
        body,
        permit,
    })
}

/// A blob on its way out. Remembers why it could not be read, and reads past
/// the end before the last piece leaves, for there the blob is verified.
struct Source<'a> {
    inner: Box<dyn Read + Send>,
    left: u64,
    place: &'a Path,
    fault: Option<crate::Error>,
}

impl Source<'_> {
    fn pull(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        crate::error::check_interrupt().map_err(io::Error::other)?;
        let n = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(n as u64);
        if self.left == 0 && n > 0 {
            self.inner.read_to_end(&mut Vec::new())?;
        }
        Ok(n)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pull(buffer).map_err(|fault| {
            let fault = crate::Error::from_read(self.place, fault);
            self.fault.get_or_insert(fault);
            io::Error::other("a blob cannot be read")
        })
    }
}

/// The longest body of an answer that is read for what it says.
const SAID_MAX: u64 = 64 * 1024;

impl Response {
    pub(crate) fn asked(&self) -> Asked {
        Asked { method: self.method.clone(), url: self.url.clone() }
    }

    /// Returns a header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns how long the server asks to be left alone.
    fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        retry_after(value, SystemTime::now())
    }

    /// Reads the body, which must not be longer than `limit`.
    pub(crate) fn read(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let asked = self.asked();
        let too_large = || Error::TooLarge { url: asked.url.to_string(), limit };
        if let Some(encoding) = self.header("content-encoding").filter(|it| *it != "identity") {
            let reason =
                format!("with a body in the encoding `{encoding}`, which was not asked for");
            return Err(asked.unexpected(reason));
        }
        if self.body.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        let mut reader = self.body.as_reader().take(limit + 1);
        reader.read_to_end(&mut bytes).map_err(|fault| asked.of_io(&fault))?;
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
        Ok(bytes)
    }

    /// Returns the body as a stream.
    pub(crate) fn into_stream(self) -> impl Read + Send + 'static {
        self.body.into_reader()
    }

    /// Gives the right to be under way back while the answer is looked at:
    /// what is asked next may need it.
    pub(crate) fn release(&mut self) {
        self.permit = None;
    }

    /// Reads what little there is, so that the connection can be used again.
    pub(crate) fn drain(mut self) {
        let _ = self.read(SAID_MAX);
    }

    /// Makes the error that this answer of a registry is.
    pub(crate) fn into_refusal(mut self, registry: &str, credentials: Option<String>) -> Error {
        let (method, url, status) = (self.method.to_string(), self.url.to_string(), self.status);
        let retry_after = self.retry_after();
        let (code, message) = error::read_body(&self.read(SAID_MAX).unwrap_or_default());
        Error::Refused(Box::new(Refusal {
            method,
            url,
            status,
            code,
            message,
            registry: Some(registry.to_owned()),
            credentials,
            retry_after,
        }))
    }
}
