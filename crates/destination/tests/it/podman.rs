//! podman, with a storage of its own.

use std::ffi::OsStr;
use std::path::PathBuf;

use host::Cmd;
use oci::Named;
use tempfile::TempDir;

use crate::elsewhere::{batch, outcomes, publish, told};

/// Where podman keeps its images for one test.
struct Storage {
    dir: TempDir,
}

impl Storage {
    /// Makes a storage that needs no file system driver; `None` where podman
    /// is not installed.
    fn new() -> Option<Storage> {
        test_support::tool("podman")?;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display();
        let text = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{path}/graph\"\nrunroot = \"{path}/run\"\n"
        );
        host::fs::write_atomic(&dir.path().join("storage.conf"), text.as_bytes()).unwrap();
        Some(Storage { dir })
    }

    fn environment(&self) -> [(&'static str, PathBuf); 3] {
        let at = |name: &str| self.dir.path().join(name);
        [
            ("CONTAINERS_STORAGE_CONF", at("storage.conf")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_DATA_HOME", at("data")),
        ]
    }

    fn publish(&self, which: &str) -> Vec<String> {
        let environment = self.environment();
        let environment: Vec<(&str, &OsStr)> =
            environment.iter().map(|(key, value)| (*key, value.as_os_str())).collect();
        publish("podman", which, &environment)
    }

    fn podman(&self, args: &[&str]) -> String {
        let command = self
            .environment()
            .into_iter()
            .fold(Cmd::new("podman").args(args), |command, (key, value)| command.env(key, value));
        let output = command.run().unwrap_or_else(|e| panic!("podman {args:?}: {e}: {}", e.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The digests of a manifest list.
    fn list(&self, name: &str) -> Vec<String> {
        let list = self.podman(&["manifest", "inspect", name]);
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let entries = list["manifests"].as_array().unwrap().iter();
        entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
    }

    /// All names.
    fn names(&self) -> Vec<String> {
        let text = self.podman(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
        let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
        names.retain(|name| !name.contains("<none>"));
        names.sort();
        names
    }
}

fn digests(named: &Named) -> Vec<String> {
    named.artifact.images().into_iter().map(|image| image.digest().to_string()).collect()
}

#[test]
fn lists_and_images_keep_the_digests_of_all_platforms() {
    let Some(storage) = Storage::new() else { return };
    let two = batch("two");
    let lines = storage.publish("two");
    assert_eq!(outcomes(&lines), [told("changed", &two[0]), told("changed", &two[1])]);
    let names = ["quay.io/org/index:v1", "quay.io/org/index:v2", "quay.io/org/plain:v1"];
    assert_eq!(storage.names(), names);
    assert_eq!(storage.list(names[0]), digests(&two[0]));
    assert_eq!(storage.list(names[1]), digests(&two[0]));
    let digest = |name| storage.podman(&["image", "inspect", "--format", "{{.Digest}}", name]);
    assert_eq!(digest(names[2]).trim(), two[1].artifact.digest().to_string());
    // Of the list podman takes this machine's.
    let arch = storage.podman(&["image", "inspect", "--format", "{{.Os}}", names[0]]);
    assert_eq!(arch.trim(), "linux");

    // Nothing is done twice.
    let lines = storage.publish("two");
    assert_eq!(outcomes(&lines), [told("unchanged", &two[0]), told("unchanged", &two[1])]);
    let verbs: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("$ podman ")).collect();
    let reads = ["images ", "manifest inspect "];
    assert_eq!(verbs.len(), 2, "{verbs:?}");
    assert!(verbs.iter().all(|verb| reads.iter().any(|read| verb.starts_with(read))), "{verbs:?}");

    // Tidying up does not take what a list needs.
    storage.podman(&["image", "prune", "--force"]);
    assert_eq!(outcomes(&storage.publish("two"))[0], told("unchanged", &two[0]));
    // One of its images is gone: it is put there again.
    let amd64 = two[0].artifact.images()[0].config_blob().digest().hex();
    storage.podman(&["rmi", "--force", &amd64]);
    let lines = storage.publish("two");
    assert_eq!(outcomes(&lines), [told("changed", &two[0]), told("unchanged", &two[1])]);
    assert_eq!(storage.list(names[0]), digests(&two[0]));
}

#[test]
fn what_had_the_name_is_replaced() {
    let Some(storage) = Storage::new() else { return };
    storage.publish("two");
    let other = batch("other");
    let lines = storage.publish("other");
    assert_eq!(outcomes(&lines), [told("changed", &other[0]), told("changed", &other[1])]);
    let names = ["quay.io/org/index:v1", "quay.io/org/index:v2", "quay.io/org/plain:v1"];
    assert_eq!(storage.names(), names);
    // Two platforms, not five.
    assert_eq!(storage.list(names[0]), digests(&other[0]));
    // A list where an image was, and an image where a list was.
    let swapped = batch("swapped");
    let lines = storage.publish("swapped");
    assert_eq!(outcomes(&lines), [told("changed", &swapped[0]), told("changed", &swapped[1])]);
    assert_eq!(storage.names(), names);
    assert_eq!(storage.list(names[2]), digests(&swapped[0]));
    let lines = storage.publish("swapped");
    assert_eq!(outcomes(&lines), [told("unchanged", &swapped[0]), told("unchanged", &swapped[1])]);
}
