//! In what images of engines differ, and what is done about it.
//!
//! Evened out here: the order of the platforms, the index's annotations,
//! which engines cannot give to an index for one platform, and annotations of
//! their own (buildah notes a base image, even where there is none), and
//! layers that hold nothing (buildah makes one of a stage that changes no
//! file). The images stay byte for byte what the engine made unless that is
//! needed.
//!
//! Not evened out, for it harms nobody:
//! - history is in the engine's words, and so is the JSON of the documents;
//! - podman makes one layer of a stage, the others one of each instruction;
//! - layers are compressed by the engine, and BuildKit's carry an annotation
//!   of how their times were set; BuildKit keeps times before the one that
//!   was asked for, and classic docker all of them;
//! - `linux/arm` becomes `linux/arm/v7`;
//! - podman knows no `SHELL`, `HEALTHCHECK` in an OCI image; it leaves out a
//!   working directory that is the root;
//! - BuildKit keeps set-user-ID bits of a context, and gives the directories
//!   above a COPY the mode of `--chmod`;
//! - `BUILDPLATFORM` is the machine that the engine works on, to podman the
//!   one that was asked for.
//!
//! podman's label `io.buildah.version` is not asked for, so it is switched
//! off. A time of creation that is not the one asked for is a warning; a
//! missing platform or label is an error.

use oci::{Image, Index, Platform};

use super::error::EngineError;
use crate::request::normal;
use crate::{BuildRequest, Error, Warning};

/// Makes the index that was asked for of the images that an engine made.
pub(super) fn even_out(
    engine: &str,
    request: &BuildRequest,
    images: Vec<Image>,
) -> Result<(Index, Vec<Warning>), Error> {
    let mut warnings = Vec::new();
    let mut sorted = Vec::new();
    for image in select(engine, request, images)? {
        check_labels(engine, request, &image)?;
        warnings.extend(other_time(engine, request, &image)?);
        let image = image.without_empty_layers()?;
        sorted.push(image.with_annotations(request.annotations.clone())?);
    }
    Ok((Index::new(sorted, request.annotations.clone())?, warnings))
}

/// Returns the images in the order that was asked for.
fn select(
    engine: &str,
    request: &BuildRequest,
    images: Vec<Image>,
) -> Result<Vec<Image>, EngineError> {
    let is_for = |image: &Image, platform: &Platform| normal(&image.platform()) == normal(platform);
    let find = |platform| images.iter().find(|image| is_for(image, platform)).cloned();
    let sorted: Vec<Option<Image>> = request.platforms.iter().map(find).collect();
    let is_asked = |image: &Image| request.platforms.iter().any(|platform| is_for(image, platform));
    let asked = request.platforms.iter().zip(&sorted);
    let mut missing: Vec<Platform> =
        asked.filter(|(_, found)| found.is_none()).map(|(platform, _)| platform.clone()).collect();
    if missing.is_empty() && images.iter().all(is_asked) {
        return Ok(sorted.into_iter().flatten().collect());
    }
    if missing.is_empty() {
        missing.clone_from(&request.platforms);
    }
    let found = images.iter().map(Image::platform).collect();
    Err(EngineError::Platforms { engine: engine.to_owned(), found, asked: missing })
}

fn check_labels(engine: &str, request: &BuildRequest, image: &Image) -> Result<(), EngineError> {
    let differs = |(key, value): &(&String, &String)| image.labels().get(*key) != Some(*value);
    match request.labels.iter().find(differs) {
        None => Ok(()),
        Some((label, _)) => {
            let (engine, label) = (engine.to_owned(), label.clone());
            Err(EngineError::Label { engine, platform: image.platform(), label })
        }
    }
}

/// Returns a warning if an image was made at another time than asked for.
fn other_time(
    engine: &str,
    request: &BuildRequest,
    image: &Image,
) -> Result<Option<Warning>, Error> {
    let model = Image::builder(image.platform()).created(request.created).build()?;
    let (asked, found) = (&model.config().created, &image.config().created);
    Ok((asked != found).then(|| Warning::OtherTime {
        engine: engine.to_owned(),
        platform: image.platform(),
        found: found.clone(),
    }))
}
