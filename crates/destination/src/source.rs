//! Where images come from when they are copied: layouts, archives,
//! registries.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci::layout::{Tree, full_name_of, tag_of};
use oci::registry::Client;
use oci::spec::Descriptor;
use oci::{Layout, Named, Reference, archive, docker_archive};

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
        match self {
            Source::Registry(reference) => {
                let (references, artifact) =
                    (vec![reference.clone()], client.pull(reference, None)?);
                Ok(vec![Named { references, artifact }])
            }
            Source::OciArchive(file, name) => {
                of_layout(&archive::open(file)?, None, name.as_deref())
            }
            Source::DockerArchive(file, name) => of_docker_archive(file, name.as_deref(), work),
            Source::Oci(directory, name) if directory.join("oci-layout").is_file() => {
                of_layout(&Layout::open(directory)?, None, name.as_deref())
            }
            Source::Oci(directory, name) => of_tree(&Tree::new(directory), name.as_deref()),
        }
    }
}

fn of_tree(tree: &Tree, name: Option<&str>) -> Result<Vec<Named>, Error> {
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
        return Ok(vec![Named { references: vec![reference], artifact }]);
    }
    let mut all = Vec::new();
    for repository in tree.layouts()? {
        all.extend(of_layout(&Layout::open(&repository.path)?, Some(&repository.name), None)?);
    }
    if all.is_empty() { Err(Error::Nothing { place: place() }) } else { Ok(all) }
}

/// Loads one entry of a layout, or all. `repository` is its name where that
/// is known.
fn of_layout(
    layout: &Layout,
    repository: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<Named>, Error> {
    let entries = match name {
        Some(name) => vec![layout.resolve(name)?],
        None => layout.index().manifests.clone(),
    };
    if entries.is_empty() {
        return Err(Error::Nothing { place: layout.path().to_owned() });
    }
    let named = |entry: &Descriptor| {
        let reference = full_reference(entry, repository).ok_or_else(|| Error::Unnamed {
            place: layout.path().to_owned(),
            digest: entry.digest,
        })?;
        Ok(Named { references: vec![reference], artifact: layout.load(entry)? })
    };
    entries.iter().map(named).collect()
}

/// Reads a docker archive: all that is in it, or what has the name.
fn of_docker_archive(file: &Path, name: Option<&str>, work: &Path) -> Result<Vec<Named>, Error> {
    let images = docker_archive::read(file, work)?;
    let Some(name) = name else {
        if images.is_empty() {
            return Err(Error::Nothing { place: file.to_owned() });
        }
        return match images.iter().find(|named| named.references.is_empty()) {
            Some(named) => {
                let (place, digest) = (file.to_owned(), named.artifact.digest());
                Err(Error::Unnamed { place, digest })
            }
            None => Ok(images),
        };
    };
    let wanted: Reference = name.parse().map_err(oci::Error::from)?;
    let known = images.iter().flat_map(|named| &named.references).map(ToString::to_string);
    let known = known.collect();
    let found = images.into_iter().find(|named| named.references.contains(&wanted));
    let absent = || oci::Error::NotFound { name: name.to_owned(), place: file.to_owned(), known };
    let named = found.ok_or_else(absent)?;
    Ok(vec![Named { references: vec![wanted], ..named }])
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
