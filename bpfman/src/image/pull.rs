//! `bpfman image pull`: an image of a registry, to this machine.

use cli::publish;
use cli::registry::RegistryArgs;
use destination::Destination;
use oci::{Named, Reference};
use ui::{Failure, Failures};

use super::deliver::{Carrier, Item, deliver};
use super::subject;
use crate::context::Context;

/// Where images go unless the user says otherwise.
const DEFAULT_TO: &str = "oci:images";

/// Copy an image from its registry to this machine
///
/// The image is copied whole, for all of its platforms, byte for byte, under
/// its own name; what is there already is not fetched again. Every byte is
/// checked against its digest.
///
/// This puts the image where `--to` says. It does not hand it to a bpfman
/// daemon, which pulls images itself and keeps them where it alone looks.
///
/// Prints `reference@digest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bpfman image pull quay.io/me/pass:latest
  bpfman image pull --to oci-archive:pass.tar quay.io/me/pass:latest
  bpfman image pull --image-url quay.io/me/pass:latest")]
pub(crate) struct Args {
    /// The image's name
    #[arg(value_name = "REFERENCE", required_unless_present = "image_url")]
    reference: Option<Reference>,

    /// The image's name, as the daemon's command line spells it
    #[arg(short, long, value_name = "REFERENCE", conflicts_with = "reference")]
    image_url: Option<Reference>,

    /// Where to put the image: oci:DIR (a tree of layouts),
    /// oci-archive:FILE, docker-archive:FILE, docker, podman, kind:CLUSTER or
    /// containerd[:NAMESPACE]; may be repeated; oci:images unless given.
    /// docker, docker-archive and kind get this machine's platform alone
    #[arg(long, value_name = "DESTINATION", help_heading = "Destination")]
    to: Vec<String>,

    #[command(flatten)]
    registries: RegistryArgs,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let reference = args.reference.or(args.image_url);
    let reference = reference.ok_or_else(|| Failure::usage("no image is named"))?;
    let destinations = match args.to.as_slice() {
        [] => publish::destinations(&[DEFAULT_TO.to_owned()], false)?,
        words => publish::destinations(words, false)?,
    };
    if destinations.contains(&Destination::Registry) {
        let message = "a registry is where the image comes from";
        return Err(Failure::usage(message)
            .hint("`bpfman image copy` copies it to another registry")
            .into());
    }
    let client = args.registries.client(Ok)?;
    let artifact = subject::pull(&reference, &client, cx)?.artifact;
    let named = Named { references: vec![reference], artifact };
    let item = Item { named, companions: Vec::new() };
    let carrier = Carrier { client: &client, platform: &publish::one_platform(&[]), engine: None };
    deliver(&[item], &destinations, "Pulled", carrier, cx)
}
