//! Requests that nobody sends in good faith: none ends the server, leaves its
//! directory, or makes it say that it failed.

use std::io::{Read, Write};
use std::path::Path;

use oci::layout::Tree;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::{Response, Running, sample};

/// What lies beside the tree, and in it where nobody may ask for it.
const SECRET: &str = "this is not for you";

/// A server with something to hide.
struct Target {
    _dir: tempfile::TempDir,
    tree: Tree,
    server: Running,
}

impl Target {
    fn new() -> Target {
        let (dir, tree, _) = sample();
        for place in ["secret", "tree/secret", "tree/quay.io/secret", "tree/quay.io/a/one/secret"] {
            host::fs::write_atomic(&dir.path().join(place), SECRET.as_bytes()).unwrap();
        }
        let server = Running::start(&tree);
        Target { _dir: dir, tree, server }
    }

    /// Sends requests of which the last ends the connection, and returns the
    /// first status.
    #[track_caller]
    fn survives(&self, bytes: &[u8]) -> Option<u16> {
        status(&self.server.exchange(bytes))
    }

    /// Sends bytes that may be the beginning of anything, and no more.
    #[track_caller]
    fn survives_nonsense(&self, bytes: &[u8]) {
        let mut stream = self.server.connect();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        status(&answer);
    }
}

/// Returns the status of an answer, which must not be one of failure, nor
/// tell the secret.
#[track_caller]
fn status(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    assert!(!text.contains(SECRET), "{text}");
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    assert!(status.is_none_or(|status: u16| status < 500), "{text}");
    status
}

#[test]
fn no_path_leads_outside() {
    let target = Target::new();
    let files = ["secret", "etc/passwd", "oci-layout", "index.json"];
    let ups = [
        "../",
        "..%2f",
        "%2e%2e/",
        "%2e%2e%2f",
        "%252e%252e%252f",
        "..%5c",
        "..\\",
        "....//",
        "%c0%ae%c0%ae/",
        "..%00/",
        "..;/",
        "/",
        "//",
        "./",
        "%2f",
        "~/",
    ];
    for file in files {
        for up in ups {
            for depth in [1, 2, 3, 6] {
                let path = format!("{}{file}", up.repeat(depth));
                let targets = [
                    format!("/{path}"),
                    format!("/v2/{path}"),
                    format!("/v2/a/one/{path}"),
                    format!("/v2/{path}/tags/list"),
                    format!("/v2/a/one/manifests/{path}"),
                    format!("/v2/a/one/blobs/{path}"),
                    format!("/v2/a/one/blobs/sha256:{path}"),
                    format!("/v2/a/one/referrers/{path}"),
                    format!("/v2/quay.io/{path}/manifests/v1"),
                    format!("/v2/a/one/manifests/v9?ns={path}"),
                    path.clone(),
                ];
                for path in targets {
                    let request =
                        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
                    let status = target.survives(request.as_bytes());
                    assert!(matches!(status, Some(400 | 404)), "{path}: {status:?}");
                }
            }
        }
    }
}

#[test]
fn absurd_heads_are_refused() {
    let target = Target::new();
    let ok = "GET /v2/ HTTP/1.1\r\nhost: x\r\n";
    let many: String = (0..500).map(|number| format!("h{number}: x\r\n")).collect();
    let cases: [(String, Option<u16>); 12] = [
        (format!("{ok}connection: close\r\n\r\n"), Some(200)),
        (format!("{ok}x: {}\r\n\r\n", "y".repeat(200_000)), Some(431)),
        (format!("{ok}{many}\r\n"), Some(431)),
        (format!("GET /v2/{} HTTP/1.1\r\n\r\n", "a".repeat(200_000)), Some(431)),
        (format!("GET /v2/{} HTTP/1.1\r\n\r\n", "a/".repeat(20_000)), Some(404)),
        ("GET  HTTP/1.1\r\n\r\n".into(), Some(400)),
        ("GET /v2/ HTTP/9.9\r\n\r\n".into(), Some(400)),
        (format!("{ok}: x\r\n\r\n"), Some(400)),
        (format!("{ok}x\0y: z\r\n\r\n"), Some(400)),
        (format!("{ok}content-length: -1\r\n\r\n"), Some(400)),
        (format!("{ok}content-length: 1\r\ncontent-length: 2\r\n\r\n"), Some(400)),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}".into(), Some(400)),
    ];
    for (request, expected) in cases {
        // Without an end in sight the server would wait for more.
        let request = request.replace("/1.1\r\n\r\n", "/1.1\r\nconnection: close\r\n\r\n");
        let status = target.survives(request.as_bytes());
        assert_eq!(status, expected, "{:?}", &request[..request.len().min(80)]);
    }
}

