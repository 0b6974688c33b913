//! What a registry holds after a rehearsal, compared with what was built.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;

use super::quay::PRIVATE;
use super::runner::Record;
use super::stage::Stage;

/// The platforms of every image.
const PLATFORMS: [&str; 4] = ["linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"];

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Asks a registry; returns the document that it answers with.
fn get(address: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    // Of this version, an answer ends with the connection.
    let accept = format!("{INDEX}, {MANIFEST}");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{path}: {head}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Everything is there under these tags, as it was built, and nothing else.
pub(super) fn is_published(stage: &Stage, tags: &[&str]) {
    let (made, address) = (stage.made(), &stage.quay.behind.address);
    let names: BTreeSet<_> = stage.images().into_iter().collect();
    assert_eq!(made.keys().cloned().collect::<BTreeSet<_>>(), names, "what was built");
    let repositories = get(address, "/v2/_catalog?n=1000");
    assert_eq!(texts(&repositories["repositories"]), names, "what is in the registry");
    for (name, digest) in &made {
        let all = texts(&get(address, &format!("/v2/{name}/tags/list"))["tags"]);
        // Beside them there is what belongs to a digest.
        let own = all.iter().filter(|tag| !tag.starts_with("sha256-")).map(String::as_str);
        assert_eq!(own.collect::<BTreeSet<_>>(), tags.iter().copied().collect(), "{name}");
        for tag in tags {
            let found =
                crate::registry::digest_of(&stage.quay.behind.name(&format!("{name}:{tag}")));
            assert_eq!(found.as_ref(), Some(digest), "{name}:{tag}");
        }
        let index = get(address, &format!("/v2/{name}/manifests/{digest}"));
        assert_eq!(index["mediaType"], INDEX);
        let platforms = index["manifests"].as_array().unwrap().iter().map(|child| {
            let part = |key: &str| child["platform"][key].as_str().unwrap().to_owned();
            format!("{}/{}", part("os"), part("architecture"))
        });
        assert_eq!(platforms.collect::<Vec<_>>(), PLATFORMS, "{name}");
    }
}

/// Every image is signed once, in both formats, with the key; cosign says so
/// of as many as are to be asked about.
pub(super) fn is_signed(stage: &Stage, most: usize) {
    let (made, address) = (stage.made(), &stage.quay.behind.address);
    for (name, digest) in &made {
        let tags = texts(&get(address, &format!("/v2/{name}/tags/list"))["tags"]);
        let tag = digest.replace(':', "-");
        // The registry keeps no lists of referrers, so one is kept by a tag.
        for tag in [format!("{tag}.sig"), tag] {
            assert!(tags.contains(&tag), "{name} has no {tag}: {tags:?}");
        }
        let signatures =
            get(address, &format!("/v2/{name}/manifests/{}.sig", digest.replace(':', "-")));
        assert_eq!(signatures["layers"].as_array().unwrap().len(), 1, "{name} is signed once");
    }
    let keys = stage.keys.as_ref().unwrap();
    for (name, digest) in made.iter().take(most) {
        // Where there is a bundle, cosign 2 wants to know Sigstore's services.
        for format in [false, true] {
            let Some(program) = test_support::go_tool("cosign-3") else { return };
            let mut command = Command::new(program);
            command.args(["verify", "--insecure-ignore-tlog"]);
            command.arg(format!("--new-bundle-format={format}"));
            command.arg("--key").arg(keys.public());
            command.arg(stage.quay.behind.name(&format!("{name}@{digest}")));
            let output = command.env("HOME", keys.dir.path()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}, as bundle {format}: {said}");
        }
    }
}

/// What is attested at GitHub is what was pushed.
pub(super) fn is_attested(stage: &Stage, record: &Record) {
    let step = record.steps().find(|(_, step)| step.what.starts_with("actions/attest"));
    let subjects: BTreeSet<_> = step.unwrap().1.stdout.lines().map(str::to_owned).collect();
    let expected = stage
        .made()
        .into_iter()
        .map(|(name, digest)| format!("{}@{digest}", stage.quay.gate.name(&name)));
    assert_eq!(subjects, expected.collect());
}

/// The run's page has a table with a row for each image that strangers see,
/// and the log says which they do not.
pub(super) fn is_summed_up(stage: &Stage, record: &Record) {
    let rows: Vec<_> = record.summary.lines().filter(|line| line.starts_with('|')).collect();
    let rules = rows.iter().filter(|row| row.starts_with("| -") || row.starts_with("|-"));
    assert_eq!(rules.count(), 1, "one table: {}", record.summary);
    for name in stage.images() {
        let of =
            |row: &&&str| row.split([' ', '|', '`', ':', '@']).any(|word| word.ends_with(&name));
        let is_there = rows.iter().any(|row| of(&row));
        assert_eq!(is_there, name != PRIVATE, "`{name}`: {}", record.summary);
    }
    let left_out = format!("Left out: {PRIVATE} (it is private, and there are no credentials)\n");
    assert_eq!(record.log().matches(&left_out).count(), 2, "{}", record.log());
}

/// Nothing that anybody can read has a secret in it.
pub(super) fn keeps_secrets(stage: &Stage, record: &Record) {
    let artifacts = stage.artifacts().join("images/images.tar");
    let requests = stage.quay.gate.take().join("\n");
    let mut places: BTreeMap<&str, String> = BTreeMap::new();
    places.insert("the log", record.log());
    places.insert("the summary", record.summary.clone());
    places.insert("the requests", requests);
    for secret in stage.hidden() {
        assert!(secret.len() > 8, "too short to be found: {secret}");
        for (place, text) in &places {
            assert!(!text.contains(&secret), "`{secret}` is in {place}: {text}");
        }
        assert!(!super::stage::has_text(&artifacts, &secret), "`{secret}` is in the artifact");
    }
}
