//! `build-images`: the catalogue's images, from C source to destination.

mod make;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use bpf_arch::Arch;
use destination::Destination;
use ui::{Failure, Failures};

use crate::catalogue::{self, Catalogue};
use crate::compile::{self, CompileArgs};
use crate::context::{Context, typed};
use crate::plan::{self, Plan, Wish};

/// Where images go unless the user says otherwise.
const DEFAULT_TO: &str = "images";

/// The last second of the year 9999: images state times by RFC 3339, which
/// knows no later ones.
const LAST_SECOND: u64 = 253_402_300_799;

/// Build images and put them where they are needed
///
/// Compiles what the selected images of images.yaml are made of, packages it
/// for every platform, and prints a line `reference@digest` for each name that
/// an image got, in the catalogue's order. Nothing is compiled or written that
/// is there already.
///
/// A selection is a name, organization/name, organization/, or a kind
/// (bytecode, containerfile, mirror). Without one, everything is built that
/// is not marked `default: false`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-images
  cargo xtask build-images xdp-dispatcher tc-dispatcher
  cargo xtask build-images --platform linux/arm64 --to oci-archive:arm64.tar
  cargo xtask build-images --as localhost/me/pass:test xdp_pass
  cargo xtask build-images --dry-run")]
pub(crate) struct Args {
    /// What to build
    #[arg(value_name = "SELECTION")]
    selection: Vec<String>,

    /// Everything that can be built, `default: false` or not
    #[arg(long, conflicts_with = "selection")]
    all: bool,

    /// The platforms to build for, of those of each image
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', value_parser = crate::words::platform)]
    platform: Vec<Arch>,

    /// Where to put the images: oci:DIR (a tree of layouts) or
    /// oci-archive:FILE; may be repeated; oci:target/images of the checkout
    /// unless given
    #[arg(long, value_name = "DESTINATION", help_heading = "Destination")]
    to: Vec<String>,

    /// Write the references with their digests to this file too
    #[arg(long, value_name = "FILE", help_heading = "Destination")]
    refs_file: Option<PathBuf>,

    /// Afterwards remove from the trees of layouts what no image of the
    /// catalogue needs
    #[arg(long, help_heading = "Destination")]
    prune: bool,

    /// The registry in the images' names, instead of the catalogue's
    #[arg(long, value_name = "HOST", help_heading = "Names")]
    registry: Option<String>,

    /// The organization in the images' names, instead of the catalogue's
    #[arg(long, value_name = "NAME", help_heading = "Names")]
    organization: Option<String>,

    /// The tag of the images, instead of the catalogue's; may be repeated
    #[arg(long, value_name = "TAG", help_heading = "Names")]
    tag: Vec<String>,

    /// The whole name of the one image that is selected
    #[arg(
        long = "as",
        value_name = "REFERENCE",
        conflicts_with_all = ["registry", "organization", "tag"],
        help_heading = "Names"
    )]
    name: Option<String>,

    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    compile: CompileArgs,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let started = Instant::now();
    let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
    let wish = wish(&args)?;
    let plan = plan::plan(&catalogue, &wish)?;
    let destinations = destinations(&args, cx)?;
    let refs_file = args.refs_file.as_deref().map(typed).transpose()?;
    let workshop = args.compile.workshop(cx)?;
    check_clang(&catalogue, workshop.compiler(), cx);
    if args.dry_run {
        return Ok(report::dry_run(&plan, &workshop, &destinations, cx)?);
    }
    say_left_out(&plan, cx);

    let compiled = compile::compile(cx, &workshop, &plan.requests);
    let mut failures = Failures::default();
    let made = make::make(&plan, &compiled, cx, &mut failures);
    let mut report = report::Report::new(&plan, &compiled);
    let made_from = compiled.built.into_iter().flat_map(|built| built.failures);
    failures.0.splice(0..0, made_from.map(compile::failure));
    for destination in &destinations {
        make::publish(destination, &made, cx, &mut report, &mut failures);
    }
    // What was made is reported even where what comes after fails.
    if args.prune && failures.0.is_empty() {
        let mut keep = plan::all_references(&catalogue, &wish)?;
        keep.extend(made.iter().flat_map(|made| made.named.references.clone()));
        let pruned = destinations.iter().map(|destination| make::prune(destination, &keep, cx));
        failures.0.extend(pruned.filter_map(Result::err));
    }
    let references = report.references();
    let written = refs_file.map(|path| host::fs::write_if_changed(&path, references.as_bytes()));
    failures.0.extend(written.and_then(Result::err).map(Failure::from));
    report.finish(&failures, started.elapsed(), cx)?;
    failures.or(())
}

fn wish(args: &Args) -> Result<Wish, Failure> {
    Ok(Wish {
        selection: args.selection.clone(),
        all: args.all,
        platforms: args.platform.clone(),
        registry: args.registry.clone(),
        organization: args.organization.clone(),
        tags: args.tag.clone(),
        name: args.name.clone(),
        created: source_date_epoch()?,
    })
}

/// Returns the time that images are to carry: the variable's
/// (<https://reproducible-builds.org/specs/source-date-epoch/>), or 0.
fn source_date_epoch() -> Result<u64, Failure> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(0) };
    let text = text.to_string_lossy();
    let seconds = text.parse().ok().filter(|seconds| *seconds <= LAST_SECOND);
    seconds.ok_or_else(|| {
        let message = format!("SOURCE_DATE_EPOCH is `{text}`, not a number of seconds");
        Failure::usage(format!("{message} up to {LAST_SECOND}"))
    })
}

fn destinations(args: &Args, cx: &Context<'_>) -> Result<Vec<Destination>, Failure> {
    if args.to.is_empty() {
        return Ok(vec![Destination::Oci(cx.target().join(DEFAULT_TO))]);
    }
    let here = typed(".".as_ref())?;
    let parse = |text: &String| {
        let parsed: Result<Destination, _> = text.parse();
        parsed.map(|destination| destination.relative_to(&here)).map_err(Failure::usage)
    };
    args.to.iter().map(parse).collect()
}

/// The catalogue may pin the compiler that published images are made with.
fn check_clang(catalogue: &Catalogue, compiler: &bpf_build::Compiler, cx: &Context<'_>) {
    let major = compiler.version().major;
    if let Some(pinned) = catalogue.clang.filter(|pinned| *pinned != major) {
        cx.ui.warn(format_args!(
            "the catalogue is built with clang {pinned}; clang {major} gives other bytes"
        ));
    }
}

/// Says what is not built, together where the reason is the same.
fn say_left_out(plan: &Plan, cx: &Context<'_>) {
    let mut reasons: Vec<&str> = plan.left_out.iter().map(|(_, why)| *why).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        let images = plan.left_out.iter().filter(|(_, why)| *why == reason);
        let names: Vec<_> = images.map(|(image, _)| image.as_str()).collect();
        cx.ui.note(format_args!("Left out: {} ({reason})", names.join(", ")));
    }
}
