//! The built-in builder: interprets a Containerfile in process.
//!
//! For every platform, the stages that are needed are found from the last to
//! the first and carried out from the first to the last; then the layers are
//! made, each distinct one once; then the images. Nothing runs, no engine, no
//! root, no network but for the images that the caller gets.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::{Digest, Image, Index, Layer, LayerBuilder, Platform};
use rayon::prelude::*;

use crate::base::{Bases, Resolve};
use crate::containerfile::Containerfile;
use crate::copy::{Changes, absolute};
use crate::interpret::Interpreter;
use crate::stage::{Stage, Step};
use crate::tree::{Content, Node, NodeKind};
use crate::{
    BuildRequest, Error, InstructionFailed, LayerCache, Place, Problem, Warning, cache, machine,
    warning,
};

/// What a build made.
#[derive(Clone, Debug)]
pub struct Built {
    /// The image for every platform, in the order of the request.
    pub index: Index,
    /// What is not as it was probably meant.
    pub warnings: Vec<Warning>,
}

/// Builds in process.
#[derive(Clone, Copy)]
pub struct Builder<'a> {
    work: &'a Path,
    cache: Option<&'a LayerCache>,
    settings: Option<&'a Resolve<'a>>,
}

impl std::fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Builder { work, cache, settings } = self;
        f.debug_struct("Builder")
            .field("work", work)
            .field("cache", cache)
            .field("settings", &settings.is_some())
            .finish()
    }
}

/// Builds an image without a cache: [`Builder::build`].
///
/// # Errors
///
/// As [`Builder::build`].
pub fn build(request: &BuildRequest, work: &Path, resolve: &Resolve<'_>) -> Result<Built, Error> {
    Builder::new(work).build(request, resolve)
}

impl<'a> Builder<'a> {
    /// Puts what is large into the directory `work`, which must exist and stay
    /// as it is while an index is used that was built there.
    pub fn new(work: &'a Path) -> Builder<'a> {
        Builder { work, cache: None, settings: None }
    }

    /// Takes large layers from where earlier builds kept them, and keeps them
    /// there.
    #[must_use]
    pub fn cache(self, cache: &'a LayerCache) -> Builder<'a> {
        Builder { cache: Some(cache), ..self }
    }

    /// Gets the settings of a base that is not got whole: images without files,
    /// for stages whose RUNs the host did. Without it, such stages cannot ask
    /// for settings that only the base tells.
    #[must_use]
    pub fn settings(self, settings: &'a Resolve<'a>) -> Builder<'a> {
        Builder { settings: Some(settings), ..self }
    }

    /// Builds an image; `resolve` gets the images that the Containerfile
    /// names.
    ///
    /// # Errors
    ///
    /// Fails if the Containerfile or an ignore file is not understood, has not
    /// the stages that are made already, an instruction cannot be carried out,
    /// or a file cannot be read or written.
    pub fn build(&self, request: &BuildRequest, resolve: &Resolve<'_>) -> Result<Built, Error> {
        let file = Containerfile::read(&request.containerfile)?;
        let target = target(&file, request)?;
        for stage in &request.stages {
            find(&file, stage.name())?;
        }
        if request.platforms.is_empty() {
            return Err(Error::NoPlatform);
        }
        let bases = Bases::new(request, &file, self.work, resolve, self.settings);
        let interpret = |platform: &Platform| {
            let (stage, warnings) = Interpreter::run(&bases, platform, target)?;
            check_programs(&file, &stage, platform)?;
            Ok((stage, warnings))
        };
        let stages: Vec<Result<_, Error>> = request.platforms.par_iter().map(interpret).collect();
        let (stages, of_stages): (Vec<Stage>, Vec<_>) =
            stages.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let layers = self.layers(&stages, request)?;
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

    /// Makes the layers of all stages: of equal changes, one.
    fn layers(
        &self,
        stages: &[Stage],
        request: &BuildRequest,
    ) -> Result<HashMap<Arc<Changes>, Layer>, Error> {
        let steps = stages.iter().flat_map(|stage| &stage.steps);
        let distinct: HashMap<&Arc<Changes>, ()> =
            steps.filter_map(|step| step.changes.as_ref()).map(|changes| (changes, ())).collect();
        let make = |(changes, ()): (&Arc<Changes>, ())| {
            Ok((Arc::clone(changes), self.layer(changes, request)?))
        };
        distinct.into_par_iter().map(make).collect()
    }

    /// Makes a layer, unless one that is worth it is kept from another time.
    fn layer(&self, changes: &Changes, request: &BuildRequest) -> Result<Layer, Error> {
        let created = request.created;
        let make = || {
            let mut builder = LayerBuilder::new(created, self.work);
            fill(&mut builder, changes)?;
            Ok(builder.finish()?)
        };
        let Some(cache) = self.cache.filter(|_| bytes(changes) >= cache::WORTH) else {
            return make();
        };
        let key = key(changes, created, &request.known);
        if let Some(key) = key
            && let Some(layer) = cache.noted(key)?
        {
            return Ok(layer);
        }
        let mut measuring = LayerBuilder::measuring(created);
        fill(&mut measuring, changes)?;
        let layer = cache.layer(measuring.diff_id(), self.work, make)?;
        if let Some(key) = key {
            cache.take_note(key, &layer)?;
        }
        Ok(layer)
    }
}

/// Returns what stands for the whole layer, if it is known of every file what
/// it is.
fn key(changes: &Changes, created: u64, known: &BTreeMap<PathBuf, String>) -> Option<Digest> {
    let mut text = format!("{created}\n");
    for (path, Node { attributes, kind, .. }) in changes {
        let what = match kind {
            NodeKind::Directory => "directory".to_owned(),
            NodeKind::Symlink(target) => format!("link {target:?}"),
            NodeKind::File(content @ Content::Host { path, .. }) => {
                format!("file {} {:?}", content.size(), known.get(&**path)?)
            }
            NodeKind::File(Content::Packed { .. }) => return None,
            NodeKind::Special(_) => continue,
        };
        text += &format!("{path:?} {attributes:?} {what}\n");
    }
    Some(Digest::of(text.as_bytes()))
}

/// Finds the stage that is asked for.
pub(crate) fn target(file: &Containerfile, request: &BuildRequest) -> Result<usize, Error> {
    request.target.as_ref().map_or(Ok(file.stages.len() - 1), |name| find(file, name))
}

/// Finds the stage of that name.
fn find(file: &Containerfile, name: &str) -> Result<usize, Error> {
    file.find(name).ok_or_else(|| Error::NoStage {
        name: name.to_owned(),
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

/// Returns how many bytes the files have.
fn bytes(changes: &Changes) -> u64 {
    let size = |node: &Node| match &node.kind {
        NodeKind::File(content) => content.size(),
        _ => 0,
    };
    changes.values().map(size).fold(0, u64::saturating_add)
}

fn fill<O: Write>(builder: &mut LayerBuilder<O>, changes: &Changes) -> Result<(), Error> {
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
    Ok(())
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
