//! `docker`: the images of the docker daemon that the `docker` command speaks
//! with.
//!
//! Docker's classic store knows an image by the digest of its config, its
//! newer one (containerd's) by that of its manifest. The archive that is
//! loaded has both, so that either can be compared.

use std::collections::HashMap;
use std::path::Path;

use host::Cmd;
use oci::layout::WriteOptions;
use oci::{Digest, Named, docker_archive};

use crate::engine::{self, Work, names, run, settle};
use crate::{Error, Options, Outcomes, single};

const PROGRAM: &str = "docker";

/// Lists all images: `NAME:TAG ID`.
fn list() -> Cmd {
    let format = "{{.Repository}}:{{.Tag}} {{.ID}}";
    Cmd::new(PROGRAM).args(["image", "ls", "--no-trunc", "--format", format])
}

fn load(archive: &Path) -> Cmd {
    Cmd::new(PROGRAM).args(["load", "-q", "-i"]).arg(archive)
}

pub(crate) fn publish(batch: &[Named], options: Options<'_>) -> Outcomes {
    let put = |wanted: &[&Named]| engine::for_all(wanted, put(wanted, options));
    settle(single::images(batch, options.platform), || look(options), check, put)
}

fn look(options: Options<'_>) -> Result<HashMap<String, Digest>, Error> {
    let command = list();
    parse(&run(&command, options)?)
        .map_err(|reason| Error::Garbage { command: command.to_string(), reason })
}

fn put(wanted: &[&Named], options: Options<'_>) -> Result<(), Error> {
    let work = Work::new()?;
    let archive = work.file("images.tar");
    let fast = WriteOptions { durable: false };
    docker_archive::write(&archive, &engine::batch(wanted), fast)?;
    run(&load(&archive), options).map(drop)
}

/// Reads the list of images: which name has which id.
fn parse(text: &str) -> Result<HashMap<String, Digest>, String> {
    let line = |line: &str| {
        let (name, id) = line.rsplit_once(' ')?;
        Some((name.to_owned(), id.parse().ok()?))
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|text| line(text).ok_or_else(|| format!("`{text}` is no image"))).collect()
}

fn check(there: &HashMap<String, Digest>, named: &Named) -> Result<(), Error> {
    let images = named.artifact.images();
    let Some(image) = images.first() else { return Ok(()) };
    let ids = [image.config_blob().digest(), image.digest()];
    for name in names(named) {
        let found = there.get(familiar(&name)).or_else(|| there.get(&name));
        if !found.is_some_and(|found| ids.contains(found)) {
            return Err(Error::NotThere {
                reference: name,
                program: PROGRAM,
                expected: ids[0].to_string(),
                found: found.map(Digest::to_string),
            });
        }
    }
    Ok(())
}

/// Returns a name as docker shows it: what it takes for granted is left out.
fn familiar(name: &str) -> &str {
    let short = name.strip_prefix("docker.io/").unwrap_or(name);
    short.strip_prefix("library/").filter(|_| short != name).unwrap_or(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_these() {
        assert_eq!(
            [list(), load("/t/x.tar".as_ref())].map(|command| command.to_string()),
            [
                "docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'",
                "docker load -q -i /t/x.tar",
            ]
        );
    }

    #[test]
    fn lists_are_read() {
        let id = Digest::of(b"x");
        let there = parse(&format!("quay.io/a:v1 {id}\n<none>:<none> {id}\n")).unwrap();
        assert_eq!(there.get("quay.io/a:v1"), Some(&id));
        assert_eq!(parse("").unwrap().len(), 0);
        assert_eq!(parse("\n").unwrap().len(), 0);
        assert_eq!(parse("quay.io/a:v1 x").unwrap_err(), "`quay.io/a:v1 x` is no image");
        assert_eq!(parse("what?").unwrap_err(), "`what?` is no image");
    }

    #[test]
    fn names_are_docker_s() {
        let cases = [
            ("docker.io/library/alpine:3", "alpine:3"),
            ("docker.io/me/x:v1", "me/x:v1"),
            ("quay.io/library/x:v1", "quay.io/library/x:v1"),
            ("localhost/docker.io/x:v1", "localhost/docker.io/x:v1"),
        ];
        for (full, short) in cases {
            assert_eq!(familiar(full), short);
        }
    }
}
