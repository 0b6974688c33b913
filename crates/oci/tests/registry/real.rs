//! A real registry on a port of its own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Debian's `docker-registry`, killed when dropped.
pub(crate) struct Registry {
    child: Child,
    pub(crate) address: String,
    /// Where its data is, until it is gone.
    _dir: Option<tempfile::TempDir>,
}

impl Registry {
    /// Starts one; `None` where it is not installed.
    pub(crate) fn start(extra: impl FnOnce(&Path) -> String) -> Option<Registry> {
        Registry::start_as("", extra)
    }

    /// Starts one with more of its `http` settings, and others.
    pub(crate) fn start_as(http: &str, extra: impl FnOnce(&Path) -> String) -> Option<Registry> {
        let program = test_support::tool("docker-registry")?;
        let dir = tempfile::tempdir().unwrap();
        let extra = extra(dir.path());
        // The port is free now; if another takes it, the next is tried.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let config = dir.path().join("config.yml");
            let text = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{inmemory: {{}}, delete: {{enabled: true}}}}\n\
                 http: {{addr: '{free}'{http}}}\n{extra}"
            );
            host::fs::write_atomic(&config, text.as_bytes()).unwrap();
            #[expect(clippy::disallowed_methods, reason = "it runs beside the test")]
            let child = std::process::Command::new(&program)
                // Its garbage is collected often where its heap is small.
                .env("GOGC", "2000")
                .arg("serve")
                .arg(&config)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut registry = Registry { child, address: free.to_string(), _dir: None };
            if registry.is_up() {
                registry._dir = Some(dir);
                return Some(registry);
            }
        }
        panic!("the registry does not start");
    }

    pub(crate) fn anonymous() -> Option<Registry> {
        Registry::start(|_| String::new())
    }

    /// Starts olareg, which keeps lists of referrers; `None` where it is not
    /// built.
    pub(crate) fn olareg() -> Option<Registry> {
        let program = test_support::go_tool("olareg")?;
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            #[expect(clippy::disallowed_methods, reason = "it runs beside the test")]
            let child = std::process::Command::new(&program)
                .args(["serve", "--addr", "127.0.0.1", "--api-delete"])
                .args(["--port", &free.port().to_string(), "--dir"])
                .arg(dir.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut registry = Registry { child, address: free.to_string(), _dir: None };
            if registry.is_up() {
                registry._dir = Some(dir);
                return Some(registry);
            }
        }
        panic!("olareg does not start");
    }

    fn is_up(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(&self.address).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
