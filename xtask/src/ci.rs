//! `ci`: what CI runs, in one command.

use ui::Failures;

use crate::context::Context;
use crate::{lint, test};

/// Run what CI runs: the tests, then lint
///
/// Installs with apt what the tests need and is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask ci")]
pub(crate) struct Args {}

pub(crate) fn run(_: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let mut failures = Failures::default();
    for outcome in [test::run(test::Args::for_ci(), cx), lint::run(lint::Args {}, cx)] {
        failures.0.extend(outcome.err().into_iter().flat_map(|failed| failed.0));
    }
    failures.or(())
}
