//! `oci-archive:FILE`: one tar of one layout, written whole or not at all.

use std::path::Path;

use oci::Named;
use oci::archive;
use oci::layout::WriteOptions;

use crate::docker_archive::of_archive;
use crate::{Options, Outcomes};

pub(crate) fn publish(file: &Path, batch: &[Named], options: Options<'_>) -> Outcomes {
    let durable = options.durable;
    Ok(of_archive(batch, archive::write(file, batch, WriteOptions { durable })?))
}
