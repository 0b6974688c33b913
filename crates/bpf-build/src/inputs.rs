//! What the files that go into objects hold, each read once a run.
//!
//! Content decides, never a time stamp: a header that was touched is the
//! header that it was. Time stamps serve one purpose here, to see that a file
//! changed while it was being compiled ([`Inputs::changed_meanwhile`]).

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::digest;

/// File times are as coarse as the kernel's tick: 10 ms at 100 Hz.
const TICK: Duration = Duration::from_millis(10);

/// Waits until what was written before is older than a tick. Of a file that
/// changed later it is not known for certain what was compiled, so that whoever
/// wants to be told ([`crate::Object::provenance`]) waits before a run.
pub fn settle() {
    std::thread::sleep(TICK);
}

/// How the macros begin through which a source asks for its architecture
/// (`__TARGET_ARCH_*` of libbpf's `bpf_tracing.h`). A name pasted together
/// from `__TARGET` and the rest is found too.
const ARCH_MACRO: &str = "__TARGET";

/// What is known of one file.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// The digest of its content; `None` if it cannot be read.
    pub(crate) digest: Option<String>,
    /// Its SHA-1; `None` if it cannot be read.
    pub(crate) sha1: Option<String>,
    /// The licence that it states.
    pub(crate) license: Option<String>,
    /// The headers it asks for with `__has_include`.
    pub(crate) asked_for: Vec<String>,
    /// Whether it speaks of its architecture.
    pub(crate) names_arch: bool,
    /// Whether it may read files that no dependency file tells of.
    pub(crate) reads_unseen: bool,
}

/// The files of one run, relative to one directory.
#[derive(Debug)]
pub(crate) struct Inputs {
    root: PathBuf,
    /// A directory named after its content: what is in it never changes.
    fixed: PathBuf,
    started: SystemTime,
    /// By the path as it is written: comparing bytes costs less than comparing
    /// paths, and two spellings are only two reads.
    known: Mutex<HashMap<OsString, Arc<Input>>>,
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
        if let Some(input) = lock().get(path.as_os_str()) {
            return Arc::clone(input);
        }
        let input = Arc::new(match host::fs::read(&self.root.join(path)) {
            Ok(bytes) => examine(&bytes),
            Err(_) => Input::default(),
        });
        Arc::clone(lock().entry(path.into()).or_insert(input))
    }

    /// Returns whether `path` exists now.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.root.join(path).exists()
    }

    /// Returns whether any of `paths` changed after the run began: then what
    /// clang read may not be what was hashed.
    pub(crate) fn changed_meanwhile(&self, paths: &[PathBuf]) -> bool {
        paths.iter().filter(|path| !path.starts_with(&self.fixed)).any(|path| {
            let changed = std::fs::metadata(self.root.join(path)).map(|file| last_change(&file));
            changed.is_ok_and(|time| time.checked_add(TICK).is_none_or(|time| time >= self.started))
        })
    }
}

/// Returns when a file changed. A file that is renamed into its place keeps
/// its time of modification, but not that of its status.
fn last_change(file: &Metadata) -> SystemTime {
    let status =
        Duration::new(file.ctime().unsigned_abs(), file.ctime_nsec().unsigned_abs() as u32);
    let status = SystemTime::UNIX_EPOCH + status;
    file.modified().map_or(status, |modified| modified.max(status))
}

fn examine(bytes: &[u8]) -> Input {
    let text = join_lines(&String::from_utf8_lossy(bytes));
    let (asked_for, macros) = asked_for(&text);
    Input {
        digest: Some(digest::of(bytes)),
        sha1: Some(digest::sha1_of(bytes)),
        license: license(&text),
        asked_for,
        names_arch: text.contains(ARCH_MACRO),
        reads_unseen: macros || text.contains(".incbin"),
    }
}

/// How a file states its licence (SPDX specification, annex E).
const LICENSE: &str = "SPDX-License-Identifier:";

/// Returns the licence that a file states.
fn license(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(LICENSE)?;
    let line = rest.lines().next().unwrap_or_default();
    let line = line.split("*/").next().unwrap_or_default().trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Joins lines that end in a backslash, as the preprocessor does before it
/// looks for names. Blanks behind the backslash do not matter to clang.
fn join_lines(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.trim_end_matches([' ', '\t', '\r', '\n']).strip_suffix('\\') {
            Some(continued) if line.ends_with('\n') => joined.push_str(continued),
            _ => joined.push_str(line),
        }
    }
    joined
}

/// Returns the names in `__has_include("…")` and `__has_include(<…>)`, and
/// whether one asks by a macro, so that the name is not known.
fn asked_for(text: &str) -> (Vec<String>, bool) {
    let (mut names, mut macros) = (Vec::new(), false);
    for rest in text.split("__has_include").skip(1) {
        // Without a parenthesis it is asked whether there is such a thing.
        let rest = rest.strip_prefix("_next").unwrap_or(rest).trim_start();
        let Some(rest) = rest.strip_prefix('(') else { continue };
        let rest = rest.trim_start();
        let name =
            rest.strip_prefix(['<', '"']).and_then(|r| Some(&r[..r.find(['>', '"', '\n'])?]));
        match name {
            Some(name) => names.push(name.to_owned()),
            None => macros = true,
        }
    }
    (names, macros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macro_is_seen_even_when_broken_or_pasted() {
        let cases = [
            ("int x;", false),
            ("#ifdef __TARGET_ARCH_x86", true),
            ("#ifdef __TARGET_\\\nARCH_x86", true),
            ("#ifdef __TAR\\\r\nGET_ARCH_x86", true),
            ("#ifdef __TAR\\ \t\nGET_ARCH_x86", true),
            ("CAT(__TARGET, _ARCH_x86)", true),
            ("#ifdef __TAR\nGET", false),
            ("#ifdef __TAR\\", false),
        ];
        for (text, expected) in cases {
            assert_eq!(examine(text.as_bytes()).names_arch, expected, "{text:?}");
        }
    }

    #[test]
    fn the_licence_is_found() {
        let cases = [
            ("// SPDX-License-Identifier: GPL-2.0-only\nint x;", Some("GPL-2.0-only")),
            ("/* SPDX-License-Identifier: (A OR B) */\n", Some("(A OR B)")),
            ("/* SPDX-License-Identifier: */", None),
            ("// SPDX-License-Identifier:", None),
            ("int x;", None),
        ];
        for (text, expected) in cases {
            assert_eq!(examine(text.as_bytes()).license.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn optional_headers_are_found() {
        let text = "#if __has_include(<a/b.h>) || __has_include (\"c.h\")\n#ifdef __has_include\n\
                    #if __has_include_next(<d.h>)";
        let names = ["a/b.h", "c.h", "d.h"].map(str::to_owned).to_vec();
        assert_eq!(asked_for(text), (names, false));
    }

    #[test]
    fn files_that_are_read_unseen_are_suspected() {
        let cases = [
            ("__has_include(HEADER)", true),
            (r#"asm(".incbin \"x\"");"#, true),
            ("#ifdef __has_include\nint x;", false),
        ];
        for (text, expected) in cases {
            assert_eq!(examine(text.as_bytes()).reads_unseen, expected, "{text:?}");
        }
    }
}
