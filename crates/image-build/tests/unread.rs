//! How much is read where nothing changed: a process of its own, in which
//! nothing else runs.

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "tests make files as any user would")]

use std::path::Path;

use image_build::{BuildRequest, ContextSource, LayerCache, NamedContext, Ran, native};
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
    // A stage that is made already, and one whose RUN the host did.
    let source = ContextSource::Directory(top.join("stage"));
    request.stages = vec![NamedContext::new("build", Some(platform.clone()), source)];
    check(&request, "FROM scratch AS build", &program);
    request.stages.clear();
    let files = [("/program".into(), program.clone())].into();
    request.ran = vec![Ran { line: 2, platform, files, source: None }];
    check(&request, "FROM nowhere.invalid/go AS build\nRUN go build -o /program .", &program);
}

/// Builds again and again; the stage has the program.
fn check(request: &BuildRequest, stage: &str, program: &Path) {
    let top = request.containerfile.parent().unwrap();
    let text = format!("{stage}\nFROM scratch\nCOPY --from=build /program /\n");
    std::fs::write(&request.containerfile, text).unwrap();
    let own = tempfile::tempdir_in(top).unwrap();
    let (cache, tree) =
        (LayerCache::new(own.path().join("layers")), Tree::new(own.path().join("tree")));
    let work = top.join("work");
    let build = |content: &str| {
        let mut request = request.clone();
        request.known = [(program.to_owned(), content.to_owned())].into();
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
