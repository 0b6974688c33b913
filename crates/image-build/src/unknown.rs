//! Stages whose base was not got: what is known of them, and what is not.
//!
//! Where the host did what the RUNs of a stage say, its base, a compiler of
//! some 300 MB as a rule, is missed by nobody, if others only copy from the
//! stage what it made or was given. Whatever else they would take must be an
//! error, for it would be another image.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use crate::Problem;
use crate::copy::absolute;
use crate::tree::{Files, Node};

/// What a stage starts from that was not got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// The image.
    image: String,
    /// The stage, if it has a name.
    stage: Option<String>,
    /// The variables that the file has an ARG for: those are not the base's.
    pub(crate) declared: BTreeSet<String>,
}

impl Unknown {
    pub(crate) fn new(image: &str, stage: Option<&str>) -> Unknown {
        let (image, stage) = (image.to_owned(), stage.map(str::to_owned));
        Unknown { image, stage, declared: BTreeSet::new() }
    }

    /// Says that only the base would tell `what`.
    pub(crate) fn problem(&self, what: impl Into<String>) -> Problem {
        let (image, stage) = (self.image.clone(), self.stage.clone());
        Problem::NotGot { image, stage, what: what.into(), nearest: None }
    }

    /// Says of what is not in the stage that it may be in the base.
    pub(crate) fn explain(&self, problem: Problem) -> Problem {
        let (what, nearest) = match problem {
            Problem::NoSource { source_path, nearest, .. } => {
                (format!("whether there is `{source_path}`"), nearest)
            }
            Problem::NoMatch { pattern, .. } => {
                (format!("whether anything matches `{pattern}`"), None)
            }
            Problem::LostLink { path, .. } => (format!("where the link `{path}` leads"), None),
            problem => return problem,
        };
        let (image, stage) = (self.image.clone(), self.stage.clone());
        Problem::NotGot { image, stage, what, nearest }
    }
}

/// What a stage has on top of a base that was not got.
pub(crate) struct Partial<F> {
    pub(crate) files: F,
    pub(crate) unknown: Unknown,
}

impl<F: Files> Files for Partial<F> {
    fn get(&self, path: &Path) -> Result<Option<Node>, Problem> {
        self.files.get(path)
    }

    /// Fails if the base may have put something there, too.
    fn list(&self, directory: &Path) -> Result<Vec<OsString>, Problem> {
        if may_be_in_a_base(directory) {
            let what = format!("what else is in `{}`", absolute(directory));
            return Err(self.unknown.problem(what));
        }
        self.files.list(directory)
    }

    fn name(&self) -> &str {
        self.files.name()
    }
}

/// Directories that images bring along: the Filesystem Hierarchy Standard 3.0
/// (chapters 3 and 6), and Go's of the images that compile it.
const OF_BASES: [&str; 23] = [
    "", "bin", "boot", "dev", "etc", "go", "home", "lib", "lib32", "lib64", "libx32", "media",
    "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var",
];

/// Directories in those whose content is up to whoever builds there.
const OF_STAGES: [&str; 6] = ["go/src", "mnt", "srv", "tmp", "usr/local/src", "usr/src"];

/// Returns whether something that is in a path, relative to the root, may be of
/// a base that nobody has seen. A directory of a name of its own, and what is
/// below a place for sources, is the stage's.
pub(crate) fn may_be_in_a_base(path: &Path) -> bool {
    let first = path.iter().next().unwrap_or_default();
    let is_below = |directory: &&str| path.starts_with(directory) && path != Path::new(directory);
    OF_BASES.iter().any(|name| first == *name) && !OF_STAGES.iter().any(is_below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_a_base_s_or_a_stage_s() {
        for path in [
            "",
            "etc",
            "etc/x/y",
            "usr",
            "usr/local/bin",
            "usr/src",
            "go",
            "go/bin",
            "opt/app-root/src",
            "tmp",
        ] {
            assert!(may_be_in_a_base(Path::new(path)), "{path}");
        }
        for path in
            ["usr/src/x", "usr/src/x/y", "go/src/x", "out", "workspace/x", "tmp/x", "etcetera"]
        {
            assert!(!may_be_in_a_base(Path::new(path)), "{path}");
        }
    }
}
