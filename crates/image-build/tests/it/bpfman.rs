//! The project's own Containerfile for bpfman: each platform gets the programs
//! that were built for it, over any base.

use bpf_arch::{Arch, Endian};
use image_build::{BuildRequest, ContextSource, NamedContext};
use oci::Artifact;

use crate::support::{World, image_of, platform, same, show};

const PROGRAMS: [&str; 3] = ["bpfman", "bpfman-ns", "bpfman-rpc"];

/// The head of a program for an architecture, and its name.
fn program(arch: Arch, name: &str) -> Vec<u8> {
    let (elf, bytes) = (arch.elf(), if arch.endian() == Endian::Big { 2 } else { 1 });
    let number = match arch.endian() {
        Endian::Big => [[0, 2], elf.number.to_be_bytes()],
        Endian::Little => [[2, 0], elf.number.to_le_bytes()],
    };
    let class = elf.bits / 32;
    [b"\x7fELF", [class, bytes, 1, 0].as_slice(), &[0; 8], number.as_flattened(), name.as_bytes()]
        .concat()
}

/// Makes a checkout of bpfman with programs for an architecture at a triple.
fn built(world: World, triple: &str, arch: Arch) -> World {
    PROGRAMS.into_iter().fold(world, |world, name| {
        let path = format!("target/{triple}/release/{name}");
        world.file(&path, program(arch, name)).mode(&path, 0o755)
    })
}

fn checkout() -> World {
    World::new("").file(".dockerignore", "/.git\n**/target\nlibbpf/\n").file("Cargo.toml", "")
}

fn request(world: &World, base: &str, archs: &[Arch]) -> BuildRequest {
    let mut request = world.request();
    request.containerfile = test_support::workspace_root().join("Containerfile.bpfman.multi.arch");
    request.build_args = [("BASE".to_owned(), base.to_owned())].into();
    request.platforms = archs.iter().map(|arch| platform(arch.platform())).collect();
    request
}

fn message(world: &World, request: &BuildRequest) -> String {
    let root = format!("{}/", test_support::workspace_root().display());
    world.fail_with(request).replace(&root, "")
}

#[test]
fn every_platform_gets_its_programs() {
    let world = Arch::PUBLISHED.into_iter().fold(checkout(), |world, arch| {
        // Either C library, as it happened to be built.
        let musl = arch.rust_musl_triple().filter(|_| arch != Arch::Amd64);
        built(world, musl.unwrap_or(arch.rust_triple()), arch)
    });
    let built = world.build(&request(&world, "scratch", &Arch::PUBLISHED)).unwrap();
    assert_eq!(built.warnings, []);
    let index = Artifact::Index(built.index);
    for (image, arch) in index.images().into_iter().zip(Arch::PUBLISHED) {
        assert_eq!(image.platform(), platform(arch.platform()));
        let entries = image.layers()[0].entries(oci::EntryLimits::default()).unwrap();
        let found: Vec<_> =
            entries.iter().map(|it| (it.name.as_str(), it.mode, it.bytes.clone())).collect();
        let expected = PROGRAMS.map(|name| (name, 0o755, program(arch, name)));
        assert_eq!(found, expected, "{arch}");
    }
}

#[test]
fn the_image_is_laid_over_its_base() {
    let world = built(checkout(), "x86_64-unknown-linux-musl", Arch::Amd64)
        .image("docker.io/redhat/ubi9-minimal:latest", image_of(&[("etc/os-release", "ubi")]));
    let mut request = request(&world, "", &[Arch::Amd64]);
    request.build_args.clear();
    let shown = show(&world.only(&request));
    let (head, _) = shown.split_once("\nCOPY --from=programs").unwrap();
    same(
        head,
        r#"
        linux/amd64 1970-01-01T00:00:00Z
        {"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/"],"Entrypoint":["./bpfman-rpc","--timeout=0"],"WorkingDir":"/","Labels":{"org.opencontainers.image.description":"The bpfman binaries, bpfman, bpfman-rpc and bpfman-ns","org.opencontainers.image.licenses":"Apache-2.0","org.opencontainers.image.title":"bpfman"}}
        old
          f 0644 0:0 etc/os-release ubi
        "#,
    );
    // A context of the base's name stands for it.
    request.contexts = vec![NamedContext::new(
        "docker.io/redhat/ubi9-minimal",
        None,
        ContextSource::Image("quay.io/other/base".parse().unwrap()),
    )];
    assert!(message(&world, &request).contains("quay.io/other/base"));
}

#[test]
fn programs_that_are_wrong_or_missing_are_named() {
    let world = built(checkout(), "s390x-unknown-linux-musl", Arch::Amd64);
    same(
        &message(&world, &request(&world, "scratch", &[Arch::S390x])),
        "
        `Containerfile.bpfman.multi.arch`, line 37: `COPY --from=programs /bpfman /bpfman-ns /bpfman-rpc /` failed for linux/s390x
          `/bpfman` is a program for amd64, not for linux/s390x
        ",
    );
    same(
        &message(&world, &request(&world, "scratch", &[Arch::Arm64])),
        "
        `Containerfile.bpfman.multi.arch`, line 32: `COPY target/${MACHINE}-unknown-linux-${LIBC}/release/bpfman /bpfman` failed for linux/arm64
          nothing in the build context matches `target/aarch64-unknown-linux-*/release/bpfman`
        ",
    );
    same(
        &message(&world, &request(&world, "scratch", &[Arch::Riscv64])),
        "
        `Containerfile.bpfman.multi.arch`, line 30: `FROM ${TARGETOS}${TARGETARCH} AS programs` failed for linux/riscv64
          failed to get the image `docker.io/library/linuxriscv64:latest`
          no such image
        hint: did you mean `linuxarm64`?
        ",
    );
}

#[test]
fn of_two_c_libraries_one_is_chosen() {
    let world = built(checkout(), "x86_64-unknown-linux-musl", Arch::Amd64);
    let world = built(world, "x86_64-unknown-linux-gnu", Arch::Amd64);
    let mut request = request(&world, "scratch", &[Arch::Amd64]);
    same(&message(&world, &request), "
        `Containerfile.bpfman.multi.arch`, line 32: `COPY target/${MACHINE}-unknown-linux-${LIBC}/release/bpfman /bpfman` failed for linux/amd64
          `target/x86_64-unknown-linux-gnu/release/bpfman`, `target/x86_64-unknown-linux-musl/release/bpfman` cannot all be copied to `/bpfman`, which is not a directory
        hint: write `/bpfman/` if it is to be a directory
        ");
    request.build_args.insert("LIBC".to_owned(), "musl".to_owned());
    world.only(&request);
    request.build_args.insert("LIBC".to_owned(), "none".to_owned());
    same(&message(&world, &request), "
        `Containerfile.bpfman.multi.arch`, line 32: `COPY target/${MACHINE}-unknown-linux-${LIBC}/release/bpfman /bpfman` failed for linux/amd64
          there is no `target/x86_64-unknown-linux-none/release/bpfman` in the build context
        ");
}
