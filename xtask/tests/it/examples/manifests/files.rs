//! The files themselves, looked at without any program: what is checked
//! everywhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::rendered::objects;
use super::{EXAMPLES, Variant};
use crate::support::Checkout;

fn config() -> PathBuf {
    test_support::workspace_root().join("examples/config")
}

/// Returns the YAML files below a directory.
fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|it| it == "yaml") {
            found.insert(path);
        }
    }
    found
}

fn read(path: &Path) -> Vec<Value> {
    objects(&std::fs::read_to_string(path).unwrap())
}

/// Returns the files that kustomize reads for a directory.
fn reachable(dir: &Path, found: &mut BTreeSet<PathBuf>) {
    let kustomization = dir.join("kustomization.yaml");
    let named = read(&kustomization).remove(0);
    found.insert(kustomization);
    for key in ["resources", "components"] {
        for name in named[key].as_array().into_iter().flatten() {
            let path = dir.join(name.as_str().unwrap()).canonicalize().unwrap();
            if path.is_dir() {
                reachable(&path, found);
            } else {
                found.insert(path);
            }
        }
    }
}

#[test]
fn kustomizations_name_every_file_that_is_there_and_no_other() {
    let config = config().canonicalize().unwrap();
    let mut found = BTreeSet::new();
    for variant in Variant::all() {
        reachable(&config.join(variant.overlay()), &mut found);
    }
    assert_eq!(found, files(&config));
    for path in &found {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!read(path).is_empty(), "{}", path.display());
        let name = path.file_name().unwrap();
        assert!(text.starts_with("# ") || name == "kustomization.yaml", "{}", path.display());
    }
}

#[test]
fn manifests_name_the_images_of_the_catalogue() {
    let run = Checkout::cold().run(&["list-images", "--format", "json"]);
    let catalogue: Value = serde_json::from_str(&run.stdout).unwrap();
    let images = catalogue["images"].as_array().unwrap().iter();
    let images = images.map(|image| image["reference"].as_str().unwrap().to_owned());
    let is_example = |name: &String| {
        let (place, name) = name.rsplit_once('/').unwrap();
        name.starts_with("go-") && place != "quay.io/bpfman"
    };
    let images: BTreeSet<String> = images.filter(is_example).collect();
    assert_eq!(images.len(), 8 + 9, "bytecode and user space");

    let mut named = BTreeSet::new();
    for path in files(&config().join("base")) {
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line = line.trim();
            let value = line.strip_prefix("url: ").or_else(|| line.strip_prefix("image: "));
            named.extend(value.map(str::to_owned));
        }
    }
    assert_eq!(named, images);
}

#[test]
fn deploy_mk_has_a_row_for_each_example() {
    let path = test_support::workspace_root().join("examples/deploy.mk");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rows) = text.split_once("DEPLOYMENTS := \\\n").unwrap();
    let (rows, _) = rows.split_once("\n\n").unwrap();
    let rows: Vec<_> = rows.lines().map(|row| row.trim_end_matches('\\').trim()).collect();
    let expected = EXAMPLES.iter().map(|example| {
        let bytecode = example.bytecode.as_ref().map_or("-", |bytecode| bytecode.image);
        let userspace = example.userspace.as_ref().map_or("-", |userspace| userspace.image);
        let (word, directory, variable) = (example.word, example.directory, example.variable);
        format!("{word}:{directory}:{variable}:{bytecode}:{userspace}")
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
}

#[test]
fn the_kustomize_of_the_makefile_is_that_of_the_tests() {
    let root = test_support::workspace_root();
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let makefile = read("examples/deploy.mk");
    let version = makefile.lines().find_map(|line| line.strip_prefix("KUSTOMIZE_VERSION ?= "));
    let module = "sigs.k8s.io/kustomize/kustomize/v5";
    let row = format!("(\"{module}\", \"{}\")", version.unwrap());
    assert!(read("xtask/src/go_tools/list.rs").contains(&row), "{row}");
    assert!(makefile.contains(&format!("go install {module}@$(KUSTOMIZE_VERSION)\n")));
}
