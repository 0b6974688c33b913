//! Contexts and images that nobody would make, but who wants to do harm.

use std::error::Error as StdError;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use host::Cmd;
use image_build::native;
use oci::{EntryLimits, Image, Platform, Reference};

use crate::bases::{Entry, image};
use crate::support::{World, chain, same, show};

#[test]
fn what_is_no_file_is_named_or_left_alone() {
    let world = World::new("FROM scratch\nCOPY . /\n").file("d/f", "F");
    Cmd::new("mkfifo").arg(world.path("d/pipe")).run().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(world.path("z.sock")).unwrap();
    same(
        &world.fail(),
        "
        `Containerfile`, line 2: `COPY . /` failed for linux/amd64
          `z.sock` in the build context is a socket, which cannot be copied
        ",
    );
    let world = world.file(".dockerignore", "*.sock\n.dockerignore\n");
    same(
        &world.fail(),
        "
        `Containerfile`, line 2: `COPY . /` failed for linux/amd64
          `d/pipe` in the build context is a named pipe, which cannot be copied
        ",
    );
    let world = world.file(".dockerignore", "**/pipe\n*.sock\n.dockerignore\n");
    assert!(world.show().ends_with("COPY . /\n  d 0755 0:0 d/\n  f 0644 0:0 d/f F\n"));
}

#[test]
fn names_are_bytes() {
    let world = World::new("FROM scratch\nCOPY d /x\nCOPY d/*new* /y/\n").file("d/new\nline", "1");
    let strange = OsStr::from_bytes(b"not-\xff-utf8");
    std::fs::write(world.context().join("d").join(strange), "2").unwrap();
    symlink(strange, world.context().join("d/link")).unwrap();
    let world = world.mode("d", 0o755);
    let image = world.only(&world.request());
    let mut names = Vec::new();
    for layer in image.layers() {
        let limits = EntryLimits::default();
        layer
            .for_each_member(limits, &mut |member, _| {
                names.push((member.name, member.link));
                Ok(())
            })
            .unwrap();
    }
    let name = |name: &[u8]| (name.to_vec(), None);
    let expected = [
        name(b"x/"),
        (b"x/link".to_vec(), Some(b"not-\xff-utf8".to_vec())),
        name(b"x/new\nline"),
        name(b"x/not-\xff-utf8"),
        name(b"y/"),
        name(b"y/new\nline"),
    ];
    assert_eq!(names, expected);
}

#[test]
fn no_source_leads_out_of_the_context() {
    let world = World::new("FROM scratch\nCOPY l/passwd /\n")
        .file("../secret/passwd", "S")
        .link("l", "../secret")
        .link("absolute", "/etc");
    same(
        &world.fail(),
        "
        `Containerfile`, line 2: `COPY l/passwd /` failed for linux/amd64
          there is no `l/passwd` in the build context
        ",
    );
    for source in ["absolute/passwd", "../secret/passwd", "l/../../secret/passwd", "absolute/*"] {
        let text = format!("FROM scratch\nCOPY {source} /\n");
        std::fs::write(world.request().containerfile, text).unwrap();
        let message = world.fail();
        let is_missing = message.contains("  there is no `") || message.contains("  nothing in");
        assert!(is_missing, "{message}");
    }
}

/// Builds with a hook that is called once the file `f` has been looked at,
/// and before it is read; returns the message.
fn meanwhile(change: impl Fn(&Path) + Sync) -> String {
    let world = World::new("FROM scratch AS a\nCOPY f /\nFROM base\nCOPY --from=a f /\n")
        .file("f", "first")
        .file("../secret", "S");
    let resolve = |_: &Reference, platform: &Platform| {
        change(&world.context().join("f"));
        Ok::<_, Box<dyn StdError + Send + Sync>>(Image::builder(platform.clone()).build().unwrap())
    };
    let work = world.context().join("../work");
    let error = native::build(&world.request(), &work, &resolve).unwrap_err();
    let real = world.context().canonicalize().unwrap();
    chain(&error).replace(&real.display().to_string(), "context")
}

#[test]
fn a_file_that_changes_while_it_is_built_is_an_error() {
    let changed = "failed to read `context/f`\n  it was changed while the image was built";
    assert_eq!(meanwhile(|path| std::fs::write(path, "longer than it was").unwrap()), changed);
    assert_eq!(meanwhile(|path| std::fs::write(path, "x").unwrap()), changed);
    let replaced = meanwhile(|path| {
        std::fs::write(path.with_file_name("g"), "other").unwrap();
        std::fs::rename(path.with_file_name("g"), path).unwrap();
    });
    assert_eq!(replaced, changed);
    let linked = meanwhile(|path| {
        std::fs::remove_file(path).unwrap();
        symlink("../secret", path).unwrap();
    });
    assert!(linked.starts_with("failed to open `context/f`\n"), "{linked}");
    let gone = meanwhile(|path| std::fs::remove_file(path).unwrap());
    assert_eq!(gone, "failed to open `context/f`\n  No such file or directory (os error 2)");
}

