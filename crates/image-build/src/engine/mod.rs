//! Engines: who builds. The built-in builder, or a program that is installed.
//!
//! Every engine takes the same [`BuildRequest`] and gives the same [`Built`]:
//! an index of the platforms that were asked for, in that order, with the
//! annotations that were asked for. In what the images of engines differ is
//! in `difference.rs`. The command lines are values, made in `docker.rs` and
//! `podman.rs`; `run.rs` runs them. Not here: installing or configuring an
//! engine, which its own settings and environment do.

mod command;
mod contexts;
mod difference;
mod docker;
mod error;
mod podman;
mod run;
mod stage;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use host::Cmd;

pub use error::EngineError;

use crate::base::Resolve;
use crate::containerfile::Containerfile;
use crate::native::{self, Built};
use crate::{BuildRequest, Error, Warning, warning};
use run::Runner;
use stage::StagedContext;

/// Who builds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The built-in builder, which needs nothing and runs nothing.
    #[default]
    Native,
    /// `docker buildx`, and so every BuildKit that it reaches.
    Docker {
        /// The builder of buildx; the one that it takes by itself if `None`.
        builder: Option<String>,
    },
    /// `podman`.
    Podman,
}

/// A word that is no engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown engine `{word}`: write `native`, `docker` or `podman`")]
pub struct ParseEngineError {
    /// The word as it was given.
    pub word: String,
}

impl FromStr for Engine {
    type Err = ParseEngineError;

    /// Accepts `native`, `docker` and `podman`.
    fn from_str(word: &str) -> Result<Engine, ParseEngineError> {
        match word {
            "native" => Ok(Engine::Native),
            "docker" => Ok(Engine::Docker { builder: None }),
            "podman" => Ok(Engine::Podman),
            _ => Err(ParseEngineError { word: word.to_owned() }),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Native => "native",
            Engine::Docker { .. } => ENGINE_DOCKER,
            Engine::Podman => ENGINE_PODMAN,
        })
    }
}

/// What errors call the engines.
const ENGINE_DOCKER: &str = "docker";
const ENGINE_PODMAN: &str = "podman";

/// What happens while an engine builds.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A command is about to be run.
    Command(&'a Cmd),
    /// A command says a line.
    Output(&'a str),
}

/// Is told what happens. The built-in builder runs nothing and says nothing.
pub type Observe<'a> = dyn Fn(Event<'_>) + Sync + 'a;

/// Builds an image. What is large lies in the directory `work`, which must
/// exist and stay as it is while the index is used; `resolve` gets images for
/// the built-in builder, the others get them by themselves.
///
/// # Errors
///
/// Fails if the engine is missing or fails, cannot do what is asked, or makes
/// something else than that; and as [`native::build`].
pub fn build(
    engine: &Engine,
    request: &BuildRequest,
    work: &Path,
    resolve: &Resolve<'_>,
    observe: &Observe<'_>,
) -> Result<Built, Error> {
    if *engine == Engine::Native {
        return native::build(request, work, resolve);
    }
    let runner = Runner::new(observe);
    let mut job = Job::new(request, work)?;
    let images = match engine {
        Engine::Docker { builder } => docker::build(&mut job, builder.as_deref(), &runner)?,
        Engine::Native | Engine::Podman => podman::build(&mut job, &runner)?,
    };
    let (index, found) = difference::even_out(&engine.to_string(), &job.request, images)?;
    let mut warnings = job.warnings;
    warnings.extend(found);
    Ok(Built { index, warnings })
}

/// What an engine is to do, and where.
struct Job {
    /// The request with absolute paths and a context.
    request: BuildRequest,
    /// The Containerfile, if it can be understood here: engines take more.
    file: Option<Containerfile>,
    /// A directory of this job's own.
    work: PathBuf,
    /// A name that nobody else has.
    name: String,
    warnings: Vec<Warning>,
}

impl Job {
    /// Checks what needs no engine, and makes a place to work in.
    fn new(request: &BuildRequest, work: &Path) -> Result<Job, Error> {
        let text = host::fs::read_to_string(&request.containerfile)?;
        let file = Containerfile::parse(&request.containerfile, &text).ok();
        let mut warnings = Vec::new();
        if let Some(file) = &file {
            native::target(file, request)?;
            warnings = warning::unused_arguments(file, request);
        }
        if request.platforms.is_empty() {
            return Err(Error::NoPlatform);
        }
        let name = unique_name();
        let work = absolute(work)?.join(&name);
        host::fs::create_dir_all(&work)?;
        let mut request = request.clone();
        request.containerfile = absolute(&request.containerfile)?;
        request.context = match &request.context {
            Some(context) => Some(absolute(context)?),
            None if !request.files.is_empty() => None,
            None => Some(StagedContext::new(&work)?.path().to_owned()),
        };
        if !request.files.is_empty() {
            stage::with_files(&mut request, &work)?;
        }
        let here = absolute(Path::new("."))?;
        let contexts = request.contexts.into_iter().map(|context| context.relative_to(&here));
        request.contexts = contexts.collect();
        Ok(Job { request, file, work, name, warnings })
    }

    /// Returns the directory that COPY copies from.
    fn context(&self) -> &Path {
        self.request.context.as_deref().unwrap_or(&self.work)
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    use host::fs::IoContext as _;
    Ok(std::path::absolute(path).io_context("find the directory of", path)?)
}

/// Returns a name that no other build has, here or elsewhere, good for a file
/// and for an image.
fn unique_name() -> String {
    format!("image-build-{:x}-{:016x}", std::process::id(), RandomState::new().hash_one(0))
}

#[cfg(test)]
mod tests;
