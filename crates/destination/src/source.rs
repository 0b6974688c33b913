//! Where images come from when they are copied: layouts, archives,
//! registries.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci::layout::{Tree, full_name_of, tag_of};
use oci::registry::{Client, Companion};
use oci::spec::Descriptor;
use oci::{Artifact, Layout, Named, Reference, archive, docker_archive};

use crate::Error;

/// A place that holds images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `oci:DIR[:NAME]`: a layout or a tree of them; all that is in it, or
    /// what has the tag or full name.
    Oci(PathBuf, Option<String>),
    /// `oci-archive:FILE[:NAME]`: one tar of one layout.
    OciArchive(PathBuf, Option<String>),
    /// `docker-archive:FILE[:NAME]`: what `docker save` or `podman save` wrote.
    DockerArchive(PathBuf, Option<String>),
    /// `[docker://]REFERENCE`: an image of a registry.
    Registry(Reference),
}

/// A word that is not a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid source `{word}`: {reason}")]
pub struct ParseSourceError {
    /// The word as it was given.
    pub word: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Source {
    type Err = ParseSourceError;

    /// Accepts what the variants say. A path ends at its first colon, as
    /// skopeo has it.
    fn from_str(word: &str) -> Result<Source, ParseSourceError> {
        let error = |reason: String| ParseSourceError { word: word.to_owned(), reason };
        let path = |rest: &str| {
            let (path, name) = match rest.split_once(':') {
                Some((path, name)) => (path, Some(name.to_owned())),
                None => (rest, None),
            };
            match (path, name.as_deref()) {
                ("", _) => Err(error("its path is empty".to_owned())),
                (_, Some("")) => Err(error("its name is empty".to_owned())),
                _ => Ok((PathBuf::from(path), name)),
            }
        };
        if let Some(rest) = word.strip_prefix("oci:") {
            path(rest).map(|(path, name)| Source::Oci(path, name))
        } else if let Some(rest) = word.strip_prefix("oci-archive:") {
            path(rest).map(|(path, name)| Source::OciArchive(path, name))
        } else if let Some(rest) = word.strip_prefix("docker-archive:") {
            path(rest).map(|(path, name)| Source::DockerArchive(path, name))
        } else {
            let name = word.strip_prefix("docker://").unwrap_or(word);
            let reference: Reference =
                name.parse().map_err(|fault: oci::ParseError| error(fault.reason.to_owned()))?;
            Ok(Source::Registry(reference))
        }
    }
}

impl fmt::Display for Source {
    /// Writes the word that means it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, name) = match self {
            Source::Oci(path, name) => ("oci", path, name),
            Source::OciArchive(path, name) => ("oci-archive", path, name),
            Source::DockerArchive(path, name) => ("docker-archive", path, name),
            Source::Registry(reference) => return write!(f, "docker://{reference}"),
        };
        write!(f, "{scheme}:{}", path.display())?;
        name.iter().try_for_each(|name| write!(f, ":{name}"))
    }
}

/// An image as a place has it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its full name, if the place gives it one.
    pub reference: Option<Reference>,
    /// What the place calls it: its full name, its tag or its digest.
    pub label: String,
    /// The image.
    pub artifact: Artifact,
}

/// Whether images must have full names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Needed,
    IfThere,
}

impl Source {
    /// Loads the images, each with the names it has there. Layers are read
    /// when they are used; those that have to be compressed first lie in the
    /// directory `work`, which must exist, and stay until then.
    ///
    /// # Errors
    ///
    /// Fails if the place cannot be read, has nothing of that name, or has an
    /// image without a full name, by which alone it can be put elsewhere.
    pub fn load(&self, client: &Client, work: &Path) -> Result<Vec<Named>, Error> {
        let found = self.look_up(client, work, Names::Needed)?;
        let named = |Found { reference, artifact, .. }| Named {
            references: Vec::from_iter(reference),
            artifact,
        };
        Ok(found.into_iter().map(named).collect())
    }

    /// Loads the images as [`Source::load`] does, also those that have no full
    /// name there.
    ///
    /// # Errors
    ///
    /// Fails if the place cannot be read, or has nothing of that name.
    pub fn find(&self, client: &Client, work: &Path) -> Result<Vec<Found>, Error> {
        self.look_up(client, work, Names::IfThere)
    }

