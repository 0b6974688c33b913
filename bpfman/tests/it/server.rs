//! A registry that has one image and may lie about it: what no real one does.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use oci::{Artifact, Digest};

/// A registry that only reads; it lives as long as the test's process.
pub struct Server {
    pub address: String,
}

/// What is answered: the media type and the bytes.
type Answers = HashMap<String, (String, Vec<u8>)>;

impl Server {
    /// Serves an artifact as `o/image:v1`; `lie` may change the bytes of any
    /// of its blobs.
    pub fn of(artifact: &Artifact, lie: impl Fn(Digest, Vec<u8>) -> Vec<u8>) -> Server {
        let mut answers = Answers::new();
        let mut add = |path: String, blob: &oci::Blob| {
            let bytes = lie(blob.digest(), blob.read(1 << 24).unwrap());
            answers.insert(path, (blob.descriptor().media_type.clone(), bytes));
        };
        for blob in artifact.blobs() {
            add(format!("/v2/o/image/blobs/{}", blob.digest()), blob);
            add(format!("/v2/o/image/manifests/{}", blob.digest()), blob);
        }
        add("/v2/o/image/manifests/v1".to_owned(), artifact.blob());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answers = Arc::new(answers);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let answers = Arc::clone(&answers);
                std::thread::spawn(move || answer(client, &answers));
            }
        });
        Server { address }
    }

    pub fn image(&self) -> String {
        format!("{}/o/image:v1", self.address)
    }
}

/// Answers one request, and hangs up.
fn answer(mut client: TcpStream, answers: &Answers) -> Option<()> {
    let mut from = BufReader::new(client.try_clone().ok()?);
    let mut first = String::new();
    from.read_line(&mut first).ok()?;
    let mut line = String::new();
    while from.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let mut words = first.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let (status, kind, bytes) = match answers.get(path) {
        Some((kind, bytes)) => ("200 OK", kind.as_str(), bytes.as_slice()),
        None => ("404 Not Found", "text/plain", &b""[..]),
    };
    let length = bytes.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    client.write_all(head.as_bytes()).ok()?;
    client.write_all(if method == "HEAD" { b"" } else { bytes }).ok()
}
