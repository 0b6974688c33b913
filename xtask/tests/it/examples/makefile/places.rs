//! Where images go, who makes them, and from where make is run.

use oci::layout::Tree;
use oci::{Layout, Reference};

use super::image::{ALL, EXAMPLES, Kind, check, host};
use super::{built, desk, desk_and_registry, pushing, succeed};
use crate::desk::Desk;
use crate::registry::digest_of;
use crate::support::finish;

/// Returns the platforms of an image in a tree of layouts.
fn in_layouts(desk: &Desk, tree: &str, name: &str) -> Vec<String> {
    let reference: Reference = name.parse().unwrap();
    let directory = Tree::new(desk.checkout.path().join(tree)).directory(&reference);
    let layout = Layout::open(&directory).unwrap();
    let artifact = layout.load(&layout.resolve(reference.tag().unwrap()).unwrap()).unwrap();
    artifact.platforms().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_not_pushed_stays_in_layouts_and_can_be_pushed_later() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    let variables = [("REGISTRY", registry.address.as_str()), ("USER_BC", "me")];
    let platforms = ALL.join(",");
    let line = format!("make build-bc-images PUSH=0 PLATFORM={platforms}");
    let run = succeed(&desk, &line, &variables);
    let names = EXAMPLES.map(|(_, _, image)| registry.name(&format!("me/{image}:latest")));
    assert_eq!(built(&run), names);
    assert_eq!(pushing(&run), [""; 0]);
    for name in &names {
        assert_eq!(digest_of(name), None, "{name} is nowhere but here");
        assert_eq!(in_layouts(&desk, "target/images", name), ALL);
    }
    let pushed = succeed(&desk, "make push-bc-images", &variables);
    let mut found = built(&pushed);
    found.sort_unstable();
    let mut names = names.to_vec();
    names.sort();
    assert_eq!(found, names);
    for (_, _, image) in EXAMPLES {
        check(&registry.name(&format!("me/{image}:latest")), Kind::Bytecode, image, &ALL);
    }
}

#[test]
fn other_places_take_them_instead() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    let variables = [("REGISTRY", registry.address.as_str())];
    let name = registry.name("bpfman-bytecode/go-xdp-counter:latest");
    let run = succeed(&desk, "make build-bc-xdp TO='oci:here oci-archive:x.tar'", &variables);
    assert_eq!((built(&run), pushing(&run)), (vec![name.as_str()], Vec::new()));
    assert_eq!(digest_of(&name), None);
    // They are relative to where make runs.
    assert_eq!(in_layouts(&desk, "examples/here", &name), [host()]);
    assert!(desk.checkout.path().join("examples/x.tar").is_file());
    let both = succeed(&desk, "make build-bc-xdp TO='oci:here registry'", &variables);
    assert_eq!(pushing(&both), [format!("{name} with native")]);
    check(&name, Kind::Bytecode, "go-xdp-counter", &[host()]);
}

#[test]
fn it_runs_from_anywhere() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    let lines = [
        "make -C examples build-bc-tc USER_BC=top".to_owned(),
        "cd examples; make build-bc-tc USER_BC=inside".to_owned(),
        format!(
            "cd /; make -C '{}/examples' build-bc-tc USER_BC=outside",
            desk.checkout.path().display()
        ),
    ];
    for (line, user) in lines.iter().zip(["top", "inside", "outside"]) {
        let run = finish(desk.command(line).env("REGISTRY", &registry.address).output().unwrap());
        let name = registry.name(&format!("{user}/go-tc-counter:latest"));
        assert_eq!((run.code, built(&run)), (0, vec![name.as_str()]), "{line}: {}", run.stderr);
        check(&name, Kind::Bytecode, "go-tc-counter", &[host()]);
    }
}

#[test]
fn podman_makes_them_too() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    if test_support::tool("podman").is_none() {
        return;
    }
    let name = registry.name("me/go-app-counter:v");
    let variables = [
        ("REGISTRY", registry.address.as_str()),
        // What works in a container and in a small machine.
        ("BUILDAH_ISOLATION", "chroot"),
    ];
    let line =
        "make build-bc-app ENGINE=podman USER_BC=me TAG_BC=v PLATFORM=linux/arm64,linux/s390x";
    let run = succeed(&desk, line, &variables);
    assert_eq!(pushing(&run), [format!("{name} with podman")]);
    check(&name, Kind::Bytecode, "go-app-counter", &["linux/arm64", "linux/s390x"]);
}

#[test]
fn a_kind_cluster_gets_all_user_space_images() {
    let Some(desk) = desk() else { return };
    // What is run, not what comes of it: there is no cluster here.
    let run = succeed(&desk, "make -n load-us-images-kind KIND_CLUSTER_NAME=mine", &[]);
    let words: Vec<_> = run.stdout.split_whitespace().collect();
    assert_eq!(words[..3], ["cargo", "xtask", "build-images"]);
    let to: Vec<_> =
        words.windows(2).filter(|pair| pair[0] == "--to").map(|pair| pair[1]).collect();
    assert_eq!((to, words.contains(&"--push")), (vec!["'kind:mine'"], false));
    let mut named: Vec<_> =
        words.iter().filter_map(|word| word.strip_prefix("bpfman-userspace/")).collect();
    named.sort_unstable();
    let mut expected: Vec<_> =
        Kind::UserSpace.examples().into_iter().map(|(_, _, image)| image).collect();
    expected.sort_unstable();
    assert_eq!(named, expected);
}
