//! Checkouts of other projects that documents have beside this one. Small ones
//! stand for them, and what they need of the network is replaced.

use std::path::PathBuf;

use test_support::workspace_root;

use crate::desk::Desk;
use crate::support::copy;

/// What they are called beside this checkout, and what stands for them.
const OTHERS: [(&str, &str); 2] = [("bpfman", "bpfman"), ("bpfman-operator", "operator")];

/// What the operator's own makefile is asked for; it writes down which bpfman
/// it deploys.
const MAKEFILE: &str = "\
BPFMAN_IMG ?= quay.io/bpfman/bpfman:latest
build-images:
\tgrep -q '^FROM' Containerfile.bpfman-agent Containerfile.bpfman-operator
run-on-kind: build-images
\techo $(BPFMAN_IMG) >$(HOME)/deployed
";

/// The images that their Containerfiles start from, at registries that no test
/// asks, and which of the catalogue's images those make.
pub(crate) const BASES: [(&[&str], &str); 2] = [
    (&["bpfman"], "docker.io/redhat/ubi9-minimal"),
    (&["bpfman-agent", "bpfman-operator"], "quay.io/fedora/fedora-minimal"),
];

/// The image that is copied from another registry: `cli::kind` does.
const MIRRORED: &str = " csi-node-driver-registrar";

/// Returns the directory of a checkout that a document goes to; `None` where
/// the name is no other checkout's.
pub(super) fn directory(desk: &Desk, name: &str) -> Option<PathBuf> {
    let known = OTHERS.iter().find(|(other, _)| name.trim_end_matches('/') == *other)?;
    provide(desk);
    Some(desk.home.path().join("src").join(known.0))
}

/// Makes the checkouts, once.
fn provide(desk: &Desk) {
    let sources = desk.home.path().join("src");
    if sources.join("bpfman").exists() {
        return;
    }
    for (name, fixture) in OTHERS {
        copy(&workspace_root().join("xtask/tests/fixtures").join(fixture), &sources.join(name));
    }
    std::fs::write(sources.join("bpfman-operator/Makefile"), MAKEFILE).unwrap();
    // The document has it copied there.
    for end in ["", ".dockerignore"] {
        let name = format!("Containerfile.bpfman.local{end}");
        copy(&workspace_root().join(&name), &sources.join("bpfman").join(&name));
    }
}

/// Returns a line with the other checkouts where they are, and without what is
/// asked of others' registries.
pub(super) fn with_others(desk: &Desk, line: &str) -> String {
    if !line.contains("../bpfman") {
        return line.to_owned();
    }
    provide(desk);
    let beside = desk.home.path().join("src/bpfman");
    let mut replaced = line.replace("../bpfman", &beside.display().to_string());
    if line.contains("build-images") {
        replaced = replaced.replace(MIRRORED, "");
        for (images, base) in BASES {
            let is_named = line.split(' ').any(|word| images.contains(&word));
            if is_named && !line.contains(base) {
                replaced.push_str(&format!(" --base {base}=scratch"));
            }
        }
    }
    replaced
}
