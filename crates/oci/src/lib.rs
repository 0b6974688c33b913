//! OCI images as values; layouts and archives as where they lie.
//!
//! Values are made once and never changed: a [`Layer`] is bytes or a file
//! with a digest, an [`Image`] is layers and a config for one platform, an
//! [`Index`] is images for several, an [`Artifact`] is either. [`layout`] and
//! [`archive`] write artifacts and read them back, [`docker_archive`] is how
//! docker wants them, [`registry`] pushes and
//! pulls them. This crate knows nothing of what is in an image or of engines.

#![forbid(unsafe_code)]

pub mod archive;
mod artifact;
mod blob;
mod companion;
mod digest;
pub mod docker_archive;
mod error;
mod gzip;
mod image;
mod index;
mod layer;
pub mod layout;
pub mod media;
mod platform;
mod reference;
pub mod registry;
pub mod spec;
mod tarball;
mod tasks;
pub mod verify;

pub use artifact::{Artifact, Named};
pub use blob::{Blob, Content, Source};
pub use digest::{Digest, HashingWriter};
pub use error::{Error, ParseError};
pub use image::{Image, ImageBuilder};
pub use index::Index;
pub use layer::{Attributes, Layer, LayerBuilder, Measuring, Packing};
pub use layout::Layout;
pub use platform::Platform;
pub use reference::Reference;
pub use tarball::{Entry, EntryKind, EntryLimits, Member};
