//! How much memory a build takes: a process of its own, in which nothing else
//! runs.

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "tests make files as any user would")]

use std::path::Path;

use image_build::{BuildRequest, LayerCache, native};
use oci::{Artifact, EntryLimits, Image, Platform, Reference};

/// How long the file is that is copied, and how long with `--slow`; it takes no
/// place on the disk.
const SIZES: [u64; 2] = [512 << 20, 2 << 30];

/// How much memory the process may have taken at the end, itself included. It
/// grows a little with the number of processors.
const MEMORY_MAX: u64 = 96 << 20;

/// Returns the most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Builds with and without a cache: what is in it is compared as well.
#[test]
fn a_large_file_is_streamed() {
    let size = SIZES[usize::from(test_support::is_slow())];
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for name in ["context", "work", "again"] {
        std::fs::create_dir(path(name)).unwrap();
    }
    let text = "FROM scratch\nCOPY big /\nFROM scratch\nCOPY --from=0 big /x/\n";
    std::fs::write(path("Containerfile"), text).unwrap();
    std::fs::File::create(path("context/big")).unwrap().set_len(size).unwrap();
    let amd64: Platform = "linux/amd64".parse().unwrap();
    let request =
        BuildRequest::new(path("Containerfile"), path("context"), vec![amd64.clone()], amd64);
    let cache = LayerCache::new(path("cache"));
    let build = |work: &Path| {
        let resolve = |_: &Reference, _: &Platform| Err("nothing is asked for".into());
        let index = native::Builder::new(work).cache(&cache).build(&request, &resolve);
        let images = Artifact::Index(index.unwrap().index);
        Image::clone(images.images()[0])
    };
    let image = build(&path("work"));
    let limits = EntryLimits { kept: 0, ..EntryLimits::default() };
    assert_eq!(image.layers()[0].entries(limits).unwrap()[1].size, size);
    assert_eq!(build(&path("again")).digest(), image.digest());
    let peak = peak();
    assert!(peak < MEMORY_MAX, "{peak} bytes of memory for a file of {size}");
}
