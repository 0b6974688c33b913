//! Why something was not published, or not loaded.

use std::path::PathBuf;
use std::sync::Arc;

use host::RunError;
use oci::{Digest, Platform, Reference};

/// Why something was not published, or not loaded.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layout or an archive could not be read or written.
    #[error(transparent)]
    Oci(#[from] oci::Error),
    /// A registry would not have it.
    #[error(transparent)]
    Registry(#[from] oci::registry::Error),
    /// There is no such place.
    #[error("there is no `{}`", place.display())]
    NoPlace {
        /// Where the images should be.
        place: PathBuf,
    },
    /// A tree of layouts has no repository of that name.
    #[error("`{}` has no `{name}`", place.display())]
    NoRepository {
        /// The top of the tree.
        place: PathBuf,
        /// What was asked for.
        name: String,
    },
    /// A place has no images at all.
    #[error("`{}` holds no images", place.display())]
    Nothing {
        /// The layout, archive or directory.
        place: PathBuf,
    },
    /// An image has no full name, so no other place can name it.
    #[error("`{digest}` in `{}` has no full name", place.display())]
    Unnamed {
        /// The layout or archive.
        place: PathBuf,
        /// The image.
        digest: Digest,
    },
    /// A destination takes one platform, and the image is not for that one.
    #[error("`{reference}` is not for {wanted}; it is for {}", list(has))]
    NotFor {
        /// The image.
        reference: Box<Reference>,
        /// The platform that was to be taken.
        wanted: Platform,
        /// Those that it has.
        has: Vec<Platform>,
    },
    /// An index has nothing that an engine can hold.
    #[error("`{reference}` has no image that could run")]
    NoImages {
        /// The index.
        reference: Box<Reference>,
    },
    /// The program that puts images there is not installed.
    #[error("`{program}` is not installed")]
    Tool {
        /// Its name.
        program: String,
    },
    /// A program did not do its work.
    #[error("`{command}` failed")]
    Command {
        /// The program with its arguments.
        command: String,
        /// How it ended.
        #[source]
        error: Arc<RunError>,
    },
    /// A program said what it never says.
    #[error("cannot understand what `{command}` says: {reason}")]
    Garbage {
        /// The program with its arguments.
        command: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A program did its work, and the image is not there as it should be.
    #[error("`{reference}` is {} there, although `{program}` succeeded", told(expected, found.as_deref()))]
    NotThere {
        /// The name under which the image was looked for.
        reference: String,
        /// The program.
        program: &'static str,
        /// What the image is.
        expected: String,
        /// What has the name.
        found: Option<String>,
    },
}

fn list(platforms: &[Platform]) -> String {
    let words: Vec<_> = platforms.iter().map(Platform::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn told(expected: &str, found: Option<&str>) -> String {
    match found {
        Some(found) => format!("`{found}` instead of `{expected}`"),
        None => "not".to_owned(),
    }
}

/// How much of what a program said is shown.
const LINES: usize = 20;

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Oci(error) => error.hint(),
            Error::Registry(error) => error.hint(),
            Error::Unnamed { .. } => Some(
                "full names stand in the annotation `io.containerd.image.name`; in an archive of \
                 docker's, in `RepoTags`"
                    .into(),
            ),
            Error::NotFor { .. } => {
                Some("`--platform` says which one is wanted where only one is taken".into())
            }
            Error::Tool { program } => Some(how_to_get(program)),
            _ => None,
        }
    }

    /// Returns the last of what a failed program said.
    pub fn detail(&self) -> Option<String> {
        let Error::Command { error, .. } = self else { return None };
        let said =
            [&error.stderr, &error.stdout].into_iter().find(|said| !said.trim().is_empty())?;
        let lines: Vec<_> = said.trim_end().lines().collect();
        Some(lines[lines.len().saturating_sub(LINES)..].join("\n"))
    }
}

fn how_to_get(program: &str) -> String {
    let how = match program {
        "docker" => "it is in the package `docker.io` (Debian, Ubuntu) or `moby-engine` (Fedora)",
        "podman" => "it is in the package `podman`",
        "ctr" => "it is in the package `containerd`",
        "kind" => "`go install sigs.k8s.io/kind@latest` installs it",
        _ => "install it",
    };
    format!("{how}; `oci-archive:FILE` needs no program")
}
