//! Where the objects of a source go: below one directory, or beside the
//! source. Not here: writing them.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use bpf_build::Source;
use cli::typed;
use ui::Failure;

/// What stands for a source's directory.
const PLACEHOLDER: &str = "{dir}";

/// What `--output` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// A directory, with one in it for each source, named by its stem.
    Below(PathBuf),
    /// A place that each source has of its own: what follows its directory.
    Beside(PathBuf),
}

impl Output {
    /// Reads what was typed.
    ///
    /// # Errors
    ///
    /// Fails if it is empty, or the placeholder stands elsewhere than first.
    pub(super) fn new(word: &Path) -> Result<Output, Failure> {
        if let Ok(rest) = word.strip_prefix(PLACEHOLDER) {
            return Ok(Output::Beside(rest.to_owned()));
        }
        if word.to_string_lossy().contains(PLACEHOLDER) {
            let message = format!("invalid `--output {}`", word.display());
            return Err(Failure::usage(message).hint(format!(
                "`{PLACEHOLDER}` is a directory, and stands first: `{PLACEHOLDER}/..`"
            )));
        }
        Ok(Output::Below(typed(word)?))
    }

    /// Returns the directory for the objects of `source`, whose path is
    /// relative to `root`.
    pub(super) fn dir(&self, source: &Source, root: &Path) -> PathBuf {
        match self {
            Output::Below(dir) => dir.join(source.stem()),
            Output::Beside(rest) => {
                let path = root.join(&source.path);
                plain(&path.parent().unwrap_or(root).join(rest))
            }
        }
    }

    /// Two sources in one directory would write the same files.
    pub(super) fn check(&self, sources: &[Source], root: &Path) -> Result<(), Failure> {
        let mut seen: BTreeMap<PathBuf, &Path> = BTreeMap::new();
        for source in sources {
            let dir = self.dir(source, root);
            let shown = match self {
                Output::Below(_) => PathBuf::from(source.stem()),
                Output::Beside(_) => dir.strip_prefix(root).unwrap_or(&dir).to_owned(),
            };
            if let Some(other) = seen.insert(dir, &source.path) {
                let message = format!(
                    "`{}` and `{}` would both be written to `{}`",
                    other.display(),
                    source.path.display(),
                    shown.display()
                );
                return Err(
                    Failure::usage(message).hint("build them one at a time, with `--output`")
                );
            }
        }
        Ok(())
    }
}

/// Returns a path without `.` and `..`, each `..` taking away what is before
/// it: what is shown is what is written to.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
