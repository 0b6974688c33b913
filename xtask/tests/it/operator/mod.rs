//! Images of an operator's checkout: a small one of this project's own, whose
//! layout and Containerfiles are of the shape of bpfman-operator's.

mod built;
mod engines;
mod refused;

use std::path::Path;
use std::process::Command;

use bpf_arch::Arch;
use oci::{EntryKind, EntryLimits, Image};
use tempfile::TempDir;

use crate::examples::images;
use crate::support::{Checkout, Run, copy, finish};

/// What stands for the bases, where none is wanted.
const NO_BASE: &str = "quay.io/fedora/fedora-minimal=scratch";

/// The arguments that say which version the programs are of.
const VERSION: [&str; 6] = [
    "--build-arg",
    "BUILD_VERSION=v1.2.3",
    "--build-arg",
    "BUILD_COMMIT=abc",
    "--build-arg",
    "BUILD_DATE=2024-01-01T00:00:00Z",
];

/// This checkout, and the operator's.
struct Scene {
    checkout: Checkout,
    operator: TempDir,
}

impl Scene {
    fn new() -> Scene {
        let operator = tempfile::Builder::new().prefix("operator=").tempdir().unwrap();
        copy(
            &test_support::workspace_root().join("xtask/tests/fixtures/operator"),
            operator.path(),
        );
        Scene { checkout: Checkout::whole(), operator }
    }

    /// Changes a file of the operator's checkout.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.operator.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Returns the command that builds images of it.
    fn command(&self, args: &[&str]) -> Command {
        let source = format!("operator={}", self.operator.path().display());
        let mut command = self.checkout.build_images_command(&["--source", &source]);
        command.args(args).envs(crate::desk::compilers());
        command
    }

    /// Builds images into the tree `out`.
    fn build(&self, args: &[&str]) -> Run {
        finish(self.command(&["--to", "oci:out"]).args(args).output().unwrap())
    }

    fn images(&self, name: &str) -> Vec<Image> {
        images::images(&self.checkout, "out", &format!("quay.io/bpfman/{name}:latest"))
    }
}

/// Returns whether programs in Go can be built; says so if they cannot.
fn is_ready() -> bool {
    images::is_ready()
}

/// Returns the files of an image: mode, owner and path, each on a line.
fn files(image: &Image) -> String {
    let limits = EntryLimits { kept: 1 << 30, ..EntryLimits::default() };
    let entries = image.layers().iter().flat_map(|layer| layer.entries(limits).unwrap());
    let mut lines: Vec<String> = entries
        .map(|entry| format!("{:04o} {}:{} {}\n", entry.mode, entry.uid, entry.gid, entry.name))
        .collect();
    lines.sort_by(|a, b| a.split(' ').nth(2).cmp(&b.split(' ').nth(2)));
    lines.dedup();
    lines.concat()
}

/// Puts the files of an image into a directory.
pub fn unpack(image: &Image, root: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let limits = EntryLimits { kept: 1 << 30, ..EntryLimits::default() };
    for entry in image.layers().iter().flat_map(|layer| layer.entries(limits).unwrap()) {
        let path = root.join(&entry.name);
        if entry.kind == EntryKind::Directory {
            std::fs::create_dir_all(&path).unwrap();
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &entry.bytes).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(entry.mode)).unwrap();
    }
}

/// Returns what a program says, on this machine or in QEMU's user mode; `None`
/// where that is not installed.
fn say(root: &Path, program: &str, arch: Arch) -> Option<String> {
    let mut command = match images::start::qemu(arch) {
        Ok(None) => Command::new(root.join(program)),
        Ok(Some(qemu)) => {
            let mut command = Command::new(qemu);
            command.arg(root.join(program));
            command
        }
        Err(()) => return None,
    };
    let run = finish(command.current_dir(root).env_clear().output().unwrap());
    assert_eq!(run.code, 0, "{program} for {arch}: {}", run.stderr);
    Some(run.stdout)
}
