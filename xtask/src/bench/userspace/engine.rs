//! Those who build the same images by their Containerfiles: for this machine's
//! platform, each with a cache of its own.

use std::path::{Path, PathBuf};

use host::{Background, Cmd};
use oci::{EntryKind, EntryLimits, Layout};
use serde_json::{Value, json};
use ui::{Failure, Failures};

use super::base::{self, Base};
use super::scene::{Image, Sample, Scene, one_by_one, sample};
use super::wrong;
use crate::bench::buildx::{Buildx, installed};
use crate::bench::cases::failed;
use crate::bench::race::{self, Contender};
use crate::context::Context;

/// Who carries out Containerfiles.
enum Engine {
    Buildx(Buildx),
    Podman(PathBuf),
}

/// One way to build the images, with a cache that is empty at first.
struct Started {
    /// To be run one after another.
    commands: Vec<Cmd>,
    /// Where each image is then.
    layouts: Vec<PathBuf>,
    _daemon: Option<Background>,
}

/// What all runs of one contender came to, in their order.
#[derive(Default)]
pub(super) struct Samples {
    /// Once.
    pub(super) cold: Vec<Sample>,
    pub(super) unchanged: Vec<Sample>,
}

/// Lets everybody build in turns who can be tried here, ours first; says why
/// the others cannot.
pub(super) fn race(
    scene: &Scene<'_>,
    (runs, podman): (usize, bool),
    cx: &Context<'_>,
    failures: &mut Failures,
    not_measured: &mut Vec<String>,
) -> Result<Vec<(&'static str, Samples)>, Failure> {
    let mut contenders = vec![Contender { name: "build-images", runs, way: ours(scene)? }];
    let (engines, not_found) = engines(podman);
    not_measured.extend(not_found);
    if !engines.is_empty() {
        cx.ui.step("Making", format_args!("an image to stand for {}", base::NAME));
        match Base::make(scene) {
            Ok(Ok(base)) => {
                for (name, engine) in engines {
                    match engine.start(&base, scene) {
                        Ok(way) => contenders.push(Contender { name, runs, way }),
                        Err(failure) => failures.0.push(failure.context(name)),
                    }
                }
            }
            Ok(Err(why)) => {
                not_measured.extend(engines.iter().map(|(name, _)| format!("{name}: {why}")));
            }
            Err(failure) => failures.0.push(failure.context("the image that Go is in")),
        }
    }
    let turn = |contender: &Contender<Started>, samples: &mut Samples| {
        let work = || one_by_one(&contender.way.commands);
        if samples.cold.is_empty() {
            samples.cold.push(sample(work)?);
            check(scene, &contender.way.layouts)?;
        }
        samples.unchanged.push(sample(work)?);
        Ok(())
    };
    Ok(race::race(&contenders, runs, cx, failures, turn))
}

/// Finds the engines, and says why the others are not there.
fn engines(podman: bool) -> (Vec<(&'static str, Engine)>, Vec<String>) {
    let (mut found, mut not_found) = (Vec::new(), Vec::new());
    let mut add = |name: &'static str, engine: Result<Engine, String>| match engine {
        Ok(engine) => found.push((name, engine)),
        Err(why) => not_found.push(format!("{name}: {why}")),
    };
    add("buildx bake", Buildx::find().map(Engine::Buildx));
    let podman = if podman { installed("podman") } else { Err("`--no-old-way`".to_owned()) };
    add("podman build, push", podman.map(Engine::Podman));
    (found, not_found)
}

impl Engine {
    fn start(&self, base: &Base, scene: &Scene<'_>) -> Result<Started, Failure> {
        match self {
            Engine::Buildx(program) => buildx(program, base, scene),
            Engine::Podman(program) => podman(program, base, scene),
        }
    }
}

fn ours(scene: &Scene<'_>) -> Result<Started, Failure> {
    let state = scene.fresh_dir()?;
    let command = scene
        .ours(&state, &["-q", "--platform", scene.platform().platform()])
        .env("GOCACHE", state.join("cache"));
    let layouts = scene.images().iter().map(|image| scene.layout(&state, image)).collect();
    Ok(Started { commands: vec![command], layouts, _daemon: None })
}

