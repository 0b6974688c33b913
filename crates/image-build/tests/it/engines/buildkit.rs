//! BuildKit without docker: a daemon of the test's own, and buildx by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use host::{Background, Cmd};

use super::cases::{self, Case};
use super::{BUILDER, Engine, requests};
use crate::support::{Variables, is_again, path_with};

/// A running daemon, ended with the value, and who talks with it.
struct Daemon {
    _process: Background,
    buildx: PathBuf,
    root: tempfile::TempDir,
}

impl Daemon {
    /// Starts one; `None` where it is not built, or cannot work.
    fn start() -> Option<Daemon> {
        let program = test_support::go_tool("buildkitd")?;
        let buildx = test_support::go_tool("buildx")?;
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
        let daemon = Daemon { _process: process, buildx, root };
        let create = ["create", "--driver", "remote", "--name", BUILDER, &address];
        daemon.ask(&create).run().unwrap_or_else(|error| panic!("{}", error.stderr));
        for _ in 0..600 {
            if daemon
                .ask(&["inspect", "--bootstrap", BUILDER])
                .run()
                .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("running"))
            {
                return Some(daemon);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("buildkitd does not answer: {}", std::fs::read_to_string(log).unwrap());
    }

    fn ask(&self, args: &[&str]) -> Cmd {
        self.variables()
            .into_iter()
            .fold(Cmd::new(&self.buildx).args(args), |command, (name, value)| {
                command.env(name, value)
            })
    }

    /// Returns the variables with which buildx finds it. No docker is needed
    /// on the way, and one without buildx does not disturb.
    fn variables(&self) -> Variables {
        let at = |name: &str| self.root.path().join(name).into_os_string();
        vec![
            ("BUILDX_CONFIG", at("buildx")),
            ("DOCKER_CONFIG", at("docker")),
            ("PATH", path_with(&[self.buildx.parent().unwrap_or(Path::new("/"))])),
        ]
    }
}

/// Runs the body in a process whose buildx has a builder.
fn with_buildkit(name: &str, body: impl FnOnce()) {
    if is_again(name, || Daemon::start().map(|daemon| (daemon.variables(), daemon))) {
        body();
    }
}

fn compare(name: &str, cases: &[Case]) {
    with_buildkit(name, || Engine::BuildKit.compare(cases));
}

#[test]
fn it_makes_the_same_files() {
    compare("engines::buildkit::it_makes_the_same_files", cases::FILES);
}

#[test]
fn it_makes_the_same_settings() {
    compare("engines::buildkit::it_makes_the_same_settings", cases::SETTINGS);
}

#[test]
fn it_does_the_same_with_whole_requests() {
    with_buildkit("engines::buildkit::it_does_the_same_with_whole_requests", || {
        requests::compare(Engine::BuildKit);
        requests::compare_one(Engine::BuildKit, requests::layout());
    });
}
