//! Where documents are read from: a repository of a registry, or whatever a
//! test has in its place.

use oci::registry::{self, Client};
use oci::spec::Descriptor;
use oci::{Blob, Digest, Reference};

/// The repository that a manifest and what is about it are in.
pub trait Place: Sync {
    /// Returns a manifest by its tag; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the place cannot be read.
    fn tagged(&self, tag: &str) -> Result<Option<Blob>, registry::Error>;

    /// Returns a manifest by its digest; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the place cannot be read.
    fn manifest(&self, digest: Digest) -> Result<Option<Blob>, registry::Error>;

    /// Returns what a descriptor names, not more bytes than it says.
    ///
    /// # Errors
    ///
    /// Fails if the place cannot be read, or the bytes are others.
    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, registry::Error>;

    /// Returns what refers to a manifest.
    ///
    /// # Errors
    ///
    /// Fails if the place cannot be read.
    fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, registry::Error>;
}

/// A repository of a registry.
pub(crate) struct Repository<'a> {
    pub(crate) client: &'a Client,
    /// Names the repository.
    pub(crate) reference: &'a Reference,
}

impl Place for Repository<'_> {
    fn tagged(&self, tag: &str) -> Result<Option<Blob>, registry::Error> {
        let name = self.reference.with_tag(tag).map_err(oci::Error::from)?;
        self.client.manifest(&name)
    }

    fn manifest(&self, digest: Digest) -> Result<Option<Blob>, registry::Error> {
        self.client.manifest(&self.reference.with_digest(digest))
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, registry::Error> {
        let blob = self.client.blob(self.reference, descriptor)?;
        Ok(blob.read(descriptor.size)?)
    }

    fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, registry::Error> {
        self.client.referrers(self.reference, subject, None)
    }
}
