//! Whether the user asked the program to stop.
//!
//! A flag, not an exit: work notices it at its next step and returns, so
//! temporary files and locks are released on the way out. Not here: what
//! the exit code is then.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Starts to listen for SIGINT and SIGTERM.
///
/// The first one raises the flag that [`interrupted`] reads. A second one
/// ends the process at once with exit code 130.
///
/// # Errors
///
/// Returns the system's error if a handler cannot be installed.
pub fn listen_for_interrupts() -> io::Result<()> {
    let flag = FLAG.get_or_init(|| Arc::new(AtomicBool::new(false)));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The order matters: the shutdown sees the flag as it was before.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(flag))?;
        signal_hook::flag::register(signal, Arc::clone(flag))?;
    }
    Ok(())
}

/// Returns whether SIGINT or SIGTERM has arrived since
/// [`listen_for_interrupts`].
pub fn interrupted() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}
