//! The record of a bytecode image: from what, by what and how each of its
//! objects was made.
//!
//! Its names are the same on every machine, and nothing in it tells when or
//! where: whoever makes the same again makes the same record.

use oci::Digest;
use serde::{Deserialize, Serialize};

use crate::{Digests, Fault, Statement};

/// What a record is as a predicate of in-toto.
pub const PREDICATE: &str = "https://bpfman.io/attestation/bytecode-build/v1";

/// How a bytecode image was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The C source's path in the checkout.
    pub source: String,
    /// The image's time, in seconds since 1970: `SOURCE_DATE_EPOCH` or 0.
    pub created: u64,
    /// What compiled it.
    pub compiler: CompilerRecord,
    /// Whose headers programs include as `<bpf/…>` and `<linux/…>`.
    pub libbpf: LibbpfRecord,
    /// Its distinct objects, in the order of their first platforms.
    pub objects: Vec<ObjectRecord>,
}

/// A compiler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilerRecord {
    /// `clang`.
    pub name: String,
    /// Its version, such as `14.0.6`.
    pub version: String,
    /// The digest of the program and the libraries it loads: equal ones
    /// compile equal sources to equal bytes.
    pub digest: Digests,
}

/// A version of libbpf's headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibbpfRecord {
    /// Its version, such as `1.7`, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The digest of all headers together, used or not.
    pub digest: Digests,
}

/// An object, which serves some of the platforms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// The platforms, such as `linux/amd64`.
    pub platforms: Vec<String>,
    /// Its name in the image.
    pub file: String,
    /// Its digest.
    pub digest: Digests,
    /// The compiler's arguments, all but where to write.
    pub argv: Vec<String>,
    /// Every file that was read, the source among them, sorted by name.
    pub inputs: Vec<FileRecord>,
}

/// A file that went into an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path in the checkout; or `libbpf/…`, `clang/…`, `system/…` or
    /// `outside/…`.
    pub name: String,
    /// Its digest.
    pub digest: Digests,
}

impl Record {
    /// Returns the record as a statement about the image of this name and
    /// digest. The name is the catalogue's, so that it is the same in every
    /// registry.
    pub fn statement(&self, name: &str, digest: Digest) -> Vec<u8> {
        Statement::new(name, digest, PREDICATE, self).to_bytes()
    }

    /// Reads a record from a statement about this digest, and returns with it
    /// the name that the image has there.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are something else, or about something else.
    pub fn parse(bytes: &[u8], digest: Digest) -> Result<(Record, String), Fault> {
        let statement = Statement::<Record>::parse(bytes, PREDICATE, digest)?;
        let name = statement.subject.into_iter().map(|subject| subject.name).next();
        Ok((statement.predicate, name.unwrap_or_default()))
    }

    /// Returns the platforms of all objects.
    pub fn platforms(&self) -> impl Iterator<Item = &str> {
        self.objects.iter().flat_map(|object| &object.platforms).map(String::as_str)
    }
}
