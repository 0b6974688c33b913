//! What others say of the files under `.github`: actionlint, and what
//! Dependabot is told to look after.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_yaml::Value;

#[test]
fn actionlint_finds_nothing() {
    let Some(actionlint) = test_support::go_tool("actionlint") else { return };
    let root = test_support::workspace_root();
    let mut command = Command::new(actionlint);
    // Scripts are not for it: there are none.
    command.args(["-no-color", "-oneline", "-shellcheck=", "-pyflakes="]).current_dir(&root);
    command.args([".github/workflows/ci.yaml", ".github/workflows/image-build.yaml"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// Returns the directories with a file of this name, as Dependabot names them.
fn directories_with(name: &str, dir: &Path, shown: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let file = entry.file_name().to_string_lossy().into_owned();
        if file == name {
            found.insert(if shown.is_empty() { "/".to_owned() } else { shown.to_owned() });
        }
        let is_ours = !file.starts_with('.') && !["target", "tests"].contains(&file.as_str());
        if is_ours && entry.file_type().unwrap().is_dir() {
            directories_with(name, &entry.path(), &format!("{shown}/{file}"), found);
        }
    }
}

#[test]
fn dependabot_looks_after_all_that_is_pinned() {
    let root = test_support::workspace_root();
    let text = std::fs::read_to_string(root.join(".github/dependabot.yml")).unwrap();
    let config: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(config["version"], Value::from(2));
    let updates = config["updates"].as_sequence().unwrap();
    let of = |ecosystem: &str| -> BTreeSet<String> {
        let update = updates.iter().find(|update| update["package-ecosystem"] == *ecosystem);
        let update = update.unwrap_or_else(|| panic!("nothing on {ecosystem}"));
        assert!(update["schedule"]["interval"].is_string(), "{ecosystem}: no schedule");
        match update.get("directories") {
            Some(list) => {
                let list = list.as_sequence().unwrap().iter();
                list.map(|directory| directory.as_str().unwrap().to_owned()).collect()
            }
            None => BTreeSet::from([update["directory"].as_str().unwrap().to_owned()]),
        }
    };
    assert_eq!(updates.len(), 3);
    assert_eq!(of("github-actions"), BTreeSet::from(["/".to_owned()]));
    for (ecosystem, file) in [("cargo", "Cargo.lock"), ("gomod", "go.mod")] {
        let mut found = BTreeSet::new();
        directories_with(file, &root, "", &mut found);
        assert!(!found.is_empty());
        assert_eq!(of(ecosystem), found, "{ecosystem}");
    }
}
