//! `--from`: images that an earlier run has made, taken from a tree of layouts
//! or an archive. Not here: making them, and what they are published as.

use cli::Scratch;
use destination::{Found, Source};
use oci::Reference;
use oci::registry::{Client, Companion};
use ui::{Exit, Failure};

use crate::context::Context;

/// What a tree or an archive holds.
#[derive(Debug)]
pub(crate) struct Stored {
    place: Source,
    found: Vec<Found>,
}

/// Takes what was typed for `--from` as a place: relative to where it was
/// typed, and whole.
pub(crate) fn place(typed: Source) -> Result<Source, Failure> {
    let shown = typed.to_string();
    match typed {
        Source::Oci(dir, None) => Ok(Source::Oci(cli::typed(&dir)?, None)),
        Source::OciArchive(file, None) => Ok(Source::OciArchive(cli::typed(&file)?, None)),
        _ => Err(Failure::usage("images are taken from `oci:DIR` or `oci-archive:FILE`, whole")
            .context(format!("invalid value `{shown}` for `--from`"))),
    }
}

impl Stored {
    /// Reads what a place holds; layers are read when they are used.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read, or holds no images.
    pub(crate) fn open(
        place: Option<&Source>,
        client: &Client,
        work: &Scratch,
        cx: &Context<'_>,
    ) -> Result<Option<Stored>, Failure> {
        let Some(place) = place else { return Ok(None) };
        let found = place.find(client, work.path()?).map_err(|error| {
            cli::publish::failure(error)
                .context(format!("failed to take images from `{}`", place))
                .hint("`cargo xtask build-images --to …` puts them there")
        })?;
        cx.ui.debug(format_args!("{} in `{}`", ui::count(found.len(), "name"), place));
        Ok(Some(Stored { place: place.clone(), found }))
    }

    /// Returns where they are.
    pub(crate) fn place(&self) -> &Source {
        &self.place
    }

    /// Returns an image of the catalogue, `organization/name`. The names that
    /// it has there may be of any registry and tag, but must all stand for one
    /// image.
    ///
    /// # Errors
    ///
    /// Fails if it is not there, or its names stand for several.
    pub(crate) fn image(&self, name: &str) -> Result<&Found, Failure> {
        let mut distinct: Vec<(&Reference, &Found)> = Vec::new();
        for found in &self.found {
            let Some(reference) = &found.reference else { continue };
            let is_it = reference.repository() == name
                || reference.repository().ends_with(&format!("/{name}"));
            // What goes with images stands under tags made of digests.
            let is_image = reference.tag().is_some_and(|tag| !Companion::has_tag(tag));
            let digest = |found: &Found| found.artifact.digest();
            let is_new = || distinct.iter().all(|(_, other)| digest(other) != digest(found));
            if is_it && is_image && is_new() {
                distinct.push((reference, found));
            }
        }
        match distinct.as_slice() {
            [(_, found)] => Ok(found),
            [] => {
                let message = format!("`{name}` is not in `{}`", self.place);
                Err(Failure::new(Exit::Failed, message)
                    .hint("`cargo xtask build-images --to …` puts it there"))
            }
            [(one, _), (other, _), ..] => {
                let place = &self.place;
                let message =
                    format!("`{name}` is not one image in `{place}`: `{one}` and `{other}` differ");
                Err(Failure::new(Exit::Failed, message)
                    .hint("build to a place of its own, such as `--to oci-archive:images.tar`"))
            }
        }
    }

    /// Returns what goes with an image: records of how it was made, its
    /// signatures, and whatever else refers to it.
    ///
    /// # Errors
    ///
    /// Fails if something of it is missing.
    pub(crate) fn companions(
        &self,
        image: &Found,
        client: &Client,
    ) -> Result<Vec<Companion>, Failure> {
        let found = self.place.companions(client, std::slice::from_ref(image));
        found.map(|found| found.concat()).map_err(cli::publish::failure)
    }
}
