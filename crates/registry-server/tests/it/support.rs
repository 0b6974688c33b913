//! Trees to serve, a server in a thread, and a client that sees every byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Image, Index, Layer, Named};
use registry_server::{Certificate, Limits, Server, Settings};

/// An image for one platform, with one file of this text.
pub(crate) fn image(platform: &str, text: &str) -> Image {
    let layer = Layer::single_file("prog.bpf.o", text.as_bytes(), 0).unwrap();
    Image::builder(platform.parse().unwrap())
        .layer(layer, "COPY prog.bpf.o /")
        .label("io.ebpf.programs", r#"{"pass":"xdp"}"#)
        .build()
        .unwrap()
}

/// An index over two architectures that share a layer, and a third.
pub(crate) fn index(text: &str) -> Artifact {
    let big = format!("{text} (big-endian)");
    let images =
        vec![image("linux/amd64", text), image("linux/arm64", text), image("linux/s390x", &big)];
    Artifact::Index(Index::new(images, BTreeMap::new()).unwrap())
}

/// Writes an artifact under its names.
pub(crate) fn write(tree: &Tree, names: &[&str], artifact: &Artifact) {
    let references = names.iter().map(|name| name.parse().unwrap()).collect();
    let batch = [Named { references, artifact: artifact.clone() }];
    for outcome in tree.write(&batch, WriteOptions { durable: false }).unwrap() {
        outcome.unwrap();
    }
}

/// A directory with `a/one` in it, as `v1`, `v2` and `v3`.
pub(crate) fn sample() -> (tempfile::TempDir, Tree, Artifact) {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path().join("tree"));
    let artifact = index("one");
    write(&tree, &["quay.io/a/one:v1", "quay.io/a/one:v2", "quay.io/a/one:v3"], &artifact);
    (dir, tree, artifact)
}

/// A server, stopped when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    events: Arc<Mutex<Vec<String>>>,
}

impl Running {
    pub(crate) fn start(tree: &Tree) -> Running {
        Running::with(tree, None, Limits::default())
    }

    pub(crate) fn with(tree: &Tree, tls: Option<Certificate>, limits: Limits) -> Running {
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = Settings { tree: tree.clone(), listen, tls, limits };
        let server = Server::bind(settings).unwrap();
        let address = server.address();
        let (stop, events) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, noted) = (Arc::clone(&stop), Arc::clone(&events));
        let thread = std::thread::spawn(move || {
            let tell = |event: &registry_server::Event| {
                noted.lock().unwrap().push(event.to_string());
            };
            server.run(&|| stopped.load(Ordering::Relaxed), &tell).unwrap();
        });
        Running { address, stop, thread: Some(thread), events }
    }

    /// Returns a reference to something that is served.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// Returns what happened, without who was there.
    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let anonymous = events.iter().map(|event| match event.split_once(' ') {
            Some((client, rest)) if client.starts_with("127.0.0.1:") => rest.to_owned(),
            _ => event.clone(),
        });
        anonymous.collect()
    }

    /// Waits until something is said; that may be after the answer.
    #[track_caller]
    pub(crate) fn says(&self, what: &str) {
        wait_until(what, || self.events().iter().any(|event| event.contains(what)));
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Asks it to stop, and waits for nothing.
    pub(crate) fn begin_to_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes, and returns all that comes back until the server ends it.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // A server that has answered need not read on.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    /// Sends one request.
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        Response::parse(&self.exchange(format!("{head}\r\n").as_bytes()))
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.ask("GET", target, &[])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A response, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn parse(bytes: &[u8]) -> Response {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Response { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns the code and the message of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let error = &self.json()["errors"][0];
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        (self.status, text("code"), text("message"))
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a tool, which must succeed, and returns what it wrote.
pub(crate) fn run(tool: &Path, args: &[&str]) -> String {
    let command = host::Cmd::new(tool).args(args);
    let output =
        command.run().unwrap_or_else(|error| panic!("{command}: {error}\n{}", error.stderr));
    String::from_utf8(output.stdout).unwrap()
}
