//! `docker buildx`, with whatever builder.
//!
//! The images are written to an OCI archive. Classic docker (the driver
//! `docker` without containerd's store) cannot write one: there the image is
//! loaded under a name of the moment and saved.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use host::Cmd;
use oci::{Artifact, Digest, Image};
use serde::Deserialize;

use super::command::options;
use super::contexts::{Group, groups};
use super::error::EngineError;
use super::run::{self, Runner};
use super::{ENGINE_DOCKER, Job};
use crate::request::normal;
use crate::{BuildRequest, Error, Warning};

/// What errors call the commands.
const BUILD: &str = "docker buildx build";
const SAVE: &str = "docker image save";

/// How buildx is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Buildx {
    /// As a plugin of this docker.
    Plugin(PathBuf),
    /// By itself.
    Alone(PathBuf),
}

impl Buildx {
    /// Finds it: the plugin first, as users have it.
    fn find(runner: &Runner<'_>) -> Result<Buildx, Error> {
        if let Some(docker) = host::find_tool("docker") {
            let plugin = Buildx::Plugin(docker);
            if runner.succeeds(&plugin.command().arg("version")) {
                return Ok(plugin);
            }
        }
        let alone = ["docker-buildx", "buildx"].into_iter().find_map(host::find_tool);
        let missing = EngineError::Missing { engine: ENGINE_DOCKER, what: "`docker buildx`" };
        Ok(Buildx::Alone(alone.ok_or(missing)?))
    }

    fn command(&self) -> Cmd {
        match self {
            Buildx::Plugin(docker) => Cmd::new(docker).arg("buildx"),
            Buildx::Alone(buildx) => Cmd::new(buildx),
        }
    }
}

/// Builds, and returns the images in any order.
pub(super) fn build(
    job: &mut Job,
    builder: Option<&str>,
    runner: &Runner<'_>,
) -> Result<Vec<Image>, Error> {
    let groups = groups(ENGINE_DOCKER, job)?;
    let buildx = Buildx::find(runner)?;
    let mut images = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let files = Files::new(&job.work, i);
        let start = start(&buildx, builder, &job.request, group, &files.metadata);
        let command = to_archive(start.clone(), &job.request, &files.archive).arg(job.context());
        match runner.try_run(&command) {
            Ok(()) => images.extend(from_archive(&files)?),
            Err(error) if is_classic(&error.stderr) => {
                images.push(classic(job, start, &files, runner)?);
            }
            Err(error) => return Err(run::failed(BUILD, error)),
        }
    }
    Ok(images)
}

/// The files that a build writes.
struct Files {
    archive: PathBuf,
    metadata: PathBuf,
}

impl Files {
    fn new(work: &Path, number: usize) -> Files {
        Files {
            archive: work.join(format!("{number}.tar")),
            metadata: work.join(format!("{number}.json")),
        }
    }
}

/// Returns the start of a build's command line, which says what to build.
pub(super) fn start(
    buildx: &Buildx,
    builder: Option<&str>,
    request: &BuildRequest,
    group: &Group,
    metadata: &Path,
) -> Cmd {
    let builder = builder.into_iter().flat_map(|builder| ["--builder", builder]);
    buildx
        .command()
        .env("SOURCE_DATE_EPOCH", request.created.to_string())
        // Only the digest is wanted.
        .env("BUILDX_METADATA_PROVENANCE", "disabled")
        .arg("build")
        .args(builder)
        .args(options(request, group))
        // They would be further manifests of the index.
        .args(["--provenance=false", "--sbom=false", "--progress=plain", "--metadata-file"])
        .arg(metadata)
}

/// Has the images written to an archive.
pub(super) fn to_archive(mut command: Cmd, request: &BuildRequest, archive: &Path) -> Cmd {
    // An index for one platform, where BuildKit makes none, takes none.
    for (name, value) in &request.annotations {
        command = command.args(["--annotation".to_owned(), format!("manifest:{name}={value}")]);
    }
    let mut output = OsString::from("type=oci,rewrite-timestamp=true,");
    output.push(comma_field("dest", archive));
    command.arg("--output").arg(output)
}

/// Returns `name=path` as a field of comma-separated values.
fn comma_field(name: &str, path: &Path) -> OsString {
    let text = path.to_string_lossy();
    if !text.contains([',', '"', '\n']) {
        let mut field = OsString::from(format!("{name}="));
        field.push(path);
        return field;
    }
    format!("\"{name}={}\"", text.replace('"', "\"\"")).into()
}

