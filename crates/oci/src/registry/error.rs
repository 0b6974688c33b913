//! What can go wrong between this client and a registry.
//!
//! Messages name the method and the URL, whose query shows no secret, and
//! what the registry said in its own words (distribution-spec, "Error
//! Codes"). Errors can be cloned: one failed upload is the outcome of every
//! image that needs the blob.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host::fs::IoError;

use crate::{Digest, Platform};

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{method} {url}` was answered with {status}{}", said(code, message))]
pub struct Refusal {
    /// The request's method.
    pub method: String,
    /// The request's URL, without secrets.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    /// The registry's own code, such as `DENIED`.
    pub code: Option<String>,
    /// The registry's own message.
    pub message: Option<String>,
    /// The registry that it is about, by the name that references have, if
    /// that is another than the URL's.
    pub registry: Option<String>,
    /// Which credentials were shown, or where none were found.
    pub credentials: Option<String>,
    /// How long the registry asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why a registry could not be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry answered, and not with what was asked for.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer came, or not all of it.
    #[error("`{method} {url}` failed: {reason}")]
    Transport {
        /// The request's method.
        method: String,
        /// The request's URL, without secrets.
        url: String,
        /// What went wrong.
        reason: String,
        /// Whether it might go well another time.
        passing: bool,
    },
    /// The answer is not one of the specification.
    #[error("`{method} {url}` was answered, but {reason}")]
    Unexpected {
        /// The request's method.
        method: String,
        /// The request's URL, without secrets.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// What was downloaded is not what was asked for.
    #[error("`{url}` is not `{digest}`: {reason}")]
    Corrupt {
        /// What was read, without secrets.
        url: String,
        /// What it should be.
        digest: Digest,
        /// What it is.
        reason: String,
    },
    /// Something is larger than it may be.
    #[error("`{url}` is larger than {limit} bytes")]
    TooLarge {
        /// What was read, without secrets.
        url: String,
        /// How large it may be.
        limit: u64,
    },
    /// A registry sends its users to a place where secrets are not safe.
    #[error("`{registry}` wants credentials to be sent to `{realm}`: {reason}")]
    UnsafeRealm {
        /// The registry.
        registry: String,
        /// Where it sends its users, without secrets.
        realm: String,
        /// Why nothing is sent there.
        reason: &'static str,
    },
    /// A file of credentials cannot be understood.
    #[error("`{}` is not a usable file of credentials: {reason}", path.display())]
    AuthFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never what stands in it.
        reason: String,
    },
    /// A program that keeps credentials failed.
    #[error("the credential helper `{helper}` failed for `{registry}`: {reason}")]
    Helper {
        /// The program.
        helper: String,
        /// The file that names it.
        path: PathBuf,
        /// What it was asked for.
        registry: String,
        /// What went wrong.
        reason: String,
    },
    /// Certificates or keys cannot be used.
    #[error("`{}` cannot be used for TLS: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An index has no image for the platform.
    #[error("`{url}` has no image for `{platform}`{}", known(platforms))]
    NoPlatform {
        /// The index, without secrets.
        url: String,
        /// What was asked for.
        platform: Box<Platform>,
        /// What is there.
        platforms: Vec<Platform>,
    },
    /// An image cannot be pushed under this name.
    #[error("`{reference}` cannot be pushed: {reason}")]
    Unpushable {
        /// The name.
        reference: String,
        /// Why not.
        reason: &'static str,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Io(Arc<IoError>),
    /// The image itself is faulty.
    #[error(transparent)]
    Image(crate::Error),
}

impl From<crate::Error> for Error {
    /// What a registry did comes out as it went in.
    fn from(error: crate::Error) -> Error {
        match error {
            crate::Error::Registry(error) => *error,
            error => Error::Image(error),
        }
    }
}

impl Error {
    /// Returns whether the same request might go well another time.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Error::Transport { passing, .. } => *passing,
            Error::Refused(refusal) => super::retry::is_passing(refusal.status),
            _ => false,
        }
    }

    /// Returns how long the registry asks to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Returns the status that the registry answered with.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }
}

impl From<IoError> for Error {
    fn from(error: IoError) -> Error {
        Error::Io(Arc::new(error))
    }
}

/// The longest message of a registry that an error repeats, in characters.
const MESSAGE_MAX: usize = 500;

/// Reads the first error of an answer's body: `{"errors": [{"code", …}]}`.
/// Proxies answer with other things, of which only a short text is of use.
pub(crate) fn read_body(body: &[u8]) -> (Option<String>, Option<String>) {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        errors: Vec<Entry>,
        // What token servers say: RFC 6749, 5.2, and two others' habits.
        error: Option<String>,
        error_description: Option<String>,
        details: Option<String>,
        message: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        code: Option<String>,
        message: Option<String>,
    }
    let short = |text: String| short(&text);
    match serde_json::from_slice::<Body>(body) {
        Ok(body) => {
            let first = body.errors.into_iter().next();
            let (code, message) = first.map_or((None, None), |entry| (entry.code, entry.message));
            let message = message.or(body.error_description).or(body.details).or(body.message);
            (code.or(body.error).and_then(short), message.and_then(short))
        }
        Err(_) => {
            let text = std::str::from_utf8(body).unwrap_or_default();
            let is_page = text.trim_start().starts_with('<');
            (None, if is_page { None } else { short(text.to_owned()) })
        }
    }
}

/// Returns a text of someone else's as it can stand in a message; `None` if
/// it says nothing.
pub(crate) fn short(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().filter(|c| !c.is_control()).take(MESSAGE_MAX).collect();
    (!text.is_empty()).then_some(text)
}

fn said(code: &Option<String>, message: &Option<String>) -> String {
    match (code, message) {
        (Some(code), Some(message)) => format!(" ({code}: {message})"),
        (Some(text), None) | (None, Some(text)) => format!(" ({text})"),
        (None, None) => String::new(),
    }
}

fn known(platforms: &[Platform]) -> String {
    match platforms {
        [] => String::new(),
        platforms => {
            let names: Vec<_> = platforms.iter().map(|name| format!("`{name}`")).collect();
            format!("; it has {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_every_kind_are_read() {
        let cases = [
            (
                r#"{"errors":[{"code":"DENIED","message":"no\n way","detail":{}}]}"#,
                "DENIED: no way",
            ),
            (r#"{"errors":[{"code":"DENIED"}]}"#, "DENIED"),
            (r#"{"error":"invalid_grant","error_description":"old"}"#, "invalid_grant: old"),
            (r#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
            (
                "Client sent an HTTP request to an HTTPS server.\n",
                "Client sent an HTTP request to an HTTPS server.",
            ),
            ("<html><h1>502</h1></html>", ""),
            ("", ""),
            ("{}", ""),
        ];
        for (body, expected) in cases {
            let (code, message) = read_body(body.as_bytes());
            let text = said(&code, &message);
            let text = text.trim_start_matches(" (").trim_end_matches(')');
            assert_eq!(text, expected, "{body}");
        }
    }

    #[test]
    fn a_refusal_says_everything() {
        let error = |status, method: &str| {
            Error::Refused(Box::new(Refusal {
                method: method.into(),
                url: "https://quay.io/v2/a/blobs/uploads/".into(),
                status,
                code: Some("UNAUTHORIZED".into()),
                message: Some("access denied".into()),
                registry: Some("quay.io".into()),
                credentials: Some("no credentials for `quay.io/a` in `/x/auth.json`".into()),
                retry_after: None,
            }))
        };
        assert_eq!(
            error(401, "POST").to_string(),
            "`POST https://quay.io/v2/a/blobs/uploads/` was answered with 401 (UNAUTHORIZED: access denied)"
        );
        assert_eq!(
            error(401, "POST").hint().unwrap(),
            "no credentials for `quay.io/a` in `/x/auth.json`; \
             log in with `podman login quay.io` or `docker login quay.io`"
        );
        assert!(error(403, "POST").hint().unwrap().contains("may have to be created"));
        assert_eq!(error(403, "GET").hint(), None);
    }
}
