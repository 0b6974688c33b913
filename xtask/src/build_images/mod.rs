//! `build-images`: the catalogue's images, from C source to destination.

pub(crate) mod containerfile;
pub(crate) mod make;
mod preflight;
pub(crate) mod report;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use cli::bases::Bases;
use cli::engine::{EngineArgs, Workplace};
use cli::publish::{self, Delivery};
use cli::registry::{self, RegistryArgs};
use cli::{Scratch, typed};
use destination::Destination;
use image_build::{Engine, LayerCache, NamedContext};
use oci::Reference;
use oci::registry::Client;
use ui::{Failure, Failures};

use crate::attest::Evidence;
use crate::catalogue::{self, Catalogue};
use crate::compile::{self, CompileArgs};
use crate::context::Context;
use crate::credentials;
use crate::naming::Naming;
use crate::on_host::OnHost;
use crate::plan::{self, LeftOut, Plan};
use crate::signing::SigningArgs;
use crate::stored::Stored;
use crate::wish::{Wish, WishArgs};
use containerfile::{Inputs, Site};
use make::Along;

/// Where images go unless the user says otherwise.
const DEFAULT_TO: &str = "images";

/// Build images and put them where they are needed
///
/// Compiles what the selected images of images.yaml are made of, packages it
/// for every platform, and prints a line `reference@digest` for each name that
/// an image got, in the catalogue's order. Nothing is compiled, written or
/// uploaded that is there already. Mirrored images are copied from where they
/// are, whole. A registry's tags change last, each when its image is complete.
///
/// A selection is a name, organization/name, organization/, or a kind
/// (bytecode, containerfile, mirror). Without one, everything is built that
/// is not marked `default: false`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-images
  cargo xtask build-images xdp-dispatcher tc-dispatcher
  cargo xtask build-images --platform linux/arm64 --to oci-archive:arm64.tar
  cargo xtask build-images --to kind:dev bytecode
  cargo xtask build-images --as localhost/me/pass:test xdp_pass
  cargo xtask build-images xdp_pass tc_pass --as tc_pass=localhost/me/tc:test
  cargo xtask build-images --push --registry localhost:5000 bytecode
  cargo xtask build-images --push --sign --key cosign.key bytecode
  cargo xtask build-images --push csi-node-driver-registrar
  cargo xtask build-images --attest --to oci:images
  cargo xtask build-images --dry-run")]
pub(crate) struct Args {
    #[command(flatten)]
    wish: WishArgs,

    /// Where to put the images: oci:DIR (a tree of layouts),
    /// oci-archive:FILE, docker-archive:FILE, registry, docker, podman,
    /// kind:CLUSTER, containerd or containerd:NAMESPACE; may be repeated;
    /// oci:target/images of the checkout unless given. docker, docker-archive
    /// and kind get one platform: the one that --platform names, or this
    /// machine's
    #[arg(long, value_name = "DESTINATION", help_heading = "Destination")]
    to: Vec<String>,

    /// Push the images to the registry of their names, as `--to registry`
    #[arg(long, help_heading = "Destination")]
    push: bool,

    /// Before anything is compiled, ask the registry whether it would take
    /// the images that change, and report all refusals together. Some
    /// registries make a repository for whoever asks for the right to push
    #[arg(long, help_heading = "Destination")]
    preflight: bool,

    /// Push although the compiler is not the one that the catalogue pins
    #[arg(long, help_heading = "Destination")]
    any_clang: bool,

    /// Write the references with their digests to this file too
    #[arg(long, value_name = "FILE", help_heading = "Destination")]
    refs_file: Option<PathBuf>,

    /// Write the digest of each repository's image to this file, as sha256sum
    /// writes those of files: what build provenance is attested of
    #[arg(long, value_name = "FILE", help_heading = "Destination")]
    checksums_file: Option<PathBuf>,

    /// Attach to each image what it was made of, to layouts, OCI archives and
    /// registries: to a bytecode image the record of its sources, headers,
    /// compiler and arguments (an in-toto statement), from which `reproduce`
    /// makes it again, and its bill of materials (SPDX 2.3); to one with
    /// programs in Go their modules (SPDX 2.3). Mirrored images and those with
    /// programs of cargo get nothing.
    /// With `--from`, what is attached there is taken along; with `--sign`, all
    /// that is attached is attested by cosign 3 too
    #[arg(long, help_heading = "Destination")]
    attest: bool,

    /// Afterwards remove from the trees of layouts what no image of the
    /// catalogue needs
    #[arg(long, help_heading = "Destination")]
    prune: bool,

