//! `bpfman image lint`: what is found, whom it affects, how it is mended.

use bpf_arch::{Arch, Endian};
use oci::Artifact;
use serde_json::{Value, json};

use crate::forge::{NAME, image, index, layer, places, put};
use crate::world::{World, compiled};

/// A program that only libbpf will not take as it is.
const NAMED: &str = r#"
__attribute__((section("classifier/x"), used)) int f(void *c) { return 0; }
char _license[] __attribute__((section("license"), used)) = "GPL";
"#;

/// A program without a licence that nobody can load.
const BROKEN: &str = r#"
__attribute__((section("nonsense"), used)) int f(void *c) { return 0; }
"#;

#[test]
fn what_is_right_is_passed_over() {
    let world = places();
    for word in ["images", "pass.tar", &format!("oci:images:{NAME}")] {
        let run = world.run(&["lint", word]);
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
        assert_eq!(run.stderr, format!("   Checked `{NAME}`: 0 errors, 0 warnings\n"));
    }
    let run = world.run(&["lint", "objects/bpf_s390_bpfeb.o"]);
    let said = "   Checked `objects/bpf_s390_bpfeb.o`: 0 errors, 0 warnings\n";
    assert_eq!((run.code, run.stderr.as_str()), (0, said));
}

#[test]
fn warnings_alone_are_no_failure() {
    let world = World::new();
    world.write("x.o", compiled(NAMED, Endian::Little));
    let run = world.run(&["lint", "x.o"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, "   Checked `x.o`: 0 errors, 1 warning\n"));
    let expected = "x.o

warning: program `f`: libbpf infers no type from the section `classifier/x`
  (`classifier` is known only without a suffix) and loads the program only after
  it was given a type by hand
    affects  libbpf
    mend     Use plain `SEC(\"classifier\")` for TC and TCX, `SEC(\"xdp\")` for XDP.
";
    assert_eq!(run.stdout, expected);
}

#[test]
fn errors_are() {
    let world = World::new();
    world.write("bpf_s390_bpfeb.o", compiled(BROKEN, Endian::Little));
    let run = world.run(&["lint", "bpf_s390_bpfeb.o"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, "error: `bpf_s390_bpfeb.o`: 3 errors, 0 warnings\n");
    let expected = "bpf_s390_bpfeb.o

error: the object is little-endian, but linux/s390x is big-endian
    affects  bpfman 0.6 (Rust), bpfman (Go)
    mend     Compile it for the byte order of the platform (`-target bpfel` or
             `bpfeb`).

error: it has no section `license`, without which the kernel takes it as
  proprietary
    affects  kernel
    mend     Add `char _license[] SEC(\"license\") = \"…\";` to the source.

error: program `f`: no loader knows the section `nonsense`
    affects  libbpf, aya, cilium/ebpf
    mend     Name the section after a program type, such as `SEC(\"xdp\")`.
";
    assert_eq!(run.stdout, expected);
    // The name says what it is for, unless the user does.
    let run = world.run(&["lint", "--platform", "arm64", "bpf_s390_bpfeb.o"]);
    assert_eq!(run.stderr, "error: `bpf_s390_bpfeb.o`: 2 errors, 0 warnings\n");
}

#[test]
fn platforms_with_one_finding_share_it() {
    let world = World::new();
    let of = |arch: Arch| {
        let object = crate::world::object(arch);
        image(arch.platform(), oci::Layer::single_file("dir/pass.o", object, 0).unwrap())
    };
    let artifact = index(vec![of(Arch::Amd64), of(Arch::S390x)]);
    let digest = artifact.digest().to_string();
    put(&world.here().join("images"), NAME, artifact);
    let run = world.run(&["lint", "-o", "json", "images"]);
    assert_eq!((run.code, run.stderr), (1, format!("error: `{NAME}`: 1 error, 0 warnings\n")));
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    let expected = json!({
        "schema": 1,
        "errors": 1,
        "warnings": 0,
        "subjects": [{
            "name": NAME,
            "digest": digest,
            "findings": [{
                "id": "object-not-at-root",
                "severity": "error",
                "message": "the object, `dir/pass.o`, is not at the root",
                "platforms": ["linux/amd64", "linux/s390x"],
                "consumers": ["specification"],
                "mend": "Copy the file to `/`.",
            }],
        }],
    });
    assert_eq!(document, expected);
}

#[test]
fn every_image_of_a_place_has_its_say() {
    let world = places();
    let bad = image("linux/amd64", layer("x.o", crate::world::object(Arch::S390x)));
    put(&world.here().join("images"), "quay.io/me/bad:v1", Artifact::Image(bad));
    let run = world.run(&["lint", "images"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("quay.io/me/bad:v1\n\nerror: "), "{}", run.stdout);
    assert!(!run.stdout.contains(NAME), "{}", run.stdout);
    assert!(run.stderr.starts_with("error: 2 images: "), "{}", run.stderr);
    let (code, said) = world.run(&["lint", "--platform", "arm64", "images"]).failed(&world);
    assert_eq!(code, 2);
    assert_eq!(said, "error: `--platform` is for an object: an image says what it is for\n");
}
