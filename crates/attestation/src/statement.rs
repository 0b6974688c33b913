//! Statements of in-toto: a predicate, and what it is about
//! (in-toto Attestation Framework, spec/v1/statement.md).

use std::collections::BTreeMap;

use oci::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What every statement is.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Digests by the names of their algorithms (spec/v1/digest_set.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// The SHA-256, in hexadecimal.
    pub sha256: String,
}

/// What a statement is about (spec/v1/resource_descriptor.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// Its digests by the names of their algorithms.
    pub digest: BTreeMap<String, String>,
}

/// A predicate, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement<P> {
    /// [`STATEMENT`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// What the predicate is: a URI.
    pub predicate_type: String,
    /// What is said.
    pub predicate: P,
}

/// Why bytes are not the statement that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// They are no JSON of the form.
    #[error("it cannot be read: {0}")]
    Json(String),
    /// They are something else.
    #[error("it is a `{found}`, not a `{wanted}`")]
    Kind {
        /// What they say they are.
        found: String,
        /// What was looked for.
        wanted: &'static str,
    },
    /// It is about something else.
    #[error("it is not about `{0}`")]
    Subject(Digest),
}

impl<P> Statement<P> {
    /// States something of the image that has a name and a digest.
    pub fn new(name: &str, digest: Digest, predicate_type: &str, predicate: P) -> Statement<P> {
        let digest = BTreeMap::from([("sha256".to_owned(), digest.hex())]);
        Statement {
            kind: STATEMENT.to_owned(),
            subject: vec![Subject { name: name.to_owned(), digest }],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }
}

impl<P: Serialize> Statement<P> {
    /// Returns the statement as compact JSON, always the same.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Maps have strings for keys, so nothing can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl<P: DeserializeOwned> Statement<P> {
    /// Reads a statement of one kind of predicate about a digest.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are something else, or it is about something else.
    pub fn parse(
        bytes: &[u8],
        predicate_type: &'static str,
        digest: Digest,
    ) -> Result<Statement<P>, Fault> {
        // What it is decides what its predicate must look like.
        let statement = Statement::<Value>::any(bytes, digest)?;
        let Statement { kind, subject, predicate_type: found, predicate } = statement;
        if found != predicate_type {
            return Err(Fault::Kind { found, wanted: predicate_type });
        }
        let predicate = serde_json::from_value(predicate).map_err(json)?;
        Ok(Statement { kind, subject, predicate_type: found, predicate })
    }

    /// Reads a statement of whatever kind about a digest.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are no statement, or it is about something else.
    pub fn any(bytes: &[u8], digest: Digest) -> Result<Statement<P>, Fault> {
        let statement: Statement<P> = serde_json::from_slice(bytes).map_err(json)?;
        if statement.kind != STATEMENT {
            return Err(Fault::Kind { found: statement.kind, wanted: STATEMENT });
        }
        let hex = digest.hex();
        let is_it = |subject: &Subject| subject.digest.get("sha256") == Some(&hex);
        match statement.subject.iter().any(is_it) {
            true => Ok(statement),
            false => Err(Fault::Subject(digest)),
        }
    }
}

fn json(error: serde_json::Error) -> Fault {
    Fault::Json(error.to_string())
}
