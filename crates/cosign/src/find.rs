//! The cosigns of the machine.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use host::{Cmd, RunError};

use crate::environment::{Needs, dropped};
use crate::{Major, Version};

/// What cosign is called, in the order in which it is looked for.
const NAMES: [&str; 3] = ["cosign-2", "cosign-3", "cosign"];

/// A cosign that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosign {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

/// The cosigns that were found: of each major version the first, if any.
#[derive(Clone, Debug, Default)]
pub struct Cosigns {
    two: Option<Cosign>,
    three: Option<Cosign>,
    rejected: Vec<Rejected>,
}

/// A program that is called cosign and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The program.
    pub path: PathBuf,
    /// What is wrong with it: a phrase that fits after its name.
    pub why: String,
}

/// Why there is no cosign for the work.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// No cosign of the major version was found that can be used.
    #[error("{major} was not found{}", but(rejected))]
    Missing {
        /// What is needed.
        major: Major,
        /// What was found instead.
        rejected: Vec<Rejected>,
    },
    /// A program that was named is not there.
    #[error("`{}` is not there, or no program", program.display())]
    Absent {
        /// As it was named.
        program: PathBuf,
    },
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.display(), self.why)
    }
}

fn but(rejected: &[Rejected]) -> String {
    rejected.iter().map(|rejected| format!("; {rejected}")).collect()
}

impl FindError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            FindError::Missing { major, .. } => {
                let (number, tested) = (major.number(), major.tested());
                format!(
                    "`go install github.com/sigstore/cosign/v{number}/cmd/cosign@v{tested}` builds \
                     it, and `https://github.com/sigstore/cosign/releases` has it built; put it on \
                     PATH as `cosign`, or as `cosign-{number}` beside another one"
                )
            }
            FindError::Absent { .. } => "name the program by its path, or by a name on PATH".into(),
        }
    }
}

impl Cosign {
    /// Returns the program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Asks the program at a path what it is.
    fn at(path: PathBuf) -> Result<(Major, Cosign), Rejected> {
        let version = match said(&path) {
            Ok(text) => Version::said(&text),
            Err(error) => return Err(Rejected { path, why: error.kind.to_string() }),
        };
        let Some(version) = version else {
            return Err(Rejected { path, why: "does not say what version of cosign it is".into() });
        };
        match version.known() {
            Some(major) => Ok((major, Cosign { path, version })),
            None => Err(Rejected { path, why: unknown(version) }),
        }
    }
}

/// Returns what a program says of its version.
fn said(path: &Path) -> Result<String, RunError> {
    let cosign = Cmd::new(path).drop_env(dropped(&Needs::Nothing, &[]));
    let output = cosign.args(["version", "--json"]).run()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn unknown(version: Version) -> String {
    let needed = Major::ALL.into_iter().find(|major| major.number() == version.major);
    match needed {
        Some(major) => format!("is cosign {version}, and {} or newer is needed", major.oldest()),
        None => format!("is cosign {version}, and cosign 2 and 3 are known"),
    }
}

impl Cosigns {
    /// Finds those of `PATH`, or takes those that are `named` alone, by path
    /// or by name. Each is asked for its version once; none is asked when
    /// both major versions are known.
    ///
    /// # Errors
    ///
    /// Fails if one that is named is not there. That none is found is no
    /// failure yet.
    pub fn find(named: &[PathBuf]) -> Result<Cosigns, FindError> {
        let mut found = Cosigns::default();
        let mut asked = BTreeSet::new();
        for path in candidates(named)? {
            // One program under two names is asked once.
            let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if found.two.is_some() && found.three.is_some() || !asked.insert(real) {
                continue;
            }
            match Cosign::at(path) {
                Ok((Major::Two, cosign)) => _ = found.two.get_or_insert(cosign),
                Ok((Major::Three, cosign)) => _ = found.three.get_or_insert(cosign),
                Err(rejected) => found.rejected.push(rejected),
            }
        }
        Ok(found)
    }

    /// Returns the one of a major version.
    ///
    /// # Errors
    ///
    /// Fails if there is none, saying what was found instead.
    pub fn get(&self, major: Major) -> Result<&Cosign, FindError> {
        let missing = || FindError::Missing { major, rejected: self.rejected.clone() };
        self.try_get(major).ok_or_else(missing)
    }

    /// Returns the one of a major version, if there is one.
    pub fn try_get(&self, major: Major) -> Option<&Cosign> {
        match major {
            Major::Two => self.two.as_ref(),
            Major::Three => self.three.as_ref(),
        }
    }

    /// Returns one, the newest, for what all do alike.
    ///
    /// # Errors
    ///
    /// Fails if there is none.
    pub fn any(&self) -> Result<&Cosign, FindError> {
        self.three.as_ref().or(self.two.as_ref()).map_or_else(|| self.get(Major::Three), Ok)
    }
}

fn candidates(named: &[PathBuf]) -> Result<Vec<PathBuf>, FindError> {
    let absent = |program: &PathBuf| FindError::Absent { program: program.clone() };
    if named.is_empty() {
        return Ok(NAMES.into_iter().flat_map(host::find_tools).collect());
    }
    named.iter().map(|name| host::find_tool(name).ok_or_else(|| absent(name))).collect()
}
