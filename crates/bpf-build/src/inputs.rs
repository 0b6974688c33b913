//! What the files that go into objects hold, each read once a run.
//!
//! Content decides, never a time stamp: a header that was touched is the
//! header that it was. Time stamps serve one purpose here, to see that a file
//! changed while it was being compiled ([`Inputs::changed_meanwhile`]).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::digest;

/// File times are as coarse as the kernel's tick: 10 ms at 100 Hz.
const TICK: Duration = Duration::from_millis(10);

/// The macro through which a source asks for its architecture
/// (libbpf's `bpf_tracing.h`).
const ARCH_MACRO: &str = "__TARGET_ARCH_";

/// What is known of one file.
#[derive(Debug)]
pub(crate) struct Input {
    /// The digest of its content; `None` if it cannot be read.
    pub(crate) digest: Option<String>,
    /// The headers it asks for with `__has_include`.
    pub(crate) asked_for: Vec<String>,
    /// Whether it speaks of its architecture.
    pub(crate) names_arch: bool,
}

/// The files of one run, relative to one directory.
#[derive(Debug)]
pub(crate) struct Inputs {
    root: PathBuf,
    /// A directory named after its content: what is in it never changes.
    fixed: PathBuf,
    started: SystemTime,
    known: Mutex<HashMap<PathBuf, Arc<Input>>>,
}

impl Inputs {
    pub(crate) fn new(root: &Path, fixed: &Path) -> Inputs {
        Inputs {
            root: root.to_owned(),
            fixed: fixed.to_owned(),
            started: SystemTime::now(),
            known: Mutex::new(HashMap::new()),
        }
    }

    /// Returns what `path` holds.
    pub(crate) fn get(&self, path: &Path) -> Arc<Input> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = lock().get(path) {
            return Arc::clone(input);
        }
        let input = Arc::new(match host::fs::read(&self.root.join(path)) {
            Ok(bytes) => examine(&bytes),
            Err(_) => Input { digest: None, asked_for: Vec::new(), names_arch: false },
        });
        Arc::clone(lock().entry(path.to_owned()).or_insert(input))
    }

    /// Returns whether `path` exists now.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.root.join(path).exists()
    }

    /// Returns whether any of `paths` changed after the run began: then what
    /// clang read may not be what was hashed.
    pub(crate) fn changed_meanwhile(&self, paths: &[PathBuf]) -> bool {
        paths.iter().filter(|path| !path.starts_with(&self.fixed)).any(|path| {
            let modified = std::fs::metadata(self.root.join(path)).and_then(|m| m.modified());
            modified.is_ok_and(|time| time + TICK >= self.started)
        })
    }
}

fn examine(bytes: &[u8]) -> Input {
    let text = String::from_utf8_lossy(bytes);
    // A name may be broken over lines; the preprocessor joins it.
    let text = if text.contains("\\\n") { text.replace("\\\n", "").into() } else { text };
    Input {
        digest: Some(digest::of(bytes)),
        asked_for: asked_for(&text),
        names_arch: text.contains(ARCH_MACRO),
    }
}

/// Returns the names in `__has_include("…")` and `__has_include(<…>)`.
fn asked_for(text: &str) -> Vec<String> {
    let calls = text.split("__has_include").skip(1);
    calls
        .filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('(')?.trim_start();
            let rest = rest.strip_prefix(['<', '"'])?;
            let end = rest.find(['>', '"', '\n'])?;
            Some(rest[..end].to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macro_is_seen_even_when_broken_over_lines() {
        let cases = [
            ("int x;", false),
            ("#ifdef __TARGET_ARCH_x86", true),
            ("#ifdef __TARGET_\\\nARCH_x86", true),
            ("#ifdef __TARGET_", false),
        ];
        for (text, expected) in cases {
            assert_eq!(examine(text.as_bytes()).names_arch, expected, "{text:?}");
        }
    }

    #[test]
    fn optional_headers_are_found() {
        let text = "#if __has_include(<a/b.h>) || __has_include (\"c.h\")\n__has_include_next";
        assert_eq!(asked_for(text), ["a/b.h", "c.h"]);
    }
}
