//! BuildKit without docker: a daemon of the test's own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use host::Cmd;
use image_build::BuildRequest;
use oci::archive;

use super::{Engine, cases};
use crate::support::World;

/// A running daemon, ended with the value.
struct Daemon {
    process: Child,
    address: String,
    _root: tempfile::TempDir,
}

impl Daemon {
    fn start(program: &Path, runtime: &Path) -> Daemon {
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("socket");
        let address = format!("unix://{}", socket.display());
        let log = std::fs::File::create(root.path().join("log")).unwrap();
        let process = Command::new(program)
            .arg("--root")
            .arg(root.path().join("root"))
            .args(["--addr", &address, "--containerd-worker=false", "--oci-worker=true"])
            .arg("--oci-worker-binary")
            .arg(runtime)
            .args(["--oci-worker-snapshotter", "native"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let daemon = Daemon { process, address, _root: root };
        for _ in 0..600 {
            if buildctl(&daemon, &["debug", "workers"]).run().is_ok() {
                return daemon;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(daemon._root.path().join("log")).unwrap();
        panic!("buildkitd does not answer: {log}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Cmd::new("kill").arg(self.process.id().to_string()).run();
        let _ = self.process.wait();
    }
}

fn buildctl(daemon: &Daemon, args: &[&str]) -> Cmd {
    Cmd::new("buildctl").args(["--addr", &daemon.address]).args(args)
}

#[test]
fn buildkit_makes_the_same() {
    let Some(program) = test_support::tool("buildkitd") else { return };
    if test_support::tool("buildctl").is_none() {
        return;
    }
    if !host::is_root() {
        return test_support::not_run("root", "buildkitd needs root");
    }
    let Some(runtime) = host::find_tool("runc").or_else(|| test_support::tool("crun")) else {
        return;
    };
    let daemon = Daemon::start(&program, &runtime);
    let build = |world: &World, request: &BuildRequest| {
        let directory = |name: &str, path: &Path| format!("{name}={}", path.display());
        let file = request.containerfile.file_name().unwrap().to_string_lossy().into_owned();
        let archive = world.path("../image.tar");
        let arguments = request
            .build_args
            .iter()
            .flat_map(|(name, value)| ["--opt".to_owned(), format!("build-arg:{name}={value}")]);
        let command = buildctl(&daemon, &["build", "--frontend=dockerfile.v0"])
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
