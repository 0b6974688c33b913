//! How both programs talk: messages, hints, progress, colour, JSON, tables,
//! exit codes.
//!
//! Results go to standard output, everything else to standard error. Nothing
//! else in the workspace prints. Not here: what any message is about.

#![forbid(unsafe_code)]

mod args;
mod exit;
mod failure;
mod output;
mod program;
mod progress;
mod table;
mod words;

pub use args::{Color, Format, GlobalArgs};
pub use exit::Exit;
pub use failure::{Failure, Failures};
pub use output::Ui;
pub use program::run_program;
pub use progress::Progress;
pub use table::Table;
pub use words::{STYLES, count, human_bytes, human_seconds};