/// Has the image loaded into docker under this name.
///
/// The BuildKit in docker 20.10 leaves an ARG before the first FROM empty that
/// is there for podman's sake; so it is given the platform, which is one here.
pub(super) fn to_docker(mut command: Cmd, job: &Job, name: &str) -> Cmd {
    let Some(platform) = job.request.platforms.first().map(normal) else { return command };
    let parts = [
        ("BUILDPLATFORM", job.request.build_platform.to_string()),
        ("TARGETPLATFORM", platform.to_string()),
        ("TARGETOS", platform.os),
        ("TARGETARCH", platform.architecture),
        ("TARGETVARIANT", platform.variant.unwrap_or_default()),
    ];
    let is_wanted = |(name, _): &(&str, String)| {
        let is_given = job.request.build_args.contains_key(*name);
        !is_given && job.file.as_ref().is_some_and(|file| file.declares(name))
    };
    for (name, value) in parts.into_iter().filter(is_wanted) {
        command = command.args(["--build-arg".to_owned(), format!("{name}={value}")]);
    }
    command.args(["--load", "--tag", name])
}

pub(super) fn save(docker: &Path, name: &str, file: &Path) -> Cmd {
    Cmd::new(docker).args(["image", "save", "--output"]).arg(file).arg(name)
}

pub(super) fn remove(docker: &Path, name: &str) -> Cmd {
    Cmd::new(docker).args(["image", "rm", name])
}

/// Returns whether a failed build says that this builder is classic docker:
/// it writes no archives, or not for several platforms.
pub(super) fn is_classic(said: &str) -> bool {
    said.lines().any(|line| {
        let is_meant = line.contains("OCI exporter") || line.contains("latform");
        is_meant && line.contains("not supported for") && line.contains("docker driver")
    })
}

/// Builds with classic docker.
fn classic(job: &mut Job, start: Cmd, files: &Files, runner: &Runner<'_>) -> Result<Image, Error> {
    if job.request.platforms.len() > 1 {
        return Err(EngineError::OnePlatform { asked: job.request.platforms.clone() }.into());
    }
    let docker = host::find_tool("docker")
        .ok_or(EngineError::Missing { engine: ENGINE_DOCKER, what: "`docker`" })?;
    runner.say("this builder writes no archives: the image is loaded into docker, and saved");
    let name = format!("localhost/{}:latest", job.name);
    let saved = runner
        .run(BUILD, &to_docker(start, job, &name).arg(job.context()))
        .and_then(|()| runner.run(SAVE, &save(&docker, &name, &files.archive)));
    // Not to be stopped half-way. A failure of the build says more than one
    // of this.
    let is_removed = runner.succeeds(&remove(&docker, &name));
    saved?;
    if !is_removed {
        job.warnings.push(Warning::LeftBehind { engine: ENGINE_DOCKER, images: vec![name] });
    }
    let read = run::reading(SAVE, oci::docker_archive::read(&files.archive, &job.work))?;
    let artifact = read.into_iter().next().map(|named| named.artifact);
    let Some(Artifact::Image(image)) = artifact else {
        let (path, reason) = (files.archive.clone(), "it has no image".to_owned());
        return run::reading(SAVE, Err(oci::Error::InvalidArchive { path, reason }));
    };
    // Here the digest of an image is that of its config.
    check_digest(&files.metadata, image.config_blob().digest())?;
    Ok(image)
}

fn from_archive(files: &Files) -> Result<Vec<Image>, Error> {
    let artifact = run::only(BUILD, &files.archive)?;
    check_digest(&files.metadata, artifact.digest())?;
    Ok(artifact.images().into_iter().cloned().collect())
}

/// What buildx says of what it built.
#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "containerimage.digest")]
    digest: Option<String>,
}

/// Compares what was read with what buildx says that it wrote.
fn check_digest(metadata: &Path, found: Digest) -> Result<(), Error> {
    let bytes = host::fs::read_if_present(metadata)?.unwrap_or_default();
    let said = serde_json::from_slice(&bytes).ok().and_then(|it: Metadata| it.digest);
    let says = match said {
        Some(digest) if digest == found.to_string() => return Ok(()),
        Some(digest) => format!("names `{digest}`"),
        None => "names no digest".to_owned(),
    };
    Err(EngineError::OtherImage { command: BUILD, says, found }.into())
}
