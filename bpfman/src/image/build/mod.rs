//! `bpfman image build`: a C file, objects or a Containerfile to an image.

mod assemble;
mod containerfile;
mod source;

use bpf_arch::Arch;
use cli::bases::Bases;
use cli::engine::Workplace;
use cli::publish;
use cli::registry::RegistryArgs;
use destination::Destination;
use image_build::LayerCache;
use oci::{Named, Reference};
use ui::{Failure, Failures};

use super::deliver::{Carrier, Item, deliver};
use crate::context::{Context, cache_dir};
use crate::inputs::{InputArgs, Inputs, Objects, load};
use containerfile::{ContainerfileArgs, Marks};
use source::SourceArgs;

/// Build the image of an eBPF program, and push it
///
/// The program is a C file, which is compiled for every platform, or objects
/// that are compiled already. All objects are read: their programs and maps
/// become the image's labels, and must be the same on every platform.
///
/// Without a Containerfile the image is put together from the objects. With
/// `-f` the Containerfile is carried out, by the built-in builder or by an
/// engine; it is given BYTECODE_FILE or the BC_* of each platform, PROGRAMS
/// and MAPS, and its context is the current directory.
///
/// Prints `reference@digest` for every name that the image got.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bpfman image build -t quay.io/me/pass:latest pass.bpf.c
  bpfman image build -t quay.io/me/pass:latest --to oci:images pass.bpf.c
  bpfman image build -t quay.io/me/pass:latest -c .output/pass.bpf
  bpfman image build quay.io/me/pass linux/amd64=x.o linux/s390x=z.o
  bpfman image build -f Containerfile.bytecode -t quay.io/me/pass -b pass.o")]
pub(crate) struct Args {
    /// The image's name, unless `-t` says it; then a C file, an object for
    /// this machine, or `linux/<arch>=FILE` for each platform
    #[arg(value_name = "IMAGE|INPUT")]
    words: Vec<String>,

    /// A name for the image; may be repeated
    #[arg(short, long, value_name = "REFERENCE")]
    tag: Vec<Reference>,

    /// The platforms to build for: of a C file linux/amd64, linux/arm64,
    /// linux/ppc64le and linux/s390x unless given, else of all objects
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', value_parser = cli::platform)]
    platform: Vec<Arch>,

    /// A label of the image; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = cli::key_value)]
    label: Vec<(String, String)>,

    /// An annotation of its manifests; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = cli::key_value)]
    annotation: Vec<(String, String)>,

    /// Label each platform by itself where programs or maps differ
    #[arg(long, conflicts_with = "container_file")]
    allow_divergence: bool,

    #[command(flatten)]
    inputs: InputArgs,

    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    containerfile: ContainerfileArgs,

    /// Where to put the image: oci:DIR (a tree of layouts), oci-archive:FILE,
    /// docker-archive:FILE, registry, docker, podman, kind:CLUSTER, containerd or
    /// containerd:NAMESPACE; may be repeated; registry unless given
    #[arg(long, value_name = "DESTINATION", help_heading = "Destination")]
    to: Vec<String>,

    #[command(flatten)]
    registries: RegistryArgs,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let (references, words) = names(args.tag, args.words)?;
    let destinations = match args.to.as_slice() {
        [] => vec![Destination::Registry],
        words => publish::destinations(words, false)?,
    };
    let client = args.registries.client(Ok)?;
    let file = args.containerfile.file()?;
    let inputs = args.inputs.inputs(&words, &args.platform)?;
    let objects = objects(inputs, &args.source, &args.platform, cx)?;
    let marks = Marks {
        labels: &args.label,
        annotations: &args.annotation,
        created: cli::source_date_epoch()?,
    };
    // What the image is made on is read until it is delivered.
    let kept =
        cache_dir().map_or_else(|| Ok(cx.work.path()?.join("no-cache")), Ok::<_, Failure>)?;
    let bases = Bases::new(kept.join("bases"), client.clone(), args.containerfile.offline());
    let artifact = match file {
        Some(file) => {
            let layers = cache_dir().map(|dir| LayerCache::new(dir.join("layers")));
            let workplace = Workplace { work: &cx.work, layers: layers.as_ref(), bases: &bases };
            args.containerfile.build(file, &objects, &marks, workplace, cx)?
        }
        None => assemble::assemble(&objects, &references, &marks, args.allow_divergence, cx)?,
    };
    let item = Item { named: Named { references, artifact }, companions: Vec::new() };
    let platform = publish::one_platform(&args.platform);
    let engine = args.containerfile.engine()?;
    let carrier = Carrier { client: &client, platform: &platform, engine: Some(&engine) };
    deliver(&[item], &destinations, "Built", carrier, cx)
}

/// Returns the image's names and what is left of the words: the first of them
/// is the name where no option says one.
fn names(
    tags: Vec<Reference>,
    mut words: Vec<String>,
) -> Result<(Vec<Reference>, Vec<String>), Failure> {
    let mut names = tags;
    if names.is_empty() {
        if words.is_empty() {
            return Err(Failure::usage("the image has no name")
                .hint("`-t quay.io/me/pass:latest` names it, or the same as the first word"));
        }
        let first = words.remove(0);
        let name = first.parse().map_err(|error: oci::ParseError| {
            Failure::usage(error).hint("the first word is the image's name, unless `-t` says it")
        })?;
        names.push(name);
    }
    if let Some(name) = names.iter().find(|name| name.tag().is_none()) {
        return Err(Failure::usage(format!("`{name}` has no tag, and an image is named by one")));
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Ok((names, words))
}

fn objects(
    inputs: Inputs,
    source: &SourceArgs,
    platforms: &[Arch],
    cx: &Context<'_>,
) -> Result<Objects, Failures> {
    match inputs {
        Inputs::Source(path) => source.compile(&path, platforms, cx),
        Inputs::One(file) => {
            source.refuse("an object")?;
            load(&[file], true)
        }
        Inputs::Each(files) => {
            source.refuse("objects")?;
            load(&files, false)
        }
    }
}
