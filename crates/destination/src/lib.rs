//! Where images go: layouts, archives.
//!
//! A [`Destination`] is parsed once from what the user typed and takes
//! batches of named artifacts. Each kind is one module. Not here: what is in
//! an image, and how one is named.

#![forbid(unsafe_code)]

mod oci_archive;
mod oci_tree;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci::{Digest, Named, Platform, Reference};

/// A place for images.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// `oci:DIR`: a tree of layouts, one per repository.
    Oci(PathBuf),
    /// `oci-archive:FILE`: one tar of one layout.
    OciArchive(PathBuf),
}

/// How a destination is typed, and what it is then.
struct Scheme {
    name: &'static str,
    placeholder: &'static str,
    make: fn(PathBuf) -> Destination,
}

const SCHEMES: [Scheme; 2] = [
    Scheme { name: "oci", placeholder: "DIR", make: Destination::Oci },
    Scheme { name: "oci-archive", placeholder: "FILE", make: Destination::OciArchive },
];

/// A word that is not a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid destination `{word}`: {reason}; known are {known}", known = known())]
pub struct ParseDestinationError {
    /// The word as it was given.
    pub word: String,
    /// What is wrong with it.
    pub reason: String,
}

fn known() -> String {
    let forms = SCHEMES.iter().map(|scheme| format!("`{}:{}`", scheme.name, scheme.placeholder));
    forms.collect::<Vec<_>>().join(", ")
}

impl FromStr for Destination {
    type Err = ParseDestinationError;

    /// Accepts `SCHEME:REST` as the variants say.
    fn from_str(word: &str) -> Result<Destination, ParseDestinationError> {
        let error = |reason| Err(ParseDestinationError { word: word.to_owned(), reason });
        let Some((name, path)) = word.split_once(':') else {
            return error("it has no scheme".to_owned());
        };
        match SCHEMES.iter().find(|scheme| scheme.name == name) {
            None => error(format!("`{name}` is not a known scheme")),
            Some(_) if path.is_empty() => error("its path is empty".to_owned()),
            Some(scheme) => Ok((scheme.make)(path.into())),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Oci(path) => write!(f, "oci:{}", path.display()),
            Destination::OciArchive(path) => write!(f, "oci-archive:{}", path.display()),
        }
    }
}

/// How to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a power cut must leave whole images behind: not in a build
    /// directory, where they can be made again.
    pub durable: bool,
}

/// What became of one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The names it now has.
    pub references: Vec<Reference>,
    /// Its digest.
    pub digest: Digest,
    /// The platforms it is for, in its own order.
    pub platforms: Vec<Platform>,
    /// How many bytes its blobs have together, each counted once.
    pub size: u64,
    /// Whether it was not there before as it is now.
    pub changed: bool,
    /// How many files were written or linked for it.
    pub files_written: usize,
    /// How many bytes were written for it.
    pub bytes_written: u64,
}

/// Why something was not published.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layout or an archive could not be read or written.
    #[error(transparent)]
    Oci(#[from] oci::Error),
}

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Oci(error) => error.hint(),
        }
    }
}

impl Destination {
    /// Returns the same destination with its path taken from `base`, unless
    /// it is absolute.
    #[must_use]
    pub fn relative_to(&self, base: &Path) -> Destination {
        match self {
            Destination::Oci(path) => Destination::Oci(base.join(path)),
            Destination::OciArchive(path) => Destination::OciArchive(base.join(path)),
        }
    }

    /// Puts artifacts there under their names, and returns what became of
    /// each, in the given order.
    ///
    /// # Errors
    ///
    /// Fails as a whole if a reference cannot be written there, or the
    /// destination cannot be used at all. One artifact's failure is its own
    /// where the destination allows it: the others are published.
    pub fn publish(
        &self,
        batch: &[Named],
        options: Options,
    ) -> Result<Vec<Result<Published, Error>>, Error> {
        match self {
            Destination::Oci(directory) => oci_tree::publish(directory, batch, options),
            Destination::OciArchive(file) => oci_archive::publish(file, batch, options),
        }
    }
}

/// Returns what is to be said of an artifact for which nothing had to be
/// done.
fn untouched(named: &Named) -> Published {
    Published {
        references: named.references.clone(),
        digest: named.artifact.digest(),
        platforms: named.artifact.platforms(),
        size: named.artifact.size(),
        changed: false,
        files_written: 0,
        bytes_written: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_parse_and_print() {
        let cases = [
            ("oci:target/images", Destination::Oci("target/images".into())),
            ("oci:/a:b", Destination::Oci("/a:b".into())),
            ("oci-archive:x.tar", Destination::OciArchive("x.tar".into())),
        ];
        for (word, destination) in cases {
            assert_eq!(word.parse(), Ok(destination.clone()));
            assert_eq!(destination.to_string(), word);
        }
    }

    #[test]
    fn other_words_are_refused_with_the_known_ones() {
        let cases = [
            ("", "it has no scheme"),
            ("images", "it has no scheme"),
            ("oci", "it has no scheme"),
            ("oci:", "its path is empty"),
            ("oci-archive:", "its path is empty"),
            ("OCI:x", "`OCI` is not a known scheme"),
            ("quay.io/a:b", "`quay.io/a` is not a known scheme"),
        ];
        for (word, reason) in cases {
            let error = word.parse::<Destination>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "invalid destination `{word}`: {reason}; known are `oci:DIR`, `oci-archive:FILE`"
                )
            );
        }
    }

    #[test]
    fn relative_paths_are_taken_from_the_base() {
        let base = Path::new("/base");
        let cases = [
            ("oci:x/y", "oci:/base/x/y"),
            ("oci:/x", "oci:/x"),
            ("oci-archive:x.tar", "oci-archive:/base/x.tar"),
        ];
        for (word, expected) in cases {
            let destination: Destination = word.parse().unwrap();
            assert_eq!(destination.relative_to(base).to_string(), expected);
        }
    }
}