    /// Finds what goes with images that were loaded from this place: their
    /// signatures and whatever else refers to them, for each image in turn. A
    /// docker archive has no room for such.
    ///
    /// # Errors
    ///
    /// Fails if the place cannot be read, or what it has is incomplete.
    pub fn companions(
        &self,
        client: &Client,
        found: &[Found],
    ) -> Result<Vec<Vec<Companion>>, Error> {
        let of_layout = |layout: &Layout, Found { reference, artifact, .. }: &Found| {
            let repository = reference.as_ref().map(Reference::name);
            Ok(layout.companions(repository.as_deref(), artifact)?)
        };
        match self {
            Source::Registry(reference) => found
                .iter()
                .map(|found| Ok(client.companions(reference, &found.artifact)?))
                .collect(),
            Source::DockerArchive(..) => Ok(vec![Vec::new(); found.len()]),
            Source::OciArchive(file, _) => {
                let layout = archive::open(file)?;
                found.iter().map(|found| of_layout(&layout, found)).collect()
            }
            Source::Oci(directory, _) if is_layout(directory) => {
                let layout = Layout::open(directory)?;
                found.iter().map(|found| of_layout(&layout, found)).collect()
            }
            Source::Oci(directory, _) => {
                let tree = Tree::new(directory);
                let of_tree = |found: &Found| match &found.reference {
                    Some(name) => of_layout(&Layout::open(&tree.directory(name))?, found),
                    None => Ok(Vec::new()),
                };
                found.iter().map(of_tree).collect()
            }
        }
    }

    fn look_up(&self, client: &Client, work: &Path, names: Names) -> Result<Vec<Found>, Error> {
        match self {
            Source::Registry(reference) => Ok(vec![Found {
                reference: Some(reference.clone()),
                label: reference.to_string(),
                artifact: client.pull(reference, None)?,
            }]),
            Source::OciArchive(file, name) => {
                of_layout(&archive::open(file)?, None, name.as_deref(), names)
            }
            Source::DockerArchive(file, name) => {
                of_docker_archive(file, name.as_deref(), work, names)
            }
            Source::Oci(directory, name) if is_layout(directory) => {
                of_layout(&Layout::open(directory)?, None, name.as_deref(), names)
            }
            Source::Oci(directory, name) => of_tree(&Tree::new(directory), name.as_deref(), names),
        }
    }
}

/// Returns whether a directory is one layout, rather than a tree of them.
fn is_layout(directory: &Path) -> bool {
    directory.join("oci-layout").is_file()
}

fn of_tree(tree: &Tree, name: Option<&str>, names: Names) -> Result<Vec<Found>, Error> {
    let place = || tree.root().to_owned();
    if !tree.root().is_dir() {
        return Err(Error::NoPlace { place: place() });
    }
    if let Some(name) = name {
        let reference: Reference = name.parse().map_err(oci::Error::from)?;
        let directory = tree.directory(&reference);
        if !directory.join("oci-layout").is_file() {
            return Err(Error::NoRepository { place: place(), name: name.to_owned() });
        }
        let layout = Layout::open(&directory)?;
        let wanted = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or_default().to_owned(),
        };
        let artifact = layout.load(&layout.resolve(&wanted)?)?;
        let label = reference.to_string();
        return Ok(vec![Found { reference: Some(reference), label, artifact }]);
    }
    let mut all = Vec::new();
    for repository in tree.layouts()? {
        let layout = Layout::open(&repository.path)?;
        all.extend(of_layout(&layout, Some(&repository.name), None, names)?);
    }
    if all.is_empty() { Err(Error::Nothing { place: place() }) } else { Ok(all) }
}

