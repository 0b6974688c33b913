//! A process that runs beside this one, such as a server: started, looked
//! after, and ended with the value that stands for it.

use std::fs::File;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{Cmd, RunError};

/// How long a process may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process that was started and goes on. Dropped, it is asked to end
/// (SIGTERM), and made to where it does not.
#[derive(Debug)]
pub struct Background {
    child: Child,
}

impl Cmd {
    /// Starts it and does not wait for its end. Both its streams go to `log`;
    /// [`Cmd::input`] is not handed on.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be started; how it ends is not told.
    pub fn start(&self, log: File) -> Result<Background, RunError> {
        let again = log.try_clone().map_err(|error| self.not_started(error))?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(again).stderr(log);
        let child = command.spawn().map_err(|error| self.not_started(error))?;
        Ok(Background { child })
    }
}

impl Background {
    /// Returns its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let until = Instant::now() + PATIENCE;
        if !self.has_ended() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
        while !self.has_ended() {
            if Instant::now() > until {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    /// Starts a shell, waits for its first line, and ends it.
    fn said(script: &str) -> String {
        let mut log = tempfile::tempfile().unwrap();
        let cmd = Cmd::new("/bin/sh").arg("-c").arg(script);
        let mut running = cmd.start(log.try_clone().unwrap()).unwrap();
        while log.metadata().unwrap().len() == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!running.has_ended());
        let process = Pid::from_child(&running.child);
        drop(running);
        assert!(rustix::process::test_kill_process(process).is_err(), "it is gone");
        let mut text = String::new();
        log.rewind().unwrap();
        log.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn it_runs_until_it_is_dropped() {
        // A `sleep` would outlive its shell: the shell itself has to wait.
        let script = "trap 'echo asked >&2; exit' TERM; echo up; while :; do :; done";
        assert_eq!(said(script), "up\nasked\n");
    }

    #[test]
    fn one_that_ended_is_noticed() {
        let mut running =
            Cmd::new("/bin/sh").arg("-c").arg(":").start(tempfile::tempfile().unwrap()).unwrap();
        while !running.has_ended() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let error = Cmd::new("/no/such/program").start(tempfile::tempfile().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "`program` could not be run");
    }
}
