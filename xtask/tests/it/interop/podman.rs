//! podman, with a storage of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::{Built, expected};

/// Where podman keeps its images for one test.
pub struct Storage {
    dir: TempDir,
}

impl Storage {
    /// Makes a storage that needs no file system driver.
    pub fn new() -> Storage {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display();
        let text = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{path}/graph\"\nrunroot = \"{path}/run\"\n"
        );
        std::fs::write(dir.path().join("storage.conf"), text).unwrap();
        Storage { dir }
    }

    /// Returns the environment that makes podman use it, and nothing of its
    /// user's.
    pub fn environment(&self) -> [(&'static str, PathBuf); 4] {
        let at = |name: &str| self.dir.path().join(name);
        [
            ("CONTAINERS_STORAGE_CONF", at("storage.conf")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_DATA_HOME", at("data")),
            ("TMPDIR", self.dir.path().to_owned()),
        ]
    }
}

fn podman(tool: &Path, storage: &Storage, dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new(tool);
    command.args(args).current_dir(dir).envs(storage.environment()).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "podman {args:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn podman_pulls_from_a_layout_and_from_an_archive() {
    let Some(tool) = test_support::tool("podman") else { return };
    let built = Built::get();
    let storage = Storage::new();
    let image = "bpfman-bytecode/go-app-counter";
    // A layout has no full name: podman makes one of the path as it is typed,
    // and takes no capitals and blanks there, so it is typed as relative.
    let cases = [
        (
            format!("oci:tree/quay.io/{image}:latest"),
            format!("localhost/tree/quay.io/{image}:latest"),
        ),
        (format!("oci-archive:all.tar:quay.io/{image}:latest"), format!("quay.io/{image}:latest")),
    ];
    for (source, name) in cases {
        let dir = built.checkout.path();
        podman(&tool, &storage, dir, &["pull", "--quiet", "--arch", "arm64", &source]);
        let args = ["image", "inspect", "--format", "{{.Architecture}} {{json .Labels}}", &name];
        let said = podman(&tool, &storage, dir, &args);
        let (arch, labels) = said.trim().split_once(' ').unwrap();
        let labels: BTreeMap<String, String> = serde_json::from_str(labels).unwrap();
        assert_eq!((arch, labels), ("arm64", expected::labels(image)), "{source}");
    }
}
