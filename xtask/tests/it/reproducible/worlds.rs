//! Two checkouts in two different worlds, built to the last byte alike.

use std::path::Path;
use std::process::Command;

use crate::incremental::files;
use crate::support::{Checkout, LIBBPF, Run, copy, finish};

/// A way to live that must not matter.
struct World {
    umask: &'static str,
    jobs: &'static str,
    /// Seconds that the sources are old.
    age: u64,
    env: &'static [(&'static str, &'static str)],
    /// Whether libbpf lies elsewhere, and the work is done in another order.
    moved: bool,
}

const HERE: World = World {
    umask: "022",
    jobs: "1",
    age: 3600,
    env: &[("LC_ALL", "C"), ("LANG", "C"), ("TZ", "UTC"), ("USER", "root")],
    moved: false,
};

const THERE: World = World {
    umask: "077",
    jobs: "4",
    age: 700_000_000,
    env: &[
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANG", "de_DE.UTF-8"),
        ("LANGUAGE", "fr"),
        ("TZ", "Asia/Kathmandu"),
        ("HOME", "/nonexistent"),
        ("USER", "someone"),
        ("PWD", "/elsewhere"),
    ],
    moved: true,
};

#[test]
fn two_worlds_give_the_same_bytes() {
    let (here, there) = (Checkout::cold(), Checkout::cold());
    let runs = [build(&here, &HERE), build(&there, &THERE)];
    assert_eq!(runs[0].stdout.lines().count(), 22);
    assert_eq!(runs[0].stdout, runs[1].stdout);
    let counts = runs.map(|run| run.counts());
    assert_eq!((counts[0].0, counts[0]), (40, counts[1]));

    // The tree, the archive, the objects and what is kept of them.
    for part in ["target/to", "target/bpf/objects", "target/bpf/plans", "target/bpf/headers"] {
        let [one, other] = [&here, &there].map(|at| files::contents(&at.path().join(part)));
        assert!(one.len() > 15, "{part} has {} files", one.len());
        let differ: Vec<_> = files::changed(&one, &other).into_iter().collect();
        assert_eq!(differ, [""; 0], "{part}");
    }
    for (checkout, world) in [(&here, &HERE), (&there, &THERE)] {
        for part in ["target/to", "target/bpf/objects"] {
            names_no_place(&checkout.path().join(part), checkout, world);
        }
    }
}

/// Builds images and objects, to below `to`.
fn build(checkout: &Checkout, world: &World) -> Run {
    let libbpf = checkout.path().join("libbpf of mine");
    if world.moved {
        copy(&LIBBPF.join("src"), &libbpf.join("src"));
        copy(&LIBBPF.join("include"), &libbpf.join("include"));
    }
    let libbpf = if world.moved { &libbpf } else { LIBBPF.as_path() };
    files::age(checkout.path(), world.age);
    let run = run(
        checkout,
        world,
        libbpf,
        &[
            "build-images",
            "--to",
            "oci:target/to/images",
            "--to",
            "oci-archive:target/to/images.tar",
        ],
    );
    // Word by word and the last first, at another place of the same tree.
    if world.moved {
        let mut sources: Vec<_> = run.stdout.lines().collect();
        sources.reverse();
        for line in sources {
            let name = line.strip_prefix("quay.io/").unwrap().split(':').next().unwrap();
            self::run(
                checkout,
                world,
                libbpf,
                &["build-images", "--to", "oci:target/to/one by one", name],
            );
        }
    } else {
        self::run(checkout, world, libbpf, &["build-images", "--to", "oci:target/to/one by one"]);
    }
    self::run(checkout, world, libbpf, &["build-ebpf", "--output", "target/to/objects"]);
    run
}

fn run(checkout: &Checkout, world: &World, libbpf: &Path, args: &[&str]) -> Run {
    let command = checkout.command(args);
    let mut under = Command::new("/bin/sh");
    under.args(["-c", "umask $0 && exec \"$@\"", world.umask]);
    under.arg(command.get_program()).args(command.get_args());
    under.arg("--libbpf-dir").arg(libbpf).args(["--jobs", world.jobs]);
    under.current_dir(checkout.path()).env_clear();
    under.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    under.envs(world.env.iter().copied());
    let run = finish(under.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    run
}

/// Asserts that no file below `dir` names a place of the machine; layers are
/// stored, not compressed, so their bytes can be searched.
fn names_no_place(dir: &Path, checkout: &Checkout, world: &World) {
    let root = std::fs::canonicalize(checkout.path()).unwrap();
    let own = root.file_name().unwrap().to_str().unwrap();
    let home = world.env.iter().find(|(name, _)| *name == "HOME").map(|(_, value)| *value);
    let places = [Some(own), Some("check out="), LIBBPF.to_str(), Some("target/bpf"), home];
    let mut named_in_part = 0;
    for name in files::contents(dir).keys() {
        let bytes = std::fs::read(dir.join(name)).unwrap();
        for place in places.iter().flatten() {
            assert!(!holds(&bytes, place), "`{name}` holds `{place}`");
        }
        named_in_part += usize::from(holds(&bytes, "bpf/xdp_pass.bpf.c"));
    }
    assert!(named_in_part >= 2, "relative names are there to be found: {named_in_part}");
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
