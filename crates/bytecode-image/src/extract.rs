//! The object out of an image, as far as anyone can use it.
//!
//! This asks less than the contract does: an image whose labels are those of
//! old, or whose layer holds more than the object, still holds an object.

use bpf_object::{ObjectInfo, ReadError};
use oci::{EntryKind, EntryLimits, Image};

/// Four times what the pickier consumer takes.
const OBJECT_MAX: u64 = 64 << 20;

const LIMITS: EntryLimits = EntryLimits { total: 2 * OBJECT_MAX, entries: 1000, kept: OBJECT_MAX };

/// The object of one platform's image.
#[derive(Clone, Debug)]
pub struct Extracted {
    /// Its name in the image, fit to be shown; no place to write to.
    pub file: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it holds.
    pub info: ObjectInfo,
}

/// Why an image gives no object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// It has no layers.
    #[error("it has no layer")]
    NoLayer,
    /// Its layer cannot be read, or is not what its digest says.
    #[error(transparent)]
    Layer(#[from] oci::Error),
    /// Its layer holds other things.
    #[error("its layer holds no object")]
    NoObject,
    /// The object is larger than any that is loaded.
    #[error("`{file}` has {size} bytes; {OBJECT_MAX} are read")]
    TooLarge {
        /// Its name in the image.
        file: String,
        /// Its size.
        size: u64,
    },
    /// What should be the object is none.
    #[error("`{file}` is no eBPF object: {reason}")]
    Unreadable {
        /// Its name in the image.
        file: String,
        /// What is wrong with it.
        reason: ReadError,
    },
}

/// Reads the object of an image: of its first layer, as both consumers do, the
/// first file whose name ends in `.o`, or else the only one.
///
/// # Errors
///
/// Fails if there is none, its bytes are not those of the layer's digest, or
/// it is no eBPF object.
pub fn extract(image: &Image) -> Result<Extracted, ExtractError> {
    let layer = image.layers().first().ok_or(ExtractError::NoLayer)?;
    let mut entries = layer.entries(LIMITS)?;
    entries.retain(|entry| entry.kind == EntryKind::File);
    let object = match entries.iter().position(|entry| entry.name.ends_with(".o")) {
        Some(first) => entries.swap_remove(first),
        None if entries.len() == 1 => entries.remove(0),
        None => return Err(ExtractError::NoObject),
    };
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let file: String = object.name.chars().map(shown).collect();
    let (bytes, size) = (object.bytes, object.size);
    if size > OBJECT_MAX {
        return Err(ExtractError::TooLarge { file, size });
    }
    match bpf_object::read(&bytes) {
        Ok(info) => Ok(Extracted { file, bytes, info }),
        Err(reason) => Err(ExtractError::Unreadable { file, reason }),
    }
}
