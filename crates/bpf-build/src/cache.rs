//! Objects kept under what they were made from.
//!
//! Two steps, since clang alone knows which headers a source reads. `plans/`
//! holds, under the hash of compiler and arguments, which files went in and
//! which would have been read before them had they been there. `objects/`
//! holds the object under the hash of all that and the files' contents. An
//! entry that does not match its own digest is as good as none.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use host::fs::IoError;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::inputs::Inputs;

/// Goes into every key: a change of what is kept starts afresh.
const FORMAT: &str = "bpf-build cache 2";

/// A directory of plans and objects.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
}

/// Which files a compilation read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The files that were read, the source first.
    pub(crate) read: Vec<PathBuf>,
    /// Files that were not there; one that appears would be read instead.
    pub(crate) absent: BTreeSet<PathBuf>,
}

/// What is kept of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) bytes: Vec<u8>,
    pub(crate) warnings: String,
}

/// The first line of an object's file; the object follows.
#[derive(Serialize, Deserialize)]
struct Head {
    sha256: String,
    warnings: String,
}

impl Plan {
    /// Makes a plan from what clang read and the directories it searched.
    pub(crate) fn new(read: Vec<PathBuf>, searched: &[PathBuf], inputs: &Inputs) -> Plan {
        // A quoted include is looked for beside the file that has it.
        let beside = read.iter().filter_map(|path| path.parent().map(Path::to_owned));
        let dirs: BTreeSet<PathBuf> = searched.iter().cloned().chain(beside).collect();
        let mut names: BTreeSet<PathBuf> = BTreeSet::new();
        for path in &read {
            names.extend(inputs.get(path).asked_for.iter().map(PathBuf::from));
            names.extend(
                dirs.iter().filter_map(|dir| Some(path.strip_prefix(dir).ok()?.to_owned())),
            );
        }
        let candidates = dirs.iter().flat_map(|dir| names.iter().map(|name| dir.join(name)));
        let absent = candidates.filter(|path| !inputs.exists(path)).collect();
        Plan { read, absent }
    }
}

impl Cache {
    pub(crate) fn open(dir: &Path) -> Result<Cache, IoError> {
        for part in ["plans", "objects"] {
            host::fs::create_dir_all(&dir.join(part))?;
        }
        Ok(Cache { dir: dir.to_owned() })
    }

    /// Returns the object that `compiler` and `argv` would make now, and which
    /// files it was made from, if it is known.
    pub(crate) fn look_up(&self, request: &str, inputs: &Inputs) -> Option<(Kept, Plan)> {
        let plan = self.read_plan(request)?;
        if plan.absent.iter().any(|path| inputs.exists(path)) {
            return None;
        }
        let file = host::fs::read(&self.object(&key(request, &plan, inputs)?)).ok()?;
        let line = file.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&file[..line]).ok()?;
        let bytes = file[line + 1..].to_vec();
        let whole = digest::of(&bytes) == head.sha256;
        whole.then_some((Kept { bytes, warnings: head.warnings }, plan))
    }

    /// Keeps an object, and the plan by which it is found again.
    pub(crate) fn keep(
        &self,
        request: &str,
        plan: &Plan,
        inputs: &Inputs,
        kept: &Kept,
    ) -> Result<(), IoError> {
        let Some(key) = key(request, plan, inputs) else { return Ok(()) };
        let Kept { bytes, warnings } = kept;
        let head = Head { sha256: digest::of(bytes), warnings: warnings.clone() };
        let mut file = serde_json::to_vec(&head).unwrap_or_default();
        file.push(b'\n');
        file.extend_from_slice(bytes);
        host::fs::write_if_changed(&self.object(&key), &file)?;
        let plan = serde_json::to_string(plan).unwrap_or_default();
        let plan = format!("{}\n{plan}", digest::of(plan.as_bytes()));
        host::fs::write_if_changed(&self.plan(request), plan.as_bytes())?;
        Ok(())
    }

    /// Returns what is known of a compilation: a line with the digest, then
    /// the plan.
    fn read_plan(&self, request: &str) -> Option<Plan> {
        let text = host::fs::read_to_string(&self.plan(request)).ok()?;
        let (sha256, plan) = text.split_once('\n')?;
        (digest::of(plan.as_bytes()) == sha256).then(|| serde_json::from_str(plan).ok())?
    }

    fn plan(&self, request: &str) -> PathBuf {
        self.dir.join("plans").join(request)
    }

    fn object(&self, key: &str) -> PathBuf {
        self.dir.join("objects").join(key)
    }
}

