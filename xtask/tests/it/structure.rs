//! The house rules that a machine can check: who depends on whom, and that
//! every file says what it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Who may use which crates of this workspace, normally and to build:
/// ARCHITECTURE.md, "Who may use whom".
const MAY_USE: [(&str, &[&str]); 21] = [
    ("bpf-arch", &[]),
    ("host", &[]),
    ("test-support", &[]),
    ("bpf-object", &["bpf-arch"]),
    ("bpf-build", &["bpf-arch", "bpf-object", "host"]),
    ("oci", &["host"]),
    ("bytecode-image", &["bpf-arch", "bpf-object", "oci"]),
    ("go-build", &["bpf-arch", "host"]),
    ("cargo-build", &["bpf-arch", "host"]),
    ("image-build", &["bpf-arch", "host", "oci"]),
    ("destination", &["host", "oci"]),
    ("registry-server", &["host", "oci"]),
    ("cosign", &["host", "oci"]),
    ("signature", &["oci"]),
    ("attestation", &["oci"]),
    ("operator-bundle", &["oci"]),
    ("ui", &["host"]),
    ("cli", &["bpf-arch", "bpf-build", "destination", "host", "image-build", "oci", "ui"]),
    ("dispatchers", &["bpf-arch", "bpf-build", "host"]),
    (
        "xtask",
        &[
            "attestation",
            "bpf-arch",
            "bpf-build",
            "bpf-object",
            "bytecode-image",
            "cargo-build",
            "cli",
            "cosign",
            "destination",
            "go-build",
            "host",
            "image-build",
            "oci",
            "operator-bundle",
            "registry-server",
            "signature",
            "ui",
        ],
    ),
    (
        "bpfman",
        &[
            "bpf-arch",
            "bpf-build",
            "bpf-object",
            "bytecode-image",
            "cli",
            "destination",
            "host",
            "image-build",
            "oci",
            "ui",
        ],
    ),
];

/// Third-party crates that only some may know.
const RESERVED: [(&str, &[&str]); 5] = [
    ("clap", &["bpfman", "cli", "ui", "xtask"]),
    ("indicatif", &["bpfman", "ui", "xtask"]),
    ("anyhow", &["bpfman", "xtask"]),
    ("tokio", &["registry-server"]),
    ("xshell", &["xtask"]),
];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = test_support::workspace_root().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let packages = metadata.packages.iter().map(|package| {
        let used = package.dependencies.iter().filter(|dependency| {
            matches!(dependency.kind, DependencyKind::Normal | DependencyKind::Build)
        });
        (package.name.to_string(), used.map(|dependency| dependency.name.clone()).collect())
    });
    packages.collect()
}

#[test]
fn crates_use_whom_they_may() {
    let dependencies = dependencies();
    let members: BTreeSet<_> = dependencies.keys().cloned().collect();
    let listed: BTreeSet<_> = MAY_USE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(members, listed, "every member has its row");
    for (name, may_use) in MAY_USE {
        let used: BTreeSet<_> = dependencies[name].intersection(&members).cloned().collect();
        let beyond: Vec<_> = used.iter().filter(|used| !may_use.contains(&used.as_str())).collect();
        assert!(beyond.is_empty(), "{name} may not use {beyond:?}");
    }
    for (crate_name, may) in RESERVED {
        for (name, used) in &dependencies {
            let allowed = may.contains(&name.as_str()) || !used.contains(crate_name);
            assert!(allowed, "{name} may not use {crate_name}");
        }
    }
}

/// Returns every file below `dir` with one of the extensions.
fn files(dir: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir()
            && !["target", "corpus", "artifacts"].contains(&name.as_str())
            && !name.starts_with('.')
        {
            files(&path, extensions, found);
        } else if path.extension().is_some_and(|e| extensions.contains(&&*e.to_string_lossy())) {
            found.push(path);
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let root = test_support::workspace_root();
    let mut rust = Vec::new();
    files(&root, &["rs"], &mut rust);
    assert!(rust.len() > 50);
    for path in rust {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "`{}` does not begin with `//! `", path.display());
    }
    let mut c = Vec::new();
    files(&root, &["c", "h"], &mut c);
    assert!(c.len() > 19);
    for path in
        c.iter().filter(|path| !path.components().any(|part| part.as_os_str() == "fixtures"))
    {
        let text = std::fs::read_to_string(path).unwrap();
        let licence = "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n/*\n * ";
        assert!(text.starts_with(licence), "`{}` lacks licence or purpose", path.display());
    }
}

#[test]
fn the_changelog_knows_every_command() {
    let root = test_support::workspace_root();
    let text = std::fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    for command in crate::cli::COMMANDS {
        assert!(text.contains(command), "{command}");
    }
}
