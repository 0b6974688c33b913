//! Those who build: this program in process, and what else there is.

use std::path::{Path, PathBuf};

use bytecode_image::{Recipe, Slot, assemble};
use host::{Background, Cmd};
use image_build::native;
use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Index, Named, Platform, Reference};
use ui::{Exit, Failure};

use super::{OBJECT, Scene, TAG};
use crate::bench::buildx::{Buildx, installed};
use crate::bench::cases::failed;
use crate::bench::race;

/// What the image is called, before the tag.
const NAME: &str = "localhost/bench/xdp-counter";

/// One way to build the image.
pub(super) type Contender = race::Contender<Way>;

pub(super) enum Way {
    /// The built-in builder.
    Native,
    /// Without a Containerfile.
    Direct,
    /// podman, with a storage of its own.
    Podman(PathBuf),
    /// buildx with a buildkitd that was just started.
    Buildx(Buildx),
}

/// A run that is ready to start.
pub(super) struct Started<'a> {
    pub(super) work: Work<'a>,
    /// The layout that it writes.
    pub(super) layout: PathBuf,
    _daemon: Option<Background>,
}

/// What a run does.
pub(super) enum Work<'a> {
    InProcess(Box<dyn Fn() -> Result<(), Failure> + 'a>),
    Commands(Vec<Cmd>),
}

impl Work<'_> {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match self {
            Work::InProcess(work) => work(),
            Work::Commands(commands) => {
                commands.iter().try_for_each(|command| command.run().map(drop).map_err(failed))
            }
        }
    }
}

/// Returns those that can be tried here, the built-in builder first, and why
/// the others cannot.
pub(super) fn contenders(runs: usize, podman: bool) -> (Vec<Contender>, Vec<String>) {
    let (mut found, mut not_run) = (Vec::new(), Vec::new());
    let mut add = |name: &'static str, way: Result<Way, String>| match way {
        Ok(way) => found.push(Contender { name, runs, way }),
        Err(why) => not_run.push(format!("{name}: {why}")),
    };
    add("the built-in builder", Ok(Way::Native));
    add("without a Containerfile", Ok(Way::Direct));
    add("buildx build", Buildx::find().map(Way::Buildx));
    if podman {
        add("podman build, manifest push", installed("podman").map(Way::Podman));
    }
    (found, not_run)
}

impl Contender {
    /// Makes ready a run that keeps everything in `state`, an empty directory.
    pub(super) fn start<'a>(
        &self,
        scene: &'a Scene<'_>,
        state: &Path,
    ) -> Result<Started<'a>, Failure> {
        let layout = state.join("layout");
        let alone = |work| Ok(Started { work, layout: layout.clone(), _daemon: None });
        match &self.way {
            Way::Native => in_process(state, |work| native_build(scene, work)),
            Way::Direct => in_process(state, |_| direct(scene)),
            Way::Podman(program) => alone(Work::Commands(podman(program, scene, state, &layout))),
            Way::Buildx(buildx) => {
                let daemon = Some(buildx.start(state, "")?);
                let work = Work::Commands(vec![build(buildx, scene, state, &layout)]);
                Ok(Started { work, layout, _daemon: daemon })
            }
        }
    }
}

/// Makes ready what makes an index and writes it to a tree, as `build-images`
/// does below `target/`.
fn in_process<'a>(
    state: &Path,
    make: impl Fn(&Path) -> Result<Index, Failure> + 'a,
) -> Result<Started<'a>, Failure> {
    let reference: Reference = format!("{NAME}:{TAG}").parse()?;
    let (tree, work) = (Tree::new(state.join("tree")), state.join("work"));
    host::fs::create_dir_all(&work)?;
    let layout = tree.directory(&reference);
    let all = move || {
        let artifact = Artifact::Index(make(&work)?);
        let named = Named { references: vec![reference.clone()], artifact };
        let outcomes = tree.write(&[named], WriteOptions { durable: false })?;
        outcomes.into_iter().try_for_each(|outcome| Ok(outcome.map(drop)?))
    };
    Ok(Started { work: Work::InProcess(Box::new(all)), layout, _daemon: None })
}

fn native_build(scene: &Scene<'_>, work: &Path) -> Result<Index, Failure> {
    let built = native::Builder::new(work).build(&scene.request, &no_image)?;
    match built.warnings.first() {
        None => Ok(built.index),
        Some(warning) => Err(Failure::new(Exit::Failed, warning.to_string())),
    }
}

/// What gets images where none is named.
pub(super) fn no_image(
    reference: &Reference,
    _: &Platform,
) -> Result<oci::Image, Box<dyn std::error::Error + Send + Sync>> {
    Err(format!("`{reference}` is not to be had here").into())
}

fn direct(scene: &Scene<'_>) -> Result<Index, Failure> {
    let slots = scene.objects.objects.iter().map(|(arch, object)| Slot {
        arch: *arch,
        bytes: &object.bytes,
        info: &object.info,
    });
    let recipe = Recipe { file: OBJECT.to_owned(), ..Recipe::default() };
    let (index, _) = assemble(&recipe, &slots.collect::<Vec<_>>())
        .map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(index)
}

/// Returns what every engine is told of a request.
fn options(scene: &Scene<'_>) -> Vec<String> {
    let request = &scene.request;
    let platforms: Vec<_> = request.platforms.iter().map(ToString::to_string).collect();
    let mut options = vec!["--platform".to_owned(), platforms.join(",")];
    for (name, value) in &request.build_args {
        options.extend(["--build-arg".to_owned(), format!("{name}={value}")]);
    }
    options
}

/// Returns the two commands, in storage of their own: nothing of the user's is
/// touched.
fn podman(program: &Path, scene: &Scene<'_>, state: &Path, layout: &Path) -> Vec<Cmd> {
    const LIST: &str = "localhost/bench";
    let podman = Cmd::new(program)
        .arg("--root")
        .arg(state.join("root"))
        .arg("--runroot")
        .arg(state.join("run"));
    let build = podman
        .clone()
        .args(["build", "--isolation", "chroot", "--manifest", LIST])
        .args(options(scene))
        .arg("--file")
        .arg(&scene.request.containerfile)
        .args(scene.request.context.as_deref());
    // Without `--rm` the list would grow when it is built again.
    let push = podman
        .args(["manifest", "push", "--all", "--rm", LIST])
        .arg(format!("oci:{}:{TAG}", layout.display()));
    vec![build, push]
}

fn build(buildx: &Buildx, scene: &Scene<'_>, state: &Path, layout: &Path) -> Cmd {
    buildx
        .command("build", state)
        .args(["--provenance=false", "--progress=quiet", "--tag", &format!("{NAME}:{TAG}")])
        .args(options(scene))
        .arg("--output")
        .arg(format!("type=oci,tar=false,dest={}", layout.display()))
        .arg("--file")
        .arg(&scene.request.containerfile)
        .args(scene.request.context.as_deref())
}
