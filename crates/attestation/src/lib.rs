//! What is attested of an image: how it was made, and what it is made of.
//!
//! A [`Record`] says of a bytecode image from which files, by which compiler
//! and with which arguments each of its objects was made; [`spdx`] lists in a
//! document of others' what went in. Both depend on content alone: an image
//! that did not change has the documents it had. [`Referrer`] is how they
//! stand beside the image. Not here: signing them, and where they are put.

#![forbid(unsafe_code)]

mod difference;
pub mod go;
mod record;
mod referrer;
pub mod spdx;
mod statement;

pub use difference::{Difference, Kind, differences};
pub use record::{CompilerRecord, FileRecord, LibbpfRecord, ObjectRecord, PREDICATE, Record};
pub use referrer::{IN_TOTO, PREDICATE_TYPE, Referrer, SPDX};
pub use statement::{Digests, Fault, STATEMENT, Statement, Subject};
