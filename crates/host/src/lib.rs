//! The machine: run a process, write a file atomically, lock, find a tool.
//!
//! The one crate that touches processes, and the one way the others write
//! files. It knows nothing of eBPF or images. Errors name the path or the
//! command they are about.

mod background;
pub mod fs;
mod interrupt;
mod lines;
mod lock;
mod process;
mod tool;

pub use background::Background;
pub use interrupt::{interrupted, listen_for_interrupts};
pub use lock::Lock;
pub use process::{Cmd, Output, RunError, RunErrorKind};
pub use tool::{find_tool, find_tools, is_root};
