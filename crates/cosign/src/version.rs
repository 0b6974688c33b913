//! Versions of cosign, as it says them itself.

use std::fmt;

/// A version of cosign; the ones before a release count as it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The major version.
    pub major: u32,
    /// The minor version.
    pub minor: u32,
    /// The patch version.
    pub patch: u32,
}

/// A major version whose command line is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Major {
    /// cosign 2, which makes legacy signatures.
    Two,
    /// cosign 3, which makes bundles.
    Three,
}

impl Major {
    /// Both, in order.
    pub const ALL: [Major; 2] = [Major::Two, Major::Three];

    /// Returns the number.
    pub fn number(self) -> u32 {
        match self {
            Major::Two => 2,
            Major::Three => 3,
        }
    }

    /// Returns the oldest version that will do: the first that has the
    /// options of signing configurations and bundles as they are used here.
    pub fn oldest(self) -> Version {
        match self {
            Major::Two => Version { major: 2, minor: 6, patch: 0 },
            Major::Three => Version { major: 3, minor: 1, patch: 0 },
        }
    }

    /// Returns the version that this project's tests run.
    pub fn tested(self) -> Version {
        match self {
            Major::Two => Version { major: 2, minor: 6, patch: 5 },
            Major::Three => Version { major: 3, minor: 1, patch: 3 },
        }
    }
}

impl fmt::Display for Major {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cosign {}", self.number())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Version {
    /// Reads what `cosign version --json` prints, or `cosign version`;
    /// `None` if no version is in it.
    pub fn said(text: &str) -> Option<Version> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Json {
            git_version: String,
        }
        if let Ok(Json { git_version }) = serde_json::from_str(text) {
            return Version::read(&git_version);
        }
        let mut lines = text.lines();
        lines.find_map(|line| Version::read(line.trim().strip_prefix("GitVersion:")?))
    }

    /// Reads `v2.6.5`, and what follows a number that is none.
    fn read(word: &str) -> Option<Version> {
        let mut parts = word.trim().strip_prefix('v')?.splitn(3, '.');
        let mut next = || {
            let part = parts.next()?;
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        };
        Some(Version { major: next()?, minor: next()?, patch: next()? })
    }

    /// Returns the major version if this one's command line is known.
    pub fn known(self) -> Option<Major> {
        let is_it = |major: &Major| self.major == major.number() && self >= major.oldest();
        Major::ALL.into_iter().find(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_read_in_both_forms() {
        let cases = [
            (r#"{"gitVersion": "v2.6.5", "gitCommit": "unknown"}"#, Some("2.6.5")),
            (r#"{"gitVersion": "v3.2.0-rc.1+dirty"}"#, Some("3.2.0")),
            (r#"{"gitVersion": "devel"}"#, None),
            (r#"{"gitVersion": "v3"}"#, None),
            ("art\nGitVersion:    v1.13.1\nGitCommit:     unknown\n", Some("1.13.1")),
            ("GitVersion:    devel\n", None),
            ("GitVersion: v99999999999.1.2\n", None),
            ("cosign v2.6.5\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = Version::said(text).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_versions_whose_command_line_is_known_will_do() {
        let cases = [
            ("v1.13.1", None),
            ("v2.5.9", None),
            ("v2.6.0", Some(Major::Two)),
            ("v2.99.0", Some(Major::Two)),
            ("v3.0.6", None),
            ("v3.1.0", Some(Major::Three)),
            ("v4.0.0", None),
        ];
        for (word, expected) in cases {
            assert_eq!(Version::read(word).unwrap().known(), expected, "{word}");
        }
        for major in Major::ALL {
            assert_eq!(major.tested().known(), Some(major));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, word in "v[0-9.x-]{0,12}") {
            let _ = Version::said(&text);
            let _ = Version::said(&format!("GitVersion: {word}"));
            let _ = Version::said(&format!("{{\"gitVersion\":\"{word}\"}}"));
        }
    }
}
