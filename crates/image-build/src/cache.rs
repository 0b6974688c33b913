//! Large layers from one run to the next: what has not changed is not
//! compressed again.
//!
//! An entry is one file: its name says which tar was compressed, by what, and
//! what the bytes of the file hash to. The content of every file that is copied
//! is hashed anew to find an entry, and so is the entry itself whenever it is
//! used: one that was damaged is removed, and made again. Only where the
//! caller knows what the files are ([`crate::BuildRequest::known`]) is
//! neither read: a note says which entry was made of them. Files appear whole
//! and are never changed, so that any number of processes may share the
//! directory without waiting for each other.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use host::fs::{IoError, STAGED_PREFIX};
use oci::spec::Descriptor;
use oci::{Blob, Content, Digest, Layer, LayerBuilder, media};

use crate::Error;

/// A directory with layers of earlier builds.
#[derive(Clone, Debug)]
pub struct LayerCache {
    directory: PathBuf,
}

/// What is not used for so long is removed.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Of what has more bytes than this, the least recently used is removed.
const SIZE_MAX: u64 = 4 << 30;

/// How many bytes of files a layer must have: less is compressed in
/// milliseconds.
pub(crate) const WORTH: u64 = 256 << 10;

/// How many digits of the compressor's identity a name has.
const IDENTITY: usize = 16;

/// What the name of a note starts with.
const NOTE: &str = "note-";

impl LayerCache {
    /// Uses a directory of layers, which is made once there is one to keep.
    /// Nothing else may be in it.
    pub fn new(directory: impl Into<PathBuf>) -> LayerCache {
        LayerCache { directory: directory.into() }
    }

    /// Returns the layer that was noted under `key`, if it is still there. Its
    /// bytes are read by whoever needs them, and verified then.
    pub(crate) fn noted(&self, key: Digest) -> Result<Option<Layer>, Error> {
        let path = self.note(key);
        let Some(bytes) = host::fs::read_if_present(&path)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        let Some((diff_id, digest, size)) = read_note(&text) else { return Ok(None) };
        let entry = self.entry(diff_id, digest)?;
        if !entry.metadata().is_ok_and(|metadata| metadata.len() == size) {
            return Ok(None);
        }
        use_now(&path);
        use_now(&entry);
        let descriptor = Descriptor::new(media::LAYER_GZIP, digest, size);
        Ok(Some(Layer::new(Blob::of_file(descriptor, &entry), diff_id)))
    }

    /// Notes under `key` a layer that this cache has given.
    pub(crate) fn take_note(&self, key: Digest, layer: &Layer) -> Result<(), Error> {
        let blob = layer.blob();
        let text = format!("{} {} {}\n", layer.diff_id(), blob.digest(), blob.size());
        host::fs::write_if_changed(&self.note(key), text.as_bytes())?;
        Ok(())
    }

    fn note(&self, key: Digest) -> PathBuf {
        self.directory.join(format!("{NOTE}{}", key.hex()))
    }

    fn entry(&self, diff_id: Digest, digest: Digest) -> Result<PathBuf, Error> {
        Ok(self.directory.join(format!("{}{}", prefix(diff_id)?, digest.hex())))
    }

    /// Returns the layer with that tar, with its bytes in the directory `work`:
    /// the one that is kept, or the one that `make` makes.
    pub(crate) fn layer(
        &self,
        diff_id: Digest,
        work: &Path,
        make: impl FnOnce() -> Result<Layer, Error>,
    ) -> Result<Layer, Error> {
        let prefix = prefix(diff_id)?;
        for entry in self.entries()? {
            let Some(hex) = entry.name.strip_prefix(&prefix) else { continue };
            if let Some(blob) = self.take(&entry.path, hex, work)? {
                return Ok(Layer::new(blob, diff_id));
            }
        }
        let layer = make()?;
        self.keep(&self.entry(diff_id, layer.blob().digest())?, layer.blob())?;
        Ok(layer)
    }

    /// Returns the bytes of an entry, if they are still there and the right
    /// ones. They get a second name: the entry may be removed at any time.
    fn take(&self, entry: &Path, hex: &str, work: &Path) -> Result<Option<Blob>, Error> {
        let path = work.join(hex);
        match host::fs::link_or_copy(entry, &path) {
            Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(None),
            linked => linked?,
        }
        let blob = Blob::from_file(media::LAYER_GZIP, &path)?;
        if blob.digest().hex() != hex {
            host::fs::remove_file(entry)?;
            host::fs::remove_file(&path)?;
            return Ok(None);
        }
        use_now(entry);
        Ok(Some(blob))
    }

