//! A thousand images need little more than one.

use std::process::Command;

use super::{several, temporary};
use crate::support::{Checkout, finish};

const IMAGES: usize = 1000;

/// In KiB.
const MEMORY: u64 = 64 * 1024;

/// Runs `build-images` with at most `files` open files; returns its standard
/// output's lines and the memory that it took, in KiB.
fn build(checkout: &Checkout, files: u32, args: &[&str]) -> (usize, u64) {
    let program = checkout.build_images_command(args);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n $0 && exec \"$@\"", &files.to_string()]);
    command.arg(program.get_program()).args(program.get_args()).arg("-vv");
    command.current_dir(checkout.path()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = finish(command.env("TMPDIR", temporary(checkout)).output().unwrap());
    let last = run.stderr.lines().rev().take(20).collect::<Vec<_>>();
    assert_eq!(run.code, 0, "{last:?}");
    let peak = run.stderr.lines().find_map(|line| line.strip_prefix("peak memory: "));
    let peak =
        peak.and_then(|peak| peak.strip_suffix(" KiB")).unwrap_or_else(|| panic!("{last:?}"));
    (run.stdout.lines().count(), peak.parse().unwrap())
}

#[test]
fn a_thousand_images_take_little_memory_and_few_files() {
    let checkout = several(IMAGES);
    let both = ["--to", "oci:target/images", "--to", "oci-archive:target/images.tar"];
    for (files, args) in [(1024, &both[..]), (64, &["--to", "oci:target/other"]), (1024, &both)] {
        let (lines, peak) = build(&checkout, files, args);
        assert_eq!(lines, IMAGES, "{args:?}");
        assert!((1..MEMORY).contains(&peak), "{args:?} took {peak} KiB");
    }
    for path in ["target/images", "target/images.tar"] {
        let run = checkout.run(&["inspect-images", "--format", "json", path]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let checked = "   Checked 1000 images, 2000 platforms in all: 0 problems\n";
        assert_eq!(run.stderr, checked);
    }
}
