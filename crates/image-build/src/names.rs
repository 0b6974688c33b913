//! Which images and arguments a Containerfile names, before anything is built.

use std::collections::BTreeSet;
use std::path::Path;

use crate::containerfile::{Containerfile, Copy, Kind};
use crate::request::{SCRATCH, familiar};
use crate::scope::Scope;
use crate::{BuildRequest, Error};

/// Returns the build arguments that an ARG of a Containerfile names.
///
/// # Errors
///
/// Fails if the Containerfile is not understood.
pub fn argument_names(containerfile: &Path) -> Result<BTreeSet<String>, Error> {
    Ok(Containerfile::read(containerfile)?.asked().into_iter().cloned().collect())
}

/// Returns the images that a Containerfile names in a FROM or a `COPY --from`,
/// as people write them: without docker's defaults. Stages are none, and a name
/// with a variable that is not set is left out.
///
/// # Errors
///
/// Fails if the Containerfile is not understood.
pub fn image_names(request: &BuildRequest) -> Result<BTreeSet<String>, Error> {
    let file = Containerfile::read(&request.containerfile)?;
    let mut names = BTreeSet::new();
    for platform in &request.platforms {
        let scope = Scope::global(&file, request, platform).unwrap_or_default();
        for (position, stage) in file.stages.iter().enumerate() {
            let expanded = scope.expand(&stage.base).ok();
            let base = expanded.filter(|found| found.unset.is_empty()).map(|found| found.text);
            let sources = stage.instructions.iter().filter_map(|instruction| {
                let Kind::Copy(Copy { from, .. }) = &instruction.kind else { return None };
                from.clone()
            });
            let is_stage = |name: &String| {
                let is_number = name.parse::<usize>().is_ok_and(|number| number < position);
                is_number || file.find(name).is_some_and(|found| found < position)
            };
            names.extend(base.into_iter().chain(sources).filter(|name| !is_stage(name)));
        }
    }
    names.remove(SCRATCH);
    Ok(names.iter().map(|name| familiar(name)).collect())
}
