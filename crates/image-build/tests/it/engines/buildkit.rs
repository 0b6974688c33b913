//! BuildKit without docker: a daemon of the test's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use host::{Background, Cmd};
use image_build::BuildRequest;
use oci::archive;

use super::{Engine, cases};
use crate::support::World;

/// A running daemon, ended with the value, and who talks with it.
struct Daemon {
    _process: Background,
    client: PathBuf,
    address: String,
    _root: tempfile::TempDir,
}

impl Daemon {
    /// Starts one; `None` where it is not built, or cannot work.
    fn start() -> Option<Daemon> {
        let program = test_support::go_tool("buildkitd")?;
        let client = test_support::go_tool("buildctl")?;
        let runtime = test_support::tool("runc")?;
        if !host::is_root() {
            test_support::not_run("root", "buildkitd needs root");
            return None;
        }
        let root = tempfile::tempdir().unwrap();
        let address = format!("unix://{}", root.path().join("socket").display());
        let log = root.path().join("log");
        let process = Cmd::new(program)
            .arg("--root")
            .arg(root.path().join("root"))
            .args(["--addr", &address, "--containerd-worker=false", "--oci-worker=true"])
            .arg("--oci-worker-binary")
            .arg(runtime)
            .args(["--oci-worker-snapshotter", "native"])
            .start(std::fs::File::options().create(true).append(true).open(&log).unwrap())
            .unwrap();
        let daemon = Daemon { _process: process, client, address, _root: root };
        for _ in 0..600 {
            if daemon.ask(&["debug", "workers"]).run().is_ok() {
                return Some(daemon);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("buildkitd does not answer: {}", std::fs::read_to_string(log).unwrap());
    }

    fn ask(&self, args: &[&str]) -> Cmd {
        Cmd::new(&self.client).args(["--addr", &self.address]).args(args)
    }
}

#[test]
fn buildkit_makes_the_same() {
    let Some(daemon) = Daemon::start() else { return };
    let build = |world: &World, request: &BuildRequest| {
        let directory = |name: &str, path: &Path| format!("{name}={}", path.display());
        let file = request.containerfile.file_name().unwrap().to_string_lossy().into_owned();
        let archive = world.path("../image.tar");
        let arguments = request
            .build_args
            .iter()
            .flat_map(|(name, value)| ["--opt".to_owned(), format!("build-arg:{name}={value}")]);
        let command = daemon
            .ask(&["build", "--frontend=dockerfile.v0"])
            .arg("--local")
            .arg(directory("context", &world.context()))
            .arg("--local")
            .arg(directory("dockerfile", request.containerfile.parent().unwrap()))
            .args(["--opt", &format!("filename={file}"), "--opt", "platform=linux/amd64"])
            .args(arguments)
            .args(["--output", &format!("type=oci,dest={}", archive.display())]);
        if let Err(error) = command.run() {
            panic!("{command}: {error}: {}", error.stderr);
        }
        archive::open(&archive).unwrap()
    };
    Engine::BuildKit.compare(cases::FILES, &build);
    Engine::BuildKit.compare(cases::SETTINGS, &build);
}
