//! Platforms: the machine an image is for.
//!
//! The words are those of the OCI image specification (image-index.md,
//! "platform"), joined by slashes as every engine writes them. Which
//! platforms exist is not known here.

use std::fmt;
use std::str::FromStr;

use crate::ParseError;

/// An operating system, an architecture and perhaps a variant of it, written
/// `linux/arm64` or `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The operating system by its GOOS name, such as `linux`.
    pub os: String,
    /// The architecture by its GOARCH name, such as `arm64`.
    pub architecture: String,
    /// The variant of the architecture, such as `v7`.
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = ParseError;

    /// Accepts `os/architecture` and `os/architecture/variant`.
    fn from_str(word: &str) -> Result<Platform, ParseError> {
        let error = |reason| ParseError { what: "platform", input: word.to_owned(), reason };
        let good = |part: &&str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            !part.is_empty() && part.chars().all(plain)
        };
        let parts: Vec<&str> = word.split('/').collect();
        if !(2..=3).contains(&parts.len()) {
            return Err(error("it is not `os/architecture` or `os/architecture/variant`"));
        }
        if !parts.iter().all(good) {
            return Err(error("its parts are made of `a-z`, `0-9`, `.`, `_` and `-`"));
        }
        Ok(Platform {
            os: parts[0].to_owned(),
            architecture: parts[1].to_owned(),
            variant: parts.get(2).map(|&part| part.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_parse() {
        let cases = [
            ("linux/amd64", ("linux", "amd64", None)),
            ("linux/arm/v7", ("linux", "arm", Some("v7"))),
        ];
        for (word, (os, architecture, variant)) in cases {
            let platform: Platform = word.parse().unwrap();
            assert_eq!((platform.os.as_str(), platform.architecture.as_str()), (os, architecture));
            assert_eq!(platform.variant.as_deref(), variant);
        }
    }

    #[test]
    fn other_words_are_refused_and_named() {
        let shape = "it is not `os/architecture` or `os/architecture/variant`";
        let parts = "its parts are made of `a-z`, `0-9`, `.`, `_` and `-`";
        let cases = [
            ("", shape),
            ("linux", shape),
            ("linux/arm/v7/x", shape),
            ("linux/", parts),
            ("/amd64", parts),
            ("linux/AMD64", parts),
            ("linux/arm 64", parts),
        ];
        for (word, reason) in cases {
            let error = word.parse::<Platform>().unwrap_err();
            assert_eq!(error.to_string(), format!("invalid platform `{word}`: {reason}"));
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_was(word in "[a-z]{1,5}/[a-z0-9_.-]{1,8}(/[a-z0-9.]{1,4})?") {
            prop_assert_eq!(word.parse::<Platform>().unwrap().to_string(), word);
        }

        #[test]
        fn no_word_panics(word: String) {
            if let Ok(platform) = word.parse::<Platform>() {
                prop_assert_eq!(platform.to_string(), word);
            }
        }
    }
}
