//! The images as others read them: the tools that users have, and the format's
//! specification read by hand.
//!
//! Everything here reads one build of the whole catalogue, made once.

pub mod expected;
mod layer;
mod object;
pub mod podman;
mod sharing;
mod skopeo;
mod spec;
mod umoci;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;

use crate::support::Checkout;

/// The catalogue in a tree of layouts, in an archive, and as bare objects.
pub struct Built {
    pub checkout: Checkout,
    /// The document of `build-images`.
    pub report: Value,
}

/// One image of the build.
pub struct Image {
    /// `organization/name`.
    pub name: String,
    pub reference: String,
    pub digest: String,
}

impl Built {
    /// Returns the build, which lives as long as someone reads it.
    pub fn get() -> Arc<Built> {
        static SHARED: Mutex<Weak<Built>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let built = Arc::new(Built::new());
            *shared = Arc::downgrade(&built);
            built
        })
    }

    fn new() -> Built {
        let checkout = Checkout::warm();
        let to = ["--to", "oci:tree", "--to", "oci-archive:all.tar", "--format", "json"];
        let images = checkout.build_images(&to);
        assert_eq!(images.code, 0, "{}", images.stderr);
        let objects = checkout.build_ebpf(&["--output", "objects"]);
        assert_eq!(objects.code, 0, "{}", objects.stderr);
        Built { checkout, report: serde_json::from_str(&images.stdout).unwrap() }
    }

    /// Returns the images that the report names, 22 of them.
    pub fn images(&self) -> Vec<Image> {
        let images = self.report["images"].as_array().unwrap().iter();
        let images: Vec<_> = images
            .map(|image| Image {
                name: text(&image["image"]),
                reference: text(&image["references"][0]),
                digest: text(&image["digest"]),
            })
            .collect();
        assert_eq!(images.len(), 22);
        images
    }

    /// Returns the layout of the repository `organization/name`.
    pub fn layout(&self, name: &str) -> PathBuf {
        self.checkout.path().join("tree/quay.io").join(name)
    }

    pub fn blob(&self, name: &str, digest: &str) -> PathBuf {
        self.layout(name).join("blobs").join(digest.replace(':', "/"))
    }

    pub fn json(&self, name: &str, digest: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.blob(name, digest)).unwrap()).unwrap()
    }

    /// Returns the manifests of an image with their architectures.
    pub fn manifests(&self, image: &Image) -> Vec<(String, Value)> {
        let index = self.json(&image.name, &image.digest);
        let children = index["manifests"].as_array().unwrap().iter();
        let each = children.map(|child| {
            let manifest = self.json(&image.name, child["digest"].as_str().unwrap());
            (text(&child["platform"]["architecture"]), manifest)
        });
        each.collect()
    }
}

/// Returns the string that a JSON value must be.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("`{value}` is no string")).to_owned()
}

/// Runs a tool and returns what it wrote, as bytes.
pub fn output(tool: impl AsRef<Path>, dir: &Path, args: &[&str]) -> Vec<u8> {
    let tool = tool.as_ref();
    let mut command = Command::new(tool);
    command.args(args).current_dir(dir).env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {args:?}: {said}", tool.display());
    output.stdout
}

/// Runs a tool and returns the text that it wrote.
pub fn read(tool: impl AsRef<Path>, dir: &Path, args: &[&str]) -> String {
    String::from_utf8(output(tool, dir, args)).unwrap()
}
