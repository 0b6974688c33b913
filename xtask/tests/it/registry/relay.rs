//! Stands between the program and a registry: notes every request, and does
//! not pass on those that a test refuses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// It is answered as registries do what is not theirs to write.
    Deny,
    /// It is answered with the wish for a name and a password.
    Ask,
}

/// A relay; it lives as long as the test's process.
pub struct Relay {
    pub address: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    /// Starts one that passes everything on.
    pub fn before(address: &str) -> Relay {
        Relay::judging(address, |_, _| Verdict::Pass)
    }

    /// Starts one that asks about each request, by its number (from 1) and
    /// its line `METHOD /path`; it may take its time.
    pub fn judging(
        address: &str,
        judge: impl Fn(usize, &str) -> Verdict + Send + Sync + 'static,
    ) -> Relay {
        Relay::guarding(address, move |number, head| judge(number, line_of(head)))
    }

    /// Starts one that asks about each request, by its number and all of its
    /// head.
    pub fn guarding(
        address: &str,
        judge: impl Fn(usize, &str) -> Verdict + Send + Sync + 'static,
    ) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = listener.local_addr().unwrap().to_string();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (server, noted, judge) = (address.to_owned(), Arc::clone(&lines), Arc::new(judge));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, noted, judge) = (server.clone(), Arc::clone(&noted), judge.clone());
                std::thread::spawn(move || pass_on(client, &server, &noted, &*judge));
            }
        });
        Relay { address: relay, lines }
    }

    /// Returns the requests since the last call, `METHOD /path`.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }

    /// Returns how many there were since then.
    pub fn count(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }
}

/// Returns `METHOD /path` of a request.
pub fn line_of(head: &str) -> &str {
    head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
}

/// What a registry says of a repository that may not be written to.
const DENIED: &str =
    r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;

/// What it says to somebody whom it does not know.
const UNAUTHORIZED: &str =
    r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;

/// Relays one connection: requests are taken apart, answers are not.
fn pass_on(
    mut client: TcpStream,
    server: &str,
    noted: &Mutex<Vec<String>>,
    judge: &dyn Fn(usize, &str) -> Verdict,
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
            noted.push(line_of(&head).to_owned());
            noted.len()
        };
        let refusal = match judge(number, &head) {
            Verdict::Pass => None,
            Verdict::Deny => Some(("403 No", DENIED)),
            Verdict::Ask => {
                Some(("401 Who\r\nwww-authenticate: Basic realm=\"here\"", UNAUTHORIZED))
            }
        };
        if let Some((status, body)) = refusal {
            std::io::copy(&mut (&mut from).take(length), &mut std::io::sink()).ok()?;
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            let body = if head.starts_with("HEAD ") { "" } else { body };
            client.write_all(format!("{answer}{body}").as_bytes()).ok()?;
            continue;
        }
        server.write_all(head.as_bytes()).ok()?;
        std::io::copy(&mut (&mut from).take(length), &mut server).ok()?;
    }
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
