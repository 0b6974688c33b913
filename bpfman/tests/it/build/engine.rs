//! `--engine`: the same image by podman and BuildKit.

use bpf_arch::Arch;

use super::world::{World, describe, finish, object};

const BUILD: [&str; 5] = ["build", "-t", "localhost/p:v1", "--to", "oci:out"];

/// Returns the program, ready to build by podman with a storage of this
/// world's own.
fn by_podman(world: &World, args: &[&str]) -> std::process::Command {
    let storage = world.around().join("storage");
    let config = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/graph\"\nrunroot = \"{0}/run\"\n",
        storage.display()
    );
    std::fs::write(world.around().join("storage.conf"), config).unwrap();
    let mut command = world.command(&[&BUILD[..], args].concat());
    command.env("CONTAINERS_STORAGE_CONF", world.around().join("storage.conf"));
    command
}

#[test]
fn podman_makes_what_the_builtin_builder_makes() {
    if test_support::tool("podman").is_none() {
        return;
    }
    let world = World::with_objects(&[Arch::Amd64, Arch::S390x]);
    std::fs::write(world.around().join("x.o"), object(Arch::Arm64)).unwrap();
    let cases: [&[&str]; 3] = [
        &["-c", "objects", "-f", "Containerfile.bytecode.multi.arch"],
        &["--platform", "s390x", "-b", "objects/bpf_s390_bpfeb.o", "-f", "Containerfile.bytecode"],
        // From outside the current directory.
        &["linux/arm64=../x.o", "-f", "Containerfile.bytecode.multi.arch"],
    ];
    for args in cases {
        finish(world.command(&[&BUILD[..], args].concat()).output().unwrap()).done();
        let native = describe(&world.load("localhost/p:v1"));
        // Twice: nothing may be added to what was there.
        for _ in 0..2 {
            let args = [args, &["-r", "podman"]].concat();
            finish(by_podman(&world, &args).output().unwrap()).done();
            assert_eq!(describe(&world.load("localhost/p:v1")), native, "{args:?}");
        }
    }
}

#[test]
fn engines_that_are_not_there_or_unknown_are_named() {
    let world = World::with_objects(&[Arch::Amd64]);
    let args = ["-c", "objects", "-f", "Containerfile.bytecode.multi.arch"];
    for engine in ["docker", "podman"] {
        let mut command = world.command(&[&BUILD[..], &args, &["--engine", engine]].concat());
        let (code, said) =
            finish(command.env("PATH", world.here()).output().unwrap()).failed(&world);
        assert_eq!(code, 3, "{said}");
        let head = "error: failed to build `Containerfile.bytecode.multi.arch`\n  Caused by: ";
        assert!(said.starts_with(head) && said.contains("is not installed"), "{said}");
        assert!(said.contains("hint: use `--engine native`, which needs no engine"), "{said}");
    }
    let (code, said) = world.run(&[&BUILD[..], &args, &["-r", "lxc"]].concat()).failed(&world);
    assert_eq!(code, 2);
    assert!(said.contains("unknown engine `lxc`: write `native`, `docker` or `podman`"), "{said}");
    let alone = [&BUILD[..], &["-c", "objects", "-r", "podman"]].concat();
    let (code, said) = world.run(&alone).failed(&world);
    let expected = "error: podman carries out a Containerfile, and none is named\n\n\
                    hint: `-f Containerfile.bytecode.multi.arch` names the one for bytecode\n";
    assert_eq!((code, said.as_str()), (2, expected));
    let builder = [&BUILD[..], &args, &["--builder", "b"]].concat();
    let (code, said) = world.run(&builder).failed(&world);
    let expected = "error: `--builder` is for docker, and the engine is native\n\n\
                    hint: add `--engine docker`\n";
    assert_eq!((code, said.as_str()), (2, expected));
}
