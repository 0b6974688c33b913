//! Pushes that do not go well: what is said, and what is there all the same.

use serde_json::json;
use test_support::Registry;

use super::relay::{Relay, Verdict};
use super::*;

#[test]
fn one_refusal_does_not_keep_the_others() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::judging(&registry.address, |_, line| match line {
        line if line.starts_with("POST /v2/o/two/") => Verdict::Deny,
        _ => Verdict::Pass,
    });
    let checkout = checkout(&["one", "two", "three"]);
    let run = push(&checkout, &relay.address, &["-q", "--refs-file", "refs.txt"]);
    assert_eq!(run.code, 1);
    let good = ["one", "three"].map(|name| {
        let name = relay.name(&format!("o/{name}:latest"));
        format!("{name}@{}\n", whole(&name).digest())
    });
    assert_eq!(run.stdout, good.concat());
    assert_eq!(checkout.read("refs.txt"), good.concat());
    let expected = "\
error: failed to push `REGISTRY/o/two:latest`
  Caused by: `POST http://REGISTRY/v2/o/two/blobs/uploads/` was answered with 403 (DENIED: requested access to the resource is denied)
";
    let said = steady(&run.stderr, &checkout, &relay.address);
    let (errors, hints) = said.split_once("\n\n").unwrap();
    assert_eq!(format!("{}\n", without_query(errors)), expected);
    assert!(hints.starts_with("hint: no credentials for `REGISTRY/o/two` in `"), "{hints}");
    assert!(hints.contains("; the repository may have to be created first"), "{hints}");
    assert_eq!(hints.lines().count(), 1, "{hints}");
    assert_eq!(digest_of(&relay.name("o/two:latest")), None);
}

/// Takes out which blob was asked for first: they go up together.
fn without_query(text: &str) -> String {
    let mut parts = text.split("uploads/?");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (_, rest) = part.split_once('`').unwrap();
        format!("{text}uploads/`{rest}")
    })
}

#[test]
fn a_registry_that_is_not_there_is_one_failure() {
    const NAMES: [&str; 4] = ["one", "two", "three", "four"];
    let checkout = checkout(&NAMES);
    let run = push(&checkout, "127.0.0.1:1", &["-q"]);
    // Whose request was the first is open.
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines[0], "error: failed to push 4 images");
    assert!(lines[1].starts_with("  Caused by: `HEAD http://127.0.0.1:1/v2/o/"), "{}", lines[1]);
    assert!(lines[1].contains("refused"), "{}", lines[1]);
    let names = NAMES.map(|name| format!("    127.0.0.1:1/o/{name}:latest"));
    assert_eq!(lines[2..6], names);
    assert!(lines[6..].iter().all(|line| line.is_empty() || line.starts_with("hint: ")));
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let run = push(&checkout, "127.0.0.1:1", &["--format", "json", "--to", "oci:out"]);
    let report = document(&run);
    assert_eq!(report["failures"].as_array().unwrap().len(), 1, "{report:#}");
    let to = &report["images"][3]["destinations"];
    assert_eq!(to[0]["to"], json!("oci:out"), "what went well is told: {report:#}");
    assert_eq!((run.code, to.as_array().unwrap().len()), (1, 1));
}
