//! Servers that mean harm: every answer is met within bounds of time and
//! memory, and no answer sends a secret elsewhere.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use oci::registry::{Client, Credential, Credentials, Error, Secret, Settings};
use oci::{Artifact, Digest, Named};

use crate::faults::take_all;
use crate::scripted::{Server, answer};
use crate::support::*;
use crate::wire::Head;

/// Writes an answer until the client has had enough.
type Answering = fn(&mut TcpStream) -> std::io::Result<()>;

/// Starts a server that answers each request so, over and over.
fn start(answering: Answering) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut from = BufReader::new(stream.try_clone().unwrap());
                let mut to = stream;
                while Head::read(&mut from).is_some() && answering(&mut to).is_ok() {}
            });
        }
    });
    address
}

fn forever(to: &mut TcpStream, head: &str, piece: &[u8]) -> std::io::Result<()> {
    to.write_all(head.as_bytes())?;
    let many = piece.repeat(1 + 10_000 / piece.len());
    loop {
        to.write_all(&many)?;
    }
}

/// Runs something that must end, whatever becomes of it.
fn ends<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver): (_, Receiver<T>) = channel();
    std::thread::spawn(move || sender.send(work()));
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Ok(value) => value,
        Err(reason) => panic!("{what}: {reason}"),
    }
}

fn impatient() -> Settings {
    Settings { patience: Duration::from_secs(1), ..settings() }
}

