//! The images of the examples' user-space programs.
//!
//! Linking the programs takes a while. Most tests look at one build of all of
//! them, or start from what that one made.

mod again;
mod bad_go;
mod buildx;
mod containerfiles;
mod contents;
mod failures;
mod podman;
pub mod start;
mod stopped;
mod worlds;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use oci::layout::Tree;
use oci::{Artifact, Entry, EntryLimits, Image, Layout, Reference};

use crate::support::{Checkout, Run};

/// Selects all of them.
pub const ALL: &str = "bpfman-userspace/";

/// The programs in the catalogue's order.
pub const PROGRAMS: [&str; 9] = [
    "go-xdp-counter",
    "go-tc-counter",
    "go-tcx-counter",
    "go-tracepoint-counter",
    "go-kprobe-counter",
    "go-uprobe-counter",
    "go-uretprobe-counter",
    "go-app-counter",
    "go-target",
];

/// What Go has made for all four platforms, and the layers of it. It is kept
/// from run to run: Go, and the cache of layers, know by content whether it is
/// still right.
static WARM: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("userspace");
    std::fs::create_dir_all(&root).unwrap();
    let _alone = host::Lock::exclusive(&root.join(".lock")).unwrap();
    let (checkout, kept) = (Checkout::whole(), root.join("target"));
    link(&kept, &checkout.path().join("target"));
    let run = checkout.build_images(&[ALL, "--to", "oci:unused"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let is_kept = kept.is_dir() && !run.stderr.contains("Compiled");
    if !is_kept {
        let _ = std::fs::remove_dir_all(&kept);
        link(&checkout.path().join("target"), &kept);
    }
    kept
});

/// Returns whether the programs can be built here; says so if they cannot.
pub fn is_ready() -> bool {
    static READY: LazyLock<Result<(), String>> = LazyLock::new(|| {
        let run = Checkout::whole().build_images(&[ALL, "--dry-run"]);
        let why = run.stderr.lines().find_map(|line| line.strip_prefix("error: "));
        if run.code == 0 { Ok(()) } else { Err(why.unwrap_or_default().to_owned()) }
    });
    READY.as_ref().map_err(|why| test_support::not_run("go", why)).is_ok()
}

/// Makes a checkout in which all programs are built already.
pub fn warm() -> Checkout {
    let checkout = Checkout::whole();
    link(&WARM, &checkout.path().join("target"));
    checkout
}

/// Makes the same tree of files, without copying their bytes where that can
/// be. All of them are replaced as a whole, never written to.
fn link(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).into_iter().flatten() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => link(&from, &to),
            false => host::fs::link_or_copy(&from, &to).unwrap(),
        }
    }
}

/// All images, in the tree `out` of a checkout that nobody changes.
pub struct Built {
    pub checkout: Checkout,
    pub run: Run,
}

impl Built {
    /// Returns the build, which lives as long as someone reads it; `None`
    /// where the programs cannot be built.
    pub fn get() -> Option<Arc<Built>> {
        static SHARED: Mutex<Weak<Built>> = Mutex::new(Weak::new());
        if !is_ready() {
            return None;
        }
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        Some(shared.upgrade().unwrap_or_else(|| {
            let checkout = warm();
            let run = checkout.build_images(&[ALL, "--to", "oci:out"]);
            assert_eq!(run.code, 0, "{}", run.stderr);
            let built = Arc::new(Built { checkout, run });
            *shared = Arc::downgrade(&built);
            built
        }))
    }

    pub fn images(&self, name: &str) -> Vec<Image> {
        images(&self.checkout, "out", &reference(name))
    }

    /// Returns the line that a run prints for an image.
    pub fn line(&self, name: &str) -> &str {
        let start = format!("{}@", reference(name));
        self.run.stdout.lines().find(|line| line.starts_with(&start)).unwrap()
    }
}

/// Returns what an image is called.
pub fn reference(name: &str) -> String {
    format!("quay.io/{ALL}{name}:latest")
}

/// Returns the images for each platform that lie under a full name in a tree
/// of a checkout.
pub fn images(checkout: &Checkout, tree: &str, name: &str) -> Vec<Image> {
    let reference: Reference = name.parse().unwrap();
    let directory = Tree::new(checkout.path().join(tree)).directory(&reference);
    let layout = Layout::open(&directory).unwrap();
    let artifact = layout.load(&layout.resolve(reference.tag().unwrap()).unwrap()).unwrap();
    let Artifact::Index(_) = &artifact else { panic!("`{name}` is one for each platform") };
    artifact.images().into_iter().cloned().collect()
}

/// Returns the one file of an image, and all its bytes.
pub fn program(image: &Image) -> Entry {
    let [layer] = image.layers() else { panic!("{} layers", image.layers().len()) };
    let limits = EntryLimits { kept: 1 << 30, ..EntryLimits::default() };
    let mut entries = layer.entries(limits).unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

/// Returns the platforms for which images are made, and Go's names of them.
pub fn platforms() -> [(&'static str, &'static str); 4] {
    [
        ("linux/amd64", "amd64"),
        ("linux/arm64", "arm64"),
        ("linux/ppc64le", "ppc64le"),
        ("linux/s390x", "s390x"),
    ]
}
