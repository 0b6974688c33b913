//! A server that answers as a test says: HTTP/1.1 by hand, so that it can
//! break what a library would put right.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::wire::Head;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What to answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// How much of the body is sent before the connection is cut.
    cut: Option<usize>,
    /// Whether the connection is cut before any answer.
    reset: bool,
    /// How long the body takes.
    takes: Duration,
}

pub(crate) fn answer(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

/// Cuts the connection instead of answering.
pub(crate) fn reset() -> Answer {
    Answer { reset: true, ..Answer::default() }
}

impl Answer {
    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Answer {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Answer {
        self.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn slowly(mut self, takes: Duration) -> Answer {
        self.takes = takes;
        self
    }

    pub(crate) fn cut(mut self, after: usize) -> Answer {
        self.cut = Some(after);
        self
    }
}

/// The server; it lives as long as the test's process.
pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts one whose answers `script` gives; it gets the number of equal
    /// requests before (method and path) and the request.
    pub(crate) fn start(
        script: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
    ) -> Server {
        Server::on("127.0.0.1", script)
    }

    pub(crate) fn on(
        ip: &str,
        script: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (noted, script) = (Arc::clone(&requests), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, script) = (Arc::clone(&noted), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, &noted, &*script));
            }
        });
        Server { address, requests }
    }

    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }
}

fn serve(
    stream: TcpStream,
    noted: &Mutex<Vec<Request>>,
    script: &dyn Fn(usize, &Request) -> Answer,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let request = read_request(&mut reader)?;
        let path = |request: &Request| request.target.split('?').next().unwrap().to_owned();
        let before = {
            let mut noted = noted.lock().unwrap();
            let same =
                |other: &&Request| other.method == request.method && path(other) == path(&request);
            let before = noted.iter().filter(same).count();
            noted.push(request.clone());
            before
        };
        let answer = script(before, &request);
        if answer.reset {
            return None;
        }
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status);
        let length = |(name, _): &(String, String)| {
            ["content-length", "transfer-encoding"].contains(&name.as_str())
        };
        if !answer.headers.iter().any(length) {
            head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
        }
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        if request.method != "HEAD" {
            let end = answer.cut.unwrap_or(answer.body.len());
            for piece in answer.body[..end].chunks(1 + end / 20) {
                std::thread::sleep(answer.takes / 20);
                stream.write_all(piece).ok()?;
            }
        }
        if answer.cut.is_some() {
            return None;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let head = Head::read(reader)?;
    let mut body = vec![0; head.length() as usize];
    reader.read_exact(&mut body).ok()?;
    let (method, target) = (head.method().to_owned(), head.target().to_owned());
    Some(Request { method, target, headers: head.fields, body })
}
