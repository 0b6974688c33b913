//! Several destinations in one run.

use serde_json::{Value, json};

use crate::support::Checkout;

#[test]
fn every_destination_gets_every_image() {
    let checkout = Checkout::warm();
    let to = ["oci:one", "oci-archive:two.tar", "oci:three"];
    let args = to.iter().flat_map(|to| ["--to", to]).chain(["xdp_pass", "tc_pass"]);
    let args: Vec<_> = args.collect();
    let run = checkout.build_images(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 2, "a line for an image, not for a destination");
    for place in ["one", "two.tar", "three"] {
        let inspected = checkout.run(&["inspect-images", "--format", "json", place]);
        assert_eq!(inspected.code, 0, "{}", inspected.stderr);
        let report: Value = serde_json::from_str(&inspected.stdout).unwrap();
        let found = report["images"].as_array().unwrap().iter().map(|image| {
            let [name, digest] = ["name", "digest"].map(|key| image[key].as_str().unwrap());
            format!("{name}@{digest}")
        });
        let mut found: Vec<_> = found.collect();
        let mut lines: Vec<_> = run.stdout.lines().map(str::to_owned).collect();
        found.sort();
        lines.sort();
        assert_eq!(found, lines, "{place}");
    }
    // Once more, with one of them gone: only that one changes.
    std::fs::remove_file(checkout.path().join("two.tar")).unwrap();
    let run = checkout.build_images(&[&args[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    for image in report["images"].as_array().unwrap() {
        let changed: Vec<_> = image["destinations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|at| json!([at["to"], at["changed"]]))
            .collect();
        let expected = [
            json!(["oci:one", false]),
            json!(["oci-archive:two.tar", true]),
            json!(["oci:three", false]),
        ];
        assert_eq!(changed, expected);
    }
}
