//! What a command is about: an image of a registry, the images of a layout,
//! a tree of layouts or an archive, or an object that is in no image yet.
//!
//! One rule for all commands: what is there as a file or directory is meant
//! as such, everything else is the name of an image in a registry.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use cli::publish;
use destination::{Error, Found, Source};
use host::fs::{IoContext, IoError, open_regular};
use oci::registry::{Client, Companion};
use oci::{Artifact, Image, Reference};
use ui::{Exit, Failure};

use super::text::plain;
use crate::context::Context;

/// What a word means, for those whose word means nothing.
const FORMS: &str = "a directory (a layout or a tree of them) or file (an archive, an object) that \
                     is there is read; every other word names an image in a registry";

/// What was named.
#[derive(Debug)]
pub(crate) enum Subject {
    /// An object that is in no image.
    Object { path: PathBuf, bytes: Vec<u8> },
    /// One image, by its name.
    Image { found: Found, source: Source },
    /// Everything in a place; at least one image.
    Place { found: Vec<Found>, source: Source },
}

/// A word, before anything is read.
enum Word {
    Object(PathBuf),
    Source(Source),
}

/// The schemes that say where images are.
const SCHEMES: [&str; 4] = ["oci:", "oci-archive:", "docker-archive:", "docker://"];

/// Reads what a word names.
pub(crate) fn find(word: &str, client: &Client, cx: &Context<'_>) -> Result<Subject, Failure> {
    let source = match parse(word)? {
        Word::Object(path) => {
            let bytes = host::fs::read(&path)?;
            return Ok(Subject::Object { path, bytes });
        }
        Word::Source(Source::Registry(reference)) => {
            let found = pull(&reference, client, cx)?;
            return Ok(Subject::Image { found, source: Source::Registry(reference) });
        }
        Word::Source(source) => source,
    };
    let (mut found, source) = read(source, word, client, cx)?;
    let is_place = matches!(
        source,
        Source::Oci(_, None) | Source::OciArchive(_, None) | Source::DockerArchive(_, None)
    );
    match found.pop() {
        Some(found) if !is_place => Ok(Subject::Image { found, source }),
        last => {
            found.extend(last);
            Ok(Subject::Place { found, source })
        }
    }
}

/// Reads the images of a place. An archive that was named by its path alone
/// may be of either kind; which it is, is returned too.
fn read(
    source: Source,
    word: &str,
    client: &Client,
    cx: &Context<'_>,
) -> Result<(Vec<Found>, Source), Failure> {
    let error = match source.find(client, cx.work.path()?) {
        Ok(found) => return Ok((found, source)),
        Err(error) => error,
    };
    if let (Source::OciArchive(path, None), Error::Oci(oci::Error::InvalidLayout { .. })) =
        (&source, &error)
        && Path::new(word) == path
    {
        let other = Source::DockerArchive(path.clone(), None);
        if let Ok(found) = other.find(client, cx.work.path()?) {
            return Ok((found, other));
        }
    }
    Err(failure(word, error))
}

/// Reads an image of a registry.
pub(crate) fn pull(
    reference: &Reference,
    client: &Client,
    cx: &Context<'_>,
) -> Result<Found, Failure> {
    let name = reference.to_string();
    let found = Source::Registry(reference.clone()).find(client, cx.work.path()?);
    let mut found = found.map_err(|error| failure(&name, error))?;
    found.pop().ok_or_else(|| absent(&name))
}

fn parse(word: &str) -> Result<Word, Failure> {
    if SCHEMES.iter().any(|scheme| word.starts_with(scheme)) {
        return word.parse().map(Word::Source).map_err(Failure::usage);
    }
    let path = Path::new(word);
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(Word::Source(Source::Oci(path.into(), None))),
        Ok(_) if is_elf(path)? => Ok(Word::Object(path.into())),
        Ok(_) => Ok(Word::Source(Source::OciArchive(path.into(), None))),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(IoError::new("open", path, error).into())
        }
        Err(_) if is_path(word) => Err(absent(word)),
        Err(_) => word.parse().map(Word::Source).map_err(|error: destination::ParseSourceError| {
            Failure::usage(format!("there is no `{word}`, and it names no image: {}", error.reason))
                .hint(FORMS)
        }),
    }
}

fn is_elf(path: &Path) -> Result<bool, Failure> {
    let mut magic = [0; 4];
    // Its link is followed: the user named it.
    let real = std::fs::canonicalize(path).io_context("resolve", path)?;
    let mut file = open_regular(&real)?;
    let read = file.by_ref().take(4).read(&mut magic).io_context("read", path)?;
    Ok(magic[..read] == *b"\x7fELF")
}

