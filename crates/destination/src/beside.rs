//! What goes with an image, where a place has no lists of referrers: it is put
//! there as images are, under names of its own.

use std::collections::BTreeSet;

use oci::layout::Tree;
use oci::registry::Companion;
use oci::{Layout, Named};

use crate::{Destination, Error};

impl Destination {
    /// Returns whether it takes what goes with an image. Engines take images,
    /// and nothing that is said of them.
    pub fn takes_companions(&self) -> bool {
        match self {
            Destination::Oci(_) | Destination::OciArchive(_) | Destination::Registry => true,
            Destination::DockerArchive(_)
            | Destination::Docker
            | Destination::Podman
            | Destination::Kind(_)
            | Destination::Containerd(_) => false,
        }
    }

    /// Returns what is to be put beside an image in a layout or an archive,
    /// once for each repository that the image has a name in. A list of
    /// referrers is written as a whole, so it has what a tree has already, too.
    /// A registry is given companions by its client, and others take none.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be named.
    pub fn beside(&self, named: &Named, companions: &[Companion]) -> Result<Vec<Named>, Error> {
        let is_layout = matches!(self, Destination::Oci(_) | Destination::OciArchive(_));
        if companions.is_empty() || !is_layout {
            return Ok(Vec::new());
        }
        let (mut all, mut repositories) = (Vec::new(), BTreeSet::new());
        for reference in &named.references {
            if !repositories.insert(reference.name()) {
                continue;
            }
            let mut there = Vec::new();
            if let Destination::Oci(directory) = self {
                // What cannot be read is written anew.
                let layout = Layout::open(&Tree::new(directory).directory(reference));
                let read = layout.and_then(|layout| layout.companions(None, &named.artifact));
                there = read.unwrap_or_default();
            }
            let together = Companion::together(there, companions);
            all.extend(Companion::named(reference, &together)?);
        }
        Ok(all)
    }
}
