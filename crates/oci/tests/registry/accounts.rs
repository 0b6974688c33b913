//! What credentials cost: helpers are asked once, a password that is refused
//! is shown once, and one odd answer changes nothing for the others.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use oci::registry::Credentials;
use oci::{Artifact, Named};

use crate::faults::take_all;
use crate::scripted::{Request, Server, answer};
use crate::support::*;

/// `robot:hunter2`
const PASSWORD: &str = "Basic cm9ib3Q6aHVudGVyMg==";

fn images(server: &Server, count: usize) -> Vec<Named> {
    let name = |number| server.name(&format!("org/image-{number}:v1"));
    let artifact = Artifact::Image(image("linux/amd64", "text"));
    (0..count).map(|number| named(&[name(number)], &artifact)).collect()
}

/// Makes a helper that notes each time it is asked.
fn helper(dir: &Path, script: &str) {
    let path = dir.join("docker-credential-helper");
    let asked = dir.join("asked");
    let script =
        format!("#!/bin/sh\nread -r host; echo \"$host\" >> {}\n{script}", asked.display());
    host::fs::write_atomic(&path, script.as_bytes()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_helper_is_asked_once() {
    const AGAIN: &str = "OCI_TEST_WITH_A_HELPER";
    let Ok(dir) = std::env::var(AGAIN) else {
        let dir = tempfile::tempdir().unwrap();
        helper(dir.path(), r#"echo '{"Username":"robot","Secret":"hunter2"}'"#);
        let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        let this = std::env::current_exe().unwrap();
        let command = host::Cmd::new(this).args(["--exact", "accounts::a_helper_is_asked_once"]);
        let output = command.env(AGAIN, dir.path()).env("PATH", path).run().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        return;
    };
    let dir = Path::new(&dir);
    let server = Server::start(|_, request| match request.header("authorization") {
        Some(PASSWORD) => take_all(request),
        _ => answer(401).header("www-authenticate", "Basic realm=x"),
    });
    let file = dir.join("config.json");
    host::fs::write_atomic(&file, br#"{"credsStore": "helper"}"#).unwrap();
    let client = client_with(Credentials::from_files([file]));
    push(&client, &images(&server, 5));
    let asked = host::fs::read_to_string(&dir.join("asked")).unwrap();
    assert_eq!(asked, format!("{}\n", server.address));
}

#[test]
fn a_wrong_password_is_shown_once() {
    let server = Server::start(|_, request| match request.header("authorization") {
        Some(PASSWORD) => take_all(request),
        _ => answer(401).header("www-authenticate", "Basic realm=x"),
    });
    let client = client_with(password(&server.address, "robot", "wr0ng"));
    for result in client.push(&images(&server, 5), &|_| {}) {
        let error = result.unwrap_err();
        assert_eq!(error.status(), Some(401));
        assert!(error.hint().unwrap().contains("are from the test"));
    }
    // An account may be locked after a few.
    let shown = |request: &&Request| request.header("authorization").is_some();
    assert_eq!(server.requests().iter().filter(shown).count(), 1);
}

#[test]
fn a_refusal_without_a_challenge_is_about_itself_alone() {
    let server = Server::start(|_, request| {
        let host = request.header("host").unwrap();
        let is_hidden = request.target.contains("image-0");
        match request.header("authorization") {
            _ if request.target.starts_with("/token") => answer(200).body(r#"{"token":"t"}"#),
            Some("Bearer t") if is_hidden => answer(401),
            Some("Bearer t") => take_all(request),
            _ => answer(401)
                .header("www-authenticate", format!(r#"Bearer realm="http://{host}/token""#)),
        }
    });
    let client = client();
    let results = client.push(&images(&server, 4), &|_| {});
    let statuses: Vec<_> =
        results.iter().map(|result| result.as_ref().err().and_then(|e| e.status())).collect();
    assert_eq!(statuses, [Some(401), None, None, None]);
    let shown = |request: &&Request| {
        !request.target.starts_with("/token") && request.header("authorization").is_none()
    };
    assert_eq!(server.requests().iter().filter(shown).count(), 1, "{:#?}", server.lines());
}
