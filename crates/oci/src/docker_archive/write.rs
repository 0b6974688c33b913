//! Writes docker archives that are OCI archives, too.
//!
//! The blobs lie as in a layout, and `manifest.json` names those that docker
//! needs, as `docker save` has it since version 25. So every reader finds
//! what it knows: docker 20.10, podman and skopeo take the config and the
//! layers, containerd (kind's, or docker's own store) the manifest, and with
//! it the digest that the image has elsewhere. Layers stay compressed.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Item, MANIFEST_FILE};
use crate::archive::{self, Archived, BLOBS};
use crate::layout::WriteOptions;
use crate::spec::to_bytes;
use crate::{Artifact, Blob, Digest, Error, Image, Named, media};

/// Writes images under their full names into one archive, in place of what
/// is there. An archive that has these bytes already is left alone. Docker
/// knows no indexes: every artifact must be an image.
///
/// # Errors
///
/// Fails as [`archive::write`] does, and if an artifact is an index or no
/// image that runs.
pub fn write(path: &Path, batch: &[Named], options: WriteOptions) -> Result<Archived, Error> {
    if path.exists() && !path.is_file() {
        let reason = "it is not a regular file".to_owned();
        return Err(Error::InvalidArchive { path: path.to_owned(), reason });
    }
    let mut members = archive::members(batch)?;
    let manifest = Blob::from_bytes("", to_bytes(&items(batch)?)?);
    members.insert(MANIFEST_FILE.to_owned(), manifest);
    archive::place(path, &members, options)
}

/// Returns what is in the archive, in the order of the first names.
fn items(batch: &[Named]) -> Result<Vec<Item>, Error> {
    let mut images: BTreeMap<Digest, (&Image, Vec<String>)> = BTreeMap::new();
    for named in batch {
        let image = match &named.artifact {
            Artifact::Image(image) if is_runnable(image) => image,
            artifact => return Err(Error::NotForDocker { digest: artifact.digest() }),
        };
        let names = &mut images.entry(image.digest()).or_insert((image, Vec::new())).1;
        for (reference, tag) in named.tagged()? {
            names.push(format!("{}:{tag}", reference.name()));
        }
    }
    let mut items: Vec<_> = images.into_values().map(|(image, names)| item(image, names)).collect();
    items.sort_by(|a, b| a.repo_tags.cmp(&b.repo_tags));
    Ok(items)
}

fn item(image: &Image, mut names: Vec<String>) -> Item {
    names.sort();
    names.dedup();
    let file = |blob: &Blob| format!("{BLOBS}{}", blob.digest().hex());
    let layers = image.layers().iter().map(|layer| file(layer.blob()));
    Item {
        config: file(image.config_blob()),
        repo_tags: Some(names),
        layers: Some(layers.collect()),
    }
}

fn is_runnable(image: &Image) -> bool {
    media::is_config(&image.manifest().config.media_type)
}
