//! `oci-archive:FILE`: one tar of one layout, written whole or not at all.

use std::path::Path;

use oci::Named;
use oci::archive;
use oci::layout::WriteOptions;

use crate::{Error, Options, Published, untouched};

pub(crate) fn publish(
    file: &Path,
    batch: &[Named],
    options: Options<'_>,
) -> Result<Vec<Result<Published, Error>>, Error> {
    let Options { durable, .. } = options;
    let archived = archive::write(file, batch, WriteOptions { durable })?;
    let mut published: Vec<_> = batch.iter().map(untouched).collect();
    published.iter_mut().for_each(|published| published.changed = archived.changed);
    // The one file is counted once.
    if let (true, Some(first)) = (archived.changed, published.first_mut()) {
        first.files_written = 1;
        first.bytes_written = archived.size;
    }
    Ok(published.into_iter().map(Ok).collect())
}
