//! With a Containerfile: the built-in builder or an engine makes the image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use bytecode_image::{Finding, Severity, platform_of};
use clap::Args;
use cli::engine::{EngineArgs, Workplace};
use image_build::{BuildRequest, Engine, NamedContext};
use oci::Artifact;
use ui::{Exit, Failure, Failures};

use crate::context::Context;
use crate::image::generate_build_args::build_args;
use crate::inputs::{Object, Objects};

/// Where in the build context objects stand that are not in the current
/// directory.
const ELSEWHERE: &str = ".bpfman";

/// The Containerfile, and what carries it out.
#[derive(Args, Debug)]
#[command(next_help_heading = "Containerfile")]
pub(super) struct ContainerfileArgs {
    /// The Containerfile, such as Containerfile.bytecode.multi.arch
    #[arg(short = 'f', long, alias = "container_file", value_name = "FILE")]
    container_file: Option<PathBuf>,

    /// A value for an ARG of the Containerfile; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = cli::key_value, requires = "container_file")]
    build_arg: Vec<(String, String)>,

    /// What stands for a stage or an image: NAME=DIR or NAME::PLATFORM=DIR,
    /// NAME=oci-layout://DIR@DIGEST or NAME=docker-image://REFERENCE; may be
    /// repeated
    #[arg(long, value_name = "NAME=CONTEXT", requires = "container_file")]
    build_context: Vec<NamedContext>,

    /// The stage to build, the last one unless given
    #[arg(long, value_name = "STAGE", requires = "container_file")]
    target: Option<String>,

    #[command(flatten)]
    engine: EngineArgs,
}

/// What a build is given besides.
pub(super) struct Marks<'a> {
    pub(super) labels: &'a [(String, String)],
    pub(super) annotations: &'a [(String, String)],
    pub(super) created: u64,
}

impl ContainerfileArgs {
    /// Returns what carries out the Containerfile.
    ///
    /// # Errors
    ///
    /// Fails if a builder is named for an engine that has none.
    pub(super) fn engine(&self) -> Result<Engine, Failure> {
        self.engine.engine()
    }

    /// Returns whether no registry may be asked for base images.
    pub(super) fn offline(&self) -> bool {
        self.engine.offline()
    }

    /// Returns the Containerfile, if there is to be one.
    ///
    /// # Errors
    ///
    /// Fails if there is none for the engine that was named, or for which
    /// something is said of images that it names.
    pub(super) fn file(&self) -> Result<Option<&Path>, Failure> {
        let engine = self.engine()?;
        match &self.container_file {
            None if self.offline() || !self.engine.replaced().is_empty() => {
                let message = "`--base` and `--offline` are for a Containerfile, and none is named";
                Err(Failure::usage(message)
                    .hint("`-f Containerfile.bytecode.multi.arch` names the one for bytecode"))
            }
            None if engine != Engine::Native => {
                let message = format!("{engine} carries out a Containerfile, and none is named");
                Err(Failure::usage(message)
                    .hint("`-f Containerfile.bytecode.multi.arch` names the one for bytecode"))
            }
            file => Ok(file.as_deref()),
        }
    }

    /// Carries out the Containerfile `file` for what the objects are for.
    pub(super) fn build(
        &self,
        file: &Path,
        objects: &Objects,
        marks: &Marks<'_>,
        workplace: Workplace<'_>,
        cx: &Context<'_>,
    ) -> Result<Artifact, Failures> {
        let engine = self.engine()?;
        let mut request = self.request(file, objects, marks, workplace.work.path()?)?;
        self.engine.check_replaced([&request])?;
        if engine != Engine::Native && !request.files.is_empty() {
            // An engine is given a directory, and the current one may be
            // anything.
            request.context = None;
            cx.ui.note(
                "Some objects lie elsewhere: the build context is a directory with the objects \
                 alone",
            );
        }
        let index = cli::engine::build(&engine, &request, workplace, cx.ui)
            .map_err(|failure| failure.context(format!("failed to build `{}`", file.display())))?;
        let artifact = Artifact::Index(index);
        check(file, &artifact, cx)?;
        Ok(if objects.plain { plain(artifact) } else { artifact })
    }