    fn keep(&self, entry: &Path, blob: &Blob) -> Result<(), Error> {
        host::fs::create_dir_all(&self.directory)?;
        match blob.content() {
            Content::File { path, offset: 0 } => host::fs::link_or_copy(path, entry)?,
            _ => host::fs::write_atomic(entry, &blob.read(u64::MAX)?)?,
        }
        for path in stale(self.entries()?, SystemTime::now()) {
            host::fs::remove_file(&path)?;
        }
        Ok(())
    }

    /// Returns what is in the directory and was put there by a cache.
    fn entries(&self) -> Result<Vec<Entry>, Error> {
        let paths = match host::fs::read_dir(&self.directory) {
            Err(error) if error.source.kind() == ErrorKind::NotFound => Vec::new(),
            paths => paths?,
        };
        let mut entries = Vec::new();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with(STAGED_PREFIX) && !is_entry(&name) {
                continue;
            }
            let metadata = match path.symlink_metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(IoError::new("read", &path, error).into()),
            };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            entries.push(Entry { path, name, used, size: metadata.len() });
        }
        Ok(entries)
    }
}

/// Returns what the name of every entry starts with that has this tar.
fn prefix(diff_id: Digest) -> Result<String, Error> {
    let identity = LayerBuilder::identity()?.hex();
    Ok(format!("{}-{}-", &identity[..IDENTITY], diff_id.hex()))
}

/// Notes that a file is used. Who may not do that has a cache of somebody
/// else's.
fn use_now(path: &Path) {
    let _ = std::fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

/// Reads the tar's digest, and the layer's digest and size.
fn read_note(text: &str) -> Option<(Digest, Digest, u64)> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let mut next = || words.next();
    Some((next()?.parse().ok()?, next()?.parse().ok()?, next()?.parse().ok()?))
}

/// A file of the cache.
#[derive(Clone, Debug)]
struct Entry {
    path: PathBuf,
    name: String,
    /// When it was used last.
    used: SystemTime,
    size: u64,
}

/// Returns whether a layer or a note has such a name.
fn is_entry(name: &str) -> bool {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c) || c == '-';
    if let Some(hex) = name.strip_prefix(NOTE) {
        return hex.len() == 64 && hex.chars().all(is_hex);
    }
    let lengths: Vec<usize> = name.split('-').map(str::len).collect();
    lengths == [IDENTITY, 64, 64] && name.chars().all(is_hex)
}

/// Returns what is to be removed: what was not used for long, and what is more
/// than there may be. Of what killed processes left behind, what is a day old.
fn stale(mut entries: Vec<Entry>, now: SystemTime) -> Vec<PathBuf> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    entries.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.name.cmp(&b.name)));
    let mut total = 0u64;
    let mut is_stale = |entry: &Entry| {
        let age = now.duration_since(entry.used).unwrap_or_default();
        if entry.name.starts_with(STAGED_PREFIX) {
            return age > DAY;
        }
        let is_too_much = total >= SIZE_MAX;
        total = total.saturating_add(entry.size);
        is_too_much || age > UNUSED
    };
    entries.into_iter().filter(|entry| is_stale(entry)).map(|entry| entry.path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_or_too_much_is_removed() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let entry = |name: &str, days: u64, size: u64| Entry {
            path: name.into(),
            name: name.to_owned(),
            used: now - Duration::from_secs(days * 24 * 60 * 60 + 1),
            size,
        };
        let cases: [(&[Entry], &[&str]); 4] = [
            (&[entry("a", 29, 1), entry("b", 30, 1), entry(".staged-x", 0, 1)], &["b"]),
            (&[entry(".staged-x", 1, 1)], &[".staged-x"]),
            // The newest stays whatever its size.
            (&[entry("a", 2, 1), entry("b", 0, SIZE_MAX), entry("c", 1, 1)], &["c", "a"]),
            (&[entry("a", 0, SIZE_MAX - 1), entry("b", 1, SIZE_MAX), entry("c", 2, 1)], &["c"]),
        ];
        for (entries, expected) in cases {
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(stale(entries.to_vec(), now), expected);
        }
    }

    #[test]
    fn only_names_of_a_cache_count() {
        let (id, hex) = ("0123456789abcdef", Digest::of(b"").hex());
        assert!(is_entry(&format!("{id}-{hex}-{hex}")));
        assert!(is_entry(&format!("note-{hex}")));
        for name in [
            "",
            "notes.txt",
            "note-",
            "note-x",
            &hex,
            &format!("{id}-{hex}"),
            &format!("{id}-{hex}-{hex}x"),
        ] {
            assert!(!is_entry(name), "{name}");
        }
        assert!(!is_entry(&format!("{id}-{hex}-{}", hex.to_uppercase())));
    }
}
