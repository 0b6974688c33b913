//! `bpfman image copy`: images that exist, from one place to another.

use std::collections::HashSet;

use cli::publish;
use cli::registry::RegistryArgs;
use destination::{Destination, Found};
use oci::registry::Companion;
use oci::{Artifact, Digest, Named, Reference};
use ui::{Failure, Failures};

use super::deliver::{Carrier, Item, deliver};
use super::subject::{self, is_companion};
use super::text::plain;
use crate::context::Context;

/// Copy images from one place to another
///
/// SRC is an image of a registry (REFERENCE or docker://REFERENCE), a layout
/// or a tree of layouts (DIR or oci:DIR[:NAME]) or an archive (FILE,
/// oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME]); without a name, all
/// that is in it is copied.
///
/// DST is a place that takes images under the names they have: oci:DIR,
/// oci-archive:FILE, docker-archive:FILE, registry, docker, podman,
/// kind:CLUSTER or containerd[:NAMESPACE]; or another name (REFERENCE, with its
/// registry, or docker://REFERENCE), under which one image is pushed.
///
/// Images are copied whole, byte for byte, so they keep their digests; but
/// docker, docker-archive and kind get this machine's platform alone. What is
/// there already is not sent again; what the same registry has in another
/// repository is mounted from there.
///
/// Prints `reference@digest` for every name that an image got.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bpfman image copy oci:images:quay.io/me/pass:latest localhost:5000/me/pass:v1
  bpfman image copy quay.io/me/pass:v1 quay.io/me/pass:latest
  bpfman image copy quay.io/me/pass:latest oci-archive:pass.tar
  bpfman image copy oci-archive:pass.tar registry
  bpfman image copy --referrers quay.io/me/pass:v1 localhost:5000/me/pass:v1
  bpfman image copy --referrers oci:images oci-archive:all.tar")]
pub(crate) struct Args {
    /// Where the images are
    #[arg(value_name = "SRC")]
    source: String,

    /// Where they are to be
    #[arg(value_name = "DST")]
    destination: String,

    /// Copy what belongs to an image too: its signatures and whatever else
    /// refers to it. A layout or an oci-archive that is copied to another
    /// without a name is copied with all that it holds anyway; a registry, and
    /// what is copied by name, needs this
    #[arg(long)]
    referrers: bool,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// What DST means.
#[derive(Debug, PartialEq, Eq)]
enum To {
    /// The images keep their names.
    Place(Destination),
    /// The one image is pushed under this name.
    Name(Reference),
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let to = to(&args.destination)?;
    let client = args.registries.client(Ok)?;
    let subject = subject::find(&args.source, &client, cx)?;
    let source = subject.source().filter(|_| args.referrers).cloned();
    let found = match to {
        To::Place(_) => subject.images(&args.source)?,
        To::Name(_) => vec![subject.one(&args.source)?],
    };
    let mut sets = vec![Vec::new(); found.len()];
    if let Some(source) = source {
        let failed =
            |error| publish::failure(error).context(format!("failed to read `{}`", args.source));
        sets = source.companions(&client, &found).map_err(failed)?;
    }
    let mut all = apart(found, sets);
    let destination = match to {
        To::Place(destination) => destination,
        To::Name(name) => {
            all.iter_mut().for_each(|(found, _)| found.reference = Some(name.clone()));
            Destination::Registry
        }
    };
    let items = all.into_iter().map(|one| item(one, &args.source));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let carrier = Carrier { client: &client, platform: &publish::one_platform(&[]), engine: None };
    deliver(&items, &[destination], "Copied", carrier, cx)
}

/// Reads DST. A name needs its registry: a misspelt scheme must not become a
/// repository of docker.io.
fn to(word: &str) -> Result<To, Failure> {
    if let Some(name) = word.strip_prefix("docker://") {
        return name.parse().map(To::Name).map_err(Failure::usage);
    }
    match publish::destinations(&[word.to_owned()], false) {
        Ok(destinations) => {
            let only = destinations.into_iter().next();
            only.map(To::Place).ok_or_else(|| Failure::usage("DST is no destination"))
        }
        Err(_) if has_registry(word) => word.parse().map(To::Name).map_err(Failure::usage),
        Err(failure) => Err(failure.hint("a name to push under begins with its registry")),
    }
}

/// Returns whether a name begins with a host: a word with a dot or port, or
/// `localhost`, before the first slash.
fn has_registry(word: &str) -> bool {
    let host = word.split_once('/').map(|(host, _)| host).unwrap_or_default();
    host == "localhost" || host.contains(['.', ':'])
}

/// Puts an image with its name together with what goes along.
fn item((found, companions): (Found, Vec<Companion>), word: &str) -> Result<Item, Failure> {
    let Found { reference, label, artifact } = found;
    let Some(reference) = reference else {
        let message = format!("`{}` in `{word}` has no full name", plain(&label));
        return Err(Failure::usage(message).hint("a DST such as `quay.io/me/pass:latest` names it"));
    };
    Ok(Item { named: Named { references: vec![reference], artifact }, companions })
}

/// Puts each image together with what goes along with it, without those that
/// go with another: in a layout they are found among the images.
fn apart(found: Vec<Found>, sets: Vec<Vec<Companion>>) -> Vec<(Found, Vec<Companion>)> {
    let along = sets.iter().flatten().map(|companion| companion.artifact.digest());
    let along: HashSet<Digest> = along.collect();
    let is_list = |artifact: &Artifact| match artifact {
        Artifact::Index(list) if !list.children().is_empty() => {
            list.children().iter().all(|child| along.contains(&child.digest()))
        }
        _ => false,
    };
    let goes_along = |found: &Found| match found.reference.as_ref().and_then(Reference::tag) {
        Some(_) if !is_companion(found) => false,
        _ => along.contains(&found.artifact.digest()) || is_list(&found.artifact),
    };
    found.into_iter().zip(sets).filter(|(found, _)| !goes_along(found)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_places_or_names() {
        let name = |name: &str| Ok(To::Name(name.parse().unwrap()));
        let cases = [
            ("registry", Ok(To::Place(Destination::Registry))),
            ("quay.io/a/b:v1", name("quay.io/a/b:v1")),
            ("localhost/a", name("localhost/a:latest")),
            ("localhost:5000/a:v1", name("localhost:5000/a:v1")),
            ("docker://me/a", name("docker.io/me/a:latest")),
            ("me/a", Err("invalid destination `me/a`: it has no scheme")),
            ("oic:dir", Err("invalid destination `oic:dir`: `oic` is not a known scheme")),
            (
                "oic:dir/b",
                Err("invalid reference `oic:dir/b`: the registry's port is not a number"),
            ),
            ("oci:", Err("invalid destination `oci:`: its path is empty")),
            ("docker://A", Err("invalid reference `A`: the repository has uppercase letters")),
        ];
        for (word, expected) in cases {
            match (to(word), expected) {
                (Ok(to), expected) => assert_eq!(Ok(to), expected, "{word}"),
                (Err(failure), Err(start)) => {
                    assert!(failure.chain[0].starts_with(start), "{:?}", failure.chain);
                }
                (Err(failure), Ok(_)) => panic!("{word}: {failure:?}"),
            }
        }
    }
}
