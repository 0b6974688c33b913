//! Files: errors that name the path, writes that are whole or not there.
//!
//! [`write_atomic`] and [`Staged`] put bytes beside their place and rename
//! them into it, so that a reader, and a process killed half-way, sees the
//! old file or the new one. Neither flushes to disk: [`sync`] does, once for
//! many files.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// What was being done to which path, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} `{}`", path.display())]
pub struct IoError {
    /// What was being done: a phrase that fits after "failed to".
    pub action: &'static str,
    /// The path it was done to.
    pub path: PathBuf,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

impl IoError {
    /// Makes an error: `action` fits after "failed to".
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> IoError {
        IoError { action, path: path.to_owned(), source }
    }
}

/// Adds the action and the path to a system error.
pub trait IoContext<T> {
    /// Adds what was done (it fits after "failed to") to which path.
    ///
    /// # Errors
    ///
    /// Passes the error on, named.
    fn io_context(self, action: &'static str, path: &Path) -> Result<T, IoError>;
}

impl<T, E: Into<io::Error>> IoContext<T> for Result<T, E> {
    fn io_context(self, action: &'static str, path: &Path) -> Result<T, IoError> {
        self.map_err(|source| IoError::new(action, path, source.into()))
    }
}

/// Reads a whole file.
///
/// # Errors
///
/// Fails as the system does, naming the path.
pub fn read(path: &Path) -> Result<Vec<u8>, IoError> {
    #[expect(clippy::disallowed_methods, reason = "this is the function to use instead")]
    std::fs::read(path).io_context("read", path)
}

/// Reads a whole file as UTF-8 text.
///
/// # Errors
///
/// Fails as the system does, or if the file is not UTF-8; names the path.
pub fn read_to_string(path: &Path) -> Result<String, IoError> {
    #[expect(clippy::disallowed_methods, reason = "this is the function to use instead")]
    std::fs::read_to_string(path).io_context("read", path)
}

/// Reads a whole file, or returns `None` if it does not exist.
///
/// # Errors
///
/// Fails on anything but absence.
pub fn read_if_present(path: &Path) -> Result<Option<Vec<u8>>, IoError> {
    match read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a regular file for reading. Unlike [`File::open`] it does not follow
/// `path` if that is a link, and does not wait for the writer of a pipe.
///
/// # Errors
///
/// Fails as the system does, or if it is anything but a regular file; names
/// the path.
pub fn open_regular(path: &Path) -> Result<File, IoError> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map(File::from);
    let file = file.io_context("open", path)?;
    if !file.metadata().io_context("read", path)?.is_file() {
        let source = io::Error::other("it is not a regular file");
        return Err(IoError::new("open", path, source));
    }
    Ok(file)
}

/// Makes a directory and its parents, if they are not there.
///
/// # Errors
///
/// Fails as the system does, naming the path.
pub fn create_dir_all(path: &Path) -> Result<(), IoError> {
    std::fs::create_dir_all(path).io_context("create the directory", path)
}

/// Returns the names in a directory, sorted, so that whatever is made from
/// them comes out the same on every machine.
///
/// # Errors
///
/// Fails if the directory cannot be read.
pub fn read_dir(path: &Path) -> Result<Vec<PathBuf>, IoError> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .io_context("list the directory", path)?;
    paths.sort();
    Ok(paths)
}

/// Moves a file or directory within one file system, in one step.
///
/// # Errors
///
/// Fails as the system does, naming the new path.
pub fn rename(from: &Path, to: &Path) -> Result<(), IoError> {
    #[expect(clippy::disallowed_methods, reason = "this is the function to use instead")]
    std::fs::rename(from, to).io_context("write", to)
}

/// Removes a file; its absence is fine.
///
/// # Errors
///
/// Fails on anything but absence.
pub fn remove_file(path: &Path) -> Result<(), IoError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.io_context("remove", path),
    }
}

/// The permissions of written files: 0644 whatever the umask, so that a
/// tree can be shared and served.
const MODE: u32 = 0o644;

/// A file being written beside its place. Dropped unplaced, it is removed.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    directory: PathBuf,
}

/// The start of every temporary name, so that what a killed process left
/// behind can be told from what belongs there.
pub const STAGED_PREFIX: &str = ".staged-";

impl Staged {
    /// Starts a file in `directory`, which must exist and be on the file
    /// system where the file is to be placed.
    ///
    /// # Errors
    ///
    /// Fails as the system does, naming the directory.
    pub fn new(directory: &Path) -> Result<Staged, IoError> {
        let file = tempfile::Builder::new()
            .prefix(STAGED_PREFIX)
            .tempfile_in(directory)
            .io_context("create a file in", directory)?;
        Ok(Staged { file, directory: directory.to_owned() })
    }

    /// Returns the path of the unfinished file, for a process to write to.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Moves the file to `path`, in place of what is there.
    ///
    /// # Errors
    ///
    /// Fails as the system does, naming `path`; nothing is left behind.
    pub fn place(self, path: &Path) -> Result<(), IoError> {
        use std::os::unix::fs::PermissionsExt;
        self.file
            .as_file()
            .set_permissions(std::fs::Permissions::from_mode(MODE))
            .io_context("set the permissions of", self.file.path())?;
        self.file.persist(path).map_err(|e| e.error).io_context("write", path)?;
        Ok(())
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Staged {
    /// Writes all of `bytes`.
    ///
    /// # Errors
    ///
    /// Fails as the system does (a full disk, say), naming the directory.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), IoError> {
        self.file.write_all(bytes).io_context("write a file in", &self.directory)
    }
}

/// Writes a file so that no one ever sees half of it. The directory must
/// exist.
///
/// # Errors
///
/// Fails as the system does, naming the path; the old file is then as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), IoError> {
    let mut staged = Staged::new(directory_of(path))
        .and_then(|mut staged| staged.put(bytes).map(|()| staged))
        .map_err(|error| IoError::new("write", path, error.source))?;
    staged.flush().io_context("write", path)?;
    staged.place(path)
}

