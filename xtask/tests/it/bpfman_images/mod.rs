//! The Containerfiles that compile bpfman in a container: as text, and as what
//! podman and BuildKit make of them.

pub(crate) mod base;
mod buildx;
mod built;
mod text;

/// The Containerfiles at the top of the workspace.
const FILES: [&str; 2] = [LOCAL, OPENSHIFT];
const LOCAL: &str = "Containerfile.bpfman.local";
const OPENSHIFT: &str = "Containerfile.bpfman.openshift";

/// The programs of every image of bpfman.
const PROGRAMS: [&str; 3] = ["bpfman", "bpfman-ns", "bpfman-rpc"];

/// Returns a file at the top of the workspace.
fn read(name: &str) -> String {
    let path = test_support::workspace_root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}
