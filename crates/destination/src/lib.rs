//! Where images go and come from: layouts, archives, registries, engines.
//!
//! A [`Destination`] is parsed once from what the user typed and takes
//! batches of named artifacts; a [`Source`] gives such. To copy is to hand
//! the one's to the other. Each kind is one module; those that a program
//! serves run it as `engine` says. Not here: what is in an image, and how one
//! is named.

#![forbid(unsafe_code)]

mod beside;
mod containerd;
mod docker;
mod docker_archive;
mod engine;
mod error;
mod kind;
mod oci_archive;
mod oci_tree;
mod podman;
mod registry;
mod single;
mod source;
mod word;

use std::fmt;
use std::path::{Path, PathBuf};

use host::Cmd;
use oci::registry::{Client, Event, Looks};
use oci::{Digest, Named, Platform, Reference};

pub use error::Error;
pub use source::{Found, ParseSourceError, Source};
pub use word::ParseDestinationError;

/// A place for images.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// `oci:DIR`: a tree of layouts, one per repository.
    Oci(PathBuf),
    /// `oci-archive:FILE`: one tar of one layout.
    OciArchive(PathBuf),
    /// `docker-archive:FILE`: one tar that `docker load` takes.
    DockerArchive(PathBuf),
    /// `registry`: the registry that each image's name says.
    Registry,
    /// `docker`: the docker daemon's images.
    Docker,
    /// `podman`: podman's storage.
    Podman,
    /// `kind:CLUSTER`: the nodes of a kind cluster.
    Kind(String),
    /// `containerd[:NAMESPACE]`: containerd's images; in the namespace that
    /// `ctr` takes unless one is given.
    Containerd(Option<String>),
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
    /// The platform to take where a destination takes one.
    pub platform: &'a Platform,
    /// Told of each command before it runs.
    pub command: &'a (dyn Fn(&Cmd) + Sync),
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("durable", &self.durable)
            .field("platform", self.platform)
            .finish_non_exhaustive()
    }
}

/// What became of one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The names it now has.
    pub references: Vec<Reference>,
    /// Its digest: that of the image where only one of several was put there.
    pub digest: Digest,
    /// The platforms that were put there, in its own order.
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

/// What became of each of several artifacts, unless nothing could be done at
/// all.
type Outcomes = Result<Vec<Result<Published, Error>>, Error>;

impl Destination {
    /// Returns the same destination with its path taken from `base`, unless
    /// it is absolute.
    #[must_use]
    pub fn relative_to(&self, base: &Path) -> Destination {
        match self {
            Destination::Oci(path) => Destination::Oci(base.join(path)),
            Destination::OciArchive(path) => Destination::OciArchive(base.join(path)),
            Destination::DockerArchive(path) => Destination::DockerArchive(base.join(path)),
            Destination::Registry
            | Destination::Docker
            | Destination::Podman
            | Destination::Kind(_)
            | Destination::Containerd(_) => self.clone(),
        }
    }

    /// Returns whether of each artifact it takes the image for one platform,
    /// [`Options::platform`], and no more.
    pub fn takes_one_platform(&self) -> bool {
        match self {
            Destination::DockerArchive(_) | Destination::Docker | Destination::Kind(_) => true,
            Destination::Oci(_)
            | Destination::OciArchive(_)
            | Destination::Registry
            | Destination::Podman
            | Destination::Containerd(_) => false,
        }
    }

    /// Puts artifacts there under their names, and returns what became of
    /// each, in the given order.
    ///
    /// # Errors
    ///
    /// Fails as a whole if a reference cannot be written there, or the
    /// destination cannot be used at all, such as an engine without its
    /// program. One artifact's failure is its own
    /// where the destination allows it: the others are published.
    pub fn publish(&self, batch: &[Named], options: Options<'_>) -> Outcomes {
        match self {
            Destination::Oci(directory) => oci_tree::publish(directory, batch, options),
            Destination::OciArchive(file) => oci_archive::publish(file, batch, options),
            Destination::DockerArchive(file) => docker_archive::publish(file, batch, options),
            Destination::Registry => Ok(registry::publish(batch, options)),
            Destination::Docker => docker::publish(batch, options),
            Destination::Podman => podman::publish(batch, options),
            Destination::Kind(cluster) => kind::publish(cluster, batch, options),
            Destination::Containerd(namespace) => {
                containerd::publish(namespace.as_deref(), batch, options)
            }
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
    fn relative_paths_are_taken_from_the_base() {
        let base = Path::new("/base");
        let cases = [
            ("oci:x/y", "oci:/base/x/y"),
            ("oci:/x", "oci:/x"),
            ("oci-archive:x.tar", "oci-archive:/base/x.tar"),
            ("docker-archive:x.tar", "docker-archive:/base/x.tar"),
            ("registry", "registry"),
            ("kind:x", "kind:x"),
        ];
        for (word, expected) in cases {
            let destination: Destination = word.parse().unwrap();
            assert_eq!(destination.relative_to(base).to_string(), expected);
        }
    }
}
