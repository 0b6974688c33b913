//! `bpfman image build`: a C file, objects or a Containerfile to an image.

mod assemble;
mod containerfile;
mod source;

use std::time::Instant;

use bpf_arch::Arch;
use cli::engine::Workplace;
use cli::publish::{self, Delivered, Delivery};
use cli::registry::RegistryArgs;
use destination::{Destination, Published};
use image_build::LayerCache;
use oci::{Artifact, Named, Reference};
use serde::Serialize;
use ui::{Exit, Failure, Failures, Format};

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
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,

    /// An annotation of its manifests; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
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

    /// Where to put the image: oci:DIR (a tree of layouts),
    /// oci-archive:FILE or registry; may be repeated; registry unless given
    #[arg(long, value_name = "DESTINATION", help_heading = "Destination")]
    to: Vec<String>,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    references: Vec<String>,
    digest: String,
    platforms: Vec<String>,
    size: u64,
    destinations: Vec<DestinationReport>,
    failures: Vec<Failure>,
}

/// What became of the image at one destination.
#[derive(Serialize)]
struct DestinationReport {
    to: String,
    changed: bool,
}

/// Reads `KEY=VALUE`.
fn pair(word: &str) -> Result<(String, String), String> {
    match word.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is not `KEY=VALUE`".to_owned()),
    }
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let started = Instant::now();
    let (references, words) = names(args.tag, args.words)?;
    let destinations = match args.to.as_slice() {
        [] => vec![Destination::Registry],
        words => publish::destinations(words, false)?,
    };
    let client = args.registries.client(Ok)?;
    let inputs = args.inputs.inputs(&words, &args.platform)?;
    let objects = objects(inputs, &args.source, &args.platform, cx)?;
    // What is large in an image lies here until it is published.
    let work = tempfile::tempdir().map_err(no_scratch)?;
    let marks = Marks {
        labels: &args.label,
        annotations: &args.annotation,
        created: cli::source_date_epoch()?,
    };
    let artifact = match args.containerfile.file() {
        Some(file) => {
            let layers = cache_dir().map(|dir| LayerCache::new(dir.join("layers")));
            let workplace =
                Workplace { work: work.path(), layers: layers.as_ref(), client: &client };
            args.containerfile.build(file, &objects, &marks, workplace, cx)?
        }
        None => assemble::assemble(&objects, &references, &marks, args.allow_divergence, cx)?,
    };
    let artifact = if objects.plain { plain(artifact) } else { artifact };
    let named = Named { references, artifact };
    finish(&named, &destinations, &client, started, cx)
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

fn no_scratch(error: std::io::Error) -> Failure {
    let message = format!("failed to make a directory in `{}`", std::env::temp_dir().display());
    Failure::from(error).context(message).hint("TMPDIR names another one")
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

/// Takes the image where it is to be, and says what came of it.
fn finish(
    named: &Named,
    destinations: &[Destination],
    client: &oci::registry::Client,
    started: Instant,
    cx: &Context<'_>,
) -> Result<(), Failures> {
    let mut failures = Failures::default();
    let mut placed = Vec::new();
    for destination in destinations {
        match place(named, destination, client, cx) {
            Ok(published) => placed.push((destination, published)),
            Err(failure) => failures.0.push(failure),
        }
    }
    let references: Vec<String> = named.references.iter().map(ToString::to_string).collect();
    let digest = named.artifact.digest().to_string();
    match cx.ui.format() {
        Format::Json => cx.ui.json(&Report {
            schema: 1,
            references: references.clone(),
            digest,
            platforms: named.artifact.platforms().iter().map(ToString::to_string).collect(),
            size: named.artifact.size(),
            destinations: placed
                .iter()
                .map(|(to, published)| DestinationReport {
                    to: to.to_string(),
                    changed: published.changed,
                })
                .collect(),
            failures: failures.0.clone(),
        })?,
        // A name that leads nowhere is no result.
        Format::Human if placed.is_empty() => {}
        Format::Human => references
            .iter()
            .try_for_each(|reference| cx.ui.result(format_args!("{reference}@{digest}")))?,
    }
    if failures.0.is_empty() {
        let changed = placed.iter().any(|(_, published)| published.changed);
        let platforms = ui::count(named.artifact.platforms().len(), "platform");
        let unchanged = if changed { "" } else { ", unchanged" };
        let seconds = ui::human_seconds(started.elapsed().as_secs_f64());
        cx.ui.step("Built", format_args!("1 image for {platforms}{unchanged} in {seconds}"));
    }
    failures.or(())
}

fn place(
    named: &Named,
    destination: &Destination,
    client: &oci::registry::Client,
    cx: &Context<'_>,
) -> Result<Published, Failure> {
    let looks = match destination {
        Destination::Registry => client.look(&named.references.iter().collect::<Vec<_>>()),
        _ => oci::registry::Looks::default(),
    };
    let context = match destination {
        Destination::Registry => format!("failed to push `{}`", named.references[0]),
        _ => format!("failed to write to `{destination}`"),
    };
    let delivery = Delivery { client, looks: &looks, durable: true };
    let batch = std::slice::from_ref(named);
    let delivered = publish::publish(destination, batch, delivery, cx.ui);
    let Delivered { outcomes, .. } =
        delivered.map_err(|failure| failure.context(context.clone()))?;
    let outcome = outcomes.into_iter().next();
    let published = outcome
        .unwrap_or_else(|| Err(Failure::new(Exit::Internal, "nothing became of the image")))
        .map_err(|failure| failure.context(context))?;
    if *destination != Destination::Registry {
        publish::say(&published, cx.ui);
    }
    Ok(published)
}

/// Returns the single image of an index of one: what `-b` makes is a plain
/// image.
fn plain(artifact: Artifact) -> Artifact {
    match artifact {
        Artifact::Index(index) => match index.children() {
            [Artifact::Image(image)] => Artifact::Image(image.clone()),
            _ => Artifact::Index(index),
        },
        image @ Artifact::Image(_) => image,
    }
}
