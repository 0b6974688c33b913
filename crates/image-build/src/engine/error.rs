//! What can go wrong with an engine: it is not there, it fails, it cannot do
//! what is asked, or makes something else.

use std::error::Error as StdError;
use std::fmt;

use host::RunErrorKind;
use oci::{Digest, Platform};

use crate::Problem;

/// Why an engine did not build.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The program is not installed.
    #[error("{what} is not installed, and the engine `{engine}` needs it")]
    Missing {
        /// The engine.
        engine: &'static str,
        /// The program: "`podman`".
        what: &'static str,
    },
    /// A command failed.
    #[error("`{command}` {kind}")]
    Failed {
        /// The program and its subcommand.
        command: &'static str,
        /// How it ended.
        kind: RunErrorKind,
        /// The last lines of what it said, or why it was not started.
        #[source]
        reason: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The engine cannot do what the built-in builder does.
    #[error("`{engine}` cannot {what}")]
    Unable {
        /// The engine.
        engine: &'static str,
        /// What was asked for: a phrase that fits after "cannot".
        what: String,
    },
    /// A builder keeps images for one platform only.
    #[error(
        "this builder of docker builds for one platform at a time, and {} were asked for",
        list(asked)
    )]
    OnePlatform {
        /// The platforms that were asked for.
        asked: Vec<Platform>,
    },
    /// A context cannot be prepared for an engine.
    #[error("the context `{name}` cannot be handed to `{engine}`")]
    Context {
        /// The context.
        name: String,
        /// The engine.
        engine: &'static str,
        /// Why not.
        #[source]
        problem: Box<Problem>,
    },
    /// The main context cannot be prepared for an engine.
    #[error("the build context cannot be put together")]
    MainContext {
        /// Why not.
        #[source]
        problem: Box<Problem>,
    },
    /// What the engine wrote cannot be read.
    #[error("what `{command}` wrote cannot be used")]
    Unreadable {
        /// The program and its subcommand.
        command: &'static str,
        /// Why not.
        #[source]
        reason: Box<oci::Error>,
    },
    /// The engine names another image than it wrote.
    #[error("`{command}` {says}, but wrote an image with {found}")]
    OtherImage {
        /// The program and its subcommand.
        command: &'static str,
        /// What it says of the image: "says nothing of its digest".
        says: String,
        /// The digest of what it wrote.
        found: Digest,
    },
    /// The images are for other platforms.
    #[error("`{engine}` built {}, not {}", list(found), list(asked))]
    Platforms {
        /// The engine.
        engine: String,
        /// What the images are for.
        found: Vec<Platform>,
        /// What was asked for and is not there, or all that was asked for if
        /// that is there beside others.
        asked: Vec<Platform>,
    },
    /// An image does not have a label that was asked for.
    #[error("`{engine}` gave the image for {platform} another label `{label}` than was asked for")]
    Label {
        /// The engine.
        engine: String,
        /// The image's platform.
        platform: Platform,
        /// The label's name.
        label: String,
    },
}

impl EngineError {
    /// Returns what the user can do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        const NATIVE: &str = "use `--engine native`, which needs no engine";
        match self {
            EngineError::Missing { engine: "podman", .. } => {
                Some(format!("{NATIVE}; or install podman (the package `podman`)"))
            }
            EngineError::Missing { .. } => Some(format!(
                "{NATIVE}; or install docker with its plugin buildx (the packages `docker-ce-cli` and `docker-buildx-plugin`, or `docker.io` and `docker-buildx`), or buildx alone"
            )),
            EngineError::Unable { engine, .. } => {
                let other = if *engine == "podman" { "docker" } else { "podman" };
                Some(format!("{NATIVE}, or `--engine {other}`"))
            }
            EngineError::OnePlatform { .. } => Some(
                "create a builder that builds for several: `docker buildx create --use`; or use `--engine native`, which needs no engine"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// The last lines that a command said.
#[derive(Debug)]
pub(super) struct Said(String);

impl Said {
    /// How many lines an error quotes.
    const LINES: usize = 20;

    /// Keeps the last lines of a text; `None` if there are none.
    pub(super) fn tail(text: &str) -> Option<Said> {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(Said::LINES)..];
        (!last.is_empty()).then(|| Said(last.join("\n")))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it said:\n{}", self.0)
    }
}

impl StdError for Said {}

fn list(platforms: &[Platform]) -> String {
    match platforms {
        [] => "nothing".to_owned(),
        platforms => platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", "),
    }
}
