//! `bpfman image extract`: the files it writes, and those it does not.

use bpf_arch::Arch;
use oci::Artifact;
use test_support::Registry;

use crate::forge::{NAME, image, index, layer, paths, places, put};
use crate::server::Server;
use crate::world::{World, object};

/// What every place's image is extracted to.
const FILES: &str = "x/bpf_arm64_bpfel.o\nx/bpf_powerpc_bpfel.o\nx/bpf_s390_bpfeb.o\n\
                     x/bpf_x86_bpfel.o\n";

#[test]
fn every_place_gives_the_same_files() {
    let Some(registry) = Registry::anonymous() else { return };
    let world = places();
    let pushed = registry.name("me/pass:v1");
    world.run(&["copy", &format!("oci:images:{NAME}"), &pushed]).done();
    for word in [&pushed, "images", "pass.tar", "images/quay.io/me/pass"] {
        assert_eq!(world.run(&["extract", "-o", "x", word]).done(), FILES, "{word}");
        for arch in Arch::PUBLISHED {
            let bytes = std::fs::read(world.here().join("x").join(arch.object_file())).unwrap();
            assert_eq!(bytes, object(arch), "{word} {arch}");
        }
        assert_eq!(paths(&world.here().join("x")).len(), 4);
        std::fs::remove_dir_all(world.here().join("x")).unwrap();
    }
}

