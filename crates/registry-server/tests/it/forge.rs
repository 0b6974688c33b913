//! Layouts of documents that this workspace does not write itself.

use std::path::{Path, PathBuf};

use oci::layout::{REF_NAME, blob_path};
use oci::spec::{Descriptor, Index};

/// A layout in the making.
pub(crate) struct Forge {
    path: PathBuf,
}

impl Forge {
    /// Starts one in a directory, which is made.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Forge {
        let path = path.into();
        host::fs::create_dir_all(&path.join("blobs/sha256")).unwrap();
        let marker = br#"{"imageLayoutVersion":"1.0.0"}"#;
        host::fs::write_atomic(&path.join("oci-layout"), marker).unwrap();
        Forge { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        host::fs::write_atomic(&blob_path(&self.path, descriptor.digest), bytes).unwrap();
        descriptor
    }

    pub(crate) fn json(&self, media_type: &str, value: &serde_json::Value) -> Descriptor {
        self.blob(media_type, value.to_string().as_bytes())
    }

    pub(crate) fn index(&self, entries: Vec<Descriptor>) {
        let index = serde_json::to_vec(&Index::new(entries)).unwrap();
        host::fs::write_atomic(&self.path.join("index.json"), &index).unwrap();
    }
}

/// Returns an entry with a tag.
pub(crate) fn tagged(mut descriptor: Descriptor, tag: &str) -> Descriptor {
    descriptor.annotations.insert(REF_NAME.to_owned(), tag.to_owned());
    descriptor
}
