//! What both programs do around their work: read the command line, listen for
//! interrupts, report failures, turn them into an exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::{Exit, Failure, Failures, GlobalArgs, Ui};

/// Runs a program: `globals` picks the common options out of its command
/// line, `run` does its work.
///
/// Bad usage is clap's to report, with exit code 2. A panic is a bug: it is
/// reported as one, with exit code 70.
pub fn run_program<A: Parser>(
    globals: impl FnOnce(&A) -> &GlobalArgs,
    run: impl FnOnce(A, &Ui) -> Result<(), Failures>,
) -> ExitCode {
    let args = A::parse();
    let ui = Ui::new(globals(&args));
    // Without handlers an interrupt ends the process at once: nothing is lost
    // but the tidying up.
    if let Err(error) = host::listen_for_interrupts() {
        ui.debug(format_args!("cannot listen for interrupts: {error}"));
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| run(args, &ui)));
    match outcome {
        Ok(Ok(())) if host::interrupted() => Exit::Interrupted.into(),
        Ok(Ok(())) => Exit::Done.into(),
        Ok(Err(failures)) if failures.exit() == Exit::Done => Exit::Done.into(),
        Ok(Err(failures)) => {
            let interrupted = host::interrupted();
            // What failed because it was interrupted needs no report.
            let reported: Vec<Failure> = match interrupted {
                true => vec![Failure::new(Exit::Interrupted, "interrupted")],
                false => failures.0.clone(),
            };
            ui.failures(&reported);
            Failures(reported).exit().into()
        }
        Err(_) => {
            let bug = Failure::new(Exit::Internal, "internal error; this is a bug")
                .hint("run it again with RUST_BACKTRACE=1 and report what it prints");
            ui.failures(&[bug]);
            Exit::Internal.into()
        }
    }
}