#[test]
fn requests_may_come_in_pieces_and_in_heaps() {
    let server = &Target::new().server;
    let request = b"GET /v2/a/one/tags/list HTTP/1.1\r\nhost: x\r\n";
    let body = r#"{"name":"a/one","tags":["v1","v2","v3"]}"#;
    let mut stream = server.connect();
    for byte in request.iter().chain(b"connection: close\r\n\r\n") {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(Response::parse(&answer).text(), body);

    let heap = [&request[..], b"\r\n"].concat().repeat(100);
    let last = [&request[..], b"connection: close\r\n\r\n"].concat();
    let answers = server.exchange(&[heap, last].concat());
    assert_eq!(String::from_utf8(answers).unwrap().matches(body).count(), 101);
}

/// Words of which paths are made.
const WORDS: [&str; 28] = [
    "/",
    "/",
    "/",
    "v2",
    "v2/",
    "a",
    "one",
    "a/one",
    "quay.io",
    "manifests",
    "blobs",
    "tags/list",
    "referrers",
    "_catalog",
    "v1",
    "sha256:",
    "sha512:0",
    "..",
    ".",
    "%2e%2e",
    "%2f",
    "%00",
    "%",
    "secret",
    "index.json",
    "oci-layout",
    "\u{e9}",
    "0123456789abcdef",
];

fn path() -> impl Strategy<Value = String> {
    let words = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..12);
    let query = prop_oneof![
        Just(String::new()),
        r"\?(n|last|ns|artifactType)=[a-z0-9./%+-]{0,8}",
        r"\?[ -~]{0,20}".prop_map(|query| query.replace(' ', "+")),
    ];
    (words, query).prop_map(|(words, query)| format!("/{}{query}", words.concat()))
}

fn header() -> impl Strategy<Value = String> {
    let name = prop::sample::select(
        &[
            "range",
            "if-range",
            "if-none-match",
            "accept",
            "expect",
            "upgrade",
            "transfer-encoding",
            "content-length",
            "te",
            "cookie",
        ][..],
    );
    let value = prop_oneof![
        r"bytes=[0-9]{0,20}-[0-9]{0,20}",
        Just("chunked".to_owned()),
        Just("100-continue".to_owned()),
        r"[ -~]{0,30}",
    ];
    (name, value).prop_map(|(name, value)| format!("{name}: {value}\r\n"))
}

/// Runs a test on so many values.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig::with_cases(cases))
}

#[test]
fn any_request_is_answered() {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "X"];
    let target = Target::new();
    let request = (
        prop::sample::select(&METHODS[..]),
        path(),
        prop::collection::vec(header(), 0..4),
        prop::collection::vec(any::<u8>(), 0..50),
    );
    let outcome = runner(400).run(&request, |(method, path, headers, body)| {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let request = [head.as_bytes(), headers.concat().as_bytes(), b"\r\n", &body].concat();
        target.survives(&request);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn any_bytes_are_survived() {
    let target = Target::new();
    let bytes = prop::collection::vec(any::<u8>(), 1..3000);
    let outcome = runner(400).run(&bytes, |bytes| {
        target.survives_nonsense(&bytes);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn it_is_well_afterwards() {
    let target = Target::new();
    let before = files(target.tree.root());
    for size in [1, 10, 1000, 100_000, 1_000_000] {
        target.survives_nonsense(&vec![b'x'; size]);
    }
    assert_eq!(target.server.get("/v2/a/one/manifests/v1").status, 200);
    assert_eq!(files(target.tree.root()), before, "and has written nothing");
}

/// Counts the files below a directory.
fn files(directory: &Path) -> usize {
    let paths = host::fs::read_dir(directory).unwrap();
    paths.iter().map(|path| if path.is_dir() { files(path) } else { 1 }).sum()
}
