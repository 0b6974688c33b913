//! What a user reads when something is wrong, whole: the error and the hint.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::net::TcpListener;

use oci::registry::{Client, Credentials, Error, Settings};
use oci::{Artifact, Named};
use test_support::Registry;

use crate::certificates::{Authority, start};
use crate::faults::take_all;
use crate::scripted::{Answer, Request, Server, answer};
use crate::support::*;

fn one(address: &str) -> [Named; 1] {
    [named(&[format!("{address}/org/image:v1")], &Artifact::Image(image("linux/amd64", "text")))]
}

/// Compares both texts, causes included. `HEAD` stands for the request for
/// the tag, `POST` for that which opens an upload.
fn check(error: &Error, address: &str, expected: &str, hint: &str) {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(next) = cause {
        text.push_str(&format!(": {next}"));
        cause = next.source();
    }
    let scheme = if text.contains("http://") { "http" } else { "https" };
    let url =
        |method: &str, rest: &str| format!("`{method} {scheme}://{address}/v2/org/image/{rest}`");
    let expected = expected
        .replace("HEAD", &url("HEAD", "manifests/v1"))
        .replace("POST", &url("POST", "blobs/uploads/"));
    assert_eq!(text, expected);
    assert_eq!(error.hint().unwrap_or_default(), hint, "{error}");
}

fn with_tls(address: &str) -> Settings {
    Settings { tls: BTreeSet::from([address.to_owned()]), ..settings() }
}

#[test]
fn hosts_that_are_not_there() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let error = push_fails(&client(), &one(&free));
    let hint = format!("is the registry running, and is `{free}` its address?");
    check(&error, &free, "HEAD failed: the connection was refused", &hint);

    let address = "registry.invalid:5000";
    let error = push_fails(&client(), &one(address));
    // The rest are words of the C library.
    let text = error.to_string();
    let expected = "`HEAD https://registry.invalid:5000/v2/org/image/manifests/v1` \
                    failed: its name has no address (";
    assert!(text.starts_with(expected), "{text}");
    let hint = "is `registry.invalid:5000` the registry's name, and is this machine connected?";
    assert_eq!(error.hint().unwrap(), hint);
}

#[test]
fn tls_that_is_refused() {
    let Some(authority) = Authority::new() else { return };
    authority.sign("server", 2, "subjectAltName=IP:127.0.0.1\n");
    authority.sign("expired", -1, "subjectAltName=IP:127.0.0.1\n");
    authority.sign("other", 2, "subjectAltName=DNS:other.example\n");
    let trusted = "HEAD failed: its certificate is from an authority that is not trusted";
    let give = |address: &str| {
        format!(
            "the certificate of a private authority can be given, or put as `ca.crt` into a \
             directory `{address}` of `certs.d`"
        )
    };
    let cases = [
        ("server", false, trusted, None),
        (
            "expired",
            true,
            "HEAD failed: its certificate has expired or is not valid yet",
            Some("its owner has to renew it, or this machine's clock is wrong"),
        ),
        (
            "other",
            true,
            "HEAD failed: its certificate is for another name: `other.example`",
            Some("ask for the registry by a name that its certificate has"),
        ),
        (
            "ca",
            true,
            "HEAD failed: its certificate is one to sign others with, which no server may show",
            Some(
                "a self-signed certificate is accepted, once it is trusted, if it is made with \
                 `basicConstraints=critical,CA:FALSE`",
            ),
        ),
    ];
    for (certificate, is_known, expected, hint) in cases {
        let Some(registry) = start(&authority, certificate, false, |_| String::new()) else {
            return;
        };
        let ca_files = if is_known { vec![authority.path("ca.pem")] } else { Vec::new() };
        let client = Client::new(Settings { ca_files, ..with_tls(&registry.address) });
        let error = push_fails(&client, &one(&registry.address));
        let hint = hint.map_or_else(|| give(&registry.address), str::to_owned);
        check(&error, &registry.address, expected, &hint);
    }
}

