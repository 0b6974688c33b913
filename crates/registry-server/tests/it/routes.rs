//! Every path, with whole answers.

use oci::{Artifact, Digest, media};

use crate::forge::{Forge, tagged};
use crate::support::{Response, Running, image, sample, write};

/// What every answer has.
const ALWAYS: [(&str, &str); 3] = [
    ("connection", "close"),
    ("docker-distribution-api-version", "registry/2.0"),
    ("x-content-type-options", "nosniff"),
];

/// Compares a whole answer but for the date.
#[track_caller]
fn is(mut response: Response, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    assert!(response.headers.remove("date").is_some());
    let expected = Response {
        status,
        headers: ALWAYS
            .iter()
            .chain(headers)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.to_vec(),
    };
    assert_eq!(response, expected);
}

/// The body of a refusal.
fn refusal(code: &str, message: &str) -> String {
    format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#)
}

#[test]
fn the_base_says_that_it_is_a_registry() {
    let (_dir, tree, _) = sample();
    let server = Running::start(&tree);
    let headers = [("content-type", "application/json"), ("content-length", "2")];
    for target in ["/v2/", "/v2", "/v2/?x=y", "http://x/v2/"] {
        is(server.get(target), 200, &headers, b"{}");
        is(server.ask("HEAD", target, &[]), 200, &headers, b"");
    }
}

#[test]
fn manifests_come_by_tag_and_by_digest() {
    let (_dir, tree, artifact) = sample();
    let server = Running::start(&tree);
    let Artifact::Index(index) = &artifact else { panic!("it is an index") };
    let mut cases = vec![("v1".to_owned(), index.blob(), media::INDEX)];
    cases.push(("v3".to_owned(), index.blob(), media::INDEX));
    cases.push((index.digest().to_string(), index.blob(), media::INDEX));
    let images = artifact.images();
    cases.extend(
        images
            .iter()
            .map(|image| (image.digest().to_string(), image.manifest_blob(), media::MANIFEST)),
    );
    for (reference, blob, media_type) in cases {
        let (digest, size) = (blob.digest().to_string(), blob.size().to_string());
        let tag = format!("\"{digest}\"");
        let headers = [
            ("content-length", size.as_str()),
            ("content-type", media_type),
            ("docker-content-digest", &digest),
            ("etag", &tag),
        ];
        let target = format!("/v2/a/one/manifests/{reference}");
        let bytes = blob.read(u64::MAX).unwrap();
        // What is accepted does not matter.
        for accept in ["*/*", "text/plain", media::DOCKER_MANIFEST] {
            let accept = [("accept", accept)];
            is(server.ask("GET", &target, &accept), 200, &headers, &bytes);
            is(server.ask("HEAD", &target, &accept), 200, &headers, b"");
        }
        let known = [("docker-content-digest", digest.as_str()), ("etag", &tag)];
        for own in [&tag, "*", &format!("\"x\", W/{tag}")] {
            is(server.ask("GET", &target, &[("if-none-match", own)]), 304, &known, b"");
        }
        is(server.ask("GET", &target, &[("if-none-match", "\"x\"")]), 200, &headers, &bytes);
    }
}

#[test]
fn blobs_come_whole_and_in_part() {
    let (_dir, tree, artifact) = sample();
    let server = Running::start(&tree);
    for blob in artifact.blobs() {
        let digest = blob.digest().to_string();
        let tag = format!("\"{digest}\"");
        let (target, bytes) = (format!("/v2/a/one/blobs/{digest}"), blob.read(u64::MAX).unwrap());
        let size = bytes.len();
        let headers = |length: usize, range: Option<String>| {
            let mut headers = vec![
                ("accept-ranges", "bytes".to_owned()),
                ("content-length", length.to_string()),
                ("content-type", "application/octet-stream".to_owned()),
                ("docker-content-digest", digest.clone()),
                ("etag", tag.clone()),
            ];
            headers.extend(range.map(|range| ("content-range", range)));
            headers
        };
        let check = |response, status, headers: Vec<(&str, String)>, body: &[u8]| {
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            is(response, status, &headers, body);
        };
        check(server.get(&target), 200, headers(size, None), &bytes);
        check(server.ask("HEAD", &target, &[]), 200, headers(size, None), b"");
        let range = |first, last| Some(format!("bytes {first}-{last}/{size}"));
        let parts =
            [("bytes=0-9", 0, 9), ("bytes=7-", 7, size - 1), ("bytes=-4", size - 4, size - 1)];
        for (asked, first, last) in parts {
            let (part, length) = (&bytes[first..=last], last - first + 1);
            let expected = headers(length, range(first, last));
            let asked = ("range", asked);
            check(server.ask("GET", &target, &[asked]), 206, expected.clone(), part);
            check(server.ask("GET", &target, &[asked, ("if-range", &tag)]), 206, expected, part);
            // With another beginning, and for a HEAD, the range does not count.
            let other = server.ask("GET", &target, &[asked, ("if-range", "\"x\"")]);
            check(other, 200, headers(size, None), &bytes);
            check(server.ask("HEAD", &target, &[asked]), 200, headers(size, None), b"");
        }
        let body = refusal("SIZE_INVALID", &format!("no such part of {size} bytes"));
        let headers = [
            ("content-length", body.len().to_string()),
            ("content-range", format!("bytes */{size}")),
            ("content-type", "application/json".to_owned()),
        ];
        for asked in [format!("bytes={size}-"), "bytes=9-1".to_owned()] {
            let response = server.ask("GET", &target, &[("range", &asked)]);
            check(response, 416, headers.to_vec(), body.as_bytes());
        }
        let known = server.ask("GET", &target, &[("if-none-match", &tag), ("range", "bytes=0-1")]);
        is(known, 304, &[("docker-content-digest", &digest), ("etag", &tag)], b"");
    }
}

