//! The words that name images and objects, in every command alike.

use bpf_arch::Arch;
use serde_json::Value;
use test_support::Registry;

use crate::forge::{NAME, digest, places};
use crate::world::World;

fn document(world: &World, word: &str) -> Value {
    serde_json::from_str(&world.run(&["inspect", "-o", "json", word]).done()).unwrap()
}

#[test]
fn many_words_name_one_image() {
    let Some(registry) = Registry::anonymous() else { return };
    let world = places();
    let digest = digest(&world);
    let pushed = registry.name("me/pass:v1");
    world.run(&["copy", &format!("oci:images:{NAME}"), &pushed]).done();
    let one = [
        pushed.clone(),
        format!("docker://{pushed}"),
        format!("{}@{digest}", registry.name("me/pass")),
        format!("oci:images:{NAME}"),
        "oci:images/quay.io/me/pass:latest".to_owned(),
        format!("oci:images/quay.io/me/pass:{digest}"),
        format!("oci-archive:pass.tar:{NAME}"),
    ];
    for word in one {
        assert_eq!(document(&world, &word)["digest"], Value::from(digest.as_str()), "{word}");
    }
    let places =
        ["images", "oci:images", "images/quay.io/me/pass", "pass.tar", "oci-archive:pass.tar"];
    for word in places {
        let document = document(&world, word);
        let images = document["images"].as_array().unwrap();
        assert_eq!(images.len(), 1, "{word}");
        assert_eq!(images[0]["digest"], Value::from(digest.as_str()), "{word}");
        assert_eq!(images[0]["reference"], Value::from(NAME), "{word}");
    }
    let object = document(&world, "objects/bpf_s390_bpfeb.o");
    assert_eq!(object["object"]["endian"], "big-endian");
}

#[test]
fn what_is_there_is_meant() {
    let Some(registry) = Registry::anonymous() else { return };
    let world = places();
    // A directory with the name of an image that the registry has.
    let name = registry.name("me/pass");
    world.run(&["copy", &format!("oci:images:{NAME}"), &name]).done();
    std::fs::create_dir_all(world.here().join(&name)).unwrap();
    let run = world.run(&["inspect", &name]);
    let message =
        format!("error: failed to read `{name}`\n  Caused by: `{name}` holds no images\n");
    assert_eq!(run.failed(&world), (4, message));
    world.run(&["inspect", &format!("docker://{name}")]).done();
}

const HINT: &str = "\nhint: a directory (a layout or a tree of them) or file (an archive, an \
                    object) that is there is read; every other word names an image in a registry\n";

#[test]
fn words_that_name_nothing() {
    let world = places();
    world.write("text", "no archive\n");
    world.write("machine.o", std::fs::read("/proc/self/exe").unwrap());
    world.write("short.o", b"\x7fELF");
    std::fs::create_dir(world.here().join("empty")).unwrap();
    let read =
        |word: &str, cause: &str| format!("error: failed to read `{word}`\n  Caused by: {cause}\n");
    let known = "`pass.tar` has no `quay.io/me/other:latest`; it has `quay.io/me/pass:latest`";
    let no_tar = "`text` is not a usable OCI image layout: it is not a tar of one: failed to read \
                  entire block";
    let cases: Vec<(&str, i32, String)> = vec![
        ("absent.o", 4, "error: there is no `absent.o`\n".into()),
        ("./absent", 4, "error: there is no `./absent`\n".into()),
        ("", 4, "error: there is no ``\n".into()),
        ("empty", 4, read("empty", "`empty` holds no images")),
        ("oci:absent", 4, read("oci:absent", "there is no `absent`")),
        (
            "oci:images:quay.io/me/other",
            4,
            read("oci:images:quay.io/me/other", "`images` has no `quay.io/me/other`"),
        ),
        (
            "oci:images/quay.io/me/pass:v2",
            4,
            read(
                "oci:images/quay.io/me/pass:v2",
                "`images/quay.io/me/pass` has no `v2`; it has `latest`",
            ),
        ),
        (
            "oci-archive:pass.tar:quay.io/me/other:latest",
            4,
            read("oci-archive:pass.tar:quay.io/me/other:latest", known),
        ),
        (
            "oci-archive:absent",
            4,
            format!(
                "{}  Caused by: No such file or directory (os error 2)\n",
                read("oci-archive:absent", "failed to open `absent`")
            ),
        ),
        ("text", 1, read("text", no_tar) + HINT),
        (
            "Upper/case",
            2,
            format!(
                "error: there is no `Upper/case`, and it names no image: the repository has \
                 uppercase letters\n{HINT}"
            ),
        ),
        ("oci:", 2, "error: invalid source `oci:`: its path is empty\n".into()),
        (
            "short.o",
            1,
            "error: `short.o` is no eBPF object\n  Caused by: truncated: the ELF header ends at \
             byte 64 of 4\n"
                .into(),
        ),
    ];
    for (word, code, message) in cases {
        assert_eq!(world.run(&["inspect", word]).failed(&world), (code, message), "{word}");
    }
    if Arch::host() == Some(Arch::Amd64) {
        let (code, said) = world.run(&["inspect", "machine.o"]).failed(&world);
        assert_eq!(code, 1);
        assert!(said.contains("machine code for "), "{said}");
    }
}

#[test]
fn registries_that_have_nothing_or_are_not_there() {
    let Some(registry) = Registry::anonymous() else { return };
    let world = World::new();
    let name = registry.name("me/absent:v1");
    let url = format!("http://{}/v2/me/absent/manifests/v1", registry.address);
    let message = format!(
        "error: failed to read `{name}`\n  Caused by: `GET {url}` was answered with 404 (there is \
         no such image)\n"
    );
    for command in ["inspect", "lint", "manifest"] {
        assert_eq!(world.run(&[command, &name]).failed(&world), (4, message.clone()));
    }
    drop(registry);
    let (code, said) = world.run(&["inspect", &name]).failed(&world);
    assert_eq!(code, 1);
    assert!(said.contains("the connection was refused"), "{said}");
    assert!(said.contains("\nhint: is the registry running, and is `127.0.0.1:"), "{said}");
}

#[test]
fn one_image_is_wanted() {
    let world = places();
    let tags = ["-t", "quay.io/me/a:v1", "-t", "quay.io/me/b:v1"];
    world.run(&[&["build", "-c", "objects", "--to", "oci:images"], &tags[..]].concat()).done();
    let message = |word: &str, start: &str| {
        format!(
            "error: `{word}` holds 3 images, and one is wanted\n    quay.io/me/a:v1\n    \
             quay.io/me/b:v1\n    quay.io/me/pass:latest\n\nhint: `{start}{word}:NAME` names one\n"
        )
    };
    for command in ["manifest", "extract"] {
        for (word, start) in [("images", "oci:"), ("oci:images", "")] {
            let run = match command {
                "extract" => world.run(&["extract", "-o", "x", word]),
                _ => world.run(&[command, word]),
            };
            assert_eq!(run.failed(&world), (2, message(word, start)));
        }
    }
    let run = world.run(&["manifest", "objects/bpf_s390_bpfeb.o"]);
    let message = "error: `objects/bpf_s390_bpfeb.o` is an object, and no image\n\n\
                   hint: `bpfman image build` makes an image of it\n";
    assert_eq!(run.failed(&world), (2, message.to_owned()));
}
