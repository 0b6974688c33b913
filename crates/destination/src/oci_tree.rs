//! `oci:DIR`: a tree of layouts, one per repository.

use std::path::Path;

use oci::Named;
use oci::layout::{Tree, WriteOptions};

use crate::{Options, Outcomes, Published, untouched};

pub(crate) fn publish(directory: &Path, batch: &[Named], options: Options<'_>) -> Outcomes {
    let Options { durable, .. } = options;
    let outcomes = Tree::new(directory).write(batch, WriteOptions { durable })?;
    let published = batch.iter().zip(outcomes).map(|(named, outcome)| {
        let written = outcome?;
        Ok(Published {
            changed: written.changed,
            files_written: written.files_written,
            bytes_written: written.bytes_written,
            ..untouched(named)
        })
    });
    Ok(published.collect())
}
