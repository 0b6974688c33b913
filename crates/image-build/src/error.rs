//! What can go wrong with a build, in words for whoever wrote the
//! Containerfile: the line, the thing, the cause, the next step.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;

use host::fs::IoError;
use oci::Platform;

use crate::engine::EngineError;
use crate::expand::ExpandError;
use crate::ignore::PatternError;
use crate::run::RunError;
use crate::tree::PATH_MAX;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, line {}", self.file.display(), self.line)
    }
}

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused; the error names the path.
    #[error(transparent)]
    Io(#[from] IoError),
    /// An image, a layer or a layout could not be read or made.
    #[error(transparent)]
    Oci(#[from] oci::Error),
    /// The Containerfile cannot be understood.
    #[error("{place}: {reason}")]
    Invalid {
        /// Where.
        place: Place,
        /// What is wrong there.
        reason: String,
    },
    /// An ignore file cannot be understood.
    #[error("{place}: {reason}")]
    Ignore {
        /// Where.
        place: Place,
        /// What is wrong there.
        reason: PatternError,
    },
    /// An instruction could not be carried out.
    #[error(transparent)]
    At(Box<InstructionFailed>),
    /// There is no such stage.
    #[error("there is no stage `{name}` in `{}`{}", file.display(), list(known))]
    NoStage {
        /// The name that was asked for.
        name: String,
        /// The Containerfile.
        file: PathBuf,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Nothing was asked for.
    #[error("there is no platform to build for")]
    NoPlatform,
    /// An engine did not do its work.
    #[error(transparent)]
    Engine(Box<EngineError>),
    /// The user asked the program to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Which instruction could not be carried out, and why.
#[derive(Debug, thiserror::Error)]
#[error("{place}: `{}` failed for {platform}", shorten(instruction))]
pub struct InstructionFailed {
    /// Where it is.
    pub place: Place,
    /// How it is written.
    pub instruction: String,
    /// The platform that was built for.
    pub platform: Platform,
    /// Why.
    #[source]
    pub problem: Problem,
}

/// What hinders an instruction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Something that has words of its own.
    #[error(transparent)]
    Other(#[from] Box<Error>),
    /// A word cannot be expanded.
    #[error("`{word}` cannot be expanded: {reason}")]
    Expand {
        /// The word.
        word: String,
        /// Why not.
        reason: ExpandError,
    },
    /// A word that must not be is empty once expanded.
    #[error("`{word}` is empty{}", because(unset))]
    Empty {
        /// The word.
        word: String,
        /// The variables in it that are not set.
        unset: Vec<String>,
    },
    /// A FROM takes a variable that is not set.
    #[error("`{variable}` is not set")]
    Unset {
        /// The variable.
        variable: String,
    },
    /// Only an engine can do that.
    #[error("the built-in builder does not do `{instruction}`")]
    Beyond {
        /// The instruction by its name.
        instruction: String,
        /// The stage it is in, if that has a name.
        stage: Option<String>,
    },
    /// The host cannot run what a RUN says.
    #[error("the host does not run it: {reason}")]
    NotRun {
        /// Why not.
        reason: RunError,
        /// The stage it is in, if that has a name.
        stage: Option<String>,
    },
    /// The host did what a RUN says with other files than the stage has.
    #[error("`{path}` is not a copy of `{}`, where the host did it", source_path.display())]
    OtherSource {
        /// A file or directory of the stage.
        path: String,
        /// What the host had in its place.
        source_path: PathBuf,
    },
    /// The image that a stage starts from was not got, and is missed.
    #[error(
        "only `{image}` tells {what}, and it was not got: the host did what the RUNs of the stage say"
    )]
    NotGot {
        /// The image.
        image: String,
        /// The stage that starts from it, if that has a name.
        stage: Option<String>,
        /// Whether its settings tell it, and not its files.
        is_setting: bool,
        /// What it would tell: "what `GOPATH` is".
        what: String,
        /// A name that is there and much like what is missed.
        nearest: Option<String>,
    },
    /// There is no such file to copy.
    #[error("there is no `{source_path}` in {place}")]
    NoSource {
        /// The path.
        source_path: String,
        /// What was looked in.
        place: String,
        /// A name that is there and much like it.
        nearest: Option<String>,
    },
    /// No file matches.
    #[error("nothing in {place} matches `{pattern}`")]
    NoMatch {
        /// The wildcards.
        pattern: String,
        /// What was looked in.
        place: String,
    },
    /// A wildcard is none.
    #[error("`{pattern}` is not a pattern: {reason}")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Several files cannot become one.
    #[error("`{}` cannot all be copied to `{destination}`, which is not a directory", sources.join("`, `"))]
    NotOneFile {
        /// The files.
        sources: Vec<String>,
        /// The destination.
        destination: String,
    },
    /// A directory is needed where there is something else.
    #[error("`{0}` is there, and is not a directory")]
    NotADirectory(String),
    /// A file is to be where there is a directory.
    #[error("`{0}` is there, and is a directory")]
    IsADirectory(String),
    /// A link leads to nothing, or to itself.
    #[error("`{path}` in {place} is a link that leads nowhere")]
    LostLink {
        /// The path.
        path: String,
        /// What it is in.
        place: String,
    },
    /// A path is longer than a system takes it.
    #[error("a path in {place} has more than {PATH_MAX} bytes")]
    LongPath {
        /// What it is in.
        place: String,
    },
    /// Only files, directories and links can be copied.
    #[error("`{path}` in {place} is {kind}, which cannot be copied")]
    Special {
        /// The path.
        path: String,
        /// What it is in.
        place: String,
        /// What it is: "a named pipe".
        kind: &'static str,
    },
    /// A flag of COPY is wrong.
    #[error("the flag `--{flag}` is `{value}`: {reason}")]
    Flag {
        /// Its name.
        flag: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        reason: &'static str,
    },
    /// A user or a group has no number.
    #[error("the {kind} `{name}` is not in `/etc/{file}` of the stage")]
    NoSuchName {
        /// "user" or "group".
        kind: &'static str,
        /// The name.
        name: String,
        /// The file.
        file: &'static str,
    },
    /// A program is for another machine.
    #[error("`{path}` is a program for {machine}, not for {platform}")]
    ForeignMachine {
        /// The file.
        path: String,
        /// What its header says.
        machine: String,
        /// What is built for.
        platform: Platform,
    },
    /// A value is not what the instruction needs.
    #[error("`{value}` is not {what}")]
    Value {
        /// The value.
        value: String,
        /// What it should be: "a port".
        what: &'static str,
    },
    /// `--from` names what is not there yet.
    #[error("`--from={from}` {reason}")]
    From {
        /// The name.
        from: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The image leaves instructions for who builds on it.
    #[error("`{image}` has instructions for who builds on it (`ONBUILD {trigger}`)")]
    OnBuild {
        /// The image.
        image: String,
        /// The first of them.
        trigger: String,
    },
    /// A name is none for an image.
    #[error("neither a stage nor an image: {reason}")]
    BadBase {
        /// What is wrong with it.
        reason: oci::ParseError,
        /// A stage with a name much like it.
        nearest: Option<String>,
    },
    /// An image could not be got.
    #[error("failed to get the image `{image}`")]
    NoImage {
        /// The image.
        image: String,
        /// A stage with a name much like it.
        nearest: Option<String>,
        /// Why.
        #[source]
        reason: Box<dyn StdError + Send + Sync>,
    },
    /// An image is for other machines.
    #[error("`{image}` is for {}, not for {platform}", words(found))]
    WrongPlatform {
        /// The image.
        image: String,
        /// What it is for.
        found: Vec<String>,
        /// What was needed.
        platform: Platform,
    },
    /// A stage that is needed was not carried out.
    #[error("what it needs was left out; this is a fault of the built-in builder")]
    Lost,
    /// A layer of an image cannot be understood.
    #[error("`{image}` cannot be used: {reason}")]
    BadImage {
        /// The image.
        image: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::Other(Box::new(error))
    }
}

impl From<IoError> for Problem {
    fn from(error: IoError) -> Problem {
        Error::from(error).into()
    }
}

impl From<oci::Error> for Problem {
    fn from(error: oci::Error) -> Problem {
        Error::from(error).into()
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Error {
        Error::Engine(Box::new(error))
    }
}

impl Error {
    /// Returns whether a program is missing that would have to be installed.
    pub fn is_missing_program(&self) -> bool {
        matches!(self, Error::Engine(error) if matches!(**error, EngineError::Missing { .. }))
    }

    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Oci(error) => error.hint(),
            Error::NoStage { name, known, .. } => nearest(name, known).map(did_you_mean),
            Error::At(failed) => failed.problem.hint(),
            Error::Engine(error) => error.hint(),
            _ => None,
        }
    }
}

impl Problem {
    fn hint(&self) -> Option<String> {
        match self {
            Problem::Other(error) => error.hint(),
            Problem::Empty { unset, .. } => {
                unset.first().map(|name| format!("give it with `--build-arg {name}=…`"))
            }
            Problem::Unset { variable } => Some(format!(
                "declare it with `ARG {variable}` before the first FROM, and give it with `--build-arg {variable}=…`"
            )),
            Problem::Beyond { instruction, stage } => {
                let copy = match instruction.as_str() {
                    "ADD" => "write COPY for files that are neither archives nor URLs; or ",
                    _ => "",
                };
                Some(format!("{copy}{}", ways_out(stage.as_deref())))
            }
            Problem::NotRun { reason: RunError::Default(name), .. } => {
                Some(format!("`--build-arg {name}=…` sets it"))
            }
            Problem::NotRun { stage, .. } => Some(ways_out(stage.as_deref())),
            Problem::NotGot { stage, nearest, .. } => {
                let ways_out = ways_out(stage.as_deref());
                Some(match nearest {
                    Some(name) => format!("{} Else {ways_out}", did_you_mean(name.clone())),
                    None => ways_out,
                })
            }
            Problem::NoSource { nearest: Some(nearest), .. }
            | Problem::NoImage { nearest: Some(nearest), .. }
            | Problem::BadBase { nearest: Some(nearest), .. } => {
                Some(did_you_mean(nearest.clone()))
            }
            Problem::NotOneFile { destination, .. } => {
                Some(format!("write `{destination}/` if it is to be a directory"))
            }
            Problem::Expand { reason: ExpandError::Modifier { .. }, .. }
            | Problem::OnBuild { .. } => {
                Some("build with `--engine docker` or `--engine podman`".to_owned())
            }
            _ => None,
        }
    }
}

/// Says how a stage is made that the built-in builder does not make.
fn ways_out(stage: Option<&str>) -> String {
    let name = stage.unwrap_or("NAME");
    let naming = if stage.is_some() { "" } else { " (name it with `FROM … AS NAME`)" };
    format!(
        "make the files of the stage on the host and put them in its place{naming}: `--build-context {name}=DIR`, or `--build-context {name}::PLATFORM=DIR` for each platform; or build with `--engine docker` or `--engine podman`"
    )
}

/// Returns the name that is most like `word`, if one is much like it.
pub(crate) fn nearest<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a String>,
) -> Option<String> {
    const MUCH: f64 = 0.75;
    let scored = names.into_iter().map(|name| (strsim::jaro_winkler(word, name), name));
    let best = scored.filter(|(score, _)| *score >= MUCH).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, name)| name.clone())
}

fn did_you_mean(name: String) -> String {
    format!("did you mean `{name}`?")
}

fn because(unset: &[String]) -> String {
    match unset {
        [] => String::new(),
        [name] => format!(": `{name}` is not set"),
        names => format!(": {} are not set", words(names)),
    }
}

/// Returns names in a row.
fn words(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn list(known: &[String]) -> String {
    match known {
        [] => ", whose stages have no names".to_owned(),
        known => format!("; there are {}", words(known)),
    }
}

/// Returns as much of an instruction as fits a line.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 72;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
