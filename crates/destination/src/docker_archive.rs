//! `docker-archive:FILE`: what `docker load` takes, written whole or not at
//! all.

use std::path::Path;

use oci::docker_archive;
use oci::layout::WriteOptions;
use oci::{Named, archive::Archived};

use crate::{Error, Options, Outcomes, Published, single, untouched};

pub(crate) fn publish(file: &Path, batch: &[Named], options: Options<'_>) -> Outcomes {
    let images = single::images(batch, options.platform);
    let images = images.into_iter().collect::<Result<Vec<_>, Error>>()?;
    let durable = options.durable;
    let archived = docker_archive::write(file, &images, WriteOptions { durable })?;
    Ok(of_archive(&images, archived))
}

/// Returns what is to be said of artifacts that are in one file.
pub(crate) fn of_archive(batch: &[Named], archived: Archived) -> Vec<Result<Published, Error>> {
    let Archived { changed, size } = archived;
    let mut published: Vec<_> =
        batch.iter().map(|named| Published { changed, ..untouched(named) }).collect();
    // The one file is counted once.
    if let (true, Some(first)) = (changed, published.first_mut()) {
        first.files_written = 1;
        first.bytes_written = size;
    }
    published.into_iter().map(Ok).collect()
}