#[test]
fn tags_and_repositories_are_listed_page_by_page() {
    let (_dir, tree, artifact) = sample();
    write(&tree, &["quay.io/b:x", "localhost:5000/a/one:x", "quay.io/a/two:x"], &artifact);
    let server = Running::start(&tree);
    let tags = |tags: &str| format!(r#"{{"name":"quay.io/a/one","tags":[{tags}]}}"#);
    let repositories = |names: &str| format!(r#"{{"repositories":[{names}]}}"#);
    let path = "/v2/quay.io/a/one/tags/list";
    let cases = [
        (path, "", tags(r#""v1","v2","v3""#), None),
        (path, "?n=2", tags(r#""v1","v2""#), Some("n=2&last=v2")),
        (path, "?n=2&last=v2", tags(r#""v3""#), None),
        (path, "?n=1&last=v1", tags(r#""v2""#), Some("n=1&last=v2")),
        (path, "?n=3", tags(r#""v1","v2","v3""#), None),
        (path, "?last=v10", tags(r#""v2","v3""#), None),
        (path, "?last=z", tags(""), None),
        (path, "?n=0", tags(""), None),
        (path, "?n=999999999", tags(r#""v1","v2","v3""#), None),
        (
            "/v2/_catalog",
            "",
            repositories(r#""a/two","b","localhost_5000/a/one","quay.io/a/one""#),
            None,
        ),
        ("/v2/_catalog", "?n=2", repositories(r#""a/two","b""#), Some("n=2&last=b")),
        ("/v2/_catalog", "?last=localhost_5000/a/one", repositories(r#""quay.io/a/one""#), None),
    ];
    for (path, query, body, next) in cases {
        let length = body.len().to_string();
        let link = next.map(|next| format!("<{path}?{next}>; rel=\"next\""));
        let mut headers = vec![("content-type", "application/json"), ("content-length", &length)];
        headers.extend(link.as_ref().map(|link| ("link", link.as_str())));
        let target = format!("{path}{query}");
        is(server.get(&target), 200, &headers, body.as_bytes());
        is(server.ask("HEAD", &target, &[]), 200, &headers, b"");
    }
}

#[test]
fn what_is_not_there_is_refused_by_the_book() {
    let (_dir, tree, artifact) = sample();
    let server = Running::start(&tree);
    let none = Digest::of(b"none");
    let config = artifact.images()[0].config_blob().digest();
    let layer = artifact.images()[0].layers()[0].blob().digest();
    let foreign = format!("sha512:{}", "0".repeat(128));
    let no_name = || refusal("NAME_UNKNOWN", "there is no repository `a/none`");
    let no_manifest =
        |what: &str| refusal("MANIFEST_UNKNOWN", &format!("there is no manifest {what}"));
    let no_blob = |what: &str| refusal("BLOB_UNKNOWN", &format!("there is no blob {what}"));
    let no_digest = |word: &str| refusal("DIGEST_INVALID", &format!("`{word}` is not a digest"));
    let no_path = || refusal("UNSUPPORTED", "a registry has no such path");
    let other = "of another algorithm than sha256";
    let cases = [
        ("a/none/manifests/v1".to_owned(), 404, no_name()),
        ("a/none/tags/list".to_owned(), 404, no_name()),
        (format!("a/none/blobs/{none}"), 404, no_name()),
        ("a/one/manifests/none".to_owned(), 404, no_manifest("`none`")),
        ("a/one/manifests/.none".to_owned(), 404, no_manifest("`.none`")),
        (format!("a/one/manifests/{none}"), 404, no_manifest(&format!("`{none}`"))),
        // Blobs that are no manifests.
        (format!("a/one/manifests/{config}"), 404, no_manifest(&format!("`{config}`"))),
        (format!("a/one/manifests/{layer}"), 404, no_manifest(&format!("`{layer}`"))),
        (format!("a/one/manifests/{foreign}"), 404, no_manifest(other)),
        ("a/one/manifests/sha256:x".to_owned(), 400, no_digest("sha256:x")),
        (format!("a/one/blobs/{none}"), 404, no_blob(&format!("`{none}`"))),
        (format!("a/one/blobs/{foreign}"), 404, no_blob(other)),
        ("a/one/blobs/v1".to_owned(), 400, no_digest("v1")),
        ("a/one/referrers/v1".to_owned(), 400, no_digest("v1")),
        (
            "A/one/tags/list".to_owned(),
            400,
            refusal("NAME_INVALID", "`A/one` is not the name of a repository"),
        ),
        (
            "a/one/tags/list?n=x".to_owned(),
            400,
            refusal("PAGINATION_NUMBER_INVALID", "`x` is not a number of items"),
        ),
        ("a/one/tags".to_owned(), 404, no_path()),
        ("a/one/blobs/uploads/".to_owned(), 404, no_path()),
        ("../v1/".to_owned(), 404, no_path()),
    ];
    for (rest, status, body) in cases {
        let length = body.len().to_string();
        let headers = [("content-type", "application/json"), ("content-length", length.as_str())];
        let target = format!("/v2/{rest}");
        is(server.get(&target), status, &headers, body.as_bytes());
        is(server.ask("HEAD", &target, &[]), status, &headers, b"");
    }
}

#[test]
fn nothing_is_changed() {
    let (_dir, tree, artifact) = sample();
    let server = Running::start(&tree);
    let body = refusal("UNSUPPORTED", "this registry is read-only");
    let length = body.len().to_string();
    let headers = [
        ("allow", "GET, HEAD"),
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    let digest = artifact.digest();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
        for rest in [
            String::new(),
            "a/one/blobs/uploads/".to_owned(),
            "a/one/manifests/v1".to_owned(),
            format!("a/one/blobs/{digest}"),
            "../../x".to_owned(),
        ] {
            let target = format!("/v2/{rest}");
            is(server.ask(method, &target, &[]), 405, &headers, body.as_bytes());
            let request = format!(
                "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody"
            );
            let response = Response::parse(&server.exchange(request.as_bytes()));
            assert_eq!(response.status, 405, "{method} {target}");
        }
    }
    assert_eq!(server.get("/v2/a/one/manifests/v1").status, 200);
}

#[test]
fn an_answer_has_the_type_that_names_it() {
    let (_dir, tree, _) = sample();
    let forge = Forge::at(tree.root().join("quay.io/forged"));
    let old = serde_json::json!({"schemaVersion": 2, "config": {}, "layers": []});
    let (old_index, docker) = (
        serde_json::json!({"schemaVersion": 2, "manifests": []}),
        serde_json::json!({"schemaVersion": 2, "mediaType": media::DOCKER_LIST, "manifests": []}),
    );
    let unnamed = forge.json("", &old);
    let child = forge.json("", &old_index);
    forge.index(vec![
        tagged(unnamed.clone(), "unnamed"),
        tagged(forge.json(media::DOCKER_MANIFEST, &serde_json::json!({"x": 1})), "docker"),
        tagged(forge.json("a/b\n", &serde_json::json!({"x": 2})), "odd"),
        tagged(forge.json(media::INDEX, &docker), "index"),
        tagged(unnamed.clone(), "twice"),
        tagged(child.clone(), "twice"),
    ]);
    let server = Running::start(&tree);
    let cases = [
        ("unnamed".to_owned(), Some(media::MANIFEST)),
        (unnamed.digest.to_string(), Some(media::MANIFEST)),
        (child.digest.to_string(), Some(media::INDEX)),
        ("docker".to_owned(), Some(media::DOCKER_MANIFEST)),
        ("index".to_owned(), Some(media::INDEX)),
        // It cannot stand in a header.
        ("odd".to_owned(), None),
    ];
    for (reference, media_type) in cases {
        let response = server.get(&format!("/v2/forged/manifests/{reference}"));
        assert_eq!((response.status, response.header("content-type")), (200, media_type));
    }
    let refusal = server.get("/v2/forged/manifests/twice").refusal();
    let message = "several manifests have the tag `twice`".to_owned();
    assert_eq!(refusal, (404, "MANIFEST_UNKNOWN".to_owned(), message));
}

#[test]
fn a_plain_manifest_needs_no_index() {
    let (_dir, tree, _) = sample();
    let plain = image("linux/arm64", "plain");
    write(&tree, &["quay.io/plain:v1"], &Artifact::Image(plain.clone()));
    let server = Running::start(&tree);
    let response = server.get("/v2/plain/manifests/v1");
    assert_eq!(response.header("content-type"), Some(media::MANIFEST));
    assert_eq!(response.body, plain.manifest_blob().read(1 << 20).unwrap());
}

#[test]
fn events_say_what_was_asked_and_answered() {
    let (_dir, tree, _) = sample();
    let mut server = Running::start(&tree);
    server.get("/v2/");
    server.ask("HEAD", "/v2/a/one/tags/list?n=1", &[]);
    server.ask("POST", "/v2/a/one/blobs/uploads/", &[]);
    server.exchange(b"nonsense\r\n\r\n");
    server.stop();
    let expected = [
        "GET /v2/ 200 2",
        "HEAD /v2/a/one/tags/list?n=1 200 0",
        "POST /v2/a/one/blobs/uploads/ 405 74",
        "invalid HTTP method parsed",
    ];
    assert_eq!(server.events(), expected);
}
