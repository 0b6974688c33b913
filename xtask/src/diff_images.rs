//! `diff-images`: what publishing would change.

mod compare;

use std::collections::BTreeSet;

use cli::engine::Workplace;
use cli::registry::{self, RegistryArgs};
use cli::{Scratch, typed};
use destination::Destination;
use oci::layout::Tree;
use oci::registry::{Client, Looks};
use oci::spec::Descriptor;
use oci::{Artifact, Layout, Reference};
use serde::Serialize;
use ui::{Exit, Failure, Failures, Format};

use crate::build_images::containerfile::{Inputs, Site};
use crate::build_images::make::{self, Along, Made};
use crate::build_images::{bases, layer_cache};
use crate::catalogue::{self, Catalogue};
use crate::compile::{self, CompileArgs};
use crate::context::Context;
use crate::credentials;
use crate::on_host::OnHost;
use crate::plan;
use crate::published;
use crate::stored::Stored;
use crate::wish::WishArgs;
use compare::Difference;

/// Compare the images with what is published
///
/// Builds the selected images, in memory, and says of each name whether the
/// registry has the same image, another one, or none; where it has another,
/// which platforms, objects, programs and maps differ. Nothing is written. An
/// image that is the same costs one request.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask diff-images
  cargo xtask diff-images --against oci:target/images go-xdp-counter
  cargo xtask diff-images --check --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    wish: WishArgs,

    /// What to compare with: registry, or oci:DIR (a tree of layouts)
    #[arg(long, value_name = "PLACE", default_value = "registry")]
    against: String,

    /// Exit with 1 if anything differs
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    compile: CompileArgs,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    against: String,
    images: Vec<ImageReport>,
    failures: Vec<Failure>,
}

/// One name, in the catalogue's order.
#[derive(Serialize)]
struct ImageReport {
    /// As the catalogue has it.
    image: String,
    reference: String,
    /// What this checkout makes.
    digest: String,
    /// What is there; absent where nothing is.
    published: Option<String>,
    #[serde(flatten)]
    difference: Difference,
}

/// Where images are compared with.
enum Place {
    Registry,
    Tree(Tree),
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
    let wish = args.wish.wish(&catalogue)?;
    let mut plan = plan::plan(&catalogue, &wish)?;
    let place = place(&args.against, cx)?;
    let host = wish.registry.as_deref().unwrap_or(&catalogue.registry);
    let client = args
        .registries
        .client(|files| credentials::of_organizations(files, &catalogue.organizations, host))?;
    let workshop = args.compile.workshop_for(&plan.requests, cx)?;
    let on_host = OnHost::find(&mut plan, &wish, args.compile.installs(), cx)?;
    let names = match place {
        Place::Registry => plan.references(),
        Place::Tree(_) => Vec::new(),
    };
    let inputs = Inputs::of(&wish);
    let compiling = || (compile::of_plan(cx, workshop.as_ref(), &plan.requests), on_host.make(cx));
    let (looks, (compiled, handmade)) = registry::while_looking(&client, &names, compiling);
    let mut failures = Failures::default();
    let work = Scratch::default();
    let layers = layer_cache(cx);
    let stored = Stored::open(wish.from.as_ref(), &client, &work, cx)?;
    let stored = stored.as_ref();
    let bases = bases(client.clone(), false, cx);
    let workplace = Workplace { work: &work, layers: Some(&layers), bases: &bases };
    let site = Site { engine: &wish.engine, inputs, made: &handmade?, stored, place: workplace };
    let made = make::make(&plan, &compiled, Along::Nothing, site, cx, &mut failures);
    let made_from = compiled.built.into_iter().flat_map(|built| built.failures);
    failures.0.splice(0..0, made_from.map(compile::failure));

