//! Those who push: this program, and what else there is for the purpose.

use std::path::{Path, PathBuf};

use host::{Background, Cmd};
use ui::Failure;

use super::images::{self, Pushed};
use crate::bench::buildx::{Buildx, built, installed};
use crate::bench::cases::Bench;
use crate::bench::race;

/// One way to push all images.
pub(super) type Contender = race::Contender<Way>;

pub(super) enum Way {
    /// This program, which has the objects in its cache.
    Ours { warm: PathBuf },
    /// go-containerregistry on layouts; all in one process, or one for each.
    Ggcr { program: PathBuf, root: PathBuf, each: bool },
    /// buildx with a buildkitd that was just started.
    Buildx(Buildx),
    /// podman, an image at a time.
    Podman { program: PathBuf },
}

/// What a run consists of.
pub(super) struct Started {
    /// To be run one after another.
    pub(super) commands: Vec<Cmd>,
    /// The server that does a part of the work.
    pub(super) daemon: Option<Background>,
}

/// Returns those that can be tried here, ours first, and why the others
/// cannot. podman takes minutes: it gets a fifth of the runs.
pub(super) fn contenders(
    runs: usize,
    podman: bool,
    warm: &Path,
    root: &Path,
) -> (Vec<Contender>, Vec<String>) {
    let (mut found, mut not_run) = (Vec::new(), Vec::new());
    let mut add = |name: &'static str, runs: usize, way: Result<Way, String>| match way {
        Ok(way) => found.push(Contender { name, runs, way }),
        Err(why) => not_run.push(format!("{name}: {why}")),
    };
    add("build-images --push", runs, Ok(Way::Ours { warm: warm.to_owned() }));
    for (name, each) in
        [("go-containerregistry", false), ("go-containerregistry, a process per image", true)]
    {
        let program = built("push-with-ggcr");
        let root = root.to_owned();
        add(name, runs, program.map(|program| Way::Ggcr { program, root, each }));
    }
    add("buildx bake", runs, Buildx::find().map(Way::Buildx));
    if podman {
        let way = installed("podman").map(|program| Way::Podman { program });
        add("podman, an image at a time", runs.div_ceil(5), way);
    }
    (found, not_run)
}

impl Contender {
    /// Returns whether its images have the bytes of ours.
    pub(super) fn has_our_bytes(&self) -> bool {
        matches!(self.way, Way::Ours { .. } | Way::Ggcr { .. })
    }

    /// Makes ready a run that pushes to `registry` and keeps what it has to
    /// remember in `state`, an empty directory.
    pub(super) fn start(
        &self,
        bench: &Bench<'_>,
        images: &[Pushed],
        registry: &str,
        state: &Path,
    ) -> Result<Started, Failure> {
        let alone = |commands| Ok(Started { commands, daemon: None });
        match &self.way {
            Way::Ours { warm } => alone(vec![ours(bench, registry, "-q", warm)]),
            Way::Ggcr { program, root, each: false } => {
                alone(vec![Cmd::new(program).arg(root).arg(registry)])
            }
            Way::Ggcr { program, root, each: true } => alone(
                images
                    .iter()
                    .map(|image| Cmd::new(program).arg(root).arg(registry).arg(&image.repository))
                    .collect(),
            ),
            Way::Buildx(buildx) => bake(buildx, images, registry, state),
            Way::Podman { program } => alone(
                images.iter().flat_map(|image| podman(program, image, registry, state)).collect(),
            ),
        }
    }
}

/// Returns the command that is to be the fastest.
pub(super) fn ours(bench: &Bench<'_>, registry: &str, verbosity: &str, target: &Path) -> Cmd {
    bench
        .build(&["bytecode", "--registry", registry, "--push", verbosity])
        .env("CARGO_TARGET_DIR", target.as_os_str())
}

/// Starts a buildkitd of its own and tells buildx of it.
fn bake(
    buildx: &Buildx,
    images: &[Pushed],
    registry: &str,
    state: &Path,
) -> Result<Started, Failure> {
    let file = state.join("bake.json");
    host::fs::write_atomic(&file, images::bake(images, registry).to_string().as_bytes())?;
    let config = format!("[registry.\"{registry}\"]\n  http = true\n");
    let daemon = buildx.start(state, &config)?;
    let options = ["--allow=fs.read=*", "--provenance=false", "--progress=quiet", "-f"];
    let command = buildx.command("bake", state).args(options).arg(file);
    Ok(Started { commands: vec![command], daemon: Some(daemon) })
}

/// Returns the two commands for one image, in storage of its own: nothing of
/// the user's is touched.
fn podman(program: &Path, image: &Pushed, registry: &str, state: &Path) -> [Cmd; 2] {
    let list = format!("localhost/{}", image.name());
    let podman = Cmd::new(program)
        .arg("--root")
        .arg(state.join("root"))
        .arg("--runroot")
        .arg(state.join("run"));
    let build = podman
        .clone()
        .args(["build", "--isolation", "chroot", "--layers=false"])
        .args(["--platform", &image.platforms.join(","), "--manifest", &list])
        .args(
            image
                .args
                .iter()
                .flat_map(|(key, value)| ["--build-arg".to_owned(), format!("{key}={value}")]),
        )
        .arg(&image.context);
    // Without `--rm` the list would grow when it is built again.
    let push = podman
        .args(["manifest", "push", "--all", "--rm", "--tls-verify=false", &list])
        .arg(format!("docker://{registry}/{}", image.name()));
    [build, push]
}
