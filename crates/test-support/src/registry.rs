//! Registries on ports of their own, for as long as a test needs them.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a registry may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often another port is tried: one that was free may be taken before the
/// registry has it.
const TRIES: usize = 5;

/// A registry on this machine alone; it ends, and its data goes, when this is
/// dropped.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    /// Its `host:port`.
    pub address: String,
    /// What it reads, and its data where it keeps that in files.
    _dir: tempfile::TempDir,
}

impl Registry {
    /// Starts Debian's `docker-registry`, to which everybody may write;
    /// `None` where it is not installed. It keeps all in memory.
    ///
    /// # Panics
    ///
    /// Panics if it does not start, as all these functions.
    pub fn anonymous() -> Option<Registry> {
        Registry::start(|_| String::new())
    }

    /// Starts one with more settings; the function may put files into the
    /// directory that it is given.
    pub fn start(extra: impl FnOnce(&Path) -> String) -> Option<Registry> {
        Registry::start_as("", extra)
    }

    /// Starts one with more of its `http` settings, and others.
    pub fn start_as(http: &str, extra: impl FnOnce(&Path) -> String) -> Option<Registry> {
        let program = crate::tool("docker-registry")?;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let extra = extra(dir.path());
        let config = dir.path().join("config.yml");
        Some(Registry::on_a_free_port(dir, |port| {
            let text = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{inmemory: {{}}, delete: {{enabled: true}}}}\n\
                 http: {{addr: '127.0.0.1:{port}'{http}}}\n{extra}"
            );
            write(&config, &text);
            (program.clone(), vec!["serve".into(), config.display().to_string()])
        }))
    }

    /// Starts olareg, which keeps lists of referrers; `None` where it is not
    /// built.
    pub fn olareg() -> Option<Registry> {
        let program = crate::go_tool("olareg")?;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = dir.path().display().to_string();
        Some(Registry::on_a_free_port(dir, |port| {
            let arguments = ["serve", "--addr", "127.0.0.1", "--api-delete", "--port"];
            let arguments = arguments.into_iter().map(str::to_owned);
            let more = [port.to_string(), "--dir".into(), root.clone()];
            (program.clone(), arguments.chain(more).collect())
        }))
    }

    /// Starts the program that `command` names, with its arguments.
    fn on_a_free_port(
        dir: tempfile::TempDir,
        command: impl Fn(u16) -> (PathBuf, Vec<String>),
    ) -> Registry {
        for _ in 0..TRIES {
            let port = free_port();
            let (program, arguments) = command(port);
            #[expect(clippy::disallowed_methods, reason = "it runs beside the test")]
            let mut child = Command::new(&program)
                // It is written in Go, which collects often where the heap is
                // small.
                .env("GOGC", "2000")
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("`{}`: {error}", program.display()));
            let address = format!("127.0.0.1:{port}");
            if is_up(&mut child, &address) && is_listening(&child, port) {
                return Registry { child, address, _dir: dir };
            }
            end(&mut child);
        }
        panic!("the registry does not start");
    }

    /// Returns the full name of what it calls `rest`.
    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Waits until the server accepts connections; returns whether it does.
fn is_up(child: &mut Child, address: &str) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Returns whether it is this process that listens: another test's registry
/// may have got the port, and answer for as long as that test runs. See
/// proc(5) for the tables.
fn is_listening(child: &Child, port: u16) -> bool {
    const LISTEN: &str = "0A";
    #[expect(clippy::disallowed_methods, reason = "why it cannot be read does not matter")]
    let table = std::fs::read_to_string("/proc/net/tcp");
    let Ok(table) = table else { return true };
    let local = format!("0100007F:{port:04X}");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.into_iter().find(|row| row.get(1) == Some(&&*local) && row[3] == LISTEN);
    let Some(socket) = row.map(|row| format!("socket:[{}]", row[9])) else { return false };
    let Ok(files) = std::fs::read_dir(format!("/proc/{}/fd", child.id())) else { return false };
    files.flatten().any(|file| {
        std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == &*socket)
    })
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

#[expect(clippy::disallowed_methods, reason = "nobody reads it yet")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
}
