//! Tests of where credentials are looked for and how they are read.

use super::*;
use proptest::prelude::*;

fn password(username: &str, password: &str) -> Credential {
    Credential::Password { username: username.into(), password: Secret::new(password) }
}

/// Returns what the file of this text has for a repository.
fn find_in(text: &str, registry: &str, repository: &str) -> Result<Option<Credential>, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("auth.json");
    host::fs::write_atomic(&path, text.as_bytes()).unwrap();
    let helpers = helper::Answers::default();
    find(&path, registry, repository, &helpers).map(|found| found.map(|found| found.credential))
}

#[test]
fn places_come_in_podmans_order() {
    let places = |variables: &[(&str, &str)]| {
        let get = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let paths = super::places(get, Some(7));
        paths.into_iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(places(&[("REGISTRY_AUTH_FILE", "/f"), ("HOME", "/h")]), ["/f"]);
    assert_eq!(
        places(&[("REGISTRY_AUTH_FILE", ""), ("XDG_RUNTIME_DIR", "/r"), ("HOME", "/h")]),
        [
            "/r/containers/auth.json",
            "/run/containers/7/auth.json",
            "/h/.config/containers/auth.json",
            "/h/.docker/config.json"
        ]
    );
    assert_eq!(
        places(&[("XDG_CONFIG_HOME", "/c"), ("DOCKER_CONFIG", "/d"), ("HOME", "/h")]),
        ["/run/containers/7/auth.json", "/c/containers/auth.json", "/d/config.json"]
    );
    assert_eq!(places(&[]), ["/run/containers/7/auth.json"]);
}

#[test]
fn the_longest_key_wins() {
    // `a:1`, `b:2`, `c:3`, `d:4`.
    let text = r#"{"auths": {
        "quay.io": {"auth": "YTox"},
        "quay.io/org": {"auth": "Yjoy"},
        "quay.io/org/image": {"auth": "Yzoz"},
        "https://index.docker.io/v1/": {"auth": "ZDo0"},
        "localhost:5000": {"auth": "YTox"}
    }}"#;
    let cases = [
        ("quay.io", "org/image", Some(password("c", "3"))),
        ("quay.io", "org/image/deeper", Some(password("c", "3"))),
        ("quay.io", "org/imagery", Some(password("b", "2"))),
        ("quay.io", "organ", Some(password("a", "1"))),
        ("Quay.IO", "x", Some(password("a", "1"))),
        ("docker.io", "library/alpine", Some(password("d", "4"))),
        ("localhost:5000", "x", Some(password("a", "1"))),
        ("localhost", "x", None),
        ("ghcr.io", "x", None),
    ];
    for (registry, repository, expected) in cases {
        let found = find_in(text, registry, repository).unwrap();
        assert_eq!(found, expected, "{registry}/{repository}");
    }
}

#[test]
fn keys_of_every_form_are_one() {
    for key in
        ["docker.io", "https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"]
    {
        assert_eq!(normal(key), "docker.io");
    }
    for key in
        ["quay.io", "https://quay.io", "http://quay.io/", "https://quay.io/v2/", "quay.io/v2"]
    {
        assert_eq!(normal(key), "quay.io");
    }
    assert_eq!(normal("quay.io/v2/x"), "quay.io/v2/x");
    assert_eq!(keys("quay.io", "a/b"), ["quay.io/a/b", "quay.io/a", "quay.io"]);
}

#[test]
fn entries_of_every_kind_are_read() {
    let token = |text: &str| Some(Credential::IdentityToken(Secret::new(text)));
    let cases = [
        (r#"{"auth": "YTox"}"#, Some(password("a", "1"))),
        (r#"{"auth": "YTpiOmM="}"#, Some(password("a", "b:c"))),
        (r#"{"auth": "YTpiOmM"}"#, Some(password("a", "b:c"))),
        (r#"{"auth": "YToxAAA="}"#, Some(password("a", "1"))),
        (r#"{"username": "u", "password": "p"}"#, Some(password("u", "p"))),
        (r#"{"auth": "YTo=", "identitytoken": "t"}"#, token("t")),
        (r#"{"auth": "PHRva2VuPjp0"}"#, token("t")),
        (r#"{"registrytoken": "r"}"#, Some(Credential::RegistryToken(Secret::new("r")))),
        ("{}", None),
    ];
    for (entry, expected) in cases {
        let text = format!(r#"{{"auths": {{"h.io": {entry}}}, "other": 1}}"#);
        assert_eq!(find_in(&text, "h.io", "x").unwrap(), expected, "{entry}");
    }
    assert_eq!(find_in(" \n", "h.io", "x").unwrap(), None);
    let absent = find(Path::new("/no/such/file"), "h.io", "x", &helper::Answers::default());
    assert!(absent.unwrap().is_none());
    for text in [
        r#"{"auths": null, "credHelpers": null, "credsStore": null}"#,
        r#"{"auths": {"h.io": null}}"#,
        r#"{"auths": {"h.io": {"auth": null, "username": null, "identitytoken": null}}}"#,
    ] {
        assert_eq!(find_in(text, "h.io", "x").unwrap(), None, "{text}");
    }
}

#[test]
fn faults_are_named_and_nothing_is_quoted() {
    let cases = [
        ("{", "it is not JSON of the known form (line 1, column 1)"),
        (r#"{"auths": {"h.io": {"auth": 5555}}}"#, "it is not JSON of the known form"),
        (
            r#"{"auths": {"h.io": {"auth": "s3cr3t!"}}}"#,
            "the entry `h.io` has an `auth` that is not base64",
        ),
        (
            r#"{"auths": {"h.io": {"auth": "c2VjcmV0"}}}"#,
            "the entry `h.io` has an `auth` without a colon",
        ),
    ];
    for (text, reason) in cases {
        let message = find_in(text, "h.io", "x").unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
        for secret in ["5555", "s3cr3t", "c2Vj", "secret"] {
            assert!(!message.contains(secret), "{message}");
        }
    }
}

#[test]
fn a_helper_that_is_not_there_is_named() {
    for text in [
        r#"{"credHelpers": {"h.io": "absent-for-sure"}, "auths": {"h.io": {"auth": "YTox"}}}"#,
        r#"{"credsStore": "absent-for-sure", "auths": {"h.io": {}}}"#,
    ] {
        let message = find_in(text, "h.io", "x").unwrap_err().to_string();
        let program = "the credential helper `docker-credential-absent-for-sure` failed for `h.io`";
        assert!(message.contains(program), "{message}");
    }
}

proptest! {
    #[test]
    fn no_file_panics(text: String, auth in "[A-Za-z0-9+/=]{0,24}") {
        let _ = find_in(&text, "h.io", "x/y");
        let _ = find_in(&format!(r#"{{"auths": {{"h.io": {{"auth": "{auth}"}}}}}}"#), "h.io", "x");
        let _ = normal(&text);
    }
}