#[test]
fn tls_where_there_is_none_and_none_where_there_is() {
    let Some(registry) = Registry::anonymous() else { return };
    let error = push_fails(&Client::new(with_tls(&registry.address)), &one(&registry.address));
    let hint = "a registry that speaks plain HTTP has to be named as one";
    check(&error, &registry.address, "HEAD failed: it does not speak TLS", hint);

    let Some(authority) = Authority::new() else { return };
    authority.sign_both();
    let Some(registry) = start(&authority, "server", false, |_| String::new()) else { return };
    let error = push_fails(&client(), &one(&registry.address));
    let hint = format!(
        "it was spoken to without TLS; if it expects that, make a directory `{}` of `certs.d`",
        registry.address
    );
    check(&error, &registry.address, "HEAD was answered with 400", &hint);
}

/// A file of credentials with this text, and a client that looks in it.
fn with_file(dir: &tempfile::TempDir, text: &str) -> (String, Client) {
    let path = dir.path().join("auth.json");
    host::fs::write_atomic(&path, text.as_bytes()).unwrap();
    (path.display().to_string(), client_with(Credentials::from_files([path])))
}

fn wants_password(request: &Request) -> Answer {
    match request.header("authorization") {
        // `robot:hunter2`
        Some("Basic cm9ib3Q6aHVudGVyMg==") => take_all(request),
        _ => answer(401).header("www-authenticate", "Basic realm=x"),
    }
}

