//! What a call hands to cosign and what it lets out, by a stand-in.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use cosign::{Cosigns, Event, Format, Key, Patience, Session, Sign, Signer, Wait};
use oci::Reference;
use oci::registry::{Client, Credential, Credentials, Secret, Settings};

use crate::support::stand_in;

const PASSWORD: &str = "the-registry-password";

/// A session with one stand-in, which does `script`.
fn session(dir: &Path, script: &str) -> Session {
    let two = stand_in(dir, "cosign", "v2.6.5", script);
    let patience = Patience { first: Duration::from_millis(2), ..Patience::default() };
    Session::new(Cosigns::find(&[two]).unwrap(), ["HIDDEN".to_owned()]).unwrap().patience(patience)
}

/// Signs something with a credential; returns how it ended and the pauses.
fn sign(session: &Session) -> (Result<(), cosign::Error>, Vec<Wait>) {
    let password = Secret::new(PASSWORD);
    let credential = Credential::Password { username: "robot".into(), password };
    let credentials = Credentials::none().with("quay.io/o", credential, "a test");
    let client = Client::new(Settings { credentials, ..Settings::default() });
    let subject: Reference = format!("quay.io/o/i@sha256:{}", "0".repeat(64)).parse().unwrap();
    let signer = Signer::Key(Key::from("/k/cosign.key"));
    let sign =
        Sign { format: Format::Legacy, signer: &signer, subject: &subject, recursive: false };
    let waits = Mutex::new(Vec::new());
    let wait = |event: Event<'_>| match event {
        Event::Wait(wait) => waits.lock().unwrap().push(wait),
        Event::Run(cmd) => assert!(!cmd.to_string().contains(PASSWORD), "{cmd}"),
        _ => {}
    };
    let access = client.access(&subject).unwrap();
    let end = session.sign(&sign, &access, &wait);
    (end, waits.into_inner().unwrap())
}

#[test]
fn the_credential_is_in_a_private_file_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    let script = format!(
        r#"cd "$DOCKER_CONFIG" && {{ stat -c '%a %n' . *; cat config.json; echo; echo "$*"; env; pwd; }} >{}"#,
        seen.display()
    );
    sign(&session(dir.path(), &script)).0.unwrap();
    let seen = host::fs::read_to_string(&seen).unwrap();
    let lines: Vec<_> = seen.lines().collect();
    let config = r#"{"auths":{"quay.io":{"auth":"cm9ib3Q6dGhlLXJlZ2lzdHJ5LXBhc3N3b3Jk"}}}"#;
    assert_eq!(lines[..3], ["700 .", "600 config.json", config]);
    let rest = lines[3..].join("\n");
    assert!(!rest.contains(PASSWORD) && !rest.contains("cm9ib3Q6"), "{rest}");
    let home = lines.iter().find_map(|line| line.strip_prefix("TUF_ROOT=")).unwrap();
    let config = lines.last().unwrap();
    assert!(home.starts_with(&config[..config.rfind('/').unwrap()]), "{home}");
    assert!(!Path::new(config).exists(), "it went with the call");
}

#[test]
fn what_passes_is_tried_again_and_nothing_else() {
    let cases = [
        ("[ $n -ge 3 ]", "unexpected status code 429 Too Many Requests", 3, true),
        ("false", "TOOMANYREQUESTS: slow down", 7, false),
        ("false", "UNAUTHORIZED: no", 1, false),
    ];
    for (works, says, calls, ends_well) in cases {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        let script = format!(
            "echo call >>{0}; n=$(wc -l <{0}); {works} && exit; echo '{says}' >&2; exit 1",
            count.display()
        );
        let (end, waits) = sign(&session(dir.path(), &script));
        assert_eq!(end.is_ok(), ends_well, "{says}");
        let count = host::fs::read_to_string(&count).unwrap().lines().count();
        assert_eq!((count, waits.len() + 1), (calls, calls), "{says}");
        assert!(waits.iter().all(|wait| wait.why == says), "{waits:?}");
    }
}

#[test]
fn what_it_says_comes_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"cat "$DOCKER_CONFIG/config.json" >&2
echo the-registry-password eyJhbGci.eyJzdWIi.c2ln, and that is all; exit 1"#;
    let error = sign(&session(dir.path(), script)).0.unwrap_err();
    assert_eq!(error.to_string(), "`cosign` exited with status 1");
    assert_eq!(error.said(), "{\"auths\":{\"quay.io\":{\"auth\":\"…\"}}}… …, and that is all");
}

#[test]
fn a_version_that_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), "exit 1");
    let subject: Reference = format!("quay.io/o/i@sha256:{}", "0".repeat(64)).parse().unwrap();
    let access = Client::new(Settings::default()).access(&subject).unwrap();
    let signer = Signer::Ambient;
    let sign =
        Sign { format: Format::Bundle, signer: &signer, subject: &subject, recursive: false };
    let error = session.sign(&sign, &access, &|_| {}).unwrap_err();
    assert_eq!(error.to_string(), "cosign 3 was not found");
}
