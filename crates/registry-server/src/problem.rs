//! Why a request gets no better answer: status, code and words.

use hyper::StatusCode;
use hyper::header::ALLOW;
use serde::Serialize;

use crate::answer::Answer;
use crate::route::{Name, Wanted};

/// A refusal, and what the one who runs the server should know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    /// One of the specification's (distribution-spec, "Error Codes"), or of
    /// those that the distribution project's registry has beyond them.
    code: &'static str,
    message: String,
    /// What is wrong with the tree, with paths: not for clients.
    fault: Option<String>,
}

/// The body of a refusal (distribution-spec, "Error Codes").
#[derive(Serialize)]
struct Document<'a> {
    errors: [Entry<'a>; 1],
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    message: &'a str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { status, code, message: message.into(), fault: None }
    }

    /// Returns whether it says that something is not there.
    pub(crate) fn is_absence(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    pub(crate) fn no_endpoint() -> Problem {
        let message = "a registry has no such path";
        Problem::new(StatusCode::NOT_FOUND, "UNSUPPORTED", message)
    }

    pub(crate) fn read_only() -> Problem {
        let message = "this registry is read-only";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }

    pub(crate) fn invalid_name(word: &str) -> Problem {
        let message = format!("`{}` is not the name of a repository", shown(word));
        Problem::new(StatusCode::BAD_REQUEST, "NAME_INVALID", message)
    }

    pub(crate) fn invalid_digest(word: &str) -> Problem {
        let message = format!("`{}` is not a digest", shown(word));
        Problem::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
    }

    pub(crate) fn invalid_page(word: &str) -> Problem {
        let message = format!("`{}` is not a number of items", shown(word));
        Problem::new(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", message)
    }

    pub(crate) fn unknown_name(name: &Name) -> Problem {
        let message = format!("there is no repository `{}`", name.path);
        Problem::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message)
    }

    /// Several registries of the tree have the repository: which is meant
    /// must be said, for the other would be the wrong image.
    pub(crate) fn ambiguous_name(name: &Name, full: &[String]) -> Problem {
        let full: Vec<_> = full.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("`{}` may be {}: ask for one", name.path, full.join(" or "));
        Problem::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message)
    }

    pub(crate) fn unknown_manifest(wanted: &Wanted) -> Problem {
        let message = format!("there is no manifest {wanted}");
        Problem::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message)
    }

    pub(crate) fn ambiguous_tag(tag: &str) -> Problem {
        let message = format!("several manifests have the tag `{tag}`");
        Problem::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message)
    }

    pub(crate) fn unknown_blob(wanted: &Wanted) -> Problem {
        let message = format!("there is no blob {wanted}");
        Problem::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", message)
    }

    pub(crate) fn unsatisfiable(size: u64) -> Problem {
        let message = format!("no such part of {size} bytes");
        Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", message)
    }

    /// Something of the tree cannot be read, which is no fault of the
    /// client's.
    pub(crate) fn fault(fault: impl ToString) -> Problem {
        let message = "the registry cannot read what it has; whoever runs it sees why";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Problem { fault: Some(fault.to_string()), ..Problem::new(status, "UNKNOWN", message) }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Answer {
        let Problem { status, code, message, fault } = problem;
        let errors = [Entry { code, message: &message }];
        let answer = Answer::json(&Document { errors }).status(status);
        let answer = match status {
            StatusCode::METHOD_NOT_ALLOWED => answer.header(ALLOW, "GET, HEAD"),
            _ => answer,
        };
        Answer { fault, ..answer }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wanted::Digest(digest) => write!(f, "`{digest}`"),
            Wanted::Tag(tag) => write!(f, "`{}`", shown(tag)),
            Wanted::Foreign => f.write_str("of another algorithm than sha256"),
        }
    }
}

/// Makes a client's word fit to be repeated: no longer than a line.
fn shown(word: &str) -> String {
    const LENGTH: usize = 100;
    let cut = word.chars().nth(LENGTH).map_or("", |_| "…");
    word.chars().take(LENGTH).flat_map(char::escape_debug).chain(cut.chars()).collect()
}
