//! `podman`: podman's own storage.
//!
//! A single image is pulled from an OCI archive, which keeps its digest. An
//! index becomes a manifest list of podman's: the images in it are pulled
//! under their digests, so that `podman image prune` leaves them, and keep
//! those; the list is a document of podman's own and has another digest than
//! the index. It is made under a name of its own and then takes its names
//! over, so that they mean a whole list at any moment.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use host::Cmd;
use oci::layout::WriteOptions;
use oci::{Artifact, Digest, Image, Named, archive, media};
use serde::Deserialize;

use crate::engine::{Work, names, run, settle};
use crate::{Error, Options, Outcomes};

const PROGRAM: &str = "podman";

/// The transport of what podman has already.
const STORAGE: &str = "containers-storage:";

const FAST: WriteOptions = WriteOptions { durable: false };

fn podman<S: Into<std::ffi::OsString>>(args: impl IntoIterator<Item = S>) -> Cmd {
    Cmd::new(PROGRAM).args(args)
}

fn list() -> Cmd {
    podman(["images", "--all", "--no-trunc", "--format", "json"])
}

/// Takes the images of archives; prints the id of each.
fn pull(archives: &[PathBuf]) -> Cmd {
    let source = |path: &PathBuf| {
        let mut word = std::ffi::OsString::from("oci-archive:");
        word.push(path);
        word
    };
    podman(["pull", "-q"]).args(archives.iter().map(source))
}

fn tag(image: &str, names: &[String]) -> Cmd {
    podman(["tag", image]).args(names)
}

/// Prints a list. The transport is named, or podman would ask registries for
/// what is no list here.
fn inspect(list: &str) -> Cmd {
    podman(["manifest", "inspect", &format!("{STORAGE}{list}")])
}

fn create(list: &str, ids: &[String]) -> Cmd {
    let images = ids.iter().map(|id| format!("{STORAGE}{id}"));
    podman(["manifest", "create", list]).args(images)
}

/// Takes the name away; the list stays where it has another.
fn remove(list: &str) -> Cmd {
    podman(["manifest", "rm", list])
}

/// An image or a list in the storage.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    id: String,
    names: Option<Vec<String>>,
    digest: Option<String>,
    repo_digests: Option<Vec<String>>,
}

impl Stored {
    /// One id can have several manifests: with one config, but other layers.
    fn has(&self, digest: Digest) -> bool {
        let digest = digest.to_string();
        let named = |name: &String| name.rsplit_once('@').is_some_and(|(_, own)| own == digest);
        self.digest.as_ref() == Some(&digest) || self.repo_digests.iter().flatten().any(named)
    }
}

/// What is there.
struct There {
    by_name: HashMap<String, Stored>,
    ids: HashSet<String>,
}

pub(crate) fn publish(batch: &[Named], options: Options<'_>) -> Outcomes {
    let images = batch.iter().cloned().map(Ok).collect();
    let put = |wanted: &[&Named]| wanted.iter().map(|named| put(named, options)).collect();
    let mut outcomes =
        settle(images, || look(options), |there, named| check(there, named, options), put)?;
    for (outcome, named) in outcomes.iter_mut().zip(batch) {
        if let (Ok(published), Artifact::Index(_)) = (outcome, &named.artifact) {
            let there = members(&named.artifact).into_iter().map(Image::platform);
            published.platforms = there.collect();
        }
    }
    Ok(outcomes)
}

fn look(options: Options<'_>) -> Result<There, Error> {
    let command = list();
    let all: Vec<Stored> = parse(&command, &run(&command, options)?)?;
    let ids = all.iter().map(|stored| stored.id.clone()).collect();
    let mut by_name = HashMap::new();
    for Stored { id, names, digest, repo_digests } in all {
        for name in names.into_iter().flatten() {
            let (id, digest, repo_digests) = (id.clone(), digest.clone(), repo_digests.clone());
            by_name.insert(name, Stored { id, names: None, digest, repo_digests });
        }
    }
    Ok(There { by_name, ids })
}

fn parse<T: serde::de::DeserializeOwned>(command: &Cmd, text: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Garbage { command: command.to_string(), reason: error.to_string() })
}

fn put(named: &Named, options: Options<'_>) -> Result<(), Error> {
    let names: Vec<String> = names(named).collect();
    let work = Work::new()?;
    match &named.artifact {
        Artifact::Image(image) => {
            let file = work.file("image.tar");
            let first = Named { references: named.references[..1].to_vec(), ..named.clone() };
            archive::write(&file, &[first], FAST)?;
            let ids = pull_all(&[file], &[image], options)?;
            if names.len() > 1 {
                run(&tag(&ids[0], &names[1..]), options)?;
            }
            Ok(())
        }
        Artifact::Index(_) => {
            let images = members(&named.artifact);
            if images.is_empty() {
                return Err(Error::NoImages { reference: Box::new(named.references[0].clone()) });
            }
            let file = |image: &&Image| {
                let file = work.file(&format!("{}.tar", image.digest().hex()));
                let child = Artifact::Image((*image).clone());
                archive::write_digested(&file, &named.references[0], &child, FAST)?;
                Ok(file)
            };
            let files = images.iter().map(file).collect::<Result<Vec<_>, Error>>()?;
            let ids = pull_all(&files, &images, options)?;
            make_list(&ids, &images, &names, options)
        }
    }
}

