//! Lists in the documents name what there is, all of it and no more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::documents;
use super::markdown::{code, rows};
use crate::support::Checkout;

fn document(name: &str) -> String {
    documents().into_iter().find(|(document, _)| document == name).unwrap().1
}

/// Returns `a-{b,c}-d` as `a-b-d` and `a-c-d`.
fn braces(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else { return vec![word.to_owned()] };
    let (choices, after) = rest.split_once('}').unwrap();
    choices.split(',').map(|choice| format!("{before}{choice}{after}")).collect()
}

#[test]
fn the_readme_names_every_image_of_a_plain_run() {
    let mut named = Vec::new();
    for row in rows(&document("README.md"), "## The images") {
        let mut repository = String::new();
        for word in code(&row[0]).iter().flat_map(|word| braces(word)) {
            // The first of a row says where all of it are.
            let (place, name) = word.rsplit_once('/').unwrap_or((repository.as_str(), &word));
            named.push(format!("{place}/{name}"));
            repository = place.to_owned();
        }
    }
    let run = Checkout::whole().run(&["list-images", "--format", "json"]);
    let catalogue: Value = serde_json::from_str(&run.stdout).unwrap();
    let images = catalogue["images"].as_array().unwrap().iter();
    let images = images.filter(|image| image["default"] == true);
    let images = images.map(|image| image["reference"].as_str().unwrap());
    let images: BTreeSet<_> =
        images.map(|image| image.trim_end_matches(":latest").to_owned()).collect();
    assert_eq!(images.len(), 31);
    assert_eq!(named.len(), 31, "each once");
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), images);
}

/// Where a key that nobody knows makes the program say which it knows.
const UNKNOWN: [(&str, &str); 4] = [
    ("the catalogue", "zz: 1\nregistry: r\ntag: t\nplatforms: []\nimages: []\n"),
    ("an organization", "registry: r\ntag: t\nplatforms: []\norganizations: {o: {zz: 1}}\n"),
    ("an image", "registry: r\ntag: t\nplatforms: []\nimages: [{zz: 1}]\n"),
    ("a stage", "registry: r\ntag: t\nplatforms: []\nimages: [{stages: {s: {zz: 1}}}]\n"),
];

#[test]
fn the_catalogues_document_names_every_key() {
    let text = document("docs/catalogue.md");
    // `headers: system` names the key as well.
    let named: BTreeSet<String> =
        code(&text).iter().map(|word| word.split(':').next().unwrap().to_owned()).collect();
    let checkout = Checkout::cold();
    let mut missing = Vec::new();
    for (what, catalogue) in UNKNOWN {
        checkout.write("images.yaml", catalogue);
        let run = checkout.run(&["list-images"]);
        let (_, known) = run.stderr.split_once("expected ").unwrap_or_else(|| panic!("{run:?}"));
        let known = known.lines().next().unwrap().split("; ").next().unwrap();
        let known: Vec<_> = known.split('`').skip(1).step_by(2).collect();
        assert!(known.len() > 1, "{what}: {known:?}");
        let unnamed = known.into_iter().filter(|key| !named.contains(*key));
        missing.extend(unnamed.map(|key| format!("`{key}` of {what}")));
    }
    assert!(missing.is_empty(), "docs/catalogue.md does not name {missing:?}");
}