/// Writes a new file that nobody but its owner may read (mode 0600).
///
/// # Errors
///
/// Fails if there is a file, and as the system does; names the path.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), IoError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(path).and_then(|mut file| file.write_all(bytes));
    file.io_context("write", path)
}

/// Writes a file unless it holds these bytes already. Returns whether it
/// wrote.
///
/// # Errors
///
/// As [`write_atomic`].
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool, IoError> {
    // What cannot be read is written anew: the write says what is wrong.
    if read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    write_atomic(path, bytes)?;
    Ok(true)
}

/// Makes a file at `to` with the bytes and the mode of `from`: another name of
/// the same file, or a copy where the system allows none. What is at `to`
/// stays.
///
/// # Errors
///
/// Fails as the system does, naming the path.
pub fn link_or_copy(from: &Path, to: &Path) -> Result<(), IoError> {
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Ok(()) => return Ok(()),
        Err(_) => {}
    }
    let mut file = File::open(from).io_context("open", from)?;
    let mut staged = Staged::new(directory_of(to))?;
    io::copy(&mut file, &mut staged).io_context("copy", from)?;
    let permissions = file.metadata().io_context("read", from)?.permissions();
    staged.place(to)?;
    std::fs::set_permissions(to, permissions).io_context("write", to)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Flushes the file system that holds `path`: everything written to it
/// before survives a power cut after.
///
/// # Errors
///
/// Fails as the system does, naming the path.
pub fn sync(path: &Path) -> Result<(), IoError> {
    let directory = File::open(path).io_context("open", path)?;
    #[cfg(target_os = "linux")]
    return rustix::fs::syncfs(&directory).io_context("flush the file system of", path);
    #[cfg(not(target_os = "linux"))]
    return directory.sync_all().io_context("flush", path);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn names(directory: &Path) -> Vec<String> {
        let paths = read_dir(directory).unwrap();
        paths.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_private_file_is_new_and_its_owners() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("private");
        write_private(&path, b"secret").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let error = write_private(&path, b"other").unwrap_err();
        assert_eq!(error.to_string(), format!("failed to write `{}`", path.display()));
        assert_eq!(read(&path).unwrap(), b"secret");
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write_atomic(&path, b"a longer first text").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(read(&path).unwrap(), b"second");
        assert_eq!(names(dir.path()), ["f"]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn equal_bytes_are_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert!(write_if_changed(&path, b"x").unwrap());
        let inode = std::fs::metadata(&path).unwrap().ino();
        assert!(!write_if_changed(&path, b"x").unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().ino(), inode);
        assert!(write_if_changed(&path, b"y").unwrap());
    }

    #[test]
    fn a_dropped_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut staged = Staged::new(dir.path()).unwrap();
        staged.put(b"half").unwrap();
        assert_eq!(names(dir.path()).len(), 1);
        drop(staged);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_file_gets_another_name_or_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        write_atomic(&path("a"), b"1").unwrap();
        std::fs::set_permissions(path("a"), std::fs::Permissions::from_mode(0o751)).unwrap();
        link_or_copy(&path("a"), &path("b")).unwrap();
        let inode = |name: &str| std::fs::metadata(path(name)).unwrap().ino();
        assert_eq!(inode("a"), inode("b"));
        // What is there stays.
        write_atomic(&path("c"), b"2").unwrap();
        link_or_copy(&path("a"), &path("c")).unwrap();
        assert_eq!(read(&path("c")).unwrap(), b"2");
        // No directory has another name, nor a file on another file system.
        for (from, to) in [("absent", "d"), ("a", "no/d")] {
            assert!(link_or_copy(&path(from), &path(to)).is_err(), "{from} {to}");
        }
        let other = Path::new("/dev/shm");
        if std::fs::metadata(other)
            .is_ok_and(|other| other.dev() != std::fs::metadata(dir.path()).unwrap().dev())
        {
            let other = tempfile::tempdir_in(other).unwrap();
            link_or_copy(&path("a"), &other.path().join("a")).unwrap();
            assert_eq!(read(&other.path().join("a")).unwrap(), b"1");
            assert_eq!(names(other.path()), ["a"]);
            let mode = std::fs::metadata(other.path().join("a")).unwrap().mode();
            assert_eq!(mode & 0o7777, 0o751);
        }
    }

    #[test]
    fn only_regular_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        write_atomic(&path("file"), b"x").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        crate::Cmd::new("mkfifo").arg(path("pipe")).run().unwrap();
        assert_eq!(io::read_to_string(open_regular(&path("file")).unwrap()).unwrap(), "x");
        for name in ["link", "pipe", "absent", "."] {
            let error = open_regular(&path(name)).unwrap_err();
            assert_eq!(error.to_string(), format!("failed to open `{}`", path(name).display()));
        }
    }

    #[test]
    fn errors_name_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no/f");
        let cases = [
            (read(&path).unwrap_err(), "read"),
            (write_atomic(&path, b"").unwrap_err(), "write"),
            (read_dir(&path).unwrap_err(), "list the directory"),
        ];
        for (error, action) in cases {
            assert_eq!(error.to_string(), format!("failed to {action} `{}`", path.display()));
        }
        assert_eq!(read_if_present(&path).unwrap(), None);
    }
}
