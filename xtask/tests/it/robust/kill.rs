//! Killed at any moment, a build leaves what can be read and completed.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{assert_same, assert_valid, build, several, succeed, tree};
use crate::support::Checkout;

const IMAGES: usize = 12;

/// How many builds are killed in each of the three ways.
const TIMES: u32 = 7;

/// When a build is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// At any time of a run that compiles first.
    Any,
    /// At any time of a run whose objects are there.
    Warm,
    /// Soon after the first file is in the tree.
    Writing,
}

/// Numbers that look random (xorshift64), the same for the same seed.
pub struct Random(pub u64);

impl Random {
    /// Returns a number less than `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Returns a part of `whole`.
    fn part(&mut self, whole: Duration) -> Duration {
        whole * u32::try_from(self.below(1000)).unwrap() / 1000
    }
}

#[expect(clippy::print_stdout, reason = "libtest shows it for a test that fails")]
pub fn print(text: &str) {
    println!("{text}");
}

#[test]
fn killed_at_any_moment() {
    let clean = several(IMAGES);
    let time = |checkout: &Checkout| {
        let started = Instant::now();
        succeed(&mut build(checkout, &[]));
        started.elapsed()
    };
    let cold = time(&clean);
    let expected = tree(&clean);
    std::fs::remove_dir_all(clean.path().join("target/images")).unwrap();
    let warm = time(&clean);
    let mut random = Random(test_support::seed());
    let mut killed = 0;
    for (moment, whole) in [(Moment::Any, cold), (Moment::Warm, warm), (Moment::Writing, warm / 4)]
    {
        for number in 0..TIMES {
            let delay = random.part(whole);
            let when = format!("{moment:?} {number}, after {delay:?} of {whole:?}");
            let checkout = several(IMAGES);
            if matches!(moment, Moment::Warm | Moment::Writing) {
                let cache = "target/bpf";
                crate::support::copy(&clean.path().join(cache), &checkout.path().join(cache));
            }
            killed += u32::from(kill(&checkout, moment, delay));
            assert_valid(&checkout, &when);
            succeed(&mut build(&checkout, &["--prune"]));
            assert_same(&tree(&checkout), &expected, &when);
            assert_valid(&checkout, &when);
        }
    }
    print(&format!("{killed} were killed before they were done"));
    assert!(killed > TIMES, "only {killed} builds were killed before they were done");
}

/// Starts a build and kills it; returns whether it was still running.
fn kill(checkout: &Checkout, moment: Moment, delay: Duration) -> bool {
    let mut command =
        build(checkout, &["--to", "oci:target/images", "--to", "oci-archive:target/a.tar"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    if matches!(moment, Moment::Writing) {
        let images = checkout.path().join("target/images/quay.io");
        while !images.exists() && is_running(&mut child) {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    std::thread::sleep(delay);
    let was_running = is_running(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    // An archive is there as a whole or not at all.
    let archive = checkout.path().join("target/a.tar");
    if archive.exists() {
        let run = checkout.run(&["inspect-images", "target/a.tar"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    was_running
}

fn is_running(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_none()
}
