//! `-f`: the image as a Containerfile has it.

use bpf_arch::Arch;

use super::world::{World, describe, object};

const BUILD: [&str; 5] = ["build", "-t", "localhost/p:v1", "--to", "oci:out"];

#[test]
fn it_gives_the_objects_and_labels_of_direct_assembly() {
    let world = World::with_objects(&Arch::PUBLISHED);
    let direct = [&BUILD[..], &["-c", "objects"]].concat();
    world.run(&direct).done();
    let expected = describe(&world.load("localhost/p:v1"));
    let by_file =
        [&BUILD[..], &["-c", "objects", "-f", "Containerfile.bytecode.multi.arch"]].concat();
    world.run(&by_file).done();
    let found = describe(&world.load("localhost/p:v1"));
    // The Containerfile keeps the objects' own names.
    let names =
        Arch::PUBLISHED.iter().fold(found, |text, arch| text.replace(arch.object_file(), "p.o"));
    assert_eq!(names, expected);
}

#[test]
fn one_object_makes_a_plain_image() {
    let world = World::with_objects(&[Arch::Amd64]);
    let args = [
        &BUILD[..],
        &["--platform", "amd64", "-b", "objects/bpf_x86_bpfel.o", "-f", "Containerfile.bytecode"],
    ];
    world.run(&args.concat()).done();
    assert!(
        describe(&world.load("localhost/p:v1"))
            .starts_with("image\nlinux/amd64 bpf_x86_bpfel.o as it was")
    );
}

#[test]
fn objects_may_lie_anywhere() {
    let world = World::with_objects(&[]);
    std::fs::write(world.around().join("x.o"), object(Arch::Amd64)).unwrap();
    let absolute = format!("linux/arm64={}", world.around().join("x.o").display());
    std::os::unix::fs::symlink("../x.o", world.here().join("link.o")).unwrap();
    for slot in ["linux/arm64=../x.o", &absolute, "linux/arm64=link.o"] {
        let args = [&BUILD[..], &[slot, "-f", "Containerfile.bytecode.multi.arch"]].concat();
        world.run(&args).done();
        let text = describe(&world.load("localhost/p:v1"));
        assert!(text.contains("linux/arm64 ") && text.contains("as it was"), "{slot}: {text}");
    }
}

#[test]
fn labels_annotations_arguments_and_contexts_reach_it() {
    let world = World::with_objects(&[Arch::Amd64]);
    let file = "ARG BASE\nFROM ${BASE} AS other\nFROM scratch\nARG BC_AMD64_EL\nARG PROGRAMS\nARG MAPS\n\
                COPY ${BC_AMD64_EL} /\nLABEL io.ebpf.programs=$PROGRAMS io.ebpf.maps=$MAPS\n";
    world.write("Containerfile", file);
    let args = [
        &BUILD[..],
        &["-c", "objects", "-f", "Containerfile", "--label", "a=b=c", "--annotation", "d=e"],
        &["--build-arg", "BASE=scratch"],
    ];
    world.run(&args.concat()).done();
    let artifact = world.load("localhost/p:v1");
    let image = artifact.images()[0];
    assert_eq!(image.labels()["a"], "b=c");
    assert_eq!(image.manifest().annotations["d"], "e");
}

#[test]
fn what_bpfman_could_not_use_is_an_error() {
    let world = World::with_objects(&[Arch::Amd64]);
    world.write(
        "Containerfile",
        "FROM scratch\nARG BC_AMD64_EL\nCOPY ${BC_AMD64_EL} /\nCOPY Containerfile /\n",
    );
    let args = [&BUILD[..], &["-c", "objects", "-f", "Containerfile"]].concat();
    let (code, said) = world.run(&args).failed(&world);
    assert_eq!(code, 1);
    for part in [
        "error: what `Containerfile` makes for linux/amd64 is no bytecode image\n  Caused by: the label `io.ebpf.programs` is missing",
        "  Caused by: it has 2 layers instead of one",
        "hint: without `-f` the image is put together from the objects alone",
        "warning: the build argument `PROGRAMS` is not",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}
