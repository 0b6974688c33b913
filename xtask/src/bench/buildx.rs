//! buildx with a buildkitd of its own, and where the other programs are that
//! are measured beside this one.

use std::path::{Path, PathBuf};

use host::{Background, Cmd};
use ui::Failure;

use super::server::{log_file, not_started, wait_until};
use crate::go_tools::GO_TOOLS;

/// The builder's name in buildx's own, empty configuration.
const BUILDER: &str = "bench";

/// Both programs.
pub(super) struct Buildx {
    buildx: PathBuf,
    buildkitd: PathBuf,
}

impl Buildx {
    /// Finds them, or says what is missing.
    pub(super) fn find() -> Result<Buildx, String> {
        let buildx = built("buildx")?;
        // Without the one buildkitd does not start, without the other it
        // cannot work.
        installed("runc")?;
        if !host::is_root() {
            return Err("`buildkitd` needs the rights of root".to_owned());
        }
        Ok(Buildx { buildx, buildkitd: built("buildkitd")? })
    }

    /// Starts a buildkitd that keeps everything in `state`, an empty directory,
    /// and makes it the one that buildx uses there.
    pub(super) fn start(&self, state: &Path, config: &str) -> Result<Background, Failure> {
        let (file, socket, log) =
            (state.join("buildkitd.toml"), state.join("socket"), state.join("log"));
        host::fs::write_atomic(&file, config.as_bytes())?;
        let address = format!("unix://{}", socket.display());
        let mut daemon = Cmd::new(&self.buildkitd)
            .args(["--oci-worker=true", "--containerd-worker=false", "--addr", &address])
            .arg("--config")
            .arg(file)
            .arg("--root")
            .arg(state.join("root"))
            .start(log_file(&log)?)?;
        let up = || std::os::unix::net::UnixStream::connect(&socket).is_ok();
        if !wait_until(up, &mut daemon) {
            return Err(not_started("buildkitd", &log));
        }
        let create = ["create", "--name", BUILDER, "--driver", "remote", &address];
        self.client(state).args(create).run()?;
        Ok(daemon)
    }

    /// Returns a subcommand of buildx that uses the buildkitd of `state`.
    pub(super) fn command(&self, name: &str, state: &Path) -> Cmd {
        self.client(state).args([name, "--builder", BUILDER])
    }

    fn client(&self, state: &Path) -> Cmd {
        Cmd::new(&self.buildx).env("DOCKER_CONFIG", state).env("BUILDX_CONFIG", state)
    }
}

/// Finds a program of the system.
pub(super) fn installed(name: &str) -> Result<PathBuf, String> {
    host::find_tool(name).ok_or_else(|| format!("`{name}` is not installed"))
}

/// Finds a program that was built with Go.
pub(super) fn built(name: &str) -> Result<PathBuf, String> {
    let tool = GO_TOOLS.iter().find(|tool| tool.name == name);
    tool.and_then(|tool| tool.path())
        .ok_or_else(|| format!("`{name}` is not built; `cargo xtask doctor --go-tools` builds it"))
}