fn pull_from(address: &str) -> Error {
    pull(&Client::new(impatient()), &format!("{address}/org/image:v1")).unwrap_err()
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn answers_without_end_are_cut_short() {
    let cases: [(&str, Answering, &str); 13] = [
        (
            "a field",
            |to| forever(to, "HTTP/1.1 200 OK\r\nx: ", b"x"),
            "failed: the head of the answer is too long",
        ),
        (
            "fields",
            |to| forever(to, "HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
            "failed: the answer is not HTTP (http parse resulted in too many headers)",
        ),
        ("a first line", |to| forever(to, "", b"x"), "failed: the answer is not HTTP"),
        (
            "early hints",
            |to| forever(to, "", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
            "failed: the head of the answer is too long",
        ),
        ("going on", |to| forever(to, "", b"HTTP/1.1 100 Continue\r\n\r\n"), "failed: "),
        (
            "a manifest",
            |to| forever(to, "HTTP/1.1 200 OK\r\n\r\n", b"x"),
            "is larger than 4194304 bytes",
        ),
        (
            "a manifest that says so",
            |to| {
                forever(to, "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n", b"x")
            },
            "is larger than 4194304 bytes",
        ),
        ("chunks", |to| forever(to, CHUNKED, b"4\r\nabcd\r\n"), "is larger than 4194304 bytes"),
        ("a chunk's length", |to| forever(to, CHUNKED, b"0"), "failed: "),
        ("a chunk's extension", |to| forever(to, &format!("{CHUNKED}4;"), b"x"), "failed: "),
        (
            "trailers",
            |to| forever(to, &format!("{CHUNKED}2\r\n[]\r\n0\r\n"), b"x: y\r\n"),
            "failed: ",
        ),
        (
            "an error's message",
            |to| forever(to, "HTTP/1.1 400 No\r\n\r\n", b"x"),
            "was answered with 400",
        ),
        (
            "a redirect's body",
            |to| forever(to, "HTTP/1.1 307 There\r\nlocation: /x\r\n\r\n", b"x"),
            "was answered, but with one redirect too many",
        ),
    ];
    let mut wrong = Vec::new();
    for (what, answering, expected) in cases {
        let error = ends(what, move || pull_from(&start(answering))).to_string();
        if !error.contains(expected) {
            wrong.push(format!("{what}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_answer_that_trickles_without_end_is_given_up() {
    let cases: [(&str, Answering); 3] = [
        ("a head", |to| trickle(to, "HTTP/1.1 200 OK\r\nx: ")),
        ("a manifest", |to| trickle(to, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")),
        ("a message", |to| trickle(to, "HTTP/1.1 500 No\r\ncontent-length: 60000\r\n\r\n")),
    ];
    for (what, answering) in cases {
        let error = ends(what, move || pull_from(&start(answering))).to_string();
        let expected =
            if what == "a message" { "was answered with 500" } else { "failed: it took too long" };
        assert!(error.ends_with(expected), "{what}: {error}");
    }
}

#[test]
fn early_hints_are_passed_over() {
    let address = start(|to| {
        to.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")?;
        to.write_all(b"HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\n{}")
    });
    assert_eq!(pull_from(&address).status(), Some(403));
}

fn trickle(to: &mut TcpStream, head: &str) -> std::io::Result<()> {
    to.write_all(head.as_bytes())?;
    loop {
        to.write_all(b"x")?;
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn one(server: &Server) -> [Named; 1] {
    [named(&[server.name("org/image:v1")], &Artifact::Image(image("linux/amd64", "text")))]
}

/// The longest times that can be said: beyond what clocks can add.
#[test]
fn a_wait_without_end_is_an_error() {
    for retry_after in
        ["3600", "18446744073709551615", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"]
    {
        let server = Server::start(move |_, _| answer(429).header("retry-after", retry_after));
        let batch: Vec<Named> = (0..40)
            .map(|number| {
                let name = server.name(&format!("org/image-{number}:v1"));
                named(&[name], &Artifact::Image(image("linux/amd64", "text")))
            })
            .collect();
        let results = ends(retry_after, move || client().push(&batch, &|_| {}));
        for result in results {
            assert_eq!(result.unwrap_err().status(), Some(429), "{retry_after}");
        }
        // Those that were under way; the others are not sent.
        assert!(server.requests().len() <= 16, "{retry_after}: {}", server.requests().len());
    }
}

#[test]
fn an_identity_token_is_not_sent_on() {
    let thief = Server::on("127.0.0.3", |_, _| answer(200).body(r#"{"token":"t-stolen"}"#));
    let to = format!("http://{}/x", thief.address);
    let server = Server::start(move |_, request| {
        let host = request.header("host").unwrap();
        match request.target.starts_with("/token") {
            true => answer(307).header("location", &to),
            false => answer(401)
                .header("www-authenticate", format!(r#"Bearer realm="http://{host}/token""#)),
        }
    });
    let token = Credential::IdentityToken(Secret::new("hunter2"));
    let credentials = Credentials::none().with(&server.address, token, "the test");
    let error = push_fails(&client_with(credentials), &one(&server)).to_string();
    assert!(thief.requests().is_empty(), "{:?}", thief.requests());
    let expected = format!(
        "`POST http://{}/token` was answered, but it sends the credentials on to \
         `http://{}/x`, which is another host",
        server.address, thief.address
    );
    assert_eq!(error, expected);
}

#[test]
fn what_is_compressed_unasked_is_named() {
    let server = Server::start(|_, _| answer(200).header("content-encoding", "gzip").body("x"));
    let error = pull_from(&server.address).to_string();
    let expected = "was answered, but with a body in the encoding `gzip`, which was not asked for";
    assert!(error.ends_with(expected), "{error}");
    let encodings: Vec<_> =
        server.requests().iter().map(|r| r.header("accept-encoding").map(str::to_owned)).collect();
    assert!(encodings.iter().all(|it| it.as_deref() == Some("identity")), "{encodings:?}");
}

#[test]
fn another_manifest_than_was_asked_for_is_not_taken_for_it() {
    // Every digest is "there", and is another.
    let server = Server::start(|_, request| match request.method.as_str() {
        "HEAD" => answer(200)
            .header("docker-content-digest", Digest::of(b"other"))
            .header("content-length", 5),
        _ => take_all(request),
    });
    let name = server.name("org/image:v1");
    push(&client(), &[named(&[name], &index("text"))]);
    let puts =
        server.lines().iter().filter(|line| line.contains("PUT /v2/org/image/manifests/")).count();
    assert_eq!(puts, 4, "{:#?}", server.lines());
}
