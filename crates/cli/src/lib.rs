//! What the command lines of both programs share: options that mean the same
//! in both, what is shown while they compile and publish, and how what went
//! wrong there is put into words.
//!
//! Not here: the work itself, and anything that only one of them knows, such
//! as the catalogue.

#![forbid(unsafe_code)]

pub mod bases;
pub mod compile;
pub mod engine;
mod epoch;
mod jobs;
pub mod publish;
pub mod registry;
mod scratch;
mod words;

pub use epoch::source_date_epoch;
pub use jobs::Jobs;
pub use scratch::Scratch;
pub use words::{key_value, list, nearest, platform, typed};
