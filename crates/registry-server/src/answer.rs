//! What is sent back, before anything is sent.

use std::fs::File;

use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Serialize;

use crate::problem::Problem;

/// A response, and what the one who runs the server should know of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
    /// What is wrong with the tree.
    pub(crate) fault: Option<String>,
}

/// The bytes of a response.
#[derive(Debug)]
pub(crate) enum Content {
    /// None.
    Empty,
    /// Documents, which are small.
    Bytes(Bytes),
    /// So many of a file, from where it stands.
    File(File, u64),
}

impl Answer {
    /// Makes an answer of a document or of nothing.
    pub(crate) fn new(content: Content) -> Answer {
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        let length = content.length();
        Answer { status, headers, content, fault: None }.header(CONTENT_LENGTH, length)
    }

    pub(crate) fn json(document: &impl Serialize) -> Answer {
        match serde_json::to_vec(document) {
            Ok(bytes) => {
                Answer::new(Content::Bytes(bytes.into())).header(CONTENT_TYPE, "application/json")
            }
            Err(error) => Problem::fault(error).into(),
        }
    }

    #[must_use]
    pub(crate) fn status(mut self, status: StatusCode) -> Answer {
        self.status = status;
        self
    }

    /// Sets a header; a value that cannot stand in one is left out.
    #[must_use]
    pub(crate) fn header(mut self, name: impl Into<HeaderName>, value: impl ToString) -> Answer {
        if let Ok(value) = HeaderValue::try_from(value.to_string()) {
            self.headers.insert(name.into(), value);
        }
        self
    }

    /// Returns what is sent for a method: a HEAD gets the same headers.
    #[must_use]
    pub(crate) fn to(mut self, method: &Method) -> Answer {
        if method == Method::HEAD {
            self.content = Content::Empty;
        }
        self
    }
}

impl Content {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Content::Empty => 0,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(_, length) => *length,
        }
    }
}
