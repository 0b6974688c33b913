//! How much a client may ask: connections, time, and how it all ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use oci::Digest;
use oci::layout::{Tree, blob_path};
use registry_server::{Error, Limits, Server, Settings};

use crate::support::{Response, Running, sample, wait_until};

/// Longer than any test takes.
const FOREVER: Duration = Duration::from_secs(3600);

/// Limits that no client of a test comes to, but for those that it sets.
fn limits() -> Limits {
    Limits { connections: 8, head: FOREVER, patience: FOREVER, farewell: FOREVER }
}

/// Adds a blob that is too long to be sent at once; returns its path.
fn long_blob(tree: &Tree, size: u64) -> String {
    let digest = Digest::of(b"as if");
    let path = blob_path(&tree.root().join("quay.io/a/one"), digest);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).unwrap();
    file.set_len(size).unwrap();
    format!("/v2/a/one/blobs/{digest}")
}

const LONG: u64 = 64 << 20;

/// Sends a request, the last of its connection, and reads the first bytes of
/// its answer alone.
fn begin(server: &Running, target: &str) -> TcpStream {
    begin_with(server, target, "connection: close\r\n")
}

fn begin_with(server: &Running, target: &str, header: &str) -> TcpStream {
    let mut stream = server.connect();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\n{header}\r\n").unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

/// Waits until the server ends a connection, reading what it still sends.
fn drain(mut stream: TcpStream) -> u64 {
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap_or(0)
}

#[test]
fn who_dawdles_over_a_head_loses_the_place() {
    let (_dir, tree, _) = sample();
    let head = Duration::from_millis(300);
    let server = Running::with(&tree, None, Limits { connections: 2, head, ..limits() });
    let dawdlers: Vec<_> = ["GET /v2/ HT", ""]
        .into_iter()
        .map(|beginning| {
            let mut stream = server.connect();
            stream.write_all(beginning.as_bytes()).unwrap();
            let mut dripping = stream.try_clone().unwrap();
            std::thread::spawn(move || {
                while !beginning.is_empty() && dripping.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            stream
        })
        .collect();
    // It waits for one of their places.
    assert_eq!(server.get("/v2/").status, 200);
    for dawdler in dawdlers {
        drain(dawdler);
    }
}

#[test]
fn who_stops_to_read_loses_the_place() {
    let (_dir, tree, _) = sample();
    let target = long_blob(&tree, LONG);
    let patience = Duration::from_millis(300);
    let server = Running::with(&tree, None, Limits { connections: 1, patience, ..limits() });
    let stream = begin(&server, &target);
    assert_eq!(server.get("/v2/").status, 200);
    assert!(drain(stream) < LONG);
}

#[test]
fn a_connection_serves_many_requests_and_then_rests_not_for_ever() {
    let (_dir, tree, _) = sample();
    // Time enough from one request to the next.
    let head = Duration::from_secs(2);
    let server = Running::with(&tree, None, Limits { connections: 1, head, ..limits() });
    let mut stream = server.connect();
    for _ in 0..50 {
        write!(stream, "GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"{}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert_eq!(Response::parse(&answer).status, 200);
    }
    assert_eq!(drain(stream), 0);
}

#[test]
fn more_than_there_are_places_wait() {
    let (_dir, tree, _) = sample();
    let target = long_blob(&tree, LONG);
    let server = Running::with(&tree, None, Limits { connections: 2, ..limits() });
    let first = begin(&server, &target);
    let second = begin(&server, &target);
    std::thread::scope(|scope| {
        let third = scope.spawn(|| server.get("/v2/").status);
        assert!(drain(first) >= LONG);
        // The other is never read, and keeps its place.
        assert_eq!(third.join().unwrap(), 200);
    });
    drop(second);
}

#[test]
fn what_is_being_sent_is_sent_to_its_end() {
    let (_dir, tree, _) = sample();
    let target = long_blob(&tree, LONG);
    let mut server = Running::with(&tree, None, limits());
    let download = begin(&server, &target);
    let (idle, resting) = (server.connect(), begin_with(&server, "/v2/", ""));
    server.begin_to_stop();
    wait_until("nobody is let in", || TcpStream::connect(server.address).is_err());
    drain(idle);
    drain(resting);
    assert!(drain(download) >= LONG);
    server.stop();
    assert_eq!(server.events().len(), 2);
}

#[test]
fn who_takes_too_long_is_cut_off_at_the_end() {
    let (_dir, tree, _) = sample();
    let target = long_blob(&tree, LONG);
    let farewell = Duration::from_millis(300);
    let mut server = Running::with(&tree, None, Limits { farewell, ..limits() });
    let download = begin(&server, &target);
    server.stop();
    assert!(drain(download) < LONG);
}

#[test]
fn a_blob_that_is_cut_short_does_not_end_well() {
    let (_dir, tree, _) = sample();
    let target = long_blob(&tree, LONG);
    let server = Running::start(&tree);
    let download = begin(&server, &target);
    let digest = target.rsplit('/').next().unwrap().parse().unwrap();
    let path = blob_path(&tree.root().join("quay.io/a/one"), digest);
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1000).unwrap();
    assert!(drain(download) < LONG);
    assert_eq!(server.get("/v2/").status, 200);
}

#[test]
fn a_port_is_taken_once() {
    let (_dir, tree, _) = sample();
    let server = Running::start(&tree);
    let bind = |listen: &str| {
        let (listen, limits) = (listen.parse().unwrap(), Limits::default());
        Server::bind(Settings { tree: tree.clone(), listen, tls: None, limits })
    };
    let error = bind(&server.address.to_string()).unwrap_err();
    assert_eq!(error.to_string(), format!("failed to listen on {}", server.address));
    assert_eq!(error.hint(), Some("another program has this port; port 0 takes one that is free"));
    // An address of the documentation's (RFC 5737), which no machine has.
    let error = bind("192.0.2.1:0").unwrap_err();
    assert!(matches!(error, Error::Listen { .. }));
    assert!(error.hint().unwrap().starts_with("this machine does not have that address"));
}