    let each: Vec<(&Made, &Reference)> = made
        .iter()
        .flat_map(|made| made.named.references.iter().map(move |reference| (made, reference)))
        .collect();
    let (mut images, mut failed) = (Vec::new(), Vec::new());
    let mut hidden = BTreeSet::new();
    for (made, reference) in each {
        let planned = &plan.images[made.index];
        if planned.private && place.hides((&client, &looks), reference) {
            hidden.insert(&planned.image);
            continue;
        }
        let ours = &made.named.artifact;
        let found = place.find((&client, &looks), reference);
        match found.and_then(|found| place.load(&client, reference, found, ours)) {
            Ok(theirs) => images.push(ImageReport {
                image: planned.image.clone(),
                reference: reference.to_string(),
                digest: ours.digest().to_string(),
                published: theirs.as_ref().map(|theirs| theirs.digest().to_string()),
                difference: Difference::between(ours, theirs.as_ref()),
            }),
            Err(failure) => failed.push((reference.to_string(), failure)),
        }
    }
    hidden.into_iter().for_each(|image| published::say_hidden(image, cx));
    let not_compared =
        registry::together(failed, "image", |what| format!("failed to compare {what}"));
    failures.0.extend(not_compared);
    let report = Report { schema: 1, against: args.against, images, failures: failures.0.clone() };
    print(&report, cx)?;
    let differing = report.images.iter().filter(|image| image.difference.is_any()).count();
    if args.check && differing > 0 {
        let message = format!(
            "{} of {} not as published",
            differing,
            ui::count(report.images.len(), "image")
        );
        failures.0.push(
            Failure::new(Exit::Failed, message).hint("`cargo xtask build-images --push` publishes"),
        );
    }
    failures.or(())
}

fn place(word: &str, cx: &Context<'_>) -> Result<Place, Failure> {
    let destination: Destination = word.parse().map_err(Failure::usage)?;
    match destination.relative_to(&typed(".".as_ref())?) {
        Destination::Registry => Ok(Place::Registry),
        Destination::Oci(dir) if dir.is_dir() => Ok(Place::Tree(Tree::new(dir))),
        Destination::Oci(dir) => {
            Err(Failure::usage(format!("`{}` is not a directory", cx.shown(&dir))))
        }
        _ => {
            let message = "images are compared with `registry` or `oci:DIR`";
            Err(Failure::usage(message).context(format!("invalid value `{word}` for `--against`")))
        }
    }
}

impl Place {
    /// Returns whether a name is shown to others only.
    fn hides(&self, (client, looks): (&Client, &Looks), reference: &Reference) -> bool {
        match self {
            Place::Registry => client
                .looked(looks, reference)
                .is_err_and(|error| published::is_hidden(client, reference, &error)),
            Place::Tree(_) => false,
        }
    }

    /// Finds what is under a name, if anything is.
    fn find(
        &self,
        (client, looks): (&Client, &Looks),
        reference: &Reference,
    ) -> Result<Option<Descriptor>, Failure> {
        match self {
            Place::Registry => client.looked(looks, reference).map_err(registry::failure),
            Place::Tree(tree) => in_tree(tree, reference),
        }
    }

    /// Loads what was found. What is the same as ours need not be read.
    fn load(
        &self,
        client: &Client,
        reference: &Reference,
        found: Option<Descriptor>,
        ours: &Artifact,
    ) -> Result<Option<Artifact>, Failure> {
        let Some(found) = found else { return Ok(None) };
        if found.digest == ours.digest() {
            return Ok(Some(ours.clone()));
        }
        Ok(Some(match self {
            Place::Registry => client
                .pull(&reference.with_digest(found.digest), None)
                .map_err(registry::failure)?,
            Place::Tree(tree) => Layout::open(&tree.directory(reference))?.load(&found)?,
        }))
    }
}

fn in_tree(tree: &Tree, reference: &Reference) -> Result<Option<Descriptor>, Failure> {
    let directory = tree.directory(reference);
    if !directory.join("oci-layout").is_file() {
        return Ok(None);
    }
    let layout = Layout::open(&directory)?;
    let tag = reference.tag().unwrap_or_default();
    match layout.tags().contains(&tag) {
        true => Ok(Some(layout.resolve(tag)?)),
        false => Ok(None),
    }
}

fn print(report: &Report, cx: &Context<'_>) -> Result<(), Failure> {
    if cx.ui.format() == Format::Json {
        return cx.ui.json(report);
    }
    for image in &report.images {
        let lines = image.difference.lines();
        cx.ui.result(format_args!("{}: {}", image.reference, image.difference.status()))?;
        lines.iter().try_for_each(|line| cx.ui.result(format_args!("    {line}")))?;
    }
    let same = report.images.iter().filter(|image| !image.difference.is_any()).count();
    cx.ui.step(
        "Compared",
        format_args!(
            "{} with {}: {same} unchanged, {} not",
            ui::count(report.images.len(), "image"),
            report.against,
            report.images.len() - same
        ),
    );
    Ok(())
}
