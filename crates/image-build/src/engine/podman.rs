//! `podman build`, and so buildah.
//!
//! Each platform is an image of its own under a name of the moment, which is
//! saved and removed again. Not a manifest list: what it names would stay
//! behind in the user's storage, and `manifest push` would write to the
//! machine that podman runs on, which can be another one.
//!
//! Layers are not cached. The images of a cache stay in the user's storage
//! as well, and with a cache podman 4.3 takes a stage that starts from
//! `scratch` for the same on every platform: one gets the image of another.

use std::path::{Path, PathBuf};

use host::Cmd;
use oci::Image;

use super::command::options;
use super::contexts::{Group, add_spellings, each, other_use};
use super::error::EngineError;
use super::run::{self, Runner};
use super::stage::{NOTHING, without_ignored};
use super::{ENGINE_PODMAN, Job};
use crate::tree::IGNORE_FILE;
use crate::{BuildRequest, ContextSource, Error, Warning};

/// What errors call the commands.
const BUILD: &str = "podman build";
const SAVE: &str = "podman image save";

/// Builds, and returns the images in the order of the request.
pub(super) fn build(job: &mut Job, runner: &Runner<'_>) -> Result<Vec<Image>, Error> {
    let mut groups = each(ENGINE_PODMAN, job)?;
    for group in &mut groups {
        check_contexts(job, group)?;
        prepare_contexts(job, group)?;
        add_spellings(job, group);
    }
    let podman = host::find_tool("podman")
        .ok_or(EngineError::Missing { engine: ENGINE_PODMAN, what: "`podman`" })?;
    let ignore_file = ignore_file(job)?;
    tell_build_platform(job);
    let mut names = Vec::new();
    let images: Result<Vec<Image>, Error> = groups
        .iter()
        .enumerate()
        .map(|(i, group)| {
            let name = format!("localhost/{}:{i}", job.name);
            names.push(name.clone());
            let build = start(&podman, &job.request, group, &ignore_file, &name);
            runner.run(BUILD, &build.arg(job.context()))?;
            let archive = job.work.join(format!("{i}.tar"));
            runner.run(SAVE, &save(&podman, &name, &archive))?;
            let artifact = run::only(SAVE, &archive)?;
            Ok(artifact.images().into_iter().cloned().collect::<Vec<_>>())
        })
        .collect::<Result<Vec<_>, _>>()
        .map(|images| images.into_iter().flatten().collect());
    // Not to be stopped half-way. A failure of the build says more than one
    // of this.
    let is_removed = runner.succeeds(&remove(&podman, &names));
    let images = images?;
    if !is_removed {
        job.warnings.push(Warning::LeftBehind { engine: ENGINE_PODMAN, images: names });
    }
    Ok(images)
}

/// The variable of a Containerfile that names the machine that builds.
const BUILD_PLATFORM: &str = "BUILDPLATFORM";

/// podman 4.3 leaves the variable empty before the first FROM, and takes a
/// stage that is for it for one of the image's platform.
fn tell_build_platform(job: &mut Job) {
    if job.file.as_ref().is_some_and(|file| file.declares(BUILD_PLATFORM)) {
        let platform = job.request.build_platform.to_string();
        job.request.build_args.entry(BUILD_PLATFORM.to_owned()).or_insert(platform);
    }
}

/// Refuses contexts that podman does not know, or would use for less than
/// they are there for.
fn check_contexts(job: &Job, group: &Group) -> Result<(), EngineError> {
    let is_layout = |source: &ContextSource| matches!(source, ContextSource::Layout { .. });
    let layout = group.contexts.iter().find(|(_, source)| is_layout(source));
    let what = match layout {
        Some((name, _)) => Some(format!("take a layout as the context `{name}`")),
        None => other_use(job, group, |source| matches!(source, ContextSource::Directory(_))),
    };
    match what {
        None => Ok(()),
        Some(what) => Err(EngineError::Unable { engine: ENGINE_PODMAN, what }),
    }
}

/// Puts copies in the place of directories whose ignore files podman would
/// not look at.
fn prepare_contexts(job: &Job, group: &mut Group) -> Result<(), Error> {
    for (name, source) in &mut group.contexts {
        if let ContextSource::Directory(path) = source
            && path.join(IGNORE_FILE).exists()
        {
            *path = without_ignored(ENGINE_PODMAN, name, path, &job.work)?;
        }
    }
    Ok(())
}

/// Returns the ignore file of the build, which podman would look for in other
/// places: the one that is looked at here, or one that ignores nothing.
fn ignore_file(job: &Job) -> Result<PathBuf, Error> {
    let mut beside = job.request.containerfile.clone().into_os_string();
    beside.push(IGNORE_FILE);
    let places = [PathBuf::from(beside), job.context().join(IGNORE_FILE)];
    if let Some(path) = places.into_iter().find(|path| path.exists()) {
        return Ok(path);
    }
    let path = job.work.join("nothing-ignored");
    host::fs::write_atomic(&path, NOTHING)?;
    Ok(path)
}

/// Returns a build's command line without the context at its end.
pub(super) fn start(
    podman: &Path,
    request: &BuildRequest,
    group: &Group,
    ignore_file: &Path,
    name: &str,
) -> Cmd {
    let annotations = request
        .annotations
        .iter()
        .flat_map(|(name, value)| ["--annotation".to_owned(), format!("{name}={value}")]);
    Cmd::new(podman)
        .args(["build", "--layers=false", "--no-cache", "--identity-label=false"])
        .args(["--timestamp".to_owned(), request.created.to_string()])
        .args(options(request, group))
        .args(annotations)
        .arg("--ignorefile")
        .arg(ignore_file)
        .args(["--tag", name])
}

pub(super) fn save(podman: &Path, name: &str, archive: &Path) -> Cmd {
    let save = ["image", "save", "--quiet", "--format=oci-archive", "--output"];
    Cmd::new(podman).args(save).arg(archive).arg(name)
}

/// Removes images, those that are not there as well.
pub(super) fn remove(podman: &Path, names: &[String]) -> Cmd {
    Cmd::new(podman).args(["image", "rm", "--ignore"]).args(names)
}
