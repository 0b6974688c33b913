//! Engines: which carries out Containerfiles, and what is shown while it does.

use clap::Args;
use image_build::{BuildRequest, Engine, Error, Event, LayerCache, native};
use oci::registry::{self, Client};
use oci::{Image, Index, Platform, Reference};
use ui::{Exit, Failure, Ui};

use crate::Scratch;

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
}

impl EngineArgs {
    /// Returns the engine.
    ///
    /// # Errors
    ///
    /// Fails if a builder is named for an engine that has none.
    pub fn engine(&self) -> Result<Engine, Failure> {
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

/// Where and with what an image is built.
#[derive(Clone, Copy, Debug)]
pub struct Workplace<'a> {
    /// Where what is large in the image lies; it stays while that is used.
    pub work: &'a Scratch,
    /// Where the built-in builder keeps large layers from run to run.
    pub layers: Option<&'a LayerCache>,
    /// What gets images for the built-in builder.
    pub client: &'a Client,
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
    let Workplace { work, layers, client } = workplace;
    let work = work.path()?;
    let resolve = |reference: &Reference, platform: &Platform| base(client, reference, platform);
    let observe = |event: Event<'_>| match event {
        Event::Command(command) => ui.command(command),
        Event::Output(line) => ui.detail(line),
    };
    let built = match (engine, layers) {
        (Engine::Native, Some(layers)) => {
            native::Builder::new(work).cache(layers).build(request, &resolve)
        }
        _ => image_build::build(engine, request, work, &resolve, &observe),
    };
    let built = built.map_err(failure)?;
    built.warnings.iter().for_each(|warning| ui.warn(warning));
    Ok(built.index)
}

/// Gets an image that a Containerfile names.
fn base(
    client: &Client,
    reference: &Reference,
    platform: &Platform,
) -> Result<Image, Box<dyn std::error::Error + Send + Sync>> {
    let artifact = client.pull(reference, Some(platform))?;
    match artifact.images().first() {
        Some(image) => Ok((*image).clone()),
        None => Err(format!("`{reference}` is not for {platform}").into()),
    }
}

/// Puts into words why an image was not built.
fn failure(error: Error) -> Failure {
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
        cause = error.source();
    }
    hints.into_iter().fold(Failure::new(exit, error), Failure::hint)
}
