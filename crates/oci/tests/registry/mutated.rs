//! Answers of every kind with some of their bytes changed: whatever they are
//! taken for, the client goes on or gives up.

use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use oci::registry::{Client, RetryPolicy, Settings};
use oci::{Artifact, Digest};

use crate::support::*;
use crate::wire::Head;

const WORKERS: u64 = 16;
const CASES: u64 = 1000;
const CASES_SLOWLY: u64 = 20_000;

/// What registries answer, as it goes over the wire.
const ANSWERS: [&str; 8] = [
    "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.index.v1+json\r\ncontent-length: 72\r\n\r\n\
     {\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:00\",\"size\":5,\"x\":null}]}",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: y\r\n\r\n",
    "HTTP/1.1 401 No\r\nwww-authenticate: Bearer realm=\"http://HOST/token\",service=\"s\"\r\n\
     www-authenticate: Basic realm=x\r\ncontent-length: 2\r\n\r\n{}",
    "HTTP/1.1 307 There\r\nlocation: http://HOST/v2/x?y=z\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 429 Slow\r\nretry-after: 0\r\ncontent-length: 3\r\n\r\nno\n",
    "HTTP/1.1 202 Go\r\nlocation: /v2/x/blobs/uploads/1?_state=2\r\nrange: 0-0\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 201 Done\r\ndocker-content-digest: sha256:00\r\noci-subject: x\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"token\":\"t\",\"expires_in\":60,\"x\":[1,2,3]}",
];

/// What may stand anywhere after a mutation.
const PIECES: [&[u8]; 14] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b":",
    b"\"",
    b",",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"\xff\xfe",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"[::1",
    b"%",
];

/// Changes an answer in one to four places.
fn mutate(draw: &dyn Fn(&str, u64) -> usize, answer: &mut Vec<u8>) {
    for number in 0..1 + draw("changes", 0) as u64 % 4 {
        let at = |what| draw(what, number) % (answer.len() + 1);
        let (start, end) = (at("one").min(at("other")), at("one").max(at("other")));
        let end = end.min(start + 8);
        let piece = PIECES[draw("piece", number) % PIECES.len()].to_vec();
        match draw("kind", number) % 5 {
            0 => drop(answer.splice(start..start, piece)),
            1 => drop(answer.splice(start..end, piece)),
            2 => drop(answer.drain(start..end)),
            3 => answer.truncate(start),
            _ => {
                let copy = answer[start..end].to_vec();
                answer.splice(end..end, copy);
            }
        }
    }
}

/// Answers each request of a case with a changed answer of some kind.
fn start(seed: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let host = address.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let host = host.clone();
            std::thread::spawn(move || {
                stream.set_nodelay(true).ok()?;
                let mut from = BufReader::new(stream.try_clone().ok()?);
                let mut to = stream;
                let mut count = 0_u64;
                loop {
                    let request = Head::read(&mut from)?;
                    std::io::copy(&mut (&mut from).take(request.length()), &mut std::io::sink())
                        .ok()?;
                    // `/v2/case-5/…`
                    let case = request.path().split('/').nth(2).unwrap_or_default().to_owned();
                    count += 1;
                    let draw = |what: &str, number: u64| {
                        draw((seed, &case, request.method(), count, what, number)) as usize
                    };
                    let answer = ANSWERS[draw("answer", 0) % ANSWERS.len()].replace("HOST", &host);
                    let mut answer = answer.into_bytes();
                    mutate(&draw, &mut answer);
                    to.write_all(&answer).ok()?;
                    // What is not whole is not waited for.
                    if draw("close", 0) % 2 == 0 {
                        return Some(());
                    }
                }
            });
        }
    });
    address
}

#[test]
fn no_answer_is_too_odd() {
    let seed = test_support::seed();
    let address = start(seed);
    let n_cases = if test_support::is_slow() { CASES_SLOWLY } else { CASES };
    let retry =
        RetryPolicy { attempts: 2, patience: Duration::from_millis(50), ..settings().retry };
    let settings = Settings {
        retry,
        patience: Duration::from_millis(200),
        credentials: password(&address, "robot", "hunter2"),
        ..settings()
    };
    let artifact = Artifact::Image(image("linux/amd64", "text"));
    let work = Arc::new(move |case: u64| {
        let name = format!("{address}/case-{case}:v1");
        let client = Client::new(settings.clone());
        // Any outcome will do.
        match case % 3 {
            0 => drop(client.push(&[named(&[name], &artifact)], &|_| {})),
            1 => drop(pull(&client, &name)),
            _ => drop(client.referrers(&reference(&name), Digest::of(b"x"), None)),
        }
    });
    let (sender, receiver) = channel();
    // They are not waited for: one may never end.
    for worker in 0..WORKERS {
        let (sender, work) = (sender.clone(), Arc::clone(&work));
        std::thread::spawn(move || {
            for case in (worker..n_cases).step_by(WORKERS as usize) {
                work(case);
                sender.send(case).unwrap();
            }
        });
    }
    drop(sender);
    let mut ended = vec![false; n_cases as usize];
    while let Ok(case) = receiver.recv_timeout(Duration::from_secs(60)) {
        ended[case as usize] = true;
    }
    let open = ended.iter().position(|ended| !ended);
    assert_eq!(open, None, "with the seed {seed}, this case panics or does not end");
}
