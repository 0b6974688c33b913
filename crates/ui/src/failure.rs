//! What went wrong, in the words that the user reads: what was being done to
//! which thing, why it failed, and what to do next.

use std::error::Error;

use serde::{Serialize, Serializer};

use crate::Exit;

/// One thing that went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// How the program ends for it.
    #[serde(skip)]
    pub exit: Exit,
    /// What failed, then each cause.
    #[serde(rename = "message")]
    pub chain: Vec<String>,
    /// What a tool said, as it said it, or the names that failed so, a line
    /// each; may hold colour, but not as JSON.
    #[serde(serialize_with = "plain")]
    pub detail: String,
    /// What the user can do.
    pub hints: Vec<String>,
}

impl Failure {
    /// Makes a failure of an error and its causes.
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        let error = error.into();
        let mut chain = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // A transparent error repeats what it wraps.
            if chain.last() != Some(&text) {
                chain.push(text);
            }
            cause = error.source();
        }
        Failure { exit, chain, ..Failure::default() }
    }

    /// Makes a failure of the user's words: exit code 2.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure::new(Exit::Usage, error)
    }

    /// Makes a failure of a missing tool: exit code 3.
    pub fn missing(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure::new(Exit::Missing, error)
    }

    /// Says that who read the results has gone away: the program ends, and
    /// nothing went wrong.
    pub(crate) fn gone() -> Failure {
        Failure { exit: Exit::Done, ..Failure::default() }
    }

    /// Puts what was being done before the causes.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Failure {
        self.chain.insert(0, message.into());
        self
    }

    /// Adds what a tool said.
    #[must_use]
    pub fn detail(mut self, text: impl Into<String>) -> Failure {
        self.detail = text.into();
        self
    }

    /// Adds something the user can do.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Failure {
        self.hints.push(text.into());
        self
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    /// The work failed: exit code 1.
    fn from(error: E) -> Failure {
        Failure::new(Exit::Failed, error)
    }
}

fn plain<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&anstream::adapter::strip_str(text))
}

/// Everything that went wrong with independent work, reported together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures(pub Vec<Failure>);

impl Failures {
    /// Returns how the program ends: as interrupted if it was, else as its
    /// first failure says.
    pub fn exit(&self) -> Exit {
        let interrupted = self.0.iter().any(|failure| failure.exit == Exit::Interrupted);
        match self.0.first() {
            _ if interrupted => Exit::Interrupted,
            Some(failure) => failure.exit,
            None => Exit::Done,
        }
    }

    /// Returns `value` if nothing went wrong.
    ///
    /// # Errors
    ///
    /// Returns the failures if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Failures> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl<T: Into<Failure>> From<T> for Failures {
    fn from(failure: T) -> Failures {
        Failures(vec![failure.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::io::Error);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_are_kept_in_order() {
        let failure = Failure::from(Outer(std::io::Error::other("inner"))).context("first");
        assert_eq!(failure.chain, ["first", "outer", "inner"]);
        assert_eq!(failure.exit, Exit::Failed);
    }

    #[test]
    fn the_json_has_no_colour() {
        let failure = Failure::usage("x").detail("\u{1b}[31mred\u{1b}[0m").hint("h");
        let json = serde_json::to_string(&failure).unwrap();
        assert_eq!(json, r#"{"message":["x"],"detail":"red","hints":["h"]}"#);
    }

    #[test]
    fn the_first_failure_decides_unless_interrupted() {
        let failure = |exit| Failure::new(exit, "x");
        let cases: [(&[Exit], Exit); 4] = [
            (&[], Exit::Done),
            (&[Exit::Missing, Exit::Failed], Exit::Missing),
            (&[Exit::Failed, Exit::Usage], Exit::Failed),
            (&[Exit::Failed, Exit::Interrupted], Exit::Interrupted),
        ];
        for (exits, expected) in cases {
            let failures = Failures(exits.iter().map(|exit| failure(*exit)).collect());
            assert_eq!(failures.exit(), expected);
        }
    }
}