#[test]
fn files_of_credentials_that_are_faulty() {
    let server = Server::start(|_, request| wants_password(request));
    let address = &server.address;
    let entry = |entry: &str| format!(r#"{{"auths": {{"{address}": {entry}}}}}"#);
    let json =
        |line, column| format!("it is not JSON of the known form (line {line}, column {column})");
    let of_entry = |reason: &str| format!("the entry `{address}` {reason}");
    let cases = [
        ("{".to_owned(), json(1, 1)),
        ("\n  nonsense".to_owned(), json(2, 4)),
        ("[]".to_owned(), json(1, 2)),
        (r#"{"auths": []}"#.to_owned(), json(1, 10)),
        (r#"{"auths": {"h.io": {"auth": 5555}}}"#.to_owned(), json(1, 32)),
        (r#"{"credHelpers": {"h.io": ["x"]}}"#.to_owned(), json(1, 25)),
        (r#"{"auths": {}} {}"#.to_owned(), json(1, 15)),
        (entry(r#"{"auth": "s3cr3t!"}"#), of_entry("has an `auth` that is not base64")),
        (entry(r#"{"auth": "/////w=="}"#), of_entry("has an `auth` that is not UTF-8")),
        (entry(r#"{"auth": "c2VjcmV0"}"#), of_entry("has an `auth` without a colon")),
    ];
    for (text, reason) in cases {
        let dir = tempfile::tempdir().unwrap();
        let (path, client) = with_file(&dir, &text);
        let expected = format!("`{path}` is not a usable file of credentials: {reason}");
        let hint = "correct the file, or take the entry out and log in again";
        check(&push_fails(&client, &one(address)), address, &expected, hint);
    }
    let dir = tempfile::tempdir().unwrap();
    let client = client_with(Credentials::from_files([dir.path().to_owned()]));
    let expected =
        format!("failed to read `{}`: Is a directory (os error 21)", dir.path().display());
    check(&push_fails(&client, &one(address)), address, &expected, "");
}

#[test]
fn passwords_that_are_missing_or_wrong() {
    let server = Server::start(|_, request| wants_password(request));
    let address = &server.address;
    let log_in = format!("log in with `podman login {address}` or `docker login {address}`");
    let dir = tempfile::tempdir().unwrap();
    let (path, client) = with_file(&dir, r#"{"auths": {"other.example": {"auth": "YTpi"}}}"#);
    let hint = format!("no credentials for `{address}/org/image` in `{path}`; {log_in}");
    check(&push_fails(&client, &one(address)), address, "POST was answered with 401", &hint);

    let hint = format!("no credentials for `{address}/org/image`; {log_in}");
    let error = push_fails(&crate::support::client(), &one(address));
    check(&error, address, "POST was answered with 401", &hint);

    for (key, entry, expected) in [
        ("/org", r#"{"auth": "YTpi"}"#, "HEAD was answered with 401"),
        ("", r#"{"registrytoken": "ended"}"#, "POST was answered with 401"),
    ] {
        let text = format!(r#"{{"auths": {{"{address}{key}": {entry}}}}}"#);
        let (path, client) = with_file(&dir, &text);
        let hint = format!("the credentials for `{address}{key}` are from `{path}`; {log_in}");
        check(&push_fails(&client, &one(address)), address, expected, &hint);
    }
}

#[test]
fn tokens_that_are_refused() {
    let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"the token has expired"}]}"#;
    let tokens = Server::start(|_, request| match request.header("authorization") {
        Some(_) => answer(401).body(r#"{"details":"incorrect username or password"}"#),
        None => answer(200).body(r#"{"token":"ended"}"#),
    });
    let realm = format!("http://{}/token", tokens.address);
    let challenge = format!(r#"Bearer realm="{realm}",service="s""#);
    let server =
        Server::start(move |_, _| answer(401).header("www-authenticate", &challenge).body(body));
    let address = &server.address;
    // The registry's name, not the token server's.
    let log_in = format!("log in with `podman login {address}` or `docker login {address}`");

    let hint = format!("no credentials for `{address}/org/image`; {log_in}");
    let expected = "POST was answered with 401 (UNAUTHORIZED: the token has expired)";
    check(&push_fails(&client(), &one(address)), address, expected, &hint);

    let client = client_with(password(address, "robot", "wr0ng"));
    let hint = format!("the credentials for `{address}` are from the test; {log_in}");
    let query = "service=s&scope=repository:org/image:pull";
    let expected =
        format!("`GET {realm}?{query}` was answered with 401 (incorrect username or password)");
    check(&push_fails(&client, &one(address)), address, &expected, &hint);
}

#[test]
fn pushes_that_are_refused() {
    let create = "no credentials for `ADDRESS/org/image`; the repository may have to be created \
                  first, and the account (or robot) be given the right to write to it";
    let cases = [
        (403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#, " (DENIED: no)", create),
        (404, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#, " (NAME_UNKNOWN)", create),
        (400, r#"{"errors":[{"code":"NAME_INVALID"}]}"#, " (NAME_INVALID)", ""),
        (
            413,
            "<html><h1>413 Request Entity Too Large</h1></html>",
            "",
            "the registry, or a proxy before it, takes no blob of that size",
        ),
        (
            429,
            "slow down",
            " (slow down)",
            "the registry limits how much it is asked; wait, or log in",
        ),
        (503, "", "", ""),
    ];
    for (status, body, said, hint) in cases {
        let server = Server::start(move |_, request| match request.method.as_str() {
            "POST" if status == 400 || !request.target.contains("mount=") => {
                answer(status).body(body)
            }
            // What cannot be mounted is uploaded.
            "POST" => answer(405),
            _ => take_all(request),
        });
        let error = push_fails(&client(), &one(&server.address));
        let hint = hint.replace("ADDRESS", &server.address);
        check(&error, &server.address, &format!("POST was answered with {status}{said}"), &hint);
    }
}

#[test]
fn references_that_are_invalid() {
    let cases = [
        ("", "it is empty"),
        ("quay.io/Org/image", "the repository has uppercase letters"),
        ("quay.io/org/image:", "the tag is empty"),
        (
            "quay.io/org/image:-x",
            "the tag is not `A-Za-z0-9_` followed by more of them, `.` or `-`",
        ),
        ("quay.io/org/image@sha256:12", "the digest is not `sha256:` and 64 hex digits"),
        ("quay.io:port/org/image", "the registry's port is not a number up to 65535"),
        (
            "[::1/org/image",
            "the registry is not a host name, an IPv4 address or an IPv6 address in brackets",
        ),
        ("quay.io/", "the repository is empty"),
        ("quay.io//image", "a part of the repository is empty"),
    ];
    for (word, reason) in cases {
        let error = word.parse::<oci::Reference>().unwrap_err().to_string();
        assert_eq!(error, format!("invalid reference `{word}`: {reason}"));
    }
}
