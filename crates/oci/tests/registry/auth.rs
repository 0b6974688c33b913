//! Challenges of every kind, and who is shown what.

use std::sync::Mutex;

use oci::registry::{Credential, Credentials, Secret};
use oci::{Artifact, Named};

use crate::faults::take_all;
use crate::scripted::{Answer, Request, Server, answer};
use crate::support::*;

fn one(server: &Server) -> [Named; 1] {
    [named(&[server.name("org/image:v1")], &Artifact::Image(image("linux/amd64", "text")))]
}

/// A registry and its token server in one: tokens are numbered.
fn with_tokens(
    expires_in: u64,
    token: impl Fn(&Request) -> Option<u16> + Send + Sync + 'static,
    challenge: fn(&str) -> String,
) -> Server {
    Server::start(move |before, request| {
        if request.target.starts_with("/token") {
            return match token(request) {
                Some(status) => answer(status).body(r#"{"details":"incorrect username or password"}"#),
                None => answer(200).body(format!(
                    r#"{{"token":"t{before}","access_token":"t{before}","expires_in":{expires_in}}}"#
                )),
            };
        }
        match request.header("authorization") {
            Some(value) if value.starts_with("Bearer t") => take_all(request),
            _ => {
                let host = request.header("host").unwrap();
                answer(401).header("www-authenticate", challenge(&format!("http://{host}/token")))
            }
        }
    })
}

fn bearer(realm: &str) -> String {
    format!(r#"Bearer realm="{realm}",service="the registry",scope="repository:org/image:pull""#)
}

fn tokens(server: &Server) -> Vec<String> {
    server.lines().into_iter().filter(|line| line.contains("/token")).collect()
}

#[test]
fn tokens_are_fetched_once_per_right() {
    let server = with_tokens(300, |_| None, bearer);
    push(&client(), &one(&server));
    let expected = [
        "GET /token?service=the%20registry&scope=repository:org/image:pull",
        "GET /token?service=the%20registry&scope=repository:org/image:pull,push",
    ];
    assert_eq!(tokens(&server), expected);
    assert_eq!(server.requests().len(), 1 + 2 + 6);
    assert!(
        server
            .requests()
            .iter()
            .filter(|r| r.target.starts_with("/token"))
            .all(|r| r.header("authorization").is_none())
    );
}

#[test]
fn challenges_of_every_form_are_met() {
    let forms: [fn(&str) -> String; 4] = [
        |realm| format!("bEaReR REALM = \"{realm}\" , unknown=x"),
        |realm| format!(r#"Negotiate, Basic realm="a \"b\", c", Bearer realm="{realm}""#),
        |realm| format!("Bearer realm=\"{realm}\", Basic realm=x\r\nwww-authenticate: Digest y=z"),
        |realm| format!("Digest y=z\r\nwww-authenticate: Bearer realm=\"{realm}\""),
    ];
    for form in forms {
        let server = with_tokens(300, |_| None, form);
        push(&client(), &one(&server));
    }
}

#[test]
fn passwords_go_to_the_token_server_alone() {
    let server = with_tokens(300, |r| r.header("authorization").is_none().then_some(401), bearer);
    push(&client_with(password(&server.address, "robot", "hunter2")), &one(&server));
    for request in server.requests() {
        // `robot:hunter2`
        let is_basic = request.header("authorization") == Some("Basic cm9ib3Q6aHVudGVyMg==");
        assert_eq!(is_basic, request.target.starts_with("/token"), "{request:?}");
    }
}

#[test]
fn tokens_that_expire_are_fetched_again() {
    let server = with_tokens(1, |_| None, bearer);
    let client = client();
    push(&client, &one(&server));
    std::thread::sleep(std::time::Duration::from_millis(950));
    push(&client, &one(&server));
    assert_eq!(tokens(&server).len(), 4);
}

#[test]
fn a_token_that_is_refused_is_replaced_once() {
    let refused = Mutex::new(Vec::new());
    let server = Server::start(move |before, request| {
        if request.target.starts_with("/token") {
            return answer(200).body(format!(r#"{{"token":"t{before}"}}"#));
        }
        let challenge = |host: &str| {
            let realm = format!("http://{host}/token");
            let more = r#"error="insufficient_scope",scope="repository:other/name:pull""#;
            answer(401).header("www-authenticate", format!(r#"Bearer realm="{realm}",{more}"#))
        };
        let host = request.header("host").unwrap();
        match request.header("authorization") {
            None => challenge(host),
            // Every token is refused when it is shown for the first time to
            // another kind of request than the first.
            Some(token) if request.method == "POST" => {
                let mut refused = refused.lock().unwrap();
                if refused.is_empty() {
                    refused.push(token.to_owned());
                }
                if refused.contains(&token.to_owned()) {
                    challenge(host)
                } else {
                    take_all(request)
                }
            }
            Some(_) => take_all(request),
        }
    });
    push(&client(), &one(&server));
    let last = tokens(&server).pop().unwrap();
    assert!(
        last.ends_with("scope=repository:org/image:pull,push&scope=repository:other/name:pull"),
        "{last}"
    );
}

#[test]
fn identity_tokens_are_exchanged_by_post() {
    let server = with_tokens(300, |r| (r.method != "POST").then_some(401), bearer);
    let token = Credential::IdentityToken(Secret::new("a+refresh/token"));
    let credentials = Credentials::none().with(&server.address, token, "the test");
    push(&client_with(credentials), &one(&server));
    let requests = server.requests();
    let request = requests.iter().find(|r| r.target.starts_with("/token")).unwrap();
    assert_eq!(
        std::str::from_utf8(&request.body).unwrap(),
        "grant_type=refresh_token&service=the%20registry&client_id=oci-registry-client\
         &scope=repository:org/image:pull&refresh_token=a%2Brefresh/token"
    );
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn registry_tokens_are_shown_as_they_are() {
    let server = with_tokens(300, |_| Some(500), bearer);
    let token = Credential::RegistryToken(Secret::new("t-given"));
    let credentials = Credentials::none().with(&server.address, token, "the test");
    push(&client_with(credentials), &one(&server));
    assert!(tokens(&server).is_empty());
}

#[test]
fn a_refused_password_says_where_it_is_from() {
    let server = with_tokens(300, |_| Some(401), bearer);
    let client = client_with(password(&server.address, "robot", "wr0ng"));
    let error = push_fails(&client, &one(&server));
    let text = error.to_string();
    assert!(text.starts_with(&format!("`GET http://{}/token?", server.address)), "{text}");
    assert!(text.ends_with("was answered with 401 (incorrect username or password)"), "{text}");
    let hint = error.hint().unwrap();
    assert!(
        hint.contains(&format!("the credentials for `{}` are from the test", server.address)),
        "{hint}"
    );
    assert!(!format!("{error:?} {client:?}").contains("wr0ng"));
    // One right is asked for, and that once.
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn nothing_is_sent_to_an_unsafe_realm() {
    let thief = Server::start(|_, _| answer(200).body(r#"{"token":"t"}"#));
    let port = thief.address.rsplit(':').next().unwrap().to_owned();
    let realm = format!("http://localhost:{port}/token");
    let challenge = format!(r#"Bearer realm="{realm}""#);
    let server = Server::start(move |_, _| answer(401).header("www-authenticate", &challenge));
    let client = client_with(password(&server.address, "robot", "hunter2"));
    let error = push_fails(&client, &one(&server)).to_string();
    let expected = format!(
        "`{}` wants credentials to be sent to `{realm}`: that is plain HTTP, on another host",
        server.address
    );
    assert_eq!(error, expected);
    assert!(thief.requests().is_empty());
}

#[test]
fn a_redirected_token_request_does_not_carry_the_password() {
    let thief = Server::on("127.0.0.3", |_, _| answer(200).body(r#"{"token":"t-stolen"}"#));
    let to = format!("http://{}/x", thief.address);
    let server = Server::start(move |_, request| -> Answer {
        let host = request.header("host").unwrap();
        match request.target.starts_with("/token") {
            true => answer(302).header("location", &to),
            false => answer(401)
                .header("www-authenticate", format!(r#"Bearer realm="http://{host}/token""#)),
        }
    });
    push_fails(&client_with(password(&server.address, "robot", "hunter2")), &one(&server));
    assert!(!thief.requests().is_empty());
    assert!(thief.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn one_request_at_a_time_is_enough() {
    let server = with_tokens(1, |_| None, bearer);
    let settings = oci::registry::Settings { concurrency: 1, ..settings() };
    let client = oci::registry::Client::new(settings);
    push(&client, &one(&server));
    // Now one is refused in the middle: its place is needed for the token.
    let refused = std::sync::atomic::AtomicBool::new(false);
    let server = Server::start(move |before, request| {
        let host = request.header("host").unwrap();
        let first = || !refused.swap(true, std::sync::atomic::Ordering::SeqCst);
        if request.target.starts_with("/token") {
            answer(200).body(format!(r#"{{"token":"t{before}"}}"#))
        } else if request.header("authorization").is_none() || request.method == "POST" && first() {
            answer(401).header("www-authenticate", bearer(&format!("http://{host}/token")))
        } else {
            take_all(request)
        }
    });
    push(&client, &one(&server));
}

#[test]
fn what_is_hidden_from_readers_may_be_writable() {
    let server = Server::start(|_, request| match request.method.as_str() {
        "HEAD" => answer(403),
        _ => take_all(request),
    });
    push(&client(), &one(&server));
}

/// Runs itself with a `PATH` that has helpers on it.
#[test]
fn helpers_are_asked() {
    const AGAIN: &str = "OCI_TEST_WITH_HELPERS";
    let dir = tempfile::tempdir().unwrap();
    if std::env::var_os(AGAIN).is_none() {
        use std::os::unix::fs::PermissionsExt;
        let helper = |name: &str, script: &str| {
            let path = dir.path().join(format!("docker-credential-{name}"));
            host::fs::write_atomic(&path, format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        helper(
            "good",
            r#"read -r host; echo "{\"ServerURL\":\"$host\",\"Username\":\"robot\",\"Secret\":\"hunter2\"}""#,
        );
        helper("empty", "echo credentials not found in native keychain; exit 1");
        helper("locked", "echo the keychain is locked; exit 2");
        helper("odd", "echo hunter2");
        helper("loud", r#"printf '\033[1mno\nkeychain\007'; exit 1"#);
        helper("leaky", r#"echo '{"Username":"robot","Secret":"hunter2"}'; exit 1"#);
        helper("mute", "exit 3");
        helper("killed", "kill -9 $$");
        let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        let this = std::env::current_exe().unwrap();
        let command = host::Cmd::new(this).args(["--exact", "auth::helpers_are_asked"]);
        let output = command.env(AGAIN, "1").env("PATH", path).run().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        return;
    }
    let server = Server::start(|_, request| match request.header("authorization") {
        // `robot:hunter2`
        Some("Basic cm9ib3Q6aHVudGVyMg==") => take_all(request),
        _ => answer(401).header("www-authenticate", "Basic realm=x"),
    });
    let client = |name: &str| {
        let file = dir.path().join(format!("{}.json", name.replace('/', "-")));
        let text = format!(r#"{{"credHelpers": {{"{}": "{name}"}}}}"#, server.address);
        host::fs::write_atomic(&file, text.as_bytes()).unwrap();
        client_with(oci::registry::Credentials::from_files([file]))
    };
    push(&client("good"), &one(&server));
    let fails = |name| push_fails(&client(name), &one(&server));
    assert!(fails("empty").to_string().ends_with("was answered with 401"));
    let cases = [
        ("locked", "it exited with status 2 (the keychain is locked)"),
        ("odd", "its answer is not the JSON of the protocol"),
        ("loud", "it exited with status 1 ([1mno keychain)"),
        ("leaky", "it exited with status 1"),
        ("mute", "it exited with status 3"),
        ("killed", "it was killed by signal 9"),
        ("absent", "it could not be run; is it on `PATH`?"),
        ("a/path", "its name is not one of a program on `PATH`"),
    ];
    for (name, reason) in cases {
        let error = fails(name);
        let (helper, address) = (format!("docker-credential-{name}"), &server.address);
        let expected = format!("the credential helper `{helper}` failed for `{address}`: {reason}");
        assert_eq!(error.to_string(), expected);
        let file = dir.path().join(format!("{}.json", name.replace('/', "-")));
        let hint = format!("`{}` names `{helper}`; does `{helper} list` work?", file.display());
        assert_eq!(error.hint().unwrap(), hint);
    }
}
