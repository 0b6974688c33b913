//! Versions of Go, as its compiler and `go.mod` write them.

use std::fmt;
use std::str::FromStr;

/// A version of Go; the ones before a release (`1.27rc1`) count as it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    /// 0 where it is not said: `1.25` is the first of its line.
    patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version { major, minor, patch } = self;
        write!(f, "{major}.{minor}")?;
        if *patch > 0 { write!(f, ".{patch}") } else { Ok(()) }
    }
}

impl FromStr for Version {
    type Err = ();

    /// Reads `1.25`, `1.25.3` and `1.26rc1`, and what follows a number that
    /// is none.
    fn from_str(text: &str) -> Result<Version, ()> {
        let mut parts = text.splitn(3, '.');
        let major = parts.next().and_then(|part| part.parse().ok()).ok_or(())?;
        let minor = parts.next().and_then(number).ok_or(())?;
        let patch = parts.next().map_or(Some(0), number).ok_or(())?;
        Ok(Version { major, minor, patch })
    }
}

/// Returns the number that a word starts with.
fn number(part: &str) -> Option<u32> {
    let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
    part[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let ascending = ["1.9", "1.19.8", "1.25", "1.25.1", "1.26rc1", "1.26.8-X:nodwarf5"];
        let read: Vec<Version> = ascending.iter().map(|text| text.parse().unwrap()).collect();
        assert!(read.is_sorted_by(|a, b| a < b), "{read:?}");
        let shown: Vec<String> = read.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["1.9", "1.19.8", "1.25", "1.25.1", "1.26", "1.26.8"]);
        assert_eq!("1.25".parse::<Version>(), "1.25.0".parse());
        for text in ["", "1", "go1.2", "1.x", "1.2.x", "devel", "1.99999999999"] {
            assert_eq!(text.parse::<Version>(), Err(()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<Version>();
        }
    }
}
