//! Large layers that are kept from one build to the next.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use image_build::{BuildRequest, LayerCache, native};
use oci::{Artifact, Digest, Image, Layer, Platform, Reference};
use tempfile::TempDir;

use crate::support::{World, platform};

/// Bytes that are hard to compress.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let word = |i: u32| (i ^ seed).wrapping_mul(2_654_435_761).rotate_left(i % 31).to_le_bytes();
    (0..length as u32 / 4).flat_map(word).collect()
}

/// A cache, and a directory for each build.
struct Kept {
    dir: TempDir,
    cache: LayerCache,
}

/// What a build made, and where.
struct Made {
    index: Digest,
    /// Of each layer of the first image.
    layers: Vec<Digest>,
    content: Vec<Layer>,
    work: TempDir,
}

impl Kept {
    fn new() -> Kept {
        let dir = tempfile::tempdir().unwrap();
        let cache = LayerCache::new(dir.path().join("layers"));
        Kept { dir, cache }
    }

    fn build(&self, world: &World, request: &BuildRequest) -> Made {
        let made = self.build_unread(world, request);
        for layer in &made.content {
            // It can be read, and is what its digest says.
            layer.blob().read(u64::MAX).unwrap();
        }
        made
    }

    fn build_unread(&self, world: &World, request: &BuildRequest) -> Made {
        let work = tempfile::tempdir_in(self.dir.path()).unwrap();
        let resolve = |reference: &Reference, _: &Platform| {
            let found = world.images.get(&reference.to_string()).cloned();
            found.ok_or_else(|| -> Box<dyn StdError + Send + Sync> { "no such image".into() })
        };
        let builder = native::Builder::new(work.path()).cache(&self.cache);
        let index = builder.build(request, &resolve).unwrap().index;
        let digest = index.digest();
        let artifact = Artifact::Index(index);
        let content = artifact.images()[0].layers().to_vec();
        let layers = content.iter().map(|layer| layer.blob().digest()).collect();
        Made { index: digest, layers, content, work }
    }

    fn entries(&self) -> Vec<PathBuf> {
        let listed = std::fs::read_dir(self.dir.path().join("layers"));
        let mut paths: Vec<_> = listed.into_iter().flatten().map(|it| it.unwrap().path()).collect();
        paths.sort();
        paths
    }

    /// Returns the entry of a layer.
    fn entry(&self, layer: &Digest) -> PathBuf {
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let found = self.entries().into_iter().find(|path| name(path).ends_with(&layer.hex()));
        found.unwrap_or_else(|| panic!("{layer} is not kept: {:?}", self.entries()))
    }
}

impl Made {
    /// Returns whether the layer was taken from the cache: it is one file with
    /// the entry, under a second name.
    fn took(&self, layer: usize, inode: u64) -> bool {
        let path = self.work.path().join(self.layers[layer].hex());
        std::fs::metadata(path).is_ok_and(|file| file.ino() == inode)
    }
}

fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

#[test]
fn what_has_not_changed_is_not_made_again() {
    // One stays in memory when it is made, one goes to a file.
    let world = World::new("FROM scratch\nCOPY zeros /\nCOPY noise /\nCOPY small /\n")
        .file("zeros", vec![0; 1 << 20])
        .file("noise", noise(6 << 20, 1))
        .file("small", vec![0; 100_000]);
    let kept = Kept::new();
    let first = kept.build(&world, &world.request());
    assert_eq!(kept.entries().len(), 2, "the small one is not worth it");
    let inodes = [0, 1].map(|layer| inode(&kept.entry(&first.layers[layer])));
    // Neither the time of a file nor its place matter.
    let later = SystemTime::now() + Duration::from_secs(100);
    std::fs::File::open(world.path("noise")).unwrap().set_modified(later).unwrap();
    let world = world.file("zeros", vec![0; 1 << 20]);
    let second = kept.build(&world, &world.request());
    assert_eq!((second.index, &second.layers), (first.index, &first.layers));
    assert!(second.took(0, inodes[0]) && second.took(1, inodes[1]));
    // Without a cache it is the same image.
    assert_eq!(world.build(&world.request()).unwrap().index.digest(), first.index);
}

#[test]
fn what_has_changed_is_made() {
    let world = World::new("FROM scratch\nCOPY a b /d/\n")
        .file("a", noise(500_000, 1))
        .file("b", noise(500_000, 2));
    let kept = Kept::new();
    let first = kept.build(&world, &world.request());
    let world = world.file("b", noise(500_000, 3));
    let second = kept.build(&world, &world.request());
    let world = world.mode("b", 0o755);
    let third = kept.build(&world, &world.request());
    let mut request = world.request();
    request.created = 1;
    let fourth = kept.build(&world, &request);
    let mut indexes = [first, second, third, fourth].map(|made| made.index);
    for index in indexes {
        assert_eq!(indexes.iter().filter(|other| **other == index).count(), 1);
    }
    assert_eq!(kept.entries().len(), 4);
    indexes[0] = world.build(&request).unwrap().index.digest();
    assert_eq!(indexes[0], indexes[3]);
}

#[test]
fn an_entry_that_is_damaged_is_made_again() {
    let world = World::new("FROM scratch\nCOPY noise /\n").file("noise", noise(6 << 20, 1));
    let kept = Kept::new();
    let first = kept.build(&world, &world.request());
    let entry = kept.entry(&first.layers[0]);
    let right = std::fs::read(&entry).unwrap();
    let mut flipped = right.clone();
    flipped[3_000_000] ^= 1;
    for wrong in [flipped.as_slice(), &right[..right.len() - 1], b""] {
        std::fs::remove_file(&entry).unwrap();
        std::fs::write(&entry, wrong).unwrap();
        let damaged = inode(&entry);
        // While it is open, no other file gets its number.
        let _open = std::fs::File::open(&entry).unwrap();
        let made = kept.build(&world, &world.request());
        assert_eq!(made.index, first.index);
        assert!(!made.took(0, damaged));
        assert!(std::fs::read(&entry).unwrap() == right);
        assert_eq!(kept.entries(), [entry.as_path()]);
    }
}

