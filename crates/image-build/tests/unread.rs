//! How much is read where nothing changed: a process of its own, in which
//! nothing else runs.

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "tests make files as any user would")]

use image_build::{BuildRequest, ContextSource, LayerCache, NamedContext, native};
use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Named, Platform, Reference};

/// How long the program is.
const SIZE: usize = 8 << 20;

/// Returns how many bytes this process has read so far, from wherever.
fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// The program is known, as the ones that Go makes are, and the image goes to a
/// tree: neither is read again, nor is the layer in the cache.
#[test]
fn what_is_known_and_was_written_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    for name in ["stage", "work", "context"] {
        std::fs::create_dir(top.join(name)).unwrap();
    }
    let text = "FROM scratch AS build\nFROM scratch\nCOPY --from=build /program /\n";
    std::fs::write(top.join("Containerfile"), text).unwrap();
    let program = top.join("stage/program");
    // What cannot be compressed: the layer is as long as the program.
    let noise = (0..SIZE as u64 / 8).scan(1u64, |state, _| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        Some(state.to_le_bytes())
    });
    std::fs::write(&program, noise.flatten().collect::<Vec<u8>>()).unwrap();

    let platform: Platform = "linux/amd64".parse().unwrap();
    let mut request = BuildRequest::new(
        top.join("Containerfile"),
        top.join("context"),
        vec![platform.clone()],
        platform.clone(),
    );
    let source = ContextSource::Directory(top.join("stage"));
    request.stages = vec![NamedContext::new("build", Some(platform), source)];
    let (cache, tree) = (LayerCache::new(top.join("layers")), Tree::new(top.join("tree")));
    let work = top.join("work");
    let build = |content: &str| {
        let mut request = request.clone();
        request.known = [(program.clone(), content.to_owned())].into();
        let before = bytes_read();
        let resolve = |_: &Reference, _: &Platform| Err("nothing is asked for".into());
        let builder = native::Builder::new(&work).cache(&cache);
        let index = builder.build(&request, &resolve).unwrap().index;
        // The second one gets a link to what the first one has.
        let names = ["localhost/one:latest", "localhost/two:latest"];
        let references = names.map(|name| name.parse().unwrap()).to_vec();
        let named = Named { references, artifact: Artifact::Index(index) };
        let outcomes = tree.write(&[named], WriteOptions { durable: false }).unwrap();
        let written = outcomes.into_iter().next().unwrap().unwrap();
        (written.changed, bytes_read() - before)
    };

    let (changed, read) = build("first");
    assert!(changed && read >= SIZE as u64, "{changed} {read}");
    let (changed, read) = build("first");
    assert!(!changed && read < SIZE as u64 / 10, "{changed} {read}");
    // It may be another one now: it is looked at, and is not.
    let (changed, read) = build("second");
    assert!(!changed && read >= SIZE as u64, "{changed} {read}");
}