/// Starts a buildkitd of its own, which is given all images at once.
fn buildx(buildx: &Buildx, base: &Base, scene: &Scene<'_>) -> Result<Started, Failure> {
    let state = scene.fresh_dir()?;
    let images = scene.images();
    let layouts: Vec<_> = images.iter().map(|image| state.join("out").join(&image.name)).collect();
    let file = state.join("bake.json");
    let definition = bake(&images, &layouts, base, scene);
    host::fs::write_atomic(&file, definition.to_string().as_bytes())?;
    let daemon = Some(buildx.start(&state, "")?);
    let command = buildx
        .command("bake", &state)
        .args(["--allow=fs.read=*", "--allow=fs.write=*", "--provenance=false", "--progress=quiet"])
        .arg("-f")
        .arg(file);
    Ok(Started { commands: vec![command], layouts, _daemon: daemon })
}

/// Returns what `buildx bake` is to build (Docker's "Bake file reference").
fn bake(images: &[Image], layouts: &[PathBuf], base: &Base, scene: &Scene<'_>) -> Value {
    let target = |(image, layout): (&Image, &PathBuf)| {
        let target = json!({
            "context": scene.root,
            "dockerfile": image.containerfile,
            "contexts": {
                base::FAMILIAR_NAME: format!("oci-layout://{}@{}", base.layout.display(), base.digest),
            },
            "platforms": [scene.platform().platform()],
            "output": [format!("type=oci,tar=false,dest={}", layout.display())],
        });
        (image.name.clone(), target)
    };
    let targets: serde_json::Map<_, _> = images.iter().zip(layouts).map(target).collect();
    let names: Vec<_> = images.iter().map(|image| &image.name).collect();
    json!({"group": {"default": {"targets": names}}, "target": targets})
}

/// Gives podman, with storage of its own, the base; then an image at a time.
fn podman(program: &Path, base: &Base, scene: &Scene<'_>) -> Result<Started, Failure> {
    let state = scene.fresh_dir()?;
    let temporary = state.join("tmp");
    host::fs::create_dir_all(&temporary)?;
    let podman = Cmd::new(program)
        .arg("--root")
        .arg(state.join("root"))
        .arg("--runroot")
        .arg(state.join("run"))
        // The caches of RUN are there, not in the storage.
        .env("TMPDIR", temporary);
    // It is given a name by its path, which a temporary one must not be in.
    let (above, name) = (base.layout.parent(), base.layout.file_name());
    let name = name.unwrap_or_default().to_string_lossy();
    let pull = podman
        .clone()
        .dir(above.unwrap_or(Path::new("/")))
        .args(["pull", "--quiet"])
        .arg(format!("oci:{name}"));
    let id = pull.run().map_err(failed)?;
    let id = String::from_utf8_lossy(&id.stdout).trim().to_owned();
    podman.clone().args(["tag", &id, base::NAME]).run().map_err(failed)?;
    let (mut commands, mut layouts) = (Vec::new(), Vec::new());
    for image in scene.images() {
        let layout = state.join("out").join(&image.name);
        let name = format!("localhost/{}", image.name);
        let build = podman
            .clone()
            .args(["build", "--quiet", "--pull=never", "--isolation", "chroot", "--layers"])
            .args(["--platform", scene.platform().platform(), "--tag", &name, "--file"])
            .arg(&image.containerfile)
            .arg(&scene.root);
        let push = podman
            .clone()
            .args(["push", "--quiet", &name])
            .arg(format!("oci:{}:latest", layout.display()));
        commands.extend([build, push]);
        layouts.push(layout);
    }
    host::fs::create_dir_all(&state.join("out"))?;
    Ok(Started { commands, layouts, _daemon: None })
}

/// Looks at what was written: doing nothing would be the fastest.
fn check(scene: &Scene<'_>, layouts: &[PathBuf]) -> Result<(), Failure> {
    for (image, path) in scene.images().iter().zip(layouts) {
        let layout = Layout::open(path)?;
        let entry = layout.index().manifests.first();
        let artifact = entry.map(|entry| layout.load(entry)).transpose()?;
        let mut files = Vec::new();
        for layer in artifact.iter().flat_map(|a| a.images()).flat_map(|i| i.layers()) {
            let entries = layer.entries(EntryLimits { kept: 0, ..EntryLimits::default() })?;
            let of_layer = entries.into_iter().filter(|entry| entry.kind == EntryKind::File);
            files.extend(of_layer.map(|entry| entry.name));
        }
        if files != [image.name.clone()] {
            return Err(wrong(format!("`{}` holds {files:?} alone", path.display())));
        }
    }
    Ok(())
}
