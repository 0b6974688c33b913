//! What was built already: nothing changed, and one program changed. The Go
//! runs alone take turns with the command that has them done.

use std::cell::Cell;

use ui::{Failure, Failures};

use super::scene::{Sample, Scene, one_by_one, sample};
use crate::bench::cases::run_all;
use crate::bench::race::{self, Contender};
use crate::context::Context;

/// Who takes turns.
enum Way {
    Alone,
    Ours,
}

/// What all runs of one contender came to, in their order.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) unchanged: Vec<Sample>,
    pub(super) changed: Vec<Sample>,
}

/// Lets both take turns.
pub(super) fn race(
    scene: &Scene<'_>,
    runs: usize,
    cx: &Context<'_>,
    failures: &mut Failures,
) -> Vec<(&'static str, Samples)> {
    let contenders = [("the Go runs alone", Way::Alone), ("build-images", Way::Ours)];
    let contenders = contenders.map(|(name, way)| Contender { name, runs, way });
    let changes = Cell::new(0);
    let turn = |contender: &Contender<Way>, samples: &mut Samples| {
        let ours = scene.ours(&scene.target, &["-q"]);
        let work = || match contender.way {
            Way::Alone => run_all(&scene.alone, cx.jobs.get()),
            Way::Ours => one_by_one(std::slice::from_ref(&ours)),
        };
        // The other one has changed something, and the packages are not made.
        one_by_one(std::slice::from_ref(&ours))?;
        samples.unchanged.push(sample(work)?);
        changes.set(changes.get() + 1);
        scene.change(changes.get())?;
        samples.changed.push(sample(work)?);
        Ok::<(), Failure>(())
    };
    race::race(&contenders, runs, cx, failures, turn)
}
