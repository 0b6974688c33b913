//! What is no error, and probably not meant.

use std::fmt;
use std::path::PathBuf;

use oci::Platform;

use crate::containerfile::Containerfile;
use crate::error::nearest;
use crate::{BuildRequest, Place};

/// Something that is not as it was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A build argument was given that nothing asks for.
    UnusedArgument {
        /// Its name.
        name: String,
        /// The Containerfile.
        file: PathBuf,
        /// A name that is asked for and much like it.
        nearest: Option<String>,
    },
    /// A value has a variable that is not set.
    Unset {
        /// Where.
        place: Place,
        /// The variable.
        variable: String,
    },
    /// An engine made an image that says it was made at another time than
    /// was asked for.
    OtherTime {
        /// The engine.
        engine: String,
        /// The image's platform.
        platform: Platform,
        /// The time that the image has.
        found: Option<String>,
    },
    /// An engine could not remove images that were to be there for the build
    /// only.
    LeftBehind {
        /// The engine.
        engine: &'static str,
        /// The images' names.
        images: Vec<String>,
    },
    /// A file was copied without what else it has.
    Xattrs {
        /// The file.
        path: String,
        /// What it is in.
        place: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::UnusedArgument { name, file, nearest } => {
                let file = file.display();
                write!(f, "the build argument `{name}` is not used: no ARG of `{file}` names it")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
                    None => Ok(()),
                }
            }
            Warning::Unset { place, variable } => {
                write!(f, "{place}: `{variable}` is not set, so nothing stands in its place")
            }
            Warning::OtherTime { engine, platform, found } => {
                let found = found.as_deref().unwrap_or("no time");
                write!(
                    f,
                    "the image for {platform} says it was made at {found}: this `{engine}` sets no other time"
                )
            }
            Warning::LeftBehind { engine, images } => {
                let images = images.join(", ");
                write!(f, "`{engine}` could not remove what it made for the build: {images}")
            }
            Warning::Xattrs { path, place } => write!(
                f,
                "`{path}` in {place} has extended attributes (capabilities, perhaps), which were not copied"
            ),
        }
    }
}

/// Arguments that builders know without an ARG, in upper case.
const KNOWN: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH"];

/// Returns a warning for each build argument that nothing asks for.
pub(crate) fn unused_arguments(file: &Containerfile, request: &BuildRequest) -> Vec<Warning> {
    let is_known = |name: &str| {
        let upper = name.to_uppercase();
        let is_platform = ["TARGET", "BUILD"].iter().any(|prefix| {
            upper.strip_prefix(prefix).is_some_and(|rest| {
                ["PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT", "STAGE"].contains(&rest)
            })
        });
        KNOWN.contains(&upper.as_str()) || is_platform || upper.starts_with("BUILDKIT_")
    };
    let asked = file.asked();
    let unused = request.build_args.keys().filter(|name| !asked.contains(name) && !is_known(name));
    unused
        .map(|name| Warning::UnusedArgument {
            name: name.clone(),
            file: file.path.clone(),
            nearest: nearest(name, asked.iter().copied()),
        })
        .collect()
}