/// Loads one entry of a layout, or all. `repository` is its name where that
/// is known.
fn of_layout(
    layout: &Layout,
    repository: Option<&str>,
    name: Option<&str>,
    names: Names,
) -> Result<Vec<Found>, Error> {
    let entries = match name {
        Some(name) => vec![layout.resolve(name)?],
        None => layout.index().manifests.clone(),
    };
    if entries.is_empty() {
        return Err(Error::Nothing { place: layout.path().to_owned() });
    }
    let found = |entry: &Descriptor| {
        let reference = full_reference(entry, repository);
        if reference.is_none() && names == Names::Needed {
            return Err(Error::Unnamed { place: layout.path().to_owned(), digest: entry.digest });
        }
        let label = match (&reference, tag_of(entry)) {
            (Some(reference), _) => reference.to_string(),
            (None, Some(tag)) => tag.to_owned(),
            (None, None) => entry.digest.to_string(),
        };
        Ok(Found { reference, label, artifact: layout.load(entry)? })
    };
    entries.iter().map(found).collect()
}

/// Reads a docker archive: all that is in it, or what has the name.
fn of_docker_archive(
    file: &Path,
    name: Option<&str>,
    work: &Path,
    names: Names,
) -> Result<Vec<Found>, Error> {
    let images = docker_archive::read(file, work)?;
    if images.is_empty() {
        return Err(Error::Nothing { place: file.to_owned() });
    }
    let wanted: Option<Reference> =
        name.map(|name| name.parse().map_err(oci::Error::from)).transpose()?;
    let mut found = Vec::new();
    let mut known = Vec::new();
    for Named { references, artifact } in images {
        if references.is_empty() && names == Names::Needed && wanted.is_none() {
            return Err(Error::Unnamed { place: file.to_owned(), digest: artifact.digest() });
        }
        known.extend(references.iter().map(ToString::to_string));
        if references.is_empty() && wanted.is_none() {
            let (label, artifact) = (artifact.digest().to_string(), artifact.clone());
            found.push(Found { reference: None, label, artifact });
        }
        for reference in references {
            if wanted.as_ref().is_none_or(|wanted| *wanted == reference) {
                let (label, artifact) = (reference.to_string(), artifact.clone());
                found.push(Found { reference: Some(reference), label, artifact });
            }
        }
    }
    match name {
        Some(name) if found.is_empty() => {
            let (name, place) = (name.to_owned(), file.to_owned());
            Err(oci::Error::NotFound { name, place, known }.into())
        }
        _ => Ok(found),
    }
}

fn full_reference(entry: &Descriptor, repository: Option<&str>) -> Option<Reference> {
    match (repository, tag_of(entry)) {
        (Some(repository), Some(tag)) => format!("{repository}:{tag}").parse().ok(),
        (Some(repository), None) => format!("{repository}@{}", entry.digest).parse().ok(),
        // In an archive the tag's place has the full name.
        (None, tag) => full_name_of(entry).or(tag.filter(|tag| tag.contains('/')))?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_parse() {
        let name = |name: &str| Some(name.to_owned());
        let cases = [
            ("oci:dir", Source::Oci("dir".into(), None)),
            ("oci:/a/b:v1", Source::Oci("/a/b".into(), name("v1"))),
            ("oci-archive:x.tar", Source::OciArchive("x.tar".into(), None)),
            (
                "oci-archive:x.tar:quay.io/a/b:v1",
                Source::OciArchive("x.tar".into(), name("quay.io/a/b:v1")),
            ),
            ("docker-archive:x.tar", Source::DockerArchive("x.tar".into(), None)),
            ("docker-archive:x.tar:a:v1", Source::DockerArchive("x.tar".into(), name("a:v1"))),
            ("quay.io/a/b:v1", Source::Registry("quay.io/a/b:v1".parse().unwrap())),
            ("docker://[::1]:5000/a", Source::Registry("[::1]:5000/a:latest".parse().unwrap())),
        ];
        for (word, source) in cases {
            assert_eq!(source.to_string().parse(), Ok(source.clone()), "{word}");
            assert_eq!(word.parse(), Ok(source), "{word}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        let cases = [
            ("", "it is empty"),
            ("oci:", "its path is empty"),
            ("oci::v1", "its path is empty"),
            ("oci:dir:", "its name is empty"),
            ("oci-archive:", "its path is empty"),
            ("docker-archive:", "its path is empty"),
            ("UPPER/x", "the repository has uppercase letters"),
        ];
        for (word, reason) in cases {
            let error = word.parse::<Source>().unwrap_err().to_string();
            assert_eq!(error, format!("invalid source `{word}`: {reason}"));
        }
    }
}