#[test]
fn files_are_written_where_they_differ() {
    let world = places();
    let said = |args: &[&str]| {
        let run = world.run(&[&["extract", "-o", "a/b", "images"], args].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        (run.stdout, run.stderr)
    };
    let (_, first) = said(&[]);
    assert_eq!(first, " Extracted 4 files\n");
    let (_, again) = said(&[]);
    assert_eq!(again, " Extracted 4 files, unchanged\n");
    // Neither is what a link leads to touched.
    world.write("elsewhere", "mine");
    let file = world.here().join("a/b/bpf_s390_bpfeb.o");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("../../elsewhere", &file).unwrap();
    let (stdout, mended) = said(&["--platform", "s390x"]);
    assert_eq!(
        (stdout.as_str(), mended.as_str()),
        ("a/b/bpf_s390_bpfeb.o\n", " Extracted 1 file\n")
    );
    assert_eq!(std::fs::read(file).unwrap(), object(Arch::S390x));
    assert_eq!(std::fs::read(world.here().join("elsewhere")).unwrap(), b"mine");
}

#[test]
fn json() {
    let world = places();
    let text = world.run(&[
        "extract",
        "--format",
        "json",
        "-o",
        "x",
        "--platform",
        "arm64,s390x",
        "images",
    ]);
    let document: serde_json::Value = serde_json::from_str(&text.done()).unwrap();
    let file = |arch: Arch| {
        serde_json::json!({
            "path": format!("x/{}", arch.object_file()),
            "platforms": [arch.platform()],
            "size": object(arch).len(),
            "digest": oci::Digest::of(object(arch)).to_string(),
            "changed": true,
        })
    };
    let expected = serde_json::json!({
        "schema": 1,
        "reference": NAME,
        "digest": crate::forge::digest(&world),
        "files": [file(Arch::Arm64), file(Arch::S390x)],
    });
    assert_eq!(document, expected);
}

/// Puts an artifact into a tree and returns what extracting it comes to: code,
/// result, message. What fails writes nothing.
fn extracted(artifact: Artifact, args: &[&str]) -> (i32, String, String) {
    let world = World::new();
    put(&world.here().join("images"), NAME, artifact);
    let before = paths(world.around());
    let run = world.run(&[&["extract", "-q", "-o", "x", "images"], args].concat());
    let mut after = paths(world.around());
    after.retain(|path| !path.starts_with("here/x"));
    assert_eq!(after, before, "nothing is written elsewhere");
    assert_eq!(world.here().join("x").exists(), run.code == 0);
    (run.code, run.stdout, run.stderr)
}

fn of(arch: Arch) -> oci::Image {
    image(arch.platform(), layer("pass.o", object(arch)))
}

#[test]
fn what_is_written_is_named_by_the_table() {
    let names = ["../../x.o", "/etc/x.o", "a/b.o", "..", "bpf_x86_bpfel.o", "no suffix"];
    for name in names {
        let artifact = Artifact::Image(image("linux/amd64", layer(name, object(Arch::Amd64))));
        let expected = (0, "x/bpf_x86_bpfel.o\n".to_owned(), String::new());
        assert_eq!(extracted(artifact, &[]), expected, "{name}");
    }
}

#[test]
fn two_architectures_share_a_name() {
    let (x86, amd64) = (of(Arch::I386), of(Arch::Amd64));
    let same = index(vec![x86.clone(), amd64.clone()]);
    assert_eq!(extracted(same, &[]), (0, "x/bpf_x86_bpfel.o\n".into(), String::new()));
    let mut other = object(Arch::I386).to_vec();
    other.push(0);
    let differ = index(vec![image("linux/386", layer("pass.o", &other)), amd64]);
    let message = format!(
        "error: failed to extract `{NAME}`\n  Caused by: linux/386 and linux/amd64 have different \
         objects for `bpf_x86_bpfel.o`\n\nhint: `--platform linux/386` or `--platform \
         linux/amd64` says whose\n"
    );
    assert_eq!(extracted(differ.clone(), &[]), (1, String::new(), message));
    let narrowed = extracted(differ, &["--platform", "linux/amd64"]);
    assert_eq!(narrowed, (0, "x/bpf_x86_bpfel.o\n".into(), String::new()));
}

#[test]
fn what_gives_no_objects() {
    let failed = |cause: &str| format!("error: failed to extract `{NAME}`\n  Caused by: {cause}\n");
    let other = "\nhint: it is an image, but not one of an eBPF program\n";
    let plain = |layer| {
        let image = oci::Image::builder("linux/amd64".parse().unwrap()).layer(layer, "COPY");
        Artifact::Image(image.build().unwrap())
    };
    let cases: Vec<(Artifact, &[&str], i32, String)> = vec![
        (
            Artifact::Image(image("linux/amd64", layer("pass.o", object(Arch::S390x)))),
            &[],
            1,
            failed("`pass.o` is big-endian, but linux/amd64 is little-endian"),
        ),
        (
            plain(layer("README", b"text")),
            &[],
            1,
            failed(
                "there is no object for linux/amd64\n  Caused by: `README` is no eBPF object: not an ELF file",
            ) + other,
        ),
        (
            Artifact::Image(image("linux/amd64", layer("pass.o", b"text"))),
            &[],
            1,
            failed(
                "there is no object for linux/amd64\n  Caused by: `pass.o` is no eBPF object: not an ELF file",
            ),
        ),
        (
            Artifact::Image(image("linux/wasm", layer("pass.o", object(Arch::Amd64)))),
            &[],
            1,
            failed("`linux/wasm` is no platform for bytecode")
                + "\nhint: `--platform` names those to extract\n",
        ),
        (
            Artifact::Image(of(Arch::Amd64)),
            &["--platform", "arm64"],
            4,
            failed("it is not for linux/arm64") + "\nhint: it is for linux/amd64\n",
        ),
        // One bad platform spoils the rest.
        (
            index(vec![
                of(Arch::Amd64),
                image("linux/s390x", layer("pass.o", object(Arch::Amd64))),
            ]),
            &[],
            1,
            failed("`pass.o` is little-endian, but linux/s390x is big-endian"),
        ),
    ];
    for (artifact, args, code, message) in cases {
        assert_eq!(extracted(artifact, args), (code, String::new(), message));
    }
}

#[test]
fn what_attests_is_no_image() {
    let attests = image("unknown/unknown", layer("in-toto.json", b"{}"));
    let both = index(vec![of(Arch::Arm64), attests]);
    assert_eq!(extracted(both, &[]), (0, "x/bpf_arm64_bpfel.o\n".into(), String::new()));
}

#[test]
fn bytes_that_are_not_those_of_the_digest() {
    let artifact = index(vec![of(Arch::Amd64), of(Arch::S390x)]);
    let bad = artifact.images()[1].layers()[0].blob().digest();
    let flip = move |digest, mut bytes: Vec<u8>| {
        if digest == bad {
            bytes[600] ^= 1;
        }
        bytes
    };
    let world = World::new();
    let server = Server::of(&artifact, flip);
    let (code, said) = world.run(&["extract", "-q", "-o", "x", &server.image()]).failed(&world);
    assert_eq!(code, 1);
    assert!(said.contains("there is no object for linux/s390x"), "{said}");
    assert!(said.contains(&format!("is not `{bad}`")), "{said}");
    assert!(!world.here().join("x").exists(), "nothing is written");
    // The same image from a server that does not lie.
    let honest = Server::of(&artifact, |_, bytes| bytes);
    world.run(&["extract", "-o", "x", &honest.image()]).done();
}
