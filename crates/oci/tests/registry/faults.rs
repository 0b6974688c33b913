//! Pushes to a server that fails on purpose.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use oci::registry::{Client, RetryPolicy, Settings};
use oci::{Artifact, Digest, Named};

use crate::scripted::{Answer, Request, Server, answer, reset};
use crate::support::*;

/// Answers as an empty registry does that takes everything.
pub(crate) fn take_all(request: &Request) -> Answer {
    let is = |part: &str| request.target.contains(part);
    match request.method.as_str() {
        "HEAD" | "GET" => answer(404),
        "POST" => answer(202).header("location", "/v2/org/image/blobs/uploads/1?_state=x"),
        "PUT" if is("/blobs/") => {
            let digest = Digest::of(&request.body).to_string();
            // As an error of the server's: the test would see it fail.
            answer(if is(&format!("digest={digest}")) { 201 } else { 400 })
        }
        "PUT" => answer(201).header("docker-content-digest", Digest::of(&request.body)),
        _ => answer(405),
    }
}

/// An image of one layer, under one name: six requests.
fn one(server: &Server) -> [Named; 1] {
    [named(&[server.name("org/image:v1")], &Artifact::Image(image("linux/amd64", "text")))]
}

#[test]
fn a_failure_of_any_request_that_may_pass_is_got_over() {
    type Fault = (&'static str, fn() -> Answer);
    let faults: [Fault; 9] = [
        ("reset", reset),
        ("408", || answer(408)),
        ("425", || answer(425)),
        ("429", || answer(429)),
        ("429 soon", || answer(429).header("retry-after", 0)),
        ("500", || answer(500)),
        ("502", || answer(502).body("<html>")),
        ("503", || answer(503).header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")),
        ("cut off", || answer(500).body("x".repeat(100)).cut(10)),
    ];
    for (name, fault) in faults {
        for at in 0..6 {
            let seen = AtomicUsize::new(0);
            let server = Server::start(move |_, request| {
                let number = seen.fetch_add(1, Ordering::SeqCst);
                if number == at { fault() } else { take_all(request) }
            });
            push(&client(), &one(&server));
            let lines = server.lines();
            let context = format!("{name} at {at}: {lines:#?}");
            let tag = |line: &String| line == "PUT /v2/org/image/manifests/v1";
            assert!(tag(lines.last().unwrap()), "{context}");
            let n_tags = lines.iter().filter(|line| tag(line)).count();
            assert_eq!(n_tags, if at == 5 { 2 } else { 1 }, "{context}");
            assert!(lines.len() <= 8, "{context}");
        }
    }
}

#[test]
fn what_does_not_pass_is_told_in_full() {
    let body = r#"{"errors":[{"code":"UNAVAILABLE","message":"come back later"}]}"#;
    let server = Server::start(move |_, _| answer(503).body(body));
    let error = push_fails(&client(), &one(&server));
    let url = format!("http://{}/v2/org/image/manifests/v1", server.address);
    // A HEAD has no body to read the registry's words from.
    assert_eq!(error.to_string(), format!("`HEAD {url}` was answered with 503"));
    assert_eq!(server.requests().len(), 4);

    let server = Server::start(move |_, request| match request.method.as_str() {
        "POST" => answer(503).body(body),
        _ => take_all(request),
    });
    let error = push_fails(&client(), &one(&server)).to_string();
    assert!(error.ends_with("was answered with 503 (UNAVAILABLE: come back later)"), "{error}");
    assert!(error.contains("/blobs/uploads/?mount=sha256:"), "{error}");
    assert!(!server.lines().iter().any(|line| line.starts_with("PUT /v2/org/image/manifests")));
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for status in [400, 403, 404, 405, 409, 413, 416] {
        let server = Server::start(move |_, request| match request.method.as_str() {
            "PUT" => answer(status).body(r#"{"errors":[{"code":"DENIED","message":"no"}]}"#),
            _ => take_all(request),
        });
        let error = push_fails(&client(), &one(&server));
        assert_eq!(error.status(), Some(status));
        let puts = server.lines().iter().filter(|line| line.starts_with("PUT")).count();
        assert_eq!(puts, 2, "one per blob, at most");
        assert_eq!(error.hint().is_some(), matches!(status, 403 | 404 | 413));
    }
}

#[test]
fn a_registry_is_left_alone_as_long_as_it_asks() {
    let server = Server::start(|before, request| match (request.method.as_str(), before) {
        ("HEAD", 0) => answer(429).header("retry-after", 1),
        _ => take_all(request),
    });
    let start = Instant::now();
    push(&client(), &one(&server));
    assert!(start.elapsed() >= Duration::from_secs(1));

    let server = Server::start(|_, _| answer(429).header("retry-after", 3600));
    let error = push_fails(&client(), &one(&server));
    assert_eq!((error.status(), server.requests().len()), (Some(429), 1));
}

#[test]
fn a_registry_that_bears_two_at_a_time_is_asked_so() {
    let active = AtomicUsize::new(0);
    let server = Server::start(move |_, request| {
        let others = active.fetch_add(1, Ordering::SeqCst);
        let answer = if others < 2 {
            std::thread::sleep(Duration::from_millis(3));
            take_all(request)
        } else {
            answer(429)
        };
        active.fetch_sub(1, Ordering::SeqCst);
        answer
    });
    let batch: Vec<Named> = (0..20)
        .map(|number| {
            let image = image("linux/amd64", &number.to_string());
            named(&[server.name(&format!("org/image-{number}:v1"))], &Artifact::Image(image))
        })
        .collect();
    let retry = RetryPolicy { attempts: 20, ..settings().retry };
    push(&Client::new(Settings { retry, ..settings() }), &batch);
    // Some are turned away until it is known, and now and then one to see
    // whether it has become better.
    let (needed, sent) = (20 * 6, server.requests().len());
    assert!(sent > needed && sent < 2 * needed, "{sent}");
}

#[test]
fn an_upload_waits_as_long_as_it_is_asked_to() {
    let server = Server::start(|before, request| match (request.method.as_str(), before) {
        ("PUT", 0) if request.target.contains("/blobs/") => answer(503).header("retry-after", 1),
        _ => take_all(request),
    });
    let start = Instant::now();
    push(&client(), &one(&server));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn the_budget_ends_a_run() {
    let server = Server::start(|_, _| answer(500));
    let retry = RetryPolicy { budget: 5, ..settings().retry };
    let client = Client::new(Settings { retry, ..settings() });
    for _ in 0..4 {
        push_fails(&client, &one(&server));
    }
    assert_eq!(server.requests().len(), 4 + 5);
}

#[test]
fn a_host_that_never_answers_is_waited_for_once() {
    let server = Server::start(|_, _| reset());
    let client = client();
    for _ in 0..3 {
        let error = push_fails(&client, &one(&server)).to_string();
        assert!(error.contains("` failed: "), "{error}");
    }
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn mounts_that_are_refused_become_uploads() {
    let server = Server::start(|_, request| match request.method.as_str() {
        "POST" if request.target.contains("mount=") => answer(405),
        _ => take_all(request),
    });
    push(&client(), &one(&server));
    let posts = server.lines().into_iter().filter(|line| line.starts_with("POST"));
    assert_eq!(posts.filter(|line| !line.contains("mount=")).count(), 2);
}

#[test]
fn registries_that_confirm_in_other_words_are_understood() {
    for (blob, manifest) in [(204, 200), (201, 202)] {
        let server = Server::start(move |_, request| {
            match (request.method.as_str(), request.target.contains("/blobs/")) {
                ("PUT", true) => answer(blob),
                ("PUT", false) => answer(manifest),
                _ => take_all(request),
            }
        });
        push(&client(), &one(&server));
    }
}

#[test]
fn uploads_go_where_the_location_says() {
    let elsewhere = Server::on("127.0.0.2", |_, request| take_all(request));
    let other = format!("http://{}/store?key=secret&x=1", elsewhere.address);
    let cases = [
        (
            "relative?_state=a%2Fb",
            Some("PUT /v2/org/image/blobs/uploads/relative?_state=a%2Fb&digest=sha256:"),
        ),
        (
            "/v2/org/image/blobs/uploads/absolute",
            Some("PUT /v2/org/image/blobs/uploads/absolute?digest=sha256:"),
        ),
        (other.as_str(), None),
    ];
    for (location, expected) in cases {
        let location = location.to_owned();
        let server = Server::start(move |_, request| match request.method.as_str() {
            "POST" => answer(202).header("location", &location),
            _ if request.header("authorization").is_none() => {
                answer(401).header("www-authenticate", "Basic realm=x")
            }
            _ => take_all(request),
        });
        let client = client_with(password(&server.address, "robot", "hunter2"));
        push(&client, &one(&server));
        if let Some(expected) = expected {
            assert!(
                server.lines().iter().any(|line| line.starts_with(expected)),
                "{:#?}",
                server.lines()
            );
        }
    }
    let requests = elsewhere.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(request.line().starts_with("PUT /store?key=secret&x=1&digest=sha256:"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn answers_outside_the_specification_are_named() {
    let cases = [
        (answer(202), "without a `Location` to upload to"),
        (answer(202).header("location", "ftp://x/"), "its `Location` is faulty: it is neither"),
        (answer(201).header("docker-content-digest", Digest::of(b"x")), "it stored `sha256:"),
    ];
    for (wrong, reason) in cases {
        let server = Server::start(move |_, request| match request.method.as_str() {
            "POST" => wrong.clone(),
            _ => take_all(request),
        });
        let error = push_fails(&client(), &one(&server)).to_string();
        assert!(error.contains(reason), "{error}");
    }
    let server = Server::start(|_, request| match request.method.as_str() {
        "PUT" if request.target.contains("manifests") => {
            answer(201).header("docker-content-digest", Digest::of(b"x"))
        }
        _ => take_all(request),
    });
    let error = push_fails(&client(), &one(&server)).to_string();
    assert!(error.contains("it stored `sha256:"), "{error}");
}

#[test]
fn secrets_of_an_upload_do_not_show() {
    let server = Server::start(|_, request| match request.method.as_str() {
        "POST" => answer(202).header("location", "/upload?X-Signature=topsecret"),
        "PUT" => answer(400),
        _ => take_all(request),
    });
    let error = push_fails(&client(), &one(&server));
    let text = format!("{error} {error:?} {:?}", error.hint());
    assert!(text.contains("X-Signature=…") && !text.contains("topsecret"), "{text}");
}