/// Returns the name under which a compilation's plan is kept.
pub(crate) fn request(compiler: &str, argv: &[OsString]) -> String {
    let mut sequence = digest::Sequence::default();
    sequence.add(FORMAT).add(compiler);
    argv.iter().for_each(|arg| {
        sequence.add(arg.as_encoded_bytes());
    });
    sequence.finish()
}

/// Returns the name under which the object is kept, or `None` if a file that
/// it was made from is gone.
fn key(request: &str, plan: &Plan, inputs: &Inputs) -> Option<String> {
    let mut sequence = digest::Sequence::default();
    sequence.add(request);
    for path in &plan.read {
        sequence.add(path.as_os_str().as_encoded_bytes());
        sequence.add(inputs.get(path).digest.as_deref()?);
    }
    Some(sequence.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        dir: tempfile::TempDir,
        cache: Cache,
    }

    impl Case {
        fn new() -> Case {
            let dir = tempfile::tempdir().unwrap();
            for sub in ["src", "first", "second"] {
                std::fs::create_dir(dir.path().join(sub)).unwrap();
            }
            let case = Case { cache: Cache::open(&dir.path().join("cache")).unwrap(), dir };
            case.put("src/a.c", "#include <h.h>");
            case.put("second/h.h", "int h;");
            case
        }

        fn put(&self, path: &str, text: &str) {
            host::fs::write_atomic(&self.dir.path().join(path), text.as_bytes()).unwrap();
        }

        fn keep(&self, text: &str) {
            let inputs = Inputs::new(self.dir.path(), Path::new("fixed"));
            let read = vec!["src/a.c".into(), "second/h.h".into()];
            let plan = Plan::new(read, &["first".into(), "second".into()], &inputs);
            let kept = Kept { bytes: text.into(), warnings: "w".into() };
            self.cache.keep("request", &plan, &inputs, &kept).unwrap();
        }

        fn look_up(&self) -> Option<String> {
            let (kept, _) =
                self.cache.look_up("request", &Inputs::new(self.dir.path(), Path::new("fixed")))?;
            assert_eq!(kept.warnings, "w");
            Some(String::from_utf8(kept.bytes).unwrap())
        }
    }

    #[test]
    fn an_object_is_found_while_what_it_was_made_from_is_the_same() {
        let case = Case::new();
        assert_eq!(case.look_up(), None);
        case.keep("one");
        assert_eq!(case.look_up().as_deref(), Some("one"));
        case.put("second/h.h", "int h; ");
        assert_eq!(case.look_up(), None, "a header changed");
        case.keep("two");
        assert_eq!(case.look_up().as_deref(), Some("two"));
        case.put("second/h.h", "int h;");
        assert_eq!(case.look_up().as_deref(), Some("one"), "the header is as it was");
    }

    #[test]
    fn a_header_that_appears_before_another_is_noticed() {
        for path in ["first/h.h", "src/h.h"] {
            let case = Case::new();
            case.keep("one");
            case.put("first/unrelated.h", "");
            assert_eq!(case.look_up().as_deref(), Some("one"));
            case.put(path, "int other;");
            assert_eq!(case.look_up(), None, "{path}");
        }
    }

    #[test]
    fn an_optional_header_that_appears_is_noticed() {
        let case = Case::new();
        case.put("src/a.c", "#if __has_include(<maybe.h>)");
        case.keep("one");
        assert_eq!(case.look_up().as_deref(), Some("one"));
        case.put("second/maybe.h", "");
        assert_eq!(case.look_up(), None);
    }

    #[test]
    fn corrupt_entries_are_never_used() {
        for sub in ["objects", "plans"] {
            let case = Case::new();
            case.keep("one");
            for path in host::fs::read_dir(&case.dir.path().join("cache").join(sub)).unwrap() {
                let mut bytes = host::fs::read(&path).unwrap();
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                host::fs::write_atomic(&path, &bytes).unwrap();
            }
            assert_eq!(case.look_up(), None, "{sub}");
            case.keep("one");
            assert_eq!(case.look_up().as_deref(), Some("one"), "{sub}");
        }
    }
}
