//! What is wrong with an object or an image, and how badly.

use std::fmt;

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It works, but not everywhere.
    Warning,
    /// Some consumer that must be able to use it cannot.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is: a fragment that names the program, map or label.
    pub message: String,
}

impl Finding {
    pub(crate) fn error(message: impl Into<String>) -> Finding {
        Finding { severity: Severity::Error, message: message.into() }
    }

    pub(crate) fn warning(message: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