    fn request(
        &self,
        file: &Path,
        objects: &Objects,
        marks: &Marks<'_>,
        work: &Path,
    ) -> Result<BuildRequest, Failure> {
        let here = cli::typed(Path::new("."))?;
        let labels = objects.labels()?;
        let (objects, files) = in_context(objects, &here, work)?;
        let archs = objects.archs();
        let host = Arch::host().or_else(|| archs.first().copied()).unwrap_or(Arch::Amd64);
        let platforms = archs.into_iter().map(platform_of).collect();
        let mut request = BuildRequest::new(file, &here, platforms, platform_of(host));
        request.files = files;
        request.contexts =
            self.build_context.iter().map(|context| context.clone().relative_to(&here)).collect();
        request.contexts.extend(self.engine.replaced().iter().cloned());
        request.build_args = build_args(&objects, &labels)?.into_iter().collect();
        request.build_args.extend(self.build_arg.iter().cloned());
        request.target = self.target.clone();
        request.labels = marks.labels.iter().cloned().collect();
        request.annotations = marks.annotations.iter().cloned().collect();
        request.created = marks.created;
        Ok(request)
    }
}

/// Returns the objects by their paths in the build context, and the files
/// that are placed there because they lie elsewhere.
fn in_context(
    objects: &Objects,
    here: &Path,
    work: &Path,
) -> Result<(Objects, BTreeMap<PathBuf, PathBuf>), Failure> {
    let mut objects = objects.clone();
    let mut files = BTreeMap::new();
    for object in &mut objects.objects {
        if let Some(inside) = inside(&object.path, here) {
            object.path = inside;
            continue;
        }
        let name = object.path.file_name().unwrap_or_default();
        let slot = object.arch.build_arg().to_lowercase();
        let path = Path::new(ELSEWHERE).join(&slot).join(name);
        let file = match object.compiled {
            true => written(object, &work.join(slot))?,
            false => object.path.clone(),
        };
        files.insert(path.clone(), file);
        object.path = path;
    }
    Ok((objects, files))
}

/// Returns the path of a file below the current directory, relative to it;
/// `None` for one that lies elsewhere, or is a link.
fn inside(path: &Path, here: &Path) -> Option<PathBuf> {
    let inside = path.canonicalize().ok()?.strip_prefix(here.canonicalize().ok()?).ok()?.to_owned();
    let is_link = here.join(path).symlink_metadata().is_ok_and(|file| file.is_symlink());
    (!is_link).then_some(inside)
}

/// Writes an object that is in memory only.
fn written(object: &Object, directory: &Path) -> Result<PathBuf, Failure> {
    host::fs::create_dir_all(directory)?;
    let file = directory.join(object.path.file_name().unwrap_or_default());
    host::fs::write_atomic(&file, &object.bytes)?;
    Ok(file)
}

/// Whatever the Containerfile does, bpfman must be able to use what comes
/// out.
fn check(file: &Path, artifact: &Artifact, cx: &Context<'_>) -> Result<(), Failures> {
    let findings = bytecode_image::lint(artifact).into_iter();
    let (errors, others): (Vec<_>, Vec<_>) =
        findings.partition(|finding| finding.severity == Severity::Error);
    others.iter().for_each(|finding| cx.ui.warn(finding));
    let failure = |finding: Finding| {
        let whose = finding.platform.as_ref().map(|platform| format!(" for {platform}"));
        let context = format!(
            "what `{}` makes{} is no bytecode image",
            file.display(),
            whose.unwrap_or_default()
        );
        Failure::new(Exit::Failed, finding.to_string())
            .context(context)
            .hint("without `-f` the image is put together from the objects alone")
    };
    Failures(errors.into_iter().map(failure).collect()).or(())
}

/// Returns the single image of an index of one: what `-b` makes is a plain
/// image.
fn plain(artifact: Artifact) -> Artifact {
    match artifact {
        Artifact::Index(index) => match index.children() {
            [Artifact::Image(image)] => Artifact::Image(image.clone()),
            _ => Artifact::Index(index),
        },
        image @ Artifact::Image(_) => image,
    }
}
