//! Advisory locks between processes, held while a value lives.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::fs::{IoContext, IoError};

/// A lock on a file, released when dropped or when the process ends, however
/// it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path` together with other sharers, waiting for an
    /// exclusive holder. Creates the file, not its directory.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be made or locked, or if the wait is
    /// interrupted by the user.
    pub fn shared(path: &Path) -> Result<Lock, IoError> {
        Lock::take(path, FlockOperation::NonBlockingLockShared)
    }

    /// Takes the lock at `path` alone, waiting for all other holders.
    ///
    /// # Errors
    ///
    /// As [`Lock::shared`].
    pub fn exclusive(path: &Path) -> Result<Lock, IoError> {
        Lock::take(path, FlockOperation::NonBlockingLockExclusive)
    }

    /// Takes the lock at `path` alone, or returns `None` if anyone has it.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be made or locked.
    pub fn try_exclusive(path: &Path) -> Result<Option<Lock>, IoError> {
        let file = open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(IoError::new("lock", path, errno.into())),
        }
    }

    /// Polls instead of blocking in the kernel: a blocked flock would not
    /// notice [`crate::interrupted`].
    fn take(path: &Path, operation: FlockOperation) -> Result<Lock, IoError> {
        let file = open(path)?;
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK) if !crate::interrupted() => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(errno) => return Err(IoError::new("lock", path, errno.into())),
            }
        }
    }
}

fn open(path: &Path) -> Result<File, IoError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).io_context("open the lock file", path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn an_exclusive_lock_waits_for_the_shared_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::shared(&path).unwrap();
        let second = Lock::shared(&path).unwrap();
        let (sent, received) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _alone = Lock::exclusive(&path).unwrap();
                sent.send(()).unwrap();
            });
            assert!(received.recv_timeout(Duration::from_millis(50)).is_err());
            drop(first);
            assert!(received.recv_timeout(Duration::from_millis(50)).is_err());
            drop(second);
            received.recv_timeout(Duration::from_secs(60)).unwrap();
        });
    }

    #[test]
    fn a_lock_that_is_held_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let shared = Lock::shared(&path).unwrap();
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop(shared);
        let alone = Lock::try_exclusive(&path).unwrap();
        assert!(alone.is_some());
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
    }

    #[test]
    fn the_error_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("absent/lock");
        let error = Lock::shared(&path).unwrap_err();
        let expected = format!("failed to open the lock file `{}`", path.display());
        assert_eq!(error.to_string(), expected);
    }
}
