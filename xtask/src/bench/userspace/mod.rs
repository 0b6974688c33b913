//! `bench userspace`: the userspace images, beside the Go runs that they need,
//! and beside those who build them by their Containerfiles.
//!
//! Everything happens in a copy of the checkout: a program is changed there,
//! and nothing of the checkout is built. Go's own caches are the user's, but
//! where it is said that there are none.

mod base;
mod engine;
mod report;
mod scene;
mod turns;
mod whole;

use ui::{Failure, Failures};

use super::Args;
use crate::context::Context;
use report::Report;
use scene::Scene;

/// What is measured.
const SELECTION: &str = "bpfman-userspace/";

/// The program that is changed.
const CHANGED: &str = "examples/go-xdp-counter/main.go";

pub(super) fn run(args: &Args, cx: &Context<'_>) -> Result<(), Failures> {
    let runs = args.runs.get();
    let scene = Scene::new(cx)?;
    let mut failures = Failures::default();
    let mut whole = vec![scene.linked()?];
    let turns = turns::race(&scene, runs, cx, &mut failures);
    let mut engines = Vec::new();
    let mut not_measured = Vec::new();
    if args.cold {
        match scene.compiled() {
            Ok(cold) => whole.push(cold),
            Err(failure) => failures.0.push(failure.context("from nothing")),
        }
        let podman = !args.no_old_way;
        engines = engine::race(&scene, (runs, podman), cx, &mut failures, &mut not_measured)?;
    } else {
        not_measured.push(
            "from nothing, buildx and podman: they take minutes; `--cold` measures them".to_owned(),
        );
    }
    Report::new(&scene, &turns, &engines, whole, not_measured, cx).print(cx)?;
    failures.or(())
}

/// Returns a failure that names what was wrong with an image.
fn wrong(message: String) -> Failure {
    Failure::new(ui::Exit::Failed, message)
}