    /// The whole name of the one image that is selected, or, as
    /// NAME=REFERENCE, of the one that is called NAME or organization/NAME;
    /// may be repeated. The others keep the catalogue's names
    #[arg(
        long = "as",
        value_name = "REFERENCE",
        conflicts_with_all = ["registry", "organization", "tag"],
        help_heading = "Names"
    )]
    names: Vec<Naming>,

    /// Copy a mirrored image from elsewhere; may be repeated
    #[arg(long, value_name = "NAME=REFERENCE", value_parser = mirror, help_heading = "Mirrored images")]
    mirror: Vec<(String, Reference)>,

    /// Copy what belongs to an image that is mirrored, or taken by --from: its
    /// signatures and whatever else refers to it
    #[arg(long, help_heading = "Mirrored images")]
    referrers: bool,

    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    compile: CompileArgs,

    /// What stands for a stage or an image in Containerfiles: NAME=DIR or
    /// NAME::PLATFORM=DIR, NAME=oci-layout://DIR@DIGEST or
    /// NAME=docker-image://REFERENCE; may be repeated
    #[arg(long, value_name = "NAME=CONTEXT", help_heading = "Containerfile")]
    build_context: Vec<NamedContext>,

    #[command(flatten)]
    engine: EngineArgs,

    #[command(flatten)]
    registries: RegistryArgs,

    /// Sign what the registry has then, as `sign-images` does
    #[arg(long, help_heading = "Signing")]
    sign: bool,

    #[command(flatten)]
    signing: SigningArgs,
}

/// Reads `NAME=REFERENCE`.
fn mirror(word: &str) -> Result<(String, Reference), String> {
    let (name, reference) = word.split_once('=').ok_or("it is not `NAME=REFERENCE`")?;
    let reference: Reference = reference.parse().map_err(|error| format!("{error}"))?;
    Ok((name.to_owned(), reference))
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let started = Instant::now();
    let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
    let destinations = destinations(&args, cx)?;
    let pushes = destinations.contains(&Destination::Registry);
    if args.preflight && !pushes {
        let message = "`--preflight` asks a registry, and nothing is to be pushed";
        return Err(Failure::usage(message).hint("add `--push`, or leave it out").into());
    }
    check_signing(&args, pushes)?;
    let platform = publish::one_platform(&args.wish.platform);
    let wish = Wish {
        names: args.names,
        mirrors: args.mirror,
        engine: args.engine.engine()?,
        contexts: contexts(args.build_context, &args.engine)?,
        ..args.wish.wish(&catalogue)?
    };
    if args.attest && wish.engine != Engine::Native {
        let message = "`--attest` says how this program makes images, and an engine is to";
        return Err(Failure::usage(message).hint("leave `--engine` out").into());
    }
    let mut plan = plan::plan(&catalogue, &wish)?;
    if wish.platforms.is_empty() && destinations.iter().all(Destination::takes_one_platform) {
        plan.keep_host();
    }
    let inputs = Inputs::of(&wish);
    args.engine.check_replaced(&containerfile::requests(&plan, inputs, cx)?)?;
    let refs_file = args.refs_file.as_deref().map(typed).transpose()?;
    let checksums_file = args.checksums_file.as_deref().map(typed).transpose()?;
    let host = wish.registry.as_deref().unwrap_or(&catalogue.registry);
    let client = args
        .registries
        .client(|files| credentials::of_organizations(files, &catalogue.organizations, host))?;
    let workshop = args.compile.workshop_for(&plan.requests, cx)?;
    let workshop = workshop.as_ref();
    if let Some(workshop) = workshop {
        check_clang(&catalogue, workshop.compiler(), pushes && !args.any_clang, cx)?;
    }
    let engine = &wish.engine;
    let bases = bases(client.clone(), args.engine.offline(), cx);
    let on_host = OnHost::find(&mut plan, &wish, &bases, args.compile.installs(), cx)?;
    if args.dry_run {
        let (destinations, attest, sign) = (destinations.as_slice(), args.attest, args.sign);
        let then = report::Then { destinations, attest, sign };
        return Ok(report::dry_run(&plan, workshop, &on_host, then, cx)?);
    }
    // A key that cannot be used is better known before anything is compiled.
    let signing =
        args.sign.then(|| args.signing.open(args.attest, catalogue.variables(), cx)).transpose()?;
    say_left_out(&plan, cx);
    let names = if pushes { plan.references() } else { Vec::new() };
    let compiling = || (compile::of_plan(cx, workshop, &plan.requests), on_host.make(cx));
    if args.attest && workshop.is_some() {
        bpf_build::settle();
    }
    let (looks, (compiled, handmade)) = if args.preflight {
        let looks = client.look(&names);
        preflight::run(&plan, workshop, &client, &looks, cx)?;
        (looks, compiling())
    } else {
        registry::while_looking(&client, &names, compiling)
    };
    let mut failures = Failures::default();
    // What was attested when it was made belongs to what is published.
    let is_along = args.referrers || args.attest && wish.from.is_some();
    let along = if is_along { Along::Companions } else { Along::Nothing };
    // What is large in an image lies here until it is published.
    let work = Scratch::default();
    let layers = layer_cache(cx);
    let place = Workplace { work: &work, layers: Some(&layers), bases: &bases };
    let stored = Stored::open(wish.from.as_ref(), &client, &work, cx)?;
    let stored = stored.as_ref();
    let handmade = handmade?;
    let site = Site { engine, inputs, made: &handmade, stored, place };
    let mut made = make::make(&plan, &compiled, along, site, cx, &mut failures);
    if args.attest {
        let evidence = Evidence { workshop, built: &compiled.built, handmade: &handmade };
        made = make::attest(made, &plan, evidence, &mut failures);
    }
    let mut report = report::Report::new(&plan, &compiled);
    report.attach(&made);
    let made_from = compiled.built.into_iter().flat_map(|built| built.failures);
    failures.0.splice(0..0, made_from.map(compile::failure));
    let (client, looks, platform) = (&client, &looks, &platform);
    let delivery = Delivery { client, looks, platform, durable: true, engine: Some(engine) };
    for destination in &destinations {
        make::publish(destination, &made, delivery, cx, &mut report, &mut failures);
    }
    if let Some(signing) = &signing {
        let (signed, failed) = signing.run(client, &report.pushed(), cx);
        report.signed(signed);
        failures.0.extend(failed);
    }
    // What was made is reported even where what comes after fails.
    if args.prune && failures.0.is_empty() {
        let mut keep = plan::all_references(&catalogue, &wish)?;
        keep.extend(plan.references().into_iter().cloned());
        let pruned = destinations.iter().map(|destination| make::prune(destination, &keep, cx));
        failures.0.extend(pruned.filter_map(Result::err));
    }
    let files = [(refs_file, report.references()), (checksums_file, report.checksums())];
    let written = files.into_iter().filter_map(|(path, text)| {
        host::fs::write_if_changed(&path?, text.as_bytes()).err().map(Failure::from)
    });
    failures.0.extend(written);
    report.finish(&failures, started.elapsed(), cx)?;
    failures.or(())
}

