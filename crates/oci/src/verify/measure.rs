//! What is in a layer: is it whole, and which tar is it when decompressed?

use crate::{Blob, Digest, Error, Layer, media};

/// How a layer's tar is packed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Packing {
    Gzip,
    Plain,
    Unknown,
}

impl Packing {
    pub(super) fn of(media_type: &str) -> Packing {
        if media::is_gzip_layer(media_type) {
            Packing::Gzip
        } else if media::is_tar_layer(media_type) {
            Packing::Plain
        } else {
            Packing::Unknown
        }
    }
}

/// Reads a layer to its end and returns the digest of its tar, or `None` if
/// it is packed in a way unknown here.
pub(super) fn measure(blob: Blob, packing: Packing, limit: u64) -> Result<Option<Digest>, Error> {
    let hash = |blob: &Blob| blob.for_each_chunk(&mut |_| Ok(()));
    if packing == Packing::Unknown {
        return hash(&blob).map(|()| None);
    }
    let layer = Layer::new(blob.clone(), blob.digest());
    match layer.measure(limit) {
        Ok(diff_id) => Ok(Some(diff_id)),
        // Corrupt bytes are the cause, what they decompress to the effect.
        Err(error @ Error::InvalidDocument { .. }) => hash(&blob).and(Err(error)),
        Err(error) => Err(error),
    }
}
