//! Several builds at once, into one tree and one cache.

use std::process::Stdio;

use super::{assert_same, assert_valid, build, several, succeed, temporary_files, tree};
use crate::incremental::{entry, files};
use crate::support::{Checkout, finish};

/// Starts all builds, waits for all, and asserts that all succeed.
fn all_at_once(commands: Vec<std::process::Command>) -> Vec<String> {
    let start = |mut command: std::process::Command| {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = commands.into_iter().map(start).collect();
    let runs = children.into_iter().map(|child| finish(child.wait_with_output().unwrap()));
    let check = |run: crate::support::Run| {
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    runs.map(check).collect()
}

#[test]
fn builds_at_once_give_what_one_gives() {
    let cases =
        [("cold", [several(9), several(9)], 2), ("warm", [Checkout::warm(), Checkout::warm()], 4)];
    for (what, [alone, shared], count) in cases {
        let expected = succeed(&mut build(&alone, &[])).stdout;
        let commands = (0..count).map(|_| build(&shared, &[])).collect();
        for stdout in all_at_once(commands) {
            assert_eq!(stdout, expected, "{what}");
        }
        assert_same(&tree(&shared), &tree(&alone), what);
        let cache = |at: &Checkout| files::contents(&at.path().join("target/bpf"));
        let objects = |at: &Checkout| {
            let kept = cache(at).into_iter().filter(|(name, _)| !name.starts_with("compilers"));
            kept.collect()
        };
        assert_same(&objects(&shared), &objects(&alone), what);
        assert_eq!(temporary_files(&shared), [""; 0], "{what}");
        let again = succeed(&mut build(&shared, &[]));
        assert_eq!((again.counts().0, again.counts().2), (0, 0), "{what}");
    }
}

#[test]
fn pruning_beside_a_build_takes_nothing_from_it() {
    let writer = several(9);
    // The other checkout knows one image, and prunes the tree of the first.
    let pruner = several(1);
    pruner.catalogue(&entry("only", "bpf/source0.bpf.c"));
    let images = writer.path().join("target/images");
    let to = format!("oci:{}", images.display());
    succeed(&mut build(&writer, &[]));
    let expected = tree(&writer);
    for round in 0..6 {
        let when = format!("round {round}");
        let mut commands = vec![build(&pruner, &["--to", &to, "--prune"])];
        commands.insert(round % 2, build(&writer, &[]));
        all_at_once(commands);
        assert_valid(&writer, &when);
        assert_eq!(temporary_files(&writer), [""; 0], "{when}");
        succeed(&mut build(&writer, &["--prune"]));
        assert_same(&tree(&writer), &expected, &when);
    }
}
