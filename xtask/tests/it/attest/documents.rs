//! The record and the bill of materials: what is in them, and that it is the
//! same wherever and whenever they are made.

use super::*;
use crate::cli::snapshot;

#[test]
fn documents_depend_on_content_alone() {
    let (one, other) = (checkout(), checkout());
    let first = attest(&one, &["--to", "oci:images", "--jobs", "1"]);
    let mut elsewhere = command(&other, "build-images", &["--attest", "--format", "json"]);
    elsewhere.args(["--to", "oci:images", "--jobs", "7", "--registry", "x.invalid", "--tag", "a"]);
    elsewhere.env("LC_ALL", "tr_TR.UTF-8").env("TZ", "Asia/Tokyo");
    let second: Value = serde_json::from_slice(&elsewhere.output().unwrap().stdout).unwrap();
    let attached = |run: &Value| run["images"][0]["attached"].clone();
    assert_eq!(attached(&first), attached(&second));
    assert_eq!(attached(&first).as_array().unwrap().len(), 2);
    // From the cache, and without a file written.
    let again = attest(&one, &["--to", "oci:images"]);
    assert_eq!(attached(&again), attached(&first));
    assert_eq!(again["summary"]["compiled"], 0);
    assert_eq!(again["summary"]["files_written"], 0);
    // No directory of the machine is in them.
    let (_, companions) = beside(&one, "images");
    let text = documents(&companions).iter().map(Value::to_string).collect::<String>();
    for place in ["check out", "/home", "/root", "/usr", "/tmp", "target/"] {
        assert!(!text.contains(place), "{place} in {text}");
    }
    // Another header makes another record, of another time too.
    one.write("bpf/one.h", &HEADER.replace("XDP_PASS", "XDP_PASS /* ! */"));
    let changed = attest(&one, &["--to", "oci:images"]);
    assert_ne!(attached(&changed), attached(&first));
    assert_eq!(changed["images"][0]["digest"], first["images"][0]["digest"]);
    // The image did not change, so both records are there.
    let (_, companions) = beside(&one, "images");
    assert_eq!(companions.len(), 4);
}

/// Puts words in the place of what depends on compiler and libbpf: digests.
fn steady(document: &Value) -> String {
    let text = serde_json::to_string_pretty(document).unwrap();
    let clang = text.split("\"versionInfo\": \"").nth(2).map(|it| it.split('"').next().unwrap());
    let text = match clang {
        Some(version) => text.replace(version, "CLANG"),
        None => text,
    };
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut steady = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_hex) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_hex(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        steady += before;
        steady += match word.len() {
            64 => "SHA256",
            40 => "SHA1",
            16 => "CONTENT",
            _ => word,
        };
        rest = after;
    }
    steady + rest
}

#[test]
fn the_bill_of_materials_is_this() {
    let checkout = checkout();
    attest(&checkout, &["--to", "oci:images"]);
    let (artifact, companions) = beside(&checkout, "images");
    let [record, bill] = &documents(&companions)[..] else { panic!("{companions:?}") };
    snapshot::check("bill-of-materials.json", &steady(bill));
    // What is only digests is right, too.
    let hex = artifact.digest().hex();
    assert_eq!(record["subject"][0]["digest"]["sha256"], hex);
    assert_eq!(bill["packages"][0]["checksums"][0]["checksumValue"], hex);
    let file = |name: &str| {
        let files = bill["files"].as_array().unwrap();
        let found = files.iter().find(|file| file["fileName"] == name).unwrap();
        let checksum = |i: usize| found["checksums"][i]["checksumValue"].clone();
        [checksum(0), checksum(1)]
    };
    let header = test_support_sha1(HEADER.as_bytes());
    let sha256 = oci::Digest::of(HEADER.as_bytes()).hex();
    assert_eq!(file("./bpf/one.h"), [header.as_str(), &sha256]);
    let inputs = record["predicate"]["objects"][0]["inputs"].as_array().unwrap();
    let found = inputs.iter().find(|input| input["name"] == "bpf/one.h").unwrap();
    assert_eq!(found["digest"]["sha256"], sha256);
}

/// The SHA-1 of a text, by another program.
fn test_support_sha1(bytes: &[u8]) -> String {
    use std::io::Write;
    use std::process::Stdio;
    let mut child =
        Command::new("sha1sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn the_time_is_the_image_s() {
    let checkout = checkout();
    let mut command = command(&checkout, "build-images", &["--attest", "-q", "--to", "oci:images"]);
    let run = finish(command.env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (_, companions) = beside(&checkout, "images");
    let [record, bill] = &documents(&companions)[..] else { panic!("{companions:?}") };
    assert_eq!(record["predicate"]["created"], 1_700_000_000);
    assert_eq!(bill["creationInfo"]["created"], "2023-11-14T22:13:20Z");
}

#[test]
fn a_dry_run_says_so_and_engines_do_not_attest() {
    let checkout = checkout();
    let dry = run(&checkout, "build-images", &["--attest", "--dry-run"]);
    let line = format!("attach a record and a bill of materials to {NAME}\n");
    assert!(dry.stdout.contains(&line), "{}", dry.stdout);
    let plain = run(&checkout, "build-images", &["--dry-run"]);
    assert!(!plain.stdout.contains("attach"), "{}", plain.stdout);
    let engine = run(&checkout, "build-images", &["--attest", "--engine", "podman"]);
    let expected = "\
error: `--attest` says how this program makes images, and an engine is to

hint: leave `--engine` out
";
    assert_eq!((engine.code, engine.stderr.as_str()), (2, expected));
}
