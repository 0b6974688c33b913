//! Large blobs of a tree that were seen to be what their names say, so that a
//! write that changes nothing need not hash them again.
//!
//! Noted is which file it was and when it changed last: whoever writes to a
//! file or puts another one in its place changes its ctime, which nobody can
//! set (inode(7)). What a disk itself corrupts is found by [`crate::verify`],
//! which takes no notice of this.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use super::tree::Tree;
use crate::{Blob, Content};

/// How long a file must be left alone before what is noted of it counts:
/// clocks of file systems tick, and two writes within a tick look like one.
/// The slowest kernel has a hundred ticks in a second.
const TICK: Duration = Duration::from_millis(20);

/// How many bytes a blob must have: less is hashed in no time.
const LARGE: u64 = 64 << 10;

/// What was noted of a tree's files, by their paths in it.
#[derive(Debug)]
pub(super) struct Seen {
    root: PathBuf,
    file: PathBuf,
    stamps: BTreeMap<PathBuf, Stamp>,
    /// Files that were written just now, as they were then.
    written: Vec<(PathBuf, Option<Stamp>)>,
    is_new: bool,
}

/// What tells a file from every other, and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Returns whether it is worth noting where a blob is.
pub(super) fn is_large(blob: &Blob) -> bool {
    blob.size() >= LARGE && !matches!(blob.content(), Content::Memory(_))
}

impl Seen {
    /// Reads what was noted; nothing, where it cannot be read.
    pub(super) fn read(tree: &Tree) -> Seen {
        let file = tree.seen_file();
        let text = host::fs::read_to_string(&file).unwrap_or_default();
        let line = |line: &str| {
            let (stamp, path) = line.split_once(' ')?;
            Some((PathBuf::from(path), stamp.parse().ok()?))
        };
        Seen {
            root: tree.root().to_owned(),
            file,
            stamps: text.lines().filter_map(line).collect(),
            written: Vec::new(),
            is_new: false,
        }
    }

    /// Returns whether a file was seen as it is now.
    pub(super) fn has(&self, path: &Path) -> bool {
        let noted = path.strip_prefix(&self.root).ok().and_then(|path| self.stamps.get(path));
        noted.is_some_and(|noted| Stamp::of(path) == Some(*noted))
    }

    /// Notes a file that was read, as it was before that.
    pub(super) fn note(&mut self, path: &Path, before: Option<Stamp>) {
        let Ok(path) = path.strip_prefix(&self.root) else { return };
        if let Some(stamp) = before.filter(Stamp::counts) {
            self.is_new |= self.stamps.insert(path.to_owned(), stamp) != Some(stamp);
        }
    }

    /// Notes the file of a blob that was just written, or got a further name.
    pub(super) fn note_written(&mut self, path: &Path, blob: &Blob) {
        if is_large(blob) {
            self.written.push((path.to_owned(), Stamp::of(path)));
        }
    }

    /// Keeps what was noted. Without it the next write takes longer: failing
    /// is no harm.
    pub(super) fn keep(mut self) {
        if !self.written.is_empty() {
            std::thread::sleep(TICK);
        }
        for (path, stamp) in std::mem::take(&mut self.written) {
            self.note(&path, stamp);
        }
        if self.is_new {
            let Seen { root, stamps, .. } = &self;
            let is_there = |(path, stamp): &(&PathBuf, &Stamp)| {
                Stamp::of(&root.join(path)).as_ref() == Some(*stamp)
            };
            let lines = stamps.iter().filter(is_there);
            let lines = lines.map(|(path, stamp)| format!("{stamp} {}\n", path.display()));
            let text: String = lines.collect();
            let _ = host::fs::write_atomic(&self.file, text.as_bytes());
        }
    }
}

impl Stamp {
    /// Returns what there is to note of a file.
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        let file = path.symlink_metadata().ok().filter(|file| file.is_file())?;
        Some(Stamp {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }

    fn counts(&self) -> bool {
        let (Ok(seconds), Ok(nanoseconds)) = (self.changed.0.try_into(), self.changed.1.try_into())
        else {
            return false;
        };
        let changed = Duration::new(seconds, nanoseconds);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.is_ok_and(|now| changed + TICK < now)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stamp { device, inode, size, modified, changed } = self;
        write!(f, "{device}:{inode}:{size}:{}:{}", modified.0, modified.1)?;
        write!(f, ":{}:{}", changed.0, changed.1)
    }
}

impl FromStr for Stamp {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Stamp, Self::Err> {
        let mut words = text.split(':');
        let mut next = || words.next().unwrap_or_default();
        Ok(Stamp {
            device: next().parse()?,
            inode: next().parse()?,
            size: next().parse()?,
            modified: (next().parse()?, next().parse()?),
            changed: (next().parse()?, next().parse()?),
        })
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests change files as any program would")]
mod tests {
    use super::*;
    use std::fs;

    /// A file of a tree, and what is known of it to the next write.
    fn noted(age: Duration, change: impl Fn(&Path)) -> bool {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        let path = dir.path().join("registry/a blob");
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, "right").unwrap();
        std::thread::sleep(age);
        let mut seen = Seen::read(&tree);
        assert!(!seen.has(&path));
        seen.note(&path, Stamp::of(&path));
        seen.keep();
        change(&path);
        Seen::read(&tree).has(&path)
    }

    #[test]
    fn a_file_is_known_until_it_changes() {
        let old = 2 * TICK;
        let set_back = |path: &Path| {
            let modified = path.metadata().unwrap().modified().unwrap();
            fs::write(path, "wrong").unwrap();
            fs::File::open(path).unwrap().set_modified(modified).unwrap();
        };
        let replace = |path: &Path| {
            fs::write(path.with_file_name("other"), "right").unwrap();
            fs::rename(path.with_file_name("other"), path).unwrap();
        };
        assert!(noted(old, |_| ()));
        assert!(!noted(Duration::ZERO, |_| ()), "it may change within the tick");
        assert!(!noted(old, |path| fs::write(path, "right").unwrap()));
        assert!(!noted(old, set_back));
        assert!(!noted(old, replace));
        assert!(!noted(old, |path| fs::remove_file(path).unwrap()));
        let notes = |path: &Path| path.ancestors().nth(2).unwrap().join(".seen");
        assert!(!noted(old, |path| fs::write(notes(path), "1:2:3 \n\nx y\n").unwrap()));
    }
}
