//! The exit codes of both programs, in one place.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    /// Done, or there was nothing to do and the program said so.
    Done,
    /// The work failed: a compilation, a check, a write.
    #[default]
    Failed,
    /// Bad usage or a bad catalogue; nothing was done.
    Usage,
    /// A tool or engine that is needed is not there.
    Missing,
    /// The selection is valid and matches nothing.
    Empty,
    /// A bug in the program.
    Internal,
    /// The user interrupted it.
    Interrupted,
}

impl Exit {
    /// Returns the process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Missing => 3,
            Exit::Empty => 4,
            Exit::Internal => 70,     // sysexits.h: EX_SOFTWARE
            Exit::Interrupted => 130, // 128 + SIGINT, as shells do
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
