//! Those who push: this program, and what else there is for the purpose.

use std::path::{Path, PathBuf};

use host::{Background, Cmd};
use ui::Failure;

use super::images::{self, Pushed};
use super::registry::{log_file, not_started, wait_until};
use crate::bench::cases::Bench;
use crate::go_tools::GO_TOOLS;

/// The builder's name in buildx's own, empty configuration.
const BUILDER: &str = "bench";

/// One way to push all images.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) runs: usize,
    way: Way,
}

enum Way {
    /// This program, which has the objects in its cache.
    Ours { warm: PathBuf },
    /// go-containerregistry on layouts; all in one process, or one for each.
    Ggcr { program: PathBuf, root: PathBuf, each: bool },
    /// buildx with a buildkitd that was just started.
    Buildx { buildx: PathBuf, buildkitd: PathBuf },
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
    let buildx = built("buildx").and_then(|buildx| {
        // Without the one buildkitd does not start, without the other it
        // cannot work.
        installed("runc")?;
        if !host::is_root() {
            return Err("`buildkitd` needs the rights of root".to_owned());
        }
        Ok(Way::Buildx { buildx, buildkitd: built("buildkitd")? })
    });
    add("buildx bake", runs, buildx);
    if podman {
        let way = installed("podman").map(|program| Way::Podman { program });
        add("podman, an image at a time", runs.div_ceil(5), way);
    }
    (found, not_run)
}

fn installed(name: &str) -> Result<PathBuf, String> {
    host::find_tool(name).ok_or_else(|| format!("`{name}` is not installed"))
}

fn built(name: &str) -> Result<PathBuf, String> {
    let tool = GO_TOOLS.iter().find(|tool| tool.name == name);
    tool.and_then(|tool| tool.path())
        .ok_or_else(|| format!("`{name}` is not built; `cargo xtask doctor --go-tools` builds it"))
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
            Way::Buildx { buildx, buildkitd } => bake(buildx, buildkitd, images, registry, state),
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
    buildx: &Path,
    buildkitd: &Path,
    images: &[Pushed],
    registry: &str,
    state: &Path,
) -> Result<Started, Failure> {
    let (config, file) = (state.join("buildkitd.toml"), state.join("bake.json"));
    let text = format!("[registry.\"{registry}\"]\n  http = true\n");
    host::fs::write_atomic(&config, text.as_bytes())?;
    host::fs::write_atomic(&file, images::bake(images, registry).to_string().as_bytes())?;
    let (socket, log) = (state.join("socket"), state.join("log"));
    let address = format!("unix://{}", socket.display());
    let mut daemon = Cmd::new(buildkitd)
        .args(["--oci-worker=true", "--containerd-worker=false", "--addr", &address, "--config"])
        .arg(&config)
        .arg("--root")
        .arg(state.join("root"))
        .start(log_file(&log)?)?;
    let up = || std::os::unix::net::UnixStream::connect(&socket).is_ok();
    if !wait_until(up, &mut daemon) {
        return Err(not_started("buildkitd", &log));
    }
    let client = |args: &[&str]| {
        Cmd::new(buildx).args(args).env("DOCKER_CONFIG", state).env("BUILDX_CONFIG", state)
    };
    client(&["create", "--name", BUILDER, "--driver", "remote", &address]).run()?;
    let options = ["bake", "--builder", BUILDER, "--allow=fs.read=*", "--provenance=false"];
    let options = [&options[..], &["--progress=quiet", "-f"]].concat();
    Ok(Started { commands: vec![client(&options).arg(file)], daemon: Some(daemon) })
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
