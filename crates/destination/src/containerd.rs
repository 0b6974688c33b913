//! `containerd[:NAMESPACE]`: the images of the containerd that `ctr` speaks
//! with; the variable `CONTAINERD_ADDRESS` says which, as `ctr` has it.
//!
//! All platforms go there under the digests they have. `ctr images import`
//! says nothing of an archive in which it finds no name, so what is there is
//! looked at: the names, and every blob. Not given is `--digests`: it would
//! leave a further name with the day's date at each import, which keeps the
//! image for ever.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use host::Cmd;
use oci::layout::WriteOptions;
use oci::{Blob, Digest, Named, archive};

use crate::engine::{self, Work, names, run, settle};
use crate::{Error, Options, Outcomes};

const PROGRAM: &str = "ctr";

fn ctr(namespace: Option<&str>) -> Cmd {
    let command = Cmd::new(PROGRAM);
    match namespace {
        Some(namespace) => command.args(["-n", namespace]),
        None => command,
    }
}

fn list(namespace: Option<&str>) -> Cmd {
    ctr(namespace).args(["images", "ls"])
}

fn list_blobs(namespace: Option<&str>) -> Cmd {
    ctr(namespace).args(["content", "ls", "-q"])
}

fn import(namespace: Option<&str>, archive: &Path) -> Cmd {
    ctr(namespace).args(["images", "import", "--all-platforms"]).arg(archive)
}

/// What is there.
struct There {
    names: HashMap<String, Digest>,
    blobs: HashSet<Digest>,
}

pub(crate) fn publish(namespace: Option<&str>, batch: &[Named], options: Options<'_>) -> Outcomes {
    let put = |wanted: &[&Named]| engine::for_all(wanted, put(namespace, wanted, options));
    let images = batch.iter().cloned().map(Ok).collect();
    settle(images, || look(namespace, options), check, put)
}

fn look(namespace: Option<&str>, options: Options<'_>) -> Result<There, Error> {
    let command = list(namespace);
    let names = parse(&run(&command, options)?).ok_or_else(|| Error::Garbage {
        command: command.to_string(),
        reason: "it is no list of images".to_owned(),
    })?;
    let blobs = run(&list_blobs(namespace), options)?;
    Ok(There { names, blobs: blobs.lines().filter_map(|line| line.trim().parse().ok()).collect() })
}

fn put(namespace: Option<&str>, wanted: &[&Named], options: Options<'_>) -> Result<(), Error> {
    let work = Work::new()?;
    let file = work.file("images.tar");
    archive::write(&file, &engine::batch(wanted), WriteOptions { durable: false })?;
    run(&import(namespace, &file), options).map(drop)
}

/// Reads the table of images: which name has which digest.
fn parse(text: &str) -> Option<HashMap<String, Digest>> {
    let mut lines = text.lines();
    lines.next().filter(|header| header.starts_with("REF "))?;
    let row = |line: &str| {
        let mut cells = line.split_whitespace();
        Some((cells.next()?.to_owned(), cells.find_map(|cell| cell.parse().ok())?))
    };
    Some(lines.filter_map(row).collect())
}

fn check(there: &There, named: &Named) -> Result<(), Error> {
    let expected = named.artifact.digest();
    let missing = |name: &str, found: Option<String>| Error::NotThere {
        reference: name.to_owned(),
        program: PROGRAM,
        expected: expected.to_string(),
        found,
    };
    for name in names(named) {
        let found = there.names.get(&name);
        if found != Some(&expected) {
            return Err(missing(&name, found.map(Digest::to_string)));
        }
    }
    // Whoever pulled the same index for one platform has not got the others.
    let mut blobs = named.artifact.blobs().map(Blob::digest);
    match blobs.find(|digest| !there.blobs.contains(digest)) {
        Some(digest) => Err(missing(&digest.to_string(), None)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_these() {
        let file = Path::new("/t/x.tar");
        let both = [None, Some("k8s.io")];
        let commands = both.map(|name| [list(name), list_blobs(name), import(name, file)]);
        assert_eq!(
            commands.as_flattened().iter().map(Cmd::to_string).collect::<Vec<_>>(),
            [
                "ctr images ls",
                "ctr content ls -q",
                "ctr images import --all-platforms /t/x.tar",
                "ctr -n k8s.io images ls",
                "ctr -n k8s.io content ls -q",
                "ctr -n k8s.io images import --all-platforms /t/x.tar",
            ]
        );
    }

    #[test]
    fn tables_are_read() {
        let digest = Digest::of(b"x");
        let table = format!(
            "REF              TYPE                   DIGEST  SIZE    PLATFORMS   LABELS \n\
             quay.io/org/a:v1 application/vnd.x+json {digest} 2.7 KiB linux/amd64 -      \n\
             broken\n"
        );
        let there = parse(&table).unwrap();
        assert_eq!(there, HashMap::from([("quay.io/org/a:v1".to_owned(), digest)]));
        assert_eq!(parse("REF TYPE DIGEST SIZE PLATFORMS LABELS \n").unwrap().len(), 0);
        assert_eq!(parse(""), None);
        assert_eq!(parse("hello\n"), None);
    }
}
