//! How much is done at once.

use std::num::NonZeroUsize;

use clap::Args;

/// How much is done at once.
#[derive(Args, Clone, Copy, Debug)]
pub struct Jobs {
    /// How many compilations and other jobs run at once; the number of
    /// processors unless given
    #[arg(short, long, global = true, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl Jobs {
    /// Returns the number that was given, if one was.
    pub fn given(self) -> Option<NonZeroUsize> {
        self.jobs
    }

    /// Returns the number that was given, or the number of processors.
    pub fn number(self) -> NonZeroUsize {
        let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.jobs.unwrap_or_else(processors)
    }
}
