//! What the documents show is so: their commands are run as they stand, and
//! what they list is compared with what there is.

mod commands;
mod lists;
pub(crate) mod markdown;
pub(crate) mod others;
mod stand_ins;

/// The documents, relative to the top of the checkout.
fn documents() -> Vec<(String, String)> {
    let root = test_support::workspace_root();
    let named = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "examples/README.md"];
    let mut names = named.map(str::to_owned).to_vec();
    let mut more: Vec<_> = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    more.sort();
    names.extend(more);
    let texts = names.into_iter().map(|name| {
        let text = std::fs::read_to_string(root.join(&name)).unwrap();
        (name, text)
    });
    texts.collect()
}
