//! Where images go and come from: layouts, archives, registries.
//!
//! A [`Destination`] is parsed once from what the user typed and takes
//! batches of named artifacts; a [`Source`] gives such. To copy is to hand
//! the one's to the other. Each kind is one module. Not here: what is in an
//! image, and how one is named.

#![forbid(unsafe_code)]

mod oci_archive;
mod oci_tree;
mod registry;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci::registry::{Client, Event, Looks};
use oci::{Digest, Named, Platform, Reference};

pub use source::{Found, ParseSourceError, Source};

/// A place for images.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// `oci:DIR`: a tree of layouts, one per repository.
    Oci(PathBuf),
    /// `oci-archive:FILE`: one tar of one layout.
    OciArchive(PathBuf),
    /// `registry`: the registry that each image's name says.
    Registry,
}

/// The one destination that needs no more than its name.
const REGISTRY: &str = "registry";

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
    forms.chain([format!("`{REGISTRY}`")]).collect::<Vec<_>>().join(", ")
}

impl FromStr for Destination {
    type Err = ParseDestinationError;

    /// Accepts what the variants say.
    fn from_str(word: &str) -> Result<Destination, ParseDestinationError> {
        let error = |reason| Err(ParseDestinationError { word: word.to_owned(), reason });
        if word == REGISTRY {
            return Ok(Destination::Registry);
        }
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
            Destination::Registry => f.write_str(REGISTRY),
        }
    }
}

/// How to publish.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Whether a power cut must leave whole images behind: not in a build
    /// directory, where they can be made again.
    pub durable: bool,
    /// The client for registries.
    pub client: &'a Client,
    /// What is known of names in registries already.
    pub looks: &'a Looks,
    /// Told what happens during a push, from several threads.
    pub report: &'a (dyn Fn(Event<'_>) + Sync),
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("durable", &self.durable).finish_non_exhaustive()
    }
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
    /// A registry would not have it.
    #[error(transparent)]
    Registry(#[from] oci::registry::Error),
    /// There is no such place.
    #[error("there is no `{}`", place.display())]
    NoPlace {
        /// Where the images should be.
        place: PathBuf,
    },
    /// A tree of layouts has no repository of that name.
    #[error("`{}` has no `{name}`", place.display())]
    NoRepository {
        /// The top of the tree.
        place: PathBuf,
        /// What was asked for.
        name: String,
    },
    /// A place has no images at all.
    #[error("`{}` holds no images", place.display())]
    Nothing {
        /// The layout, archive or directory.
        place: PathBuf,
    },
    /// An image has no full name, so no other place can name it.
    #[error("`{digest}` in `{}` has no full name", place.display())]
    Unnamed {
        /// The layout or archive.
        place: PathBuf,
        /// The image.
        digest: Digest,
    },
}

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Oci(error) => error.hint(),
            Error::Registry(error) => error.hint(),
            Error::NoPlace { .. } | Error::NoRepository { .. } | Error::Nothing { .. } => None,
            Error::Unnamed { .. } => {
                Some("full names stand in the annotation `io.containerd.image.name`".into())
            }
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
            Destination::Registry => Destination::Registry,
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
        options: Options<'_>,
    ) -> Result<Vec<Result<Published, Error>>, Error> {
        match self {
            Destination::Oci(directory) => oci_tree::publish(directory, batch, options),
            Destination::OciArchive(file) => oci_archive::publish(file, batch, options),
            Destination::Registry => Ok(registry::publish(batch, options)),
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
            ("registry", Destination::Registry),
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
                    "invalid destination `{word}`: {reason}; known are `oci:DIR`, `oci-archive:FILE`, `registry`"
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
            ("registry", "registry"),
        ];
        for (word, expected) in cases {
            let destination: Destination = word.parse().unwrap();
            assert_eq!(destination.relative_to(base).to_string(), expected);
        }
    }
}
