//! A registry that a measurement starts for itself, on this machine alone.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::{Background, Cmd};
use ui::Failure;

use super::server::{log_file, not_started, wait_until};

/// Debian's `docker-registry`, empty, which writes a line for each request.
pub(super) struct Registry {
    _process: Background,
    pub(super) address: String,
    log: PathBuf,
}

impl Registry {
    /// Starts one that keeps everything in `dir`, an empty directory.
    pub(super) fn start(program: &Path, dir: &Path) -> Result<Registry, Failure> {
        let (config, log) = (dir.join("config.yml"), dir.join("log"));
        let command = Cmd::new(program).arg("serve").arg(&config);
        // The port is free now; if another takes it, the next is tried.
        for _ in 0..5 {
            let address = free_address()?;
            let text = format!(
                "version: 0.1\nlog: {{level: error}}\n\
                 storage: {{filesystem: {{rootdirectory: '{}'}}, delete: {{enabled: true}}}}\n\
                 http: {{addr: '{address}'}}\n",
                dir.join("data").display()
            );
            host::fs::write_atomic(&config, text.as_bytes())?;
            let mut process = command.start(log_file(&log)?)?;
            let up = || TcpStream::connect(&address).is_ok();
            if wait_until(up, &mut process) {
                return Ok(Registry { _process: process, address, log });
            }
        }
        Err(not_started("docker-registry", &log))
    }

    /// Returns how many requests it has answered. A line is written a moment
    /// after the answer, so this waits until no more come.
    pub(super) fn requests(&self) -> Result<usize, Failure> {
        let mut count = access_lines(&host::fs::read(&self.log)?);
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let later = access_lines(&host::fs::read(&self.log)?);
            if later == count {
                return Ok(count);
            }
            count = later;
        }
    }
}

/// Counts the lines in the form of web servers' access logs: others are
/// about what went wrong.
fn access_lines(log: &[u8]) -> usize {
    let log = String::from_utf8_lossy(log);
    log.lines().filter(|line| line.contains(" HTTP/1.1\" ")).count()
}

fn free_address() -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr())?;
    Ok(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_are_counted() {
        let log = b"127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET /v2/ HTTP/1.1\" 200 2 \"\" \"x\"\n\
            time=\"2026\" level=error msg=\"response completed with error\" http.request.method=GET\n\
            127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"HEAD /v2/a/manifests/t HTTP/1.1\" 404 9 \"\" \"x\"\n";
        assert_eq!(access_lines(log), 2);
    }
}
