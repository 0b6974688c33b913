//! A registry of one repository that only reads: what it serves need not be
//! what a real one would take.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use oci::{Digest, media};

use crate::state::State;

/// The name of the repository.
pub(crate) const REPOSITORY: &str = "org/image";

/// Serves for as long as the test's process lives; returns the repository's
/// name.
pub(crate) fn serve(state: State) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("{}/{REPOSITORY}", listener.local_addr().unwrap());
    let state = Arc::new(state);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let state = Arc::clone(&state);
            std::thread::spawn(move || answer_all(&state, &stream));
        }
    });
    name
}

/// Answers until the other side hangs up.
fn answer_all(state: &State, stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
        let mut header = String::new();
        while reader.read_line(&mut header).ok()? > 2 {
            header.clear();
        }
        let mut words = line.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let (status, media_type, body) = answer(state, path);
        let digest = Digest::of(&body);
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\
             docker-content-digest: {digest}\r\n\r\n",
            body.len()
        );
        let body = if method == "HEAD" { &[][..] } else { &body };
        writer.write_all(&[head.as_bytes(), body].concat()).ok()?;
    }
}

fn answer(state: &State, path: &str) -> (u16, String, Vec<u8>) {
    let found = find(state, path.split('?').next().unwrap_or_default());
    let unknown = || (404, "application/json".to_owned(), b"{\"errors\":[]}".to_vec());
    found.map_or_else(unknown, |(media_type, body)| (200, media_type, body))
}

fn find(state: &State, path: &str) -> Option<(String, Vec<u8>)> {
    let octets = || "application/octet-stream".to_owned();
    let Some(rest) = path.strip_prefix(&format!("/v2/{REPOSITORY}/")) else {
        return (path == "/v2/").then(|| (octets(), b"{}".to_vec()));
    };
    let (kind, name) = rest.split_once('/')?;
    match kind {
        "manifests" => {
            let digest = name.parse().ok().or_else(|| state.tags.get(name).copied())?;
            state.manifests.get(&digest).cloned()
        }
        "blobs" => Some((octets(), state.blobs.get(&name.parse().ok()?)?.clone())),
        "referrers" if state.lists => {
            let list = state.list(name.parse().ok()?);
            Some((media::INDEX.into(), serde_json::to_vec(&list).unwrap()))
        }
        _ => None,
    }
}
