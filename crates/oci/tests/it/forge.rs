//! Layouts of documents that no builder would make.

use std::path::Path;

use oci::layout::blob_path;
use oci::spec::{Descriptor, Index};
use oci::verify::{Limits, Report};
use oci::{Image, Layout};

/// A layout of documents that no builder would make.
pub(crate) struct Forge {
    dir: tempfile::TempDir,
}

impl Forge {
    pub(crate) fn new() -> Forge {
        let dir = tempfile::tempdir().unwrap();
        host::fs::create_dir_all(&dir.path().join("blobs/sha256")).unwrap();
        host::fs::write_atomic(
            &dir.path().join("oci-layout"),
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        Forge { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        host::fs::write_atomic(&blob_path(self.path(), descriptor.digest), bytes).unwrap();
        descriptor
    }

    pub(crate) fn json(&self, media_type: &str, value: &impl serde::Serialize) -> Descriptor {
        self.blob(media_type, &serde_json::to_vec(value).unwrap())
    }

    pub(crate) fn image(&self, image: &Image) -> Descriptor {
        for blob in image.blobs() {
            self.blob("", &blob.read(1 << 30).unwrap());
        }
        image.descriptor().clone()
    }

    pub(crate) fn judge(&self, entries: Vec<Descriptor>, limits: Limits) -> Report {
        let index = serde_json::to_vec(&Index::new(entries)).unwrap();
        host::fs::write_atomic(&self.path().join("index.json"), &index).unwrap();
        oci::verify::layout(&Layout::open(self.path()).unwrap(), limits)
    }
}

/// Returns the descriptor as it stands in an index.
pub(crate) fn for_platform(descriptor: &Descriptor, platform: &str) -> Descriptor {
    let platform: oci::Platform = platform.parse().unwrap();
    Descriptor { platform: Some((&platform).into()), ..descriptor.clone() }
}