/// Refuses to sign what is not published, and options that do nothing.
fn check_signing(args: &Args, pushes: bool) -> Result<(), Failure> {
    if args.sign && !pushes {
        let message = "`--sign` signs what a registry has, and nothing is to be pushed";
        return Err(Failure::usage(message).hint("add `--push`, or leave it out"));
    }
    if !args.sign && args.signing.are_given() {
        let message = "there are options for signing, and nothing is to be signed";
        return Err(Failure::usage(message).hint("add `--sign`, or leave them out"));
    }
    Ok(())
}

fn destinations(args: &Args, cx: &Context<'_>) -> Result<Vec<Destination>, Failure> {
    if args.to.is_empty() && !args.push {
        return Ok(vec![Destination::Oci(cx.target().join(DEFAULT_TO))]);
    }
    publish::destinations(&args.to, args.push)
}

/// What was typed is relative to where it was typed. The images that stand for
/// others come last, and so count.
fn contexts(
    contexts: Vec<NamedContext>,
    engine: &EngineArgs,
) -> Result<Vec<NamedContext>, Failure> {
    let here = typed(".".as_ref())?;
    let contexts = contexts.into_iter().map(|context| context.relative_to(&here));
    Ok(contexts.chain(engine.replaced().iter().cloned()).collect())
}

/// The catalogue may pin the compiler that published images are made with;
/// where it is `strict`, no other will do.
fn check_clang(
    catalogue: &Catalogue,
    compiler: &bpf_build::Compiler,
    strict: bool,
    cx: &Context<'_>,
) -> Result<(), Failure> {
    let major = compiler.version().major;
    let Some(pinned) = catalogue.clang.filter(|pinned| *pinned != major) else { return Ok(()) };
    let message =
        format!("the catalogue is built with clang {pinned}; clang {major} gives other bytes");
    if strict {
        return Err(Failure::missing(message).hint(format!(
            "`--clang clang-{pinned}` names that one; `--any-clang` pushes all the same"
        )));
    }
    cx.ui.warn(message);
    Ok(())
}

/// Says what is not built, together where the reason is the same.
fn say_left_out(plan: &Plan, cx: &Context<'_>) {
    let reasons: BTreeSet<&str> = plan.left_out.iter().map(|left| left.why.as_str()).collect();
    for reason in reasons {
        let images = plan.left_out.iter().filter(|left| left.why == reason);
        let names: Vec<_> = images.map(LeftOut::name).collect();
        cx.ui.note(format_args!("Left out: {} ({reason})", names.join(", ")));
    }
}

/// Returns where large layers are kept between runs.
pub(crate) fn layer_cache(cx: &Context<'_>) -> LayerCache {
    LayerCache::new(cx.target().join("layers"))
}

/// Returns where the images that Containerfiles name come from.
pub(crate) fn bases(client: Client, offline: bool, cx: &Context<'_>) -> Bases {
    Bases::new(cx.target().join("bases"), client, offline)
}