#[test]
fn files_of_base_images_are_kept_too() {
    let base = || {
        let bytes = noise(500_000, 1);
        let layer = oci::Layer::single_file("f", &bytes, 0).unwrap();
        Image::builder(platform("linux/amd64")).layer(layer, "old").build().unwrap()
    };
    let world = World::new("FROM base\nCOPY --from=base f /g\n").image("base", base());
    let kept = Kept::new();
    let first = kept.build(&world, &world.request());
    let entry = inode(&kept.entry(&first.layers[1]));
    let second = kept.build(&world, &world.request());
    assert_eq!(second.index, first.index);
    assert!(second.took(1, entry));
}

#[test]
fn any_number_may_share_it() {
    let world = World::new("FROM scratch\nCOPY noise /\nFROM scratch\nCOPY --from=0 / /x\n")
        .file("noise", noise(5 << 20, 1));
    let kept = Kept::new();
    let request = world.request();
    let build = || (0..4).map(|_| kept.build(&world, &request).index).collect::<Vec<_>>();
    let indexes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(build)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(indexes.iter().all(|index| *index == indexes[0]));
    assert_eq!(kept.entries().len(), 1);
}

#[test]
fn what_nobody_uses_is_removed_in_time() {
    let build = |kept: &Kept, seed| {
        let world = World::new("FROM scratch\nCOPY f /\n").file("f", noise(400_000, seed));
        kept.build(&world, &world.request()).layers[0]
    };
    let kept = Kept::new();
    let (old, used) = (build(&kept, 1), build(&kept, 2));
    let long_ago = SystemTime::now() - Duration::from_secs(31 * 24 * 60 * 60);
    for layer in [&old, &used] {
        let file = std::fs::File::open(kept.entry(layer)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    // Nobody put that there for a cache.
    let foreign = kept.dir.path().join("layers/notes.txt");
    std::fs::write(&foreign, "x").unwrap();
    std::fs::File::open(&foreign).unwrap().set_modified(long_ago).unwrap();
    build(&kept, 2);
    let new = build(&kept, 3);
    let mut expected = vec![kept.entry(&used), kept.entry(&new), foreign];
    expected.sort();
    assert_eq!(kept.entries(), expected);
}

/// Where it is known what a file is, it is not read: here it is another.
#[test]
fn what_is_known_is_not_read() {
    let world = |byte: u8| {
        World::new("FROM scratch\nCOPY program /\n").file("program", vec![byte; 1 << 20])
    };
    let (old, new) = (world(1), world(2));
    let kept = Kept::new();
    let build = |world: &World, name: &str, request: &BuildRequest| {
        let known = program(world, name);
        kept.build(world, &BuildRequest { known, ..request.clone() }).layers
    };
    let first = build(&old, "one", &old.request());
    assert_eq!(first, kept.build(&old, &old.request()).layers);
    assert_eq!(build(&new, "one", &new.request()), first);
    let two = build(&new, "two", &new.request());
    assert_ne!(two, first);
    assert_eq!(build(&new, "two", &new.request()), two);
    // What nobody knows is read, and so is what has another size or time.
    assert_eq!(kept.build(&new, &new.request()).layers, two);
    let longer = world(1).file("program", vec![1; (1 << 20) + 1]);
    assert_ne!(build(&longer, "one", &longer.request()), first);
    let later = BuildRequest { created: 1, ..old.request() };
    assert_ne!(build(&old, "one", &later), first);
}

/// Says what the file `program` is.
fn program(world: &World, name: &str) -> BTreeMap<PathBuf, String> {
    [(world.path("program").canonicalize().unwrap(), name.to_owned())].into()
}

#[test]
fn a_note_is_worth_no_more_than_what_it_is_of() {
    let world = World::new("FROM scratch\nCOPY program /\n").file("program", noise(1 << 20, 3));
    let kept = Kept::new();
    let request = BuildRequest { known: program(&world, "one"), ..world.request() };
    let build = || kept.build_unread(&world, &request);
    let first = build();
    let entry = kept.entry(&first.layers[0]);
    let bytes = std::fs::read(&entry).unwrap();
    let note = kept.entries().into_iter().find(|path| *path != entry).unwrap();
    let text = std::fs::read_to_string(&note).unwrap();

    let spoils: [&dyn Fn(); 5] = [
        &|| std::fs::remove_file(&entry).unwrap(),
        &|| std::fs::write(&entry, &bytes[1..]).unwrap(),
        &|| std::fs::write(&note, "").unwrap(),
        &|| std::fs::write(&note, &text[1..]).unwrap(),
        &|| std::fs::write(&note, text.replace("sha256:", "sha256:0")).unwrap(),
    ];
    for (case, spoil) in spoils.iter().enumerate() {
        spoil();
        let again = build();
        assert_eq!(again.layers, first.layers, "{case}");
        assert_eq!(again.content[0].blob().read(u64::MAX).unwrap(), bytes, "{case}");
        assert_eq!(std::fs::read_to_string(&note).unwrap(), text, "{case}");
    }

    // Damage of the same length is seen by whoever reads it.
    let mut damaged = bytes;
    damaged[1000] ^= 1;
    std::fs::write(&entry, damaged).unwrap();
    let again = build();
    assert_eq!(again.layers, first.layers);
    let error = again.content[0].blob().read(u64::MAX).unwrap_err().to_string();
    assert!(error.contains(&entry.display().to_string()), "{error}");
}
