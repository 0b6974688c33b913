//! Which RUNs a build needs, and what they come to.

use std::error::Error as StdError;
use std::path::Path;

use oci::{Image, Platform, Reference};

use crate::base::Bases;
use crate::containerfile::Containerfile;
use crate::interpret::Interpreter;
use crate::{BuildRequest, Error, Run, native};

/// Tells which RUNs a build needs and what they come to: for every platform,
/// in order, those of the stages that the target needs. What is replaced by a
/// context is not looked into, and no image is got.
///
/// A RUN is understood if it is a JSON array of words, or simple commands that
/// are joined by `&&`: the words are then those that `/bin/sh` makes of them.
/// Its variables are those of ARG and ENV. What an image sets that a stage
/// starts from is not known; an ARG without a value counts as not set.
///
/// # Errors
///
/// Fails if the Containerfile is not understood, if a RUN is more than that,
/// and if it takes a variable that the file does not set.
pub fn runs(request: &BuildRequest) -> Result<Vec<Run>, Error> {
    let file = Containerfile::read(&request.containerfile)?;
    let target = native::target(&file, request)?;
    let none = |_: &Reference, _: &Platform| -> Result<Image, Box<dyn StdError + Send + Sync>> {
        Err("a survey gets no images".into())
    };
    let bases = Bases::new(request, &file, Path::new(""), &none);
    let mut runs = Vec::new();
    for platform in &request.platforms {
        runs.extend(Interpreter::survey(&bases, platform, target)?);
    }
    Ok(runs)
}
