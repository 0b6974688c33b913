//! The project's own Containerfiles for bytecode images: the same layer as
//! without a Containerfile, for every platform.

use std::collections::BTreeMap;

use image_build::BuildRequest;
use oci::{Artifact, Image, Layer};

use crate::support::{World, platform, same};

const LABELS: [(&str, &str); 2] =
    [("PROGRAMS", r#"{"xdp_stats":"xdp","a b":"it's \\"}"#), ("MAPS", "{}")];

/// The platforms, and their arguments.
const SLOTS: [(&str, &str); 13] = [
    ("linux/386", "BC_386_EL"),
    ("linux/amd64", "BC_AMD64_EL"),
    ("linux/arm", "BC_ARM_EL"),
    ("linux/arm64", "BC_ARM64_EL"),
    ("linux/loong64", "BC_LOONG64_EL"),
    ("linux/mips", "BC_MIPS_EB"),
    ("linux/mipsle", "BC_MIPSLE_EL"),
    ("linux/mips64", "BC_MIPS64_EB"),
    ("linux/mips64le", "BC_MIPS64LE_EL"),
    ("linux/ppc64", "BC_PPC64_EB"),
    ("linux/ppc64le", "BC_PPC64LE_EL"),
    ("linux/riscv64", "BC_RISCV64_EL"),
    ("linux/s390x", "BC_S390X_EB"),
];

/// The bytes of a slot's object, large and small ones.
fn object(slot: &str) -> Vec<u8> {
    slot.bytes().cycle().take(if slot.ends_with("EB") { 10_000 } else { 300_000 }).collect()
}

fn world() -> World {
    SLOTS.iter().fold(World::new("FROM scratch\n"), |world, (_, slot)| {
        world.file(&format!("objects/{slot}/prog.bpf.o"), object(slot))
    })
}

/// Asks for the project's file of this name.
fn request(world: &World, file: &str, arguments: &[(&str, String)]) -> BuildRequest {
    let mut request = world.request();
    request.containerfile = test_support::workspace_root().join(file);
    let labels = LABELS.map(|(name, value)| (name, value.to_owned()));
    let arguments = arguments.iter().cloned().chain(labels);
    request.build_args = arguments.map(|(name, value)| (name.to_owned(), value)).collect();
    request
}

#[track_caller]
fn check(image: &Image, slot: &str) {
    let direct = Layer::single_file("prog.bpf.o", &object(slot), 0).unwrap();
    let digests: Vec<_> = image.layers().iter().map(|layer| layer.blob().digest()).collect();
    assert_eq!(digests, [direct.blob().digest()], "{slot}");
    let labels: BTreeMap<_, _> = LABELS
        .iter()
        .map(|(name, value)| (format!("io.ebpf.{}", name.to_lowercase()), (*value).to_owned()))
        .collect();
    assert_eq!(image.labels(), &labels);
}

#[test]
fn every_platform_gets_its_object() {
    let world = world();
    let arguments = SLOTS.map(|(_, slot)| (slot, format!("objects/{slot}/prog.bpf.o")));
    let mut request = request(&world, "Containerfile.bytecode.multi.arch", &arguments);
    request.platforms = SLOTS.map(|(word, _)| platform(word)).to_vec();
    let built = world.build(&request).unwrap();
    assert_eq!(built.warnings, []);
    let index = Artifact::Index(built.index);
    assert_eq!(index.platforms(), request.platforms);
    for (image, (_, slot)) in index.images().into_iter().zip(SLOTS) {
        check(image, slot);
    }
}

#[test]
fn one_object_makes_one_image() {
    let world = world();
    let path = "objects/BC_AMD64_EL/prog.bpf.o".to_owned();
    let request = request(&world, "Containerfile.bytecode", &[("BYTECODE_FILE", path)]);
    check(&world.only(&request), "BC_AMD64_EL");
}

#[test]
fn a_missing_object_is_named() {
    let world = world();
    let root = format!("{}/", test_support::workspace_root().display());
    let mut request = request(&world, "Containerfile.bytecode.multi.arch", &[]);
    request.platforms = vec![platform("linux/ppc64")];
    same(
        &world.fail_with(&request).replace(&root, ""),
        "
        `Containerfile.bytecode.multi.arch`, line 54: `COPY ${BC_PPC64_EB:-BC_PPC64_EB-is-not-given} /` failed for linux/ppc64
          there is no `BC_PPC64_EB-is-not-given` in the build context
        ",
    );
    request.platforms = vec![platform("linux/sparc64")];
    let message = world.fail_with(&request).replace(&root, "");
    same(
        &message,
        "
        `Containerfile.bytecode.multi.arch`, line 68: `FROM ${TARGETOS}${TARGETARCH}` failed for linux/sparc64
          failed to get the image `docker.io/library/linuxsparc64:latest`
          no such image
        hint: did you mean `linuxppc64`?
        ",
    );
}