/// Returns the images of an index. What an engine cannot hold, such as what a
/// builder attests, is left out.
fn members(artifact: &Artifact) -> Vec<&Image> {
    let mut images = artifact.images();
    images.retain(|image| {
        media::is_config(&image.manifest().config.media_type) && image.platform().os != "unknown"
    });
    images
}

fn pull_all(
    files: &[PathBuf],
    images: &[&Image],
    options: Options<'_>,
) -> Result<Vec<String>, Error> {
    let ids: Vec<String> = images.iter().map(|image| image.config_blob().digest().hex()).collect();
    let command = pull(files);
    let said = run(&command, options)?;
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if said != ids {
        let reason = format!("the images are not {}", ids.join(", "));
        return Err(Error::Garbage { command: command.to_string(), reason });
    }
    Ok(ids)
}

fn make_list(
    ids: &[String],
    images: &[&Image],
    names: &[String],
    options: Options<'_>,
) -> Result<(), Error> {
    let staged = format!("localhost/staged-list:{}", std::process::id());
    let done = run(&create(&staged, ids), options)
        .and_then(|_| read_list(&staged, options))
        .and_then(|list| compare(&names[0], &list, images))
        .and_then(|()| run(&tag(&staged, names), options));
    let removed = run(&remove(&staged), options);
    done.and(removed).map(drop)
}

/// A manifest list, as much of it as matters.
#[derive(Debug, Deserialize)]
struct List {
    manifests: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    digest: String,
    #[serde(default)]
    platform: EntryPlatform,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EntryPlatform {
    architecture: String,
    os: String,
}

fn read_list(list: &str, options: Options<'_>) -> Result<List, Error> {
    let command = inspect(list);
    parse(&command, &run(&command, options)?)
}

fn compare(name: &str, list: &List, images: &[&Image]) -> Result<(), Error> {
    let own = images.iter().map(|image| {
        let platform = image.platform();
        format!("{}/{} {}", platform.os, platform.architecture, image.digest())
    });
    let found = list.manifests.iter().map(|entry| {
        let EntryPlatform { os, architecture } = &entry.platform;
        format!("{os}/{architecture} {}", entry.digest)
    });
    let (own, found) = (own.collect::<Vec<_>>().join(", "), found.collect::<Vec<_>>().join(", "));
    if own == found {
        return Ok(());
    }
    Err(Error::NotThere {
        reference: name.to_owned(),
        program: PROGRAM,
        expected: own,
        found: Some(found),
    })
}

fn check(there: &There, named: &Named, options: Options<'_>) -> Result<(), Error> {
    let images = members(&named.artifact);
    let expected = named.artifact.digest();
    let missing = |reference: String, found| Error::NotThere {
        reference,
        program: PROGRAM,
        expected: expected.to_string(),
        found,
    };
    let mut seen = HashSet::new();
    for name in names(named) {
        let Some(stored) = there.by_name.get(&name) else { return Err(missing(name, None)) };
        match named.artifact {
            Artifact::Image(_) if stored.has(expected) => {}
            Artifact::Image(_) => return Err(missing(name, stored.digest.clone())),
            Artifact::Index(_) if !seen.insert(&stored.id) => {}
            Artifact::Index(_) => {
                // A single image cannot be read as a list.
                let list = read_list(&stored.id, options)
                    .map_err(|_| missing(name.clone(), stored.digest.clone()))?;
                compare(&name, &list, &images)?;
            }
        }
    }
    let id = |image: &&Image| image.config_blob().digest().hex();
    match images.iter().map(id).find(|id| !there.ids.contains(id)) {
        Some(id) => Err(missing(id, None)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_these() {
        let files = ["/t/a.tar".into(), "/t/b c.tar".into()];
        let names = ["quay.io/a:v1".to_owned(), "quay.io/a:v2".to_owned()];
        let ids = ["1".to_owned(), "2".to_owned()];
        let commands =
            [list(), pull(&files), tag("1", &names), inspect("l"), create("l", &ids), remove("l")];
        assert_eq!(
            commands.map(|command| command.to_string()),
            [
                "podman images --all --no-trunc --format json",
                "podman pull -q oci-archive:/t/a.tar 'oci-archive:/t/b c.tar'",
                "podman tag 1 quay.io/a:v1 quay.io/a:v2",
                "podman manifest inspect containers-storage:l",
                "podman manifest create l containers-storage:1 containers-storage:2",
                "podman manifest rm l",
            ]
        );
    }

    #[test]
    fn an_image_is_known_by_any_of_its_manifests() {
        let (one, two, three) = (Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3"));
        let stored = Stored {
            id: "x".to_owned(),
            names: None,
            digest: Some(one.to_string()),
            repo_digests: Some(vec![format!("quay.io/a@{two}")]),
        };
        assert_eq!([one, two, three].map(|digest| stored.has(digest)), [true, true, false]);
    }
}
