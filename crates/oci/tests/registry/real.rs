//! A real registry on a port of its own, and a proxy that counts and breaks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
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

    /// Starts one with more of its `http` settings.
    pub(crate) fn start_with(http: &str) -> Option<Registry> {
        Registry::start_as(http, |_| String::new())
    }

    fn start_as(http: &str, extra: impl FnOnce(&Path) -> String) -> Option<Registry> {
        let program = test_support::tool("docker-registry")?;
        let dir = tempfile::tempdir().unwrap();
        let extra = extra(dir.path());
        // The port is free now; if another takes it, the next is tried.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let config = dir.path().join("config.yml");
            let root = dir.path().join("data");
            let text = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
                 http: {{addr: '{free}'{http}}}\n{extra}",
                root.display()
            );
            host::fs::write_atomic(&config, text.as_bytes()).unwrap();
            #[expect(clippy::disallowed_methods, reason = "it runs beside the test")]
            let child = std::process::Command::new(&program)
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

/// What becomes of a request on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Passes,
    /// The connection ends before the server gets it.
    NeverArrives,
    /// The server gets it, the client no answer.
    LosesItsAnswer,
    /// The client is told 503, the server nothing.
    IsRefused,
}

/// Passes requests on to a server, or not, and notes their first lines.
pub(crate) struct Proxy {
    pub(crate) address: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts one that passes everything on.
    pub(crate) fn before(server: &str) -> Proxy {
        Proxy::with_fates(server, |_| Fate::Passes)
    }

    /// Starts one that asks for the fate of each request by its number.
    pub(crate) fn with_fates(
        server: &str,
        fate: impl Fn(usize) -> Fate + Send + Sync + 'static,
    ) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (server, noted) = (server.to_owned(), Arc::clone(&lines));
        let fate = Arc::new(fate);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, noted, fate) = (server.clone(), Arc::clone(&noted), fate.clone());
                std::thread::spawn(move || pass_on(client, &server, &noted, &*fate));
            }
        });
        Proxy { address, lines }
    }

    /// Returns the requests since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

/// Relays one connection: requests are taken apart just enough to be counted.
fn pass_on(
    mut client: TcpStream,
    server: &str,
    noted: &Mutex<Vec<String>>,
    fate: &dyn Fn(usize) -> Fate,
) -> Option<()> {
    let mut server = TcpStream::connect(server).ok()?;
    let (mut back_from, mut back_to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut back_from, &mut back_to);
        let _ = back_to.shutdown(Shutdown::Both);
    });
    let mut from = BufReader::new(client.try_clone().ok()?);
    while let Some((head, length)) = read_head(&mut from) {
        let number = {
            let mut noted = noted.lock().unwrap();
            noted.push(head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned());
            noted.len() - 1
        };
        let fate = fate(number);
        match fate {
            Fate::Passes => {}
            Fate::NeverArrives => break,
            Fate::LosesItsAnswer => client.shutdown(Shutdown::Write).ok()?,
            Fate::IsRefused => {
                std::io::copy(&mut (&mut from).take(length), &mut std::io::sink()).ok()?;
                let answer = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";
                client.write_all(answer).ok()?;
                continue;
            }
        }
        server.write_all(head.as_bytes()).ok()?;
        std::io::copy(&mut (&mut from).take(length), &mut server).ok()?;
        if fate == Fate::LosesItsAnswer {
            // Long enough for the server to do it all the same.
            std::thread::sleep(Duration::from_millis(30));
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    None
}

/// Reads the head of a request; returns it and the length of the body.
fn read_head(from: &mut impl BufRead) -> Option<(String, u64)> {
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
        let line = head[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    Some((head, length))
}
