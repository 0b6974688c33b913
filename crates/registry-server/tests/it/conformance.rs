//! The pull part of the distribution specification's own suite.
//!
//! It is a program written in Go, of the module
//! `github.com/opencontainers/distribution-spec/conformance`, built by
//! `cargo xtask test --slow`.

use crate::support::{Running, sample};

/// Returns the number in the line of the suite's summary that begins so.
fn count(said: &str, what: &str) -> usize {
    let (_, summary) = said.split_once("OCI Conformance Result: ").unwrap();
    let start = format!("{what}..");
    let line = summary.lines().find(|line| line.trim_start().starts_with(&start)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn the_pull_part_of_the_conformance_suite_passes() {
    let Some(suite) = test_support::go_tool("oci-conformance") else { return };
    let (dir, tree, artifact) = sample();
    let server = Running::start(&tree);
    let images = artifact.images();
    let digests = |of: &dyn Fn(&oci::Image) -> oci::Digest| {
        images.iter().map(|image| of(image).to_string()).collect::<Vec<_>>().join(" ")
    };
    let manifests = format!("{} {}", artifact.digest(), digests(&oci::Image::digest));
    let blobs = format!(
        "{} {}",
        digests(&|image| image.config_blob().digest()),
        digests(&|image| image.layers()[0].blob().digest())
    );
    let results = dir.path().join("results");
    let mut command = host::Cmd::new(&suite).dir(dir.path()).keep_env(&["PATH", "HOME"]);
    for (key, value) in [
        ("REGISTRY", server.address.to_string().as_str()),
        ("TLS", "disabled"),
        ("VERSION", "1.1"),
        ("REPO1", "a/one"),
        ("RESULTS_DIR", &results.display().to_string()),
        // What a registry that is only read cannot be asked to do.
        ("API_PUSH", "false"),
        ("API_BLOBS_DELETE", "false"),
        ("API_MANIFESTS_DELETE", "false"),
        ("API_TAGS_DELETE", "false"),
        ("API_BLOBS_DIGEST_HEADER", "true"),
        // What there is instead of what the suite would push.
        ("RO_DATA_TAGS", "v1 v2 v3"),
        ("RO_DATA_MANIFESTS", &manifests),
        ("RO_DATA_BLOBS", &blobs),
        ("RO_DATA_REFERRERS", &artifact.digest().to_string()),
    ] {
        command = command.env(format!("OCI_{key}"), value);
    }
    // When it may not push, the suite fails to write its further reports,
    // after the one that counts.
    let said = match command.run() {
        Ok(output) => String::from_utf8(output.stdout).unwrap(),
        Err(error) => error.stdout,
    };
    let counts = ["Pass", "FAIL", "Error", "Skip"].map(|what| count(&said, what));
    // Three tags, four manifests, five blobs, each by HEAD and by GET; and
    // eight tests of other things.
    assert_eq!(counts, [2 * (3 + 4 + 5) + 8, 0, 0, 0], "{said}");
    assert!(said.contains("OCI Conformance Result: Pass"), "{said}");
}
