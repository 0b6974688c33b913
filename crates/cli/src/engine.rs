//! Engines: which carries out Containerfiles, what they start from, and what is
//! shown while it does.

use std::collections::BTreeSet;

use clap::Args;
use image_build::{
    BuildRequest, ContextSource, Engine, Error, Event, LayerCache, NamedContext, native,
};
use oci::{Image, Index, ParseError, Platform, Reference, registry};
use ui::{Exit, Failure, Ui};

use crate::Scratch;
use crate::bases::{BaseError, Bases};
use crate::words::nearest;

/// What carries out Containerfiles.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Containerfile")]
pub struct EngineArgs {
    /// What carries it out: native (the built-in builder), docker (`docker
    /// buildx`) or podman
    #[arg(
        short = 'r',
        long,
        visible_alias = "runtime",
        value_name = "ENGINE",
        default_value = "native"
    )]
    engine: Engine,

    /// The builder of `docker buildx`, unless its own choice or BUILDX_BUILDER
    /// will do
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,

    /// Another image in the place of one that Containerfiles name, as
    /// NAME=REFERENCE, or nothing, as NAME=scratch; may be repeated. The
    /// others are pulled, and kept
    #[arg(long, value_name = "NAME=REFERENCE", value_parser = base_of)]
    base: Vec<NamedContext>,

    /// Ask no registry for the images that Containerfiles name, and take them
    /// as they are kept; the built-in builder alone can
    #[arg(long)]
    offline: bool,
}

/// Reads `NAME=REFERENCE` or `NAME=scratch`.
fn base_of(word: &str) -> Result<NamedContext, String> {
    let (name, image) = word.split_once('=').ok_or("it is not `NAME=REFERENCE`")?;
    name.parse::<Reference>().map_err(|error| error.to_string())?;
    if name == "scratch" {
        return Err("`scratch` cannot be replaced".to_owned());
    }
    let source = match image {
        "scratch" => ContextSource::Scratch,
        image => ContextSource::Image(image.parse().map_err(|e: ParseError| e.to_string())?),
    };
    Ok(NamedContext::new(name, None, source))
}

impl EngineArgs {
    /// Returns the engine.
    ///
    /// # Errors
    ///
    /// Fails if a builder is named for an engine that has none, or an engine
    /// is to ask no registry.
    pub fn engine(&self) -> Result<Engine, Failure> {
        if self.offline && self.engine != Engine::Native {
            let message = format!(
                "`--offline` is for the built-in builder, and the engine is {}",
                self.engine
            );
            return Err(Failure::usage(message)
                .hint("an engine gets its images itself; leave `--engine` or `--offline` out"));
        }
        match (&self.engine, &self.builder) {
            (Engine::Docker { .. }, builder) => Ok(Engine::Docker { builder: builder.clone() }),
            (engine, None) => Ok(engine.clone()),
            (engine, Some(_)) => {
                let message = format!("`--builder` is for docker, and the engine is {engine}");
                Err(Failure::usage(message).hint("add `--engine docker`"))
            }
        }
    }
}

impl EngineArgs {
    /// Returns whether no registry may be asked for base images.
    pub fn offline(&self) -> bool {
        self.offline
    }

    /// Returns what stands for images that Containerfiles name, to be put
    /// behind the other contexts of a build.
    pub fn replaced(&self) -> &[NamedContext] {
        &self.base
    }

    /// Refuses to replace an image that none of the builds names. Of a
    /// Containerfile that only an engine understands nothing is known.
    ///
    /// # Errors
    ///
    /// Fails if there is such a replacement; names the image that is most like
    /// it.
    pub fn check_replaced<'a>(
        &self,
        requests: impl IntoIterator<Item = &'a BuildRequest>,
    ) -> Result<(), Failure> {
        if self.base.is_empty() {
            return Ok(());
        }
        let (mut names, mut files) = (BTreeSet::new(), BTreeSet::new());
        for request in requests {
            match image_build::image_names(request) {
                Ok(found) => names.extend(found),
                // The build says what is wrong with it.
                Err(_) => return Ok(()),
            }
            files.insert(format!("`{}`", request.containerfile.display()));
        }
        let Some(unknown) = self.base.iter().find(|base| !names.contains(base.name())) else {
            return Ok(());
        };
        let name = unknown.name();
        let place = match Vec::from_iter(files).as_slice() {
            [] => "no Containerfile is carried out".to_owned(),
            files => format!("no FROM or `COPY --from` of {} names it", files.join(", ")),
        };
        let failure = Failure::usage(format!("`{name}` cannot be replaced: {place}"));
        Err(match nearest(name, names.iter().map(String::as_str)) {
            Some(nearest) => failure.hint(format!("did you mean `--base {nearest}=…`?")),
            None if names.is_empty() => failure,
            None => {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                failure.hint(format!("images that are named: {}", names.join(", ")))
            }
        })
    }
}

/// Where and with what an image is built.
#[derive(Clone, Copy, Debug)]
pub struct Workplace<'a> {
    /// Where what is large in the image lies; it stays while that is used.
    pub work: &'a Scratch,
    /// Where the built-in builder keeps large layers from run to run.
    pub layers: Option<&'a LayerCache>,
    /// What gets images for the built-in builder.
    pub bases: &'a Bases,
}

/// Has an image built, and shows what happens meanwhile.
///
/// # Errors
///
/// Fails as [`image_build::build`] does: with exit code 3 if the engine is
/// missing.
pub fn build(
    engine: &Engine,
    request: &BuildRequest,
    workplace: Workplace<'_>,
    ui: &Ui,
) -> Result<Index, Failure> {
    let Workplace { work, layers, bases } = workplace;
    let work = work.path()?;
    let resolve =
        |reference: &Reference, platform: &Platform| Ok(bases.image(reference, platform, ui)?);
    let observe = |event: Event<'_>| match event {
        Event::Command(command) => ui.command(command),
        Event::Output(line) => ui.detail(line),
    };
    let built = match (engine, layers) {
        (Engine::Native, Some(layers)) => {
            let settings = settings(bases, ui);
            let builder = native::Builder::new(work).cache(layers).settings(&settings);
            builder.build(request, &resolve)
        }
        _ => image_build::build(engine, request, work, &resolve, &observe),
    };
    let built = built.map_err(failure)?;
    built.warnings.iter().for_each(|warning| ui.warn(warning));
    Ok(built.index)
}

/// Returns what gets the settings of base images.
pub fn settings<'a>(
    bases: &'a Bases,
    ui: &'a Ui,
) -> impl Fn(&Reference, &Platform) -> Result<Image, Box<dyn std::error::Error + Send + Sync>> + Sync + 'a
{
    |reference, platform| Ok(bases.settings(reference, platform, ui)?)
}

/// Puts into words why an image was not built.
pub fn failure(error: Error) -> Failure {
    let exit = match &error {
        error if error.is_missing_program() => Exit::Missing,
        Error::Interrupted => Exit::Interrupted,
        _ => Exit::Failed,
    };
    let mut hints: Vec<String> = error.hint().into_iter().collect();
    // The reason may be a registry's refusal, which has hints of its own.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        hints.extend(error.downcast_ref::<registry::Error>().and_then(registry::Error::hint));
        hints.extend(error.downcast_ref().into_iter().flat_map(BaseError::hints));
        cause = error.source();
    }
    hints.into_iter().fold(Failure::new(exit, error), Failure::hint)
}