#[test]
fn an_unreadable_file_is_named() {
    if host::is_root() {
        return test_support::not_run("a user", "root can read every file");
    }
    let world = World::new("FROM scratch\nCOPY . /\n").file("f", "F").mode("f", 0o000);
    same(&world.fail(), "failed to open `context/f`\n  Permission denied (os error 13)");
}

#[test]
fn a_layer_touches_nothing_outside_its_tree() {
    let evil = image(&[&[
        ('f', "../../../../evil-a", "1"),
        ('f', "/evil-b", "2"),
        ('l', "out", "/../../../../tmp"),
        ('f', "out/evil-c", "3"),
        ('l', "etc", ".."),
        ('f', "etc/evil-d", "4"),
        ('h', "hard", "../../evil-a"),
    ]]);
    let world = World::new("FROM scratch\nCOPY --from=evil / /\n").image("evil", evil.clone());
    let text = world.show();
    let layer: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(
        layer,
        [
            "  l 0640 7:8 etc -> ..",
            "  f 0640 7:8 evil-a 1",
            "  f 0640 7:8 evil-b 2",
            "  f 0640 7:8 evil-d 4",
            "  f 0640 7:8 hard 1",
            "  l 0640 7:8 out -> /../../../../tmp",
            "  d 0755 0:0 tmp/",
            "  f 0640 7:8 tmp/evil-c 3",
        ]
    );
    let world =
        World::new("FROM evil\nCOPY f /out/\nCOPY f /etc/x\n").image("evil", evil).file("f", "F");
    let text = show(&world.only(&world.request()));
    assert!(
        text.ends_with("COPY f /out/\n  f 0644 0:0 tmp/f F\nCOPY f /etc/x\n  f 0644 0:0 x F\n"),
        "{text}"
    );
}

#[test]
fn a_layer_that_is_wrong_is_named() {
    let long: &'static str = Box::leak("a/".repeat(2500).into_boxed_str());
    let looped: &[_] = &[('l', "a", "b"), ('l', "b", "a"), ('f', "a/x", "")];
    let cases: [(&[Entry], &str); 2] = [
        (looped, "it has links that lead nowhere"),
        (&[('h', "x", "not-there")], "it has a link to a file that is not there"),
    ];
    for (entries, reason) in cases {
        let world = World::new("FROM base\nWORKDIR /x\n").image("base", image(&[entries]));
        same(
            &world.fail(),
            &format!(
                "`Containerfile`, line 2: `WORKDIR /x` failed for linux/amd64
  `docker.io/library/base:latest` cannot be used: a layer of it is wrong: {reason}"
            ),
        );
    }
    // A builder of layers takes the long path; who reads it does not.
    let work = tempfile::tempdir().unwrap();
    let mut builder = oci::LayerBuilder::new(0, work.path());
    let attributes = oci::Attributes { mode: 0o644, uid: 0, gid: 0 };
    builder.directory(Path::new(long.trim_end_matches('/')), attributes).unwrap();
    let layer = builder.finish().unwrap();
    let base = Image::builder("linux/amd64".parse().unwrap()).layer(layer, "old").build().unwrap();
    let world = World::new("FROM base\nWORKDIR /x\n").image("base", base);
    same(
        &world.fail(),
        "
        `Containerfile`, line 2: `WORKDIR /x` failed for linux/amd64
          `docker.io/library/base:latest` cannot be used: a layer of it is wrong: it has a path of more than 4096 bytes
        ",
    );
}

#[test]
fn words_cannot_grow_for_ever() {
    let doubling: String = (1..40).map(|i| format!("ARG A{i}=$A{}$A{}\n", i - 1, i - 1)).collect();
    let world = World::new(&format!("FROM scratch\nARG A0=0123456789\n{doubling}"));
    let message = world.fail();
    assert!(message.ends_with("cannot be expanded: it becomes longer than 1048576 bytes"));
    // Nor can the directories that they name.
    let doubling: String = (1..16).map(|i| format!("ARG A{i}=$A{}$A{}\n", i - 1, i - 1)).collect();
    for line in ["COPY f /$A15", "WORKDIR /$A15", "COPY $A15 /"] {
        let world =
            World::new(&format!("FROM scratch\nARG A0=d/\n{doubling}{line}\n")).file("f", "");
        let message = world.fail();
        assert!(message.contains(" has more than 4096 bytes"), "{message}");
    }
}
