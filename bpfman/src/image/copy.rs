//! `bpfman image copy`: images that exist, from one place to another.

use cli::publish;
use cli::registry::RegistryArgs;
use destination::{Destination, Found};
use oci::registry::Client;
use oci::{Named, Reference};
use ui::{Failure, Failures};

use super::deliver::{Carrier, Item, deliver};
use super::subject;
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
  bpfman image copy --referrers quay.io/me/pass:v1 localhost:5000/me/pass:v1")]
pub(crate) struct Args {
    /// Where the images are
    #[arg(value_name = "SRC")]
    source: String,

    /// Where they are to be
    #[arg(value_name = "DST")]
    destination: String,

    /// Copy what belongs to an image of a registry too: its signatures and
    /// whatever else refers to it
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
    let origin = subject.origin().cloned();
    if args.referrers && origin.is_none() {
        let message = format!("`--referrers` asks a registry, and `{}` is in none", args.source);
        return Err(Failure::usage(message)
            .hint("a layout that is copied without a name is copied with all that it holds")
            .into());
    }
    let (found, destination) = match to {
        To::Place(destination) => (subject.images(&args.source)?, destination),
        To::Name(name) => {
            let found = subject.one(&args.source)?;
            (vec![Found { reference: Some(name), ..found }], Destination::Registry)
        }
    };
    let along = origin.filter(|_| args.referrers);
    let items = items(found, along.as_ref(), &args.source, &client)?;
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

/// Gives each image its name and, where they are to come along, what refers
/// to it in its registry.
fn items(
    found: Vec<Found>,
    along: Option<&Reference>,
    source: &str,
    client: &Client,
) -> Result<Vec<Item>, Failure> {
    let item = |Found { reference, label, artifact }: Found| {
        let Some(reference) = reference else {
            let message = format!("`{}` in `{source}` has no full name", plain(&label));
            return Err(
                Failure::usage(message).hint("a DST such as `quay.io/me/pass:latest` names it")
            );
        };
        let companions = match along {
            Some(origin) => client.companions(origin, &artifact).map_err(|error| {
                cli::registry::failure(error).context(format!("failed to read `{source}`"))
            })?,
            None => Vec::new(),
        };
        Ok(Item { named: Named { references: vec![reference], artifact }, companions })
    };
    found.into_iter().map(item).collect()
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
