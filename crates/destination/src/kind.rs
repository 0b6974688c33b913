//! `kind:CLUSTER`: the nodes of a kind cluster.
//!
//! Kind hands the archive to `ctr images import` in each node. Nothing asks
//! the nodes what they have, so images are loaded anew each time, and kind's
//! word is all there is.

use std::path::Path;

use host::Cmd;
use oci::layout::WriteOptions;
use oci::{Named, docker_archive};

use crate::engine::{Work, run};
use crate::{Error, Options, Outcomes, Published, single, untouched};

fn load(cluster: &str, archive: &Path) -> Cmd {
    Cmd::new("kind").args(["load", "image-archive"]).arg(archive).args(["--name", cluster])
}

pub(crate) fn publish(cluster: &str, batch: &[Named], options: Options<'_>) -> Outcomes {
    let images = single::images(batch, options.platform);
    let wanted: Vec<Named> =
        images.iter().filter_map(|image| image.as_ref().ok()).cloned().collect();
    if !wanted.is_empty() {
        put(cluster, &wanted, options)?;
    }
    let published = |image: Named| Published { changed: true, ..untouched(&image) };
    Ok(images.into_iter().map(|image| image.map(published)).collect())
}

fn put(cluster: &str, wanted: &[Named], options: Options<'_>) -> Result<(), Error> {
    let work = Work::new()?;
    let archive = work.file("images.tar");
    docker_archive::write(&archive, wanted, WriteOptions { durable: false })?;
    run(&load(cluster, &archive), options).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_this() {
        assert_eq!(
            load("dev", "/t/x.tar".as_ref()).to_string(),
            "kind load image-archive /t/x.tar --name dev"
        );
    }
}
