//! Taking turns: whatever disturbs the machine meanwhile, it disturbs all that
//! are compared.

use ui::{Failure, Failures};

use crate::context::Context;

/// One of those who are compared.
pub(super) struct Contender<W> {
    pub(super) name: &'static str,
    /// In how many of the runs it takes part: what takes minutes, in few.
    pub(super) runs: usize,
    /// How it does the work.
    pub(super) way: W,
}

/// Lets everybody have `turn`s, and returns what they came to. One that fails
/// is in no further turn.
pub(super) fn race<W, S: Default>(
    contenders: &[Contender<W>],
    runs: usize,
    cx: &Context<'_>,
    failures: &mut Failures,
    turn: impl Fn(&Contender<W>, &mut S) -> Result<(), Failure>,
) -> Vec<(&'static str, S)> {
    let mut all: Vec<(&Contender<W>, S)> =
        contenders.iter().map(|contender| (contender, S::default())).collect();
    for run in 0..runs {
        cx.ui.step("Measuring", format_args!("run {} of {runs}", run + 1));
        all.retain_mut(|(contender, samples)| {
            if run >= contender.runs {
                return true;
            }
            let outcome = turn(contender, samples);
            let failure = outcome.map_err(|failure| failure.context(contender.name));
            let is_well = failure.is_ok();
            failures.0.extend(failure.err());
            is_well
        });
    }
    all.into_iter().map(|(contender, samples)| (contender.name, samples)).collect()
}
