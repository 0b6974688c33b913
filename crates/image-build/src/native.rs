//! The built-in builder: interprets a Containerfile in process.
//!
//! For every platform, the stages that are needed are found from the last to
//! the first and carried out from the first to the last; then the layers are
//! made, each distinct one once; then the images. Nothing runs, no engine, no
//! root, no network but for the images that the caller gets.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use oci::{Image, Index, Layer, LayerBuilder, Platform};
use rayon::prelude::*;

use crate::base::{Bases, Resolve};
use crate::containerfile::Containerfile;
use crate::copy::{Changes, absolute};
use crate::interpret::Interpreter;
use crate::stage::{Stage, Step};
use crate::tree::{Node, NodeKind};
use crate::{BuildRequest, Error, InstructionFailed, Place, Problem, Warning, machine, warning};

/// What a build made.
#[derive(Clone, Debug)]
pub struct Built {
    /// The image for every platform, in the order of the request.
    pub index: Index,
    /// What is not as it was probably meant.
    pub warnings: Vec<Warning>,
}

/// Builds an image. What is large lies in the directory `work`, which must
/// exist and stay as it is while the index is used; `resolve` gets the images
/// that the Containerfile names.
///
/// # Errors
///
/// Fails if the Containerfile or an ignore file is not understood, an
/// instruction cannot be carried out, or a file cannot be read or written.
pub fn build(request: &BuildRequest, work: &Path, resolve: &Resolve<'_>) -> Result<Built, Error> {
    let file = Containerfile::read(&request.containerfile)?;
    let target = target(&file, request)?;
    if request.platforms.is_empty() {
        return Err(Error::NoPlatform);
    }
    let bases = Bases::new(request, &file, work, resolve);
    let interpret = |platform: &Platform| {
        let (stage, warnings) = Interpreter::run(&bases, platform, target)?;
        check_programs(&file, &stage, platform)?;
        Ok((stage, warnings))
    };
    let stages: Vec<Result<_, Error>> = request.platforms.par_iter().map(interpret).collect();
    let (stages, of_stages): (Vec<Stage>, Vec<_>) =
        stages.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let layers = layers(&stages, request.created, work)?;
    let images = request.platforms.iter().zip(&stages);
    let images = images.map(|(platform, stage)| image(request, platform, stage, &layers));
    let index = Index::new(images.collect::<Result<_, _>>()?, request.annotations.clone())?;
    let mut warnings = warning::unused_arguments(&file, request);
    for warning in of_stages.into_iter().flatten() {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    Ok(Built { index, warnings })
}

/// Finds the stage that is asked for.
pub(crate) fn target(file: &Containerfile, request: &BuildRequest) -> Result<usize, Error> {
    let Some(name) = &request.target else { return Ok(file.stages.len() - 1) };
    file.find(name).ok_or_else(|| Error::NoStage {
        name: name.clone(),
        file: file.path.clone(),
        known: file.stages.iter().filter_map(|stage| stage.name.clone()).collect(),
    })
}

/// Refuses programs that the machine cannot run for which the image is.
fn check_programs(file: &Containerfile, stage: &Stage, platform: &Platform) -> Result<(), Error> {
    for step in &stage.steps {
        let changes = step.changes.iter().flat_map(|changes| changes.iter());
        for (path, node) in changes {
            let NodeKind::File(content) = &node.kind else { continue };
            if let Some(machine) = machine::foreign(&content.head(machine::HEAD)?, platform) {
                let (path, for_platform) = (absolute(path), platform.clone());
                let problem = Problem::ForeignMachine { path, machine, platform: for_platform };
                return Err(at(file, step, platform, problem));
            }
        }
    }
    Ok(())
}

fn at(file: &Containerfile, step: &Step, platform: &Platform, problem: Problem) -> Error {
    Error::At(Box::new(InstructionFailed {
        place: Place { file: file.path.clone(), line: step.line },
        instruction: step.text.clone(),
        platform: platform.clone(),
        problem,
    }))
}

/// Makes the layers of all stages: of equal changes, one.
fn layers(
    stages: &[Stage],
    created: u64,
    work: &Path,
) -> Result<HashMap<Arc<Changes>, Layer>, Error> {
    let steps = stages.iter().flat_map(|stage| &stage.steps);
    let distinct: HashMap<&Arc<Changes>, ()> =
        steps.filter_map(|step| step.changes.as_ref()).map(|changes| (changes, ())).collect();
    let make = |(changes, ()): (&Arc<Changes>, ())| {
        Ok((Arc::clone(changes), layer(changes, created, work)?))
    };
    distinct.into_par_iter().map(make).collect()
}

fn layer(changes: &Changes, created: u64, work: &Path) -> Result<Layer, Error> {
    let mut builder = LayerBuilder::new(created, work);
    for (path, Node { attributes, kind, .. }) in changes {
        if host::interrupted() {
            return Err(Error::Interrupted);
        }
        match kind {
            NodeKind::Directory => builder.directory(path, *attributes)?,
            NodeKind::Symlink(target) => builder.symlink(path, target, *attributes)?,
            NodeKind::File(content) => content
                .read(|reader| Ok(builder.file(path, *attributes, content.size(), reader)?))?,
            // Nothing copies those.
            NodeKind::Special(_) => {}
        }
    }
    Ok(builder.finish()?)
}

fn image(
    request: &BuildRequest,
    platform: &Platform,
    stage: &Stage,
    layers: &HashMap<Arc<Changes>, Layer>,
) -> Result<Image, Error> {
    let mut image = Image::builder(platform.clone()).created(request.created);
    if let Some(base) = &stage.base {
        image = image.base(base);
    }
    if let Some(author) = &stage.author {
        image = image.author(author);
    }
    image = image.container(stage.container.clone());
    for step in &stage.steps {
        image = match step.changes.as_ref().and_then(|changes| layers.get(changes)) {
            Some(layer) => image.layer(layer.clone(), &step.text),
            None => image.history(&step.text),
        };
    }
    for (key, value) in &request.labels {
        image = image.label(key, value);
    }
    for (key, value) in &request.annotations {
        image = image.annotation(key, value);
    }
    Ok(image.build()?)
}
