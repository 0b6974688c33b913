//! `registry`: the registry that each image's name says.

use oci::Named;

use crate::{Error, Options, Published, untouched};

pub(crate) fn publish(batch: &[Named], options: Options<'_>) -> Vec<Result<Published, Error>> {
    let outcomes = options.client.push_looked(batch, options.looks, options.report);
    let published = batch.iter().zip(outcomes).map(|(named, outcome)| {
        let changed = outcome?.iter().any(|pushed| !pushed.unchanged);
        Ok(Published { changed, ..untouched(named) })
    });
    published.collect()
}