/// Returns whether a word can only be meant as a path.
fn is_path(word: &str) -> bool {
    ["/", "./", "../"].iter().any(|start| word.starts_with(start))
        || [".o", ".tar"].iter().any(|end| word.ends_with(end))
        || [".", "..", ""].contains(&word)
}

fn absent(word: &str) -> Failure {
    Failure::new(Exit::Empty, format!("there is no `{word}`"))
}

/// Puts into words why nothing was read. That nothing is there has an exit
/// code of its own.
fn failure(word: &str, error: Error) -> Failure {
    let is_absent = match &error {
        Error::NoPlace { .. } | Error::NoRepository { .. } | Error::Nothing { .. } => true,
        Error::Oci(oci::Error::NotFound { .. }) => true,
        Error::Oci(oci::Error::Io(error)) => error.source.kind() == ErrorKind::NotFound,
        Error::Registry(oci::registry::Error::Refused(refusal)) => {
            // The name itself, and not something that the image names.
            let name = refusal.url.rsplit('/').next().unwrap_or_default();
            refusal.status == 404 && !name.is_empty() && word.ends_with(name)
        }
        _ => false,
    };
    let is_no_place = matches!(&error, Error::Oci(oci::Error::InvalidLayout { .. }));
    let mut failure = publish::failure(error);
    if is_no_place {
        // Any file may be named here: no reason to advise that it be removed.
        failure.hints = vec![FORMS.to_owned()];
    }
    if is_absent {
        failure.exit = Exit::Empty;
    }
    failure.context(format!("failed to read `{word}`"))
}

impl Subject {
    /// Returns where the images are; an object is in none.
    pub(crate) fn source(&self) -> Option<&Source> {
        match self {
            Subject::Image { source, .. } | Subject::Place { source, .. } => Some(source),
            Subject::Object { .. } => None,
        }
    }

    /// Returns the one image, for commands that take no more.
    pub(crate) fn one(self, word: &str) -> Result<Found, Failure> {
        match self {
            Subject::Image { found, .. } => Ok(found),
            Subject::Place { mut found, .. } => {
                found.retain(|found| !is_companion(found));
                match (found.len(), found.pop()) {
                    (1, Some(one)) => Ok(one),
                    (_, last) => {
                        found.extend(last);
                        Err(several(word, &found))
                    }
                }
            }
            Subject::Object { path, .. } => {
                let message = format!("`{}` is an object, and no image", path.display());
                Err(Failure::usage(message).hint("`bpfman image build` makes an image of it"))
            }
        }
    }

    /// Returns all images; an object is none.
    pub(crate) fn images(self, word: &str) -> Result<Vec<Found>, Failure> {
        match self {
            Subject::Place { found, .. } => Ok(found),
            other => Ok(vec![other.one(word)?]),
        }
    }
}

fn several(word: &str, found: &[Found]) -> Failure {
    const SHOWN: usize = 10;
    let mut names: Vec<_> = found.iter().take(SHOWN).map(|found| plain(&found.label)).collect();
    if found.len() > SHOWN {
        names.push("…".to_owned());
    }
    let count = ui::count(found.len(), "image");
    let scheme = match std::fs::metadata(word) {
        Ok(metadata) if metadata.is_dir() => "oci:",
        _ if oci::archive::open(Path::new(word)).is_err() => "docker-archive:",
        _ => "oci-archive:",
    };
    let start = if SCHEMES.iter().any(|own| word.starts_with(own)) { "" } else { scheme };
    Failure::usage(format!("`{word}` holds {count}, and one is wanted"))
        .detail(names.join("\n"))
        .hint(format!("`{start}{word}:NAME` names one"))
}

/// Returns whether something is about an image rather than one: the tags of
/// signatures and of lists of referrers begin so.
pub(crate) fn is_companion(found: &Found) -> bool {
    let tag = found.reference.as_ref().and_then(|reference| reference.tag());
    Companion::has_tag(tag.unwrap_or(&found.label))
}

/// Returns the images that are for a machine. What BuildKit attests stands
/// beside them in an index, under a platform that nobody has.
pub(crate) fn images_of(artifact: &Artifact) -> Vec<&Image> {
    let mut images = artifact.images();
    images.retain(|image| image.platform().os != "unknown");
    images
}
