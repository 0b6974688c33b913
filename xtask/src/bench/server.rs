//! Servers that measurements start: waiting for them, and what they say.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use host::Background;
use host::fs::IoContext;
use ui::{Exit, Failure};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a server is up. Returns whether it is; not if it has ended.
pub(super) fn wait_until(up: impl Fn() -> bool, process: &mut Background) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && !process.has_ended() {
        if up() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Returns the failure of a server that does not start, with what it said.
pub(super) fn not_started(name: &str, log: &Path) -> Failure {
    let said = host::fs::read(log).unwrap_or_default();
    Failure::new(Exit::Failed, format!("`{name}` does not start"))
        .detail(String::from_utf8_lossy(&said))
}

/// Opens a server's log, empty.
pub(super) fn log_file(path: &Path) -> Result<File, Failure> {
    host::fs::remove_file(path)?;
    Ok(File::options().append(true).create(true).open(path).io_context("open", path)?)
}
