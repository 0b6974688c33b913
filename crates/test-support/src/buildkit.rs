//! BuildKit without docker: a daemon of the test's own, and buildx by itself.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long the daemon may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon on this machine alone, and the client that knows it; the daemon
/// ends, and its data goes, when this is dropped.
#[derive(Debug)]
pub struct BuildKit {
    daemon: std::process::Child,
    buildx: PathBuf,
    dir: tempfile::TempDir,
}

impl BuildKit {
    /// Starts one that buildx calls `builder`; `None` where it is not built,
    /// or cannot work.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn start(builder: &str) -> Option<BuildKit> {
        let program = crate::go_tool("buildkitd")?;
        let buildx = crate::go_tool("buildx")?;
        let runtime = crate::tool("runc")?;
        if !is_root() {
            crate::not_run("root", "buildkitd needs root");
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        let address = format!("unix://{}", dir.path().join("socket").display());
        let log = dir.path().join("log");
        let file = std::fs::File::options().create(true).append(true).open(&log);
        let file = file.expect("a log");
        #[expect(clippy::disallowed_methods, reason = "it runs beside the test")]
        let daemon = Command::new(program)
            .arg("--root")
            .arg(dir.path().join("root"))
            .args(["--addr", &address, "--containerd-worker=false", "--oci-worker=true"])
            .arg("--oci-worker-binary")
            .arg(runtime)
            .args(["--oci-worker-snapshotter", "native"])
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log"))
            .stderr(file)
            .spawn()
            .expect("buildkitd starts");
        let buildkit = BuildKit { daemon, buildx, dir };
        let created = buildkit.ask(&["create", "--driver", "remote", "--name", builder, &address]);
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let said = buildkit.ask(&["inspect", "--bootstrap", builder]).stdout;
            if String::from_utf8_lossy(&said).contains("running") {
                return Some(buildkit);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("buildkitd does not answer: {}", read(&log));
    }

    fn ask(&self, args: &[&str]) -> Output {
        #[expect(clippy::disallowed_methods, reason = "tests run programs as any user would")]
        let mut command = Command::new(&self.buildx);
        let output = command.args(args).envs(self.variables()).stdin(Stdio::null()).output();
        output.expect("buildx runs")
    }

    /// Returns the variables with which buildx finds it. No docker is needed
    /// on the way, and one without buildx does not disturb.
    ///
    /// # Panics
    ///
    /// Panics if PATH cannot be made longer.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let at = |name: &str| self.dir.path().join(name).into_os_string();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let first = self.buildx.parent().unwrap_or(Path::new("/")).to_owned();
        let paths = std::iter::once(first).chain(std::env::split_paths(&path));
        vec![
            ("BUILDX_CONFIG", at("buildx")),
            ("DOCKER_CONFIG", at("docker")),
            ("PATH", std::env::join_paths(paths).expect("a PATH")),
        ]
    }
}

impl Drop for BuildKit {
    fn drop(&mut self) {
        // Asked to end it takes its mounts away.
        let id = self.daemon.id().to_string();
        #[expect(clippy::disallowed_methods, reason = "the library has no other signal")]
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if !matches!(self.daemon.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[expect(clippy::disallowed_methods, reason = "it is shown as it is")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
