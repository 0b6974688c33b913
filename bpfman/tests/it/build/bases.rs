//! `-f` with images that the Containerfile starts from: kept between runs,
//! replaced, done without.

use bpf_arch::Arch;
use oci::registry::{Client, Settings};
use oci::spec::ContainerConfig;
use oci::{Artifact, Image, Index, Named};
use test_support::Registry;

use super::world::World;

const BUILD: [&str; 7] =
    ["build", "-t", "localhost/p:v1", "--to", "oci:out", "-f", "Containerfile"];

/// Pushes a base without layers of its own for each platform, for a bytecode
/// image has but one; returns its digest.
fn push(name: &str, word: &str) -> String {
    let image = |platform: &str| {
        let container = ContainerConfig {
            labels: [("base".to_owned(), word.to_owned())].into(),
            ..ContainerConfig::default()
        };
        let image = Image::builder(platform.parse().unwrap()).container(container);
        image.history("LABEL base").build().unwrap()
    };
    let index = Index::new(["linux/amd64", "linux/s390x"].map(image).to_vec(), [].into()).unwrap();
    let artifact = Artifact::Index(index);
    let digest = artifact.digest().to_string();
    let named = Named { references: vec![name.parse().unwrap()], artifact };
    Client::new(Settings::default()).push(&[named], &|_| {}).remove(0).unwrap();
    digest
}

/// Makes a world with objects and a Containerfile that starts from `base`.
fn world(base: &str) -> World {
    let world = World::with_objects(&[Arch::Amd64, Arch::S390x]);
    let file = "ARG PROGRAMS\nARG MAPS\nARG TARGETARCH\nCOPY objects/$TARGETARCH.o /p.o\n";
    for (arch, name) in [(Arch::Amd64, "amd64"), (Arch::S390x, "s390x")] {
        let object = std::fs::read(world.here().join("objects").join(arch.object_file())).unwrap();
        world.write(&format!("objects/{name}.o"), object);
    }
    let labels = "LABEL io.ebpf.programs=$PROGRAMS io.ebpf.maps=$MAPS\n";
    world.write("Containerfile", format!("FROM {base}\n{file}{labels}"));
    world
}

const SLOTS: [&str; 2] = ["linux/amd64=objects/amd64.o", "linux/s390x=objects/s390x.o"];

fn build(world: &World, args: &[&str]) -> (String, String) {
    let run = world.run(&[&BUILD[..], args, &SLOTS].concat());
    let said = run.stderr.lines().filter_map(|line| line.trim_start().strip_prefix("Base "));
    let said = said.collect::<Vec<_>>().join("\n");
    (run.done(), said)
}

#[test]
fn a_base_is_kept_in_the_users_cache() {
    let Some(registry) = Registry::anonymous() else { return };
    let name = registry.name("b/base:v1");
    let old = push(&name, "old");
    let world = world(&name);
    let (first, said) = build(&world, &[]);
    assert_eq!(said, format!("{name}@{old}"));
    assert_eq!(world.load("localhost/p:v1").images()[1].labels()["base"], "old");
    assert!(world.around().join("home/.cache/bpfman/bases").is_dir());
    let (again, said) = build(&world, &["--offline"]);
    assert_eq!(said, format!("{name}@{old} (as it is kept; `--offline` asks no registry)"));
    assert_eq!(again, first);
    let new = push(&name, "new");
    let (changed, said) = build(&world, &[]);
    assert_eq!(said, format!("{name}@{new} (it was {old})"));
    assert_ne!(changed, first);
    drop(registry);
    let (code, error) = world.run(&[&BUILD[..], &SLOTS].concat()).failed(&world);
    assert_eq!(code, 1);
    for part in [
        format!("the registry did not say what `{name}` stands for"),
        format!("hint: `--offline` takes the image as it is kept, {new}\n"),
        format!("and `--base {name}=scratch` none\n"),
    ] {
        assert!(error.contains(&part), "{part} is missing in:\n{error}");
    }
    assert_eq!(build(&world, &["--offline"]).0, changed);
}

#[test]
fn nothing_stands_for_a_base() {
    let world = world("nowhere.invalid/b/base:v1");
    let (_, said) = build(&world, &["--base", "nowhere.invalid/b/base:v1=scratch"]);
    assert_eq!(said, "");
    let artifact = world.load("localhost/p:v1");
    assert_eq!((artifact.images().len(), artifact.images()[0].layers().len()), (2, 1));
    let other = [&BUILD[..], &["--base", "other=scratch"], &SLOTS].concat();
    let (code, error) = world.run(&other).failed(&world);
    let expected = "error: `other` cannot be replaced: no FROM or `COPY --from` of `Containerfile` \
                    names it\n\nhint: images that are named: `nowhere.invalid/b/base:v1`\n";
    assert_eq!((code, error.as_str()), (2, expected));
    for option in [&["--offline"][..], &["--base", "a=scratch"]] {
        let direct =
            [&["build", "-t", "localhost/p:v1", "--to", "oci:out"], option, &SLOTS].concat();
        let (code, error) = world.run(&direct).failed(&world);
        let expected = "error: `--base` and `--offline` are for a Containerfile, and none is named\n\n\
                        hint: `-f Containerfile.bytecode.multi.arch` names the one for bytecode\n";
        assert_eq!((code, error.as_str()), (2, expected));
    }
}

#[test]
fn without_a_home_nothing_is_kept() {
    let Some(registry) = Registry::anonymous() else { return };
    let name = registry.name("b/base:v1");
    push(&name, "old");
    let world = world(&name);
    let mut command = world.command(&[&BUILD[..], &SLOTS].concat());
    command.env_remove("HOME");
    super::world::finish(command.output().unwrap()).done();
    assert!(!world.around().join("home").exists());
    assert_eq!(world.load("localhost/p:v1").images()[0].labels()["base"], "old");
}
