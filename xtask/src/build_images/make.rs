//! Objects to images, images to destinations.

use bpf_arch::Arch;
use bpf_build::Built;
use bytecode_image::{AssembleError, Finding, Labels, Recipe, Slot, assemble};
use cli::compile::Compiled;
use cli::publish::{self, Delivered, Delivery};
use cli::registry;
use destination::{Destination, Published};
use image_build::Engine;
use oci::layout::{Tree, WriteOptions};
use oci::registry::{Client, Companion};
use oci::{Artifact, Index, Named, Platform, Reference};
use ui::{Failure, Failures};

use super::containerfile::{self, Site};
use super::report::Report;
use crate::attest::{self, Evidence};
use crate::bundle;
use crate::context::Context;
use crate::plan::{Origin, Plan, Planned};

/// An image that was made, or found where it is to be copied from.
pub(crate) struct Made {
    /// Its place in the plan.
    pub(crate) index: usize,
    pub(crate) named: Named,
    /// What is to be copied with it.
    pub(crate) companions: Vec<Companion>,
}

/// What of a copied image is to come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Along {
    Nothing,
    /// Referrers and signatures.
    Companions,
}

/// What became of the objects of an image.
pub(crate) enum Assembled {
    Made {
        index: Index,
        warnings: Vec<Finding>,
    },
    /// A platform has no object: whoever pulls it there would get nothing.
    Incomplete,
    Failed(AssembleError),
}

/// Returns the objects that there are for an image; one that is copied has
/// none.
fn slots<'b>(image: &Planned, built: &'b [Built]) -> Vec<Slot<'b>> {
    let Origin::Objects { request, .. } = &image.origin else { return Vec::new() };
    let slot = |arch: &Arch| {
        let object = built[*request].objects.get(arch)?;
        Some(Slot { arch: *arch, bytes: &object.bytes, info: &object.info })
    };
    image.platforms.iter().filter_map(slot).collect()
}

/// Puts the objects of an image together.
pub(crate) fn assembled(image: &Planned, built: &[Built]) -> Assembled {
    let Origin::Objects { recipe, .. } = &image.origin else { return Assembled::Incomplete };
    let slots = slots(image, built);
    if slots.len() < image.platforms.len() {
        return Assembled::Incomplete;
    }
    match assemble(recipe, &slots) {
        Ok((index, warnings)) => Assembled::Made { index, warnings },
        Err(error) => Assembled::Failed(error),
    }
}

/// Makes the images of the plan, each on its own: one's failure does not keep
/// the others.
pub(crate) fn make(
    plan: &Plan,
    compiled: &Compiled,
    along: Along,
    site: Site<'_>,
    cx: &Context<'_>,
    failures: &mut Failures,
) -> Vec<Made> {
    let mut all = Vec::new();
    let built: Vec<Reference> = plan.references().into_iter().cloned().collect();
    for (index, image) in plan.images.iter().enumerate() {
        let made = match &image.origin {
            Origin::Objects { recipe, .. } => {
                from_objects(plan, image, (recipe, compiled), site, cx)
            }
            Origin::Containerfile(file) => containerfile::build(file, image, site, cx)
                .map(|index| (Artifact::Index(index), Vec::new())),
            Origin::Mirror(source) => {
                from_registry(image, source, site.place.bases.client(), along, cx)
            }
            Origin::Stored => from_store(image, site, along),
        };
        match made {
            Ok((artifact, companions)) => {
                if let Err(wrong) = bundle::check(&artifact, &image.image, &built, cx) {
                    failures.0.extend(wrong.0);
                    continue;
                }
                let named = Named { references: image.references.clone(), artifact };
                all.push(Made { index, named, companions });
            }
            Err(failure) => failures.0.push(failure),
        }
    }
    all
}

type Parts = (Artifact, Vec<Companion>);

fn from_objects(
    plan: &Plan,
    image: &Planned,
    (recipe, compiled): (&Recipe, &Compiled),
    site: Site<'_>,
    cx: &Context<'_>,
) -> Result<Parts, Failure> {
    match assembled(image, &compiled.built) {
        Assembled::Made { index, warnings } => {
            for warning in warnings {
                cx.ui.warn(format_args!("`{}`: {warning}", source_of(plan, image)));
            }
            let index = match site.engine {
                Engine::Native => index,
                // What cannot be put together here, no engine should.
                _ => by_engine(image, (recipe, compiled), site, cx)?,
            };
            Ok((Artifact::Index(index), Vec::new()))
        }
        // Why is said where the compilation failed.
        Assembled::Incomplete => {
            let message = format!("`{}` is not made: it lacks objects", image.image);
            Err(Failure::new(ui::Exit::Failed, message))
        }
        Assembled::Failed(error) => Err(assembly_failure(plan, image, error)),
    }
}

fn by_engine(
    image: &Planned,
    (recipe, compiled): (&Recipe, &Compiled),
    site: Site<'_>,
    cx: &Context<'_>,
) -> Result<Index, Failure> {
    let slots = slots(image, &compiled.built);
    let labels = slots.first().map(|slot| Labels::of(slot.info)).unwrap_or_default();
    containerfile::build_bytecode(recipe, &slots, &labels, site, cx)
        .map_err(|failure| failure.context(format!("failed to make `{}`", image.image)))
}

/// What can be done where a mirrored image is not to be had.
pub(super) const ELSEWHERE: &str = "`--mirror NAME=REFERENCE` copies it from elsewhere";

fn from_registry(
    image: &Planned,
    source: &Reference,
    client: &Client,
    along: Along,
    cx: &Context<'_>,
) -> Result<Parts, Failure> {
    let failed = |error| {
        registry::failure(error)
            .context(format!("failed to copy `{}` from `{source}`", image.image))
            .hint(ELSEWHERE)
    };
    let artifact = client.pull(source, None).map_err(failed)?;
    if let Some(missing) = Missing::of(image, &artifact) {
        let message = format!(
            "`{}` is not copied: `{source}` is not for {}",
            image.image,
            missing.absent.join(", ")
        );
        let there = missing.there.join(", ");
        return Err(Failure::new(ui::Exit::Failed, message)
            .hint(format!("it is for {there}; `platforms` in images.yaml says what is wanted")));
    }
    let companions = match along {
        Along::Nothing => Vec::new(),
        Along::Companions => client.companions(source, &artifact).map_err(failed)?,
    };
    cx.ui.debug(format_args!("{source} is {}", artifact.digest()));
    Ok((artifact, companions))
}

/// Finds an image that an earlier run has made.
fn from_store(image: &Planned, site: Site<'_>, along: Along) -> Result<Parts, Failure> {
    let Some(stored) = site.stored else { return Err(Failure::usage("no images are stored")) };
    let found = stored.image(&image.image)?;
    let artifact = found.artifact.clone();
    if let Some(missing) = Missing::of(image, &artifact) {
        let absent = missing.absent.join(", ");
        let message = format!("`{}` in `{}` is not for {absent}", image.image, stored.place());
        let there = missing.there.join(", ");
        return Err(Failure::new(ui::Exit::Failed, message)
            .hint(format!("it is for {there}; build it again without `--platform`")));
    }
    let companions = match along {
        Along::Nothing => Vec::new(),
        Along::Companions => stored.companions(found, site.place.bases.client())?,
    };
    Ok((artifact, companions))
}

/// The platforms that an image lacks.
struct Missing {
    absent: Vec<&'static str>,
    there: Vec<String>,
}

impl Missing {
    /// Returns what an image lacks of what is wanted of it, if anything.
    fn of(image: &Planned, artifact: &Artifact) -> Option<Missing> {
        let platforms = artifact.platforms();
        // A variant, as `linux/arm/v7`, is one of its architecture.
        let is_there = |name: &str| {
            platforms.iter().any(|own| format!("{}/{}", own.os, own.architecture) == name)
        };
        let wanted = image.platforms.iter().map(|arch| arch.platform());
        let absent: Vec<_> = wanted.filter(|name| !is_there(name)).collect();
        let there = platforms.iter().map(Platform::to_string).collect();
        (!absent.is_empty()).then_some(Missing { absent, there })
    }
}

/// Attaches to each image what is attested of it. One for which that cannot be
/// said is not published without it.
pub(super) fn attest(
    made: Vec<Made>,
    plan: &Plan,
    evidence: Evidence<'_>,
    failures: &mut Failures,
) -> Vec<Made> {
    let attested = made.into_iter().map(|mut made| {
        let image = &plan.images[made.index];
        made.companions.extend(attest::of_image(plan, image, &made.named.artifact, evidence)?);
        Ok(made)
    });
    let (attested, failed): (Vec<_>, Vec<_>) = attested.partition(Result::is_ok);
    failures.0.extend(failed.into_iter().filter_map(Result::err));
    attested.into_iter().flatten().collect()
}

/// Takes the images to one destination; the failure of one does not keep the
/// others.
pub(super) fn publish(
    destination: &Destination,
    made: &[Made],
    delivery: Delivery<'_>,
    cx: &Context<'_>,
    report: &mut Report<'_>,
    failures: &mut Failures,
) {
    if made.is_empty() {
        return;
    }
    let Delivery { client, platform, .. } = delivery;
    let mut batch: Vec<Named> = made.iter().map(|made| made.named.clone()).collect();
    for Made { named, companions, .. } in made {
        match destination.beside(named, companions) {
            Ok(more) => batch.extend(more),
            Err(error) => failures.0.push(publish::failure(error)),
        }
    }
    if !destination.takes_companions() && made.iter().any(|made| !made.companions.is_empty()) {
        cx.ui.note(format_args!(
            "`{}` takes images alone, and nothing that is attached to them",
            shown(destination, cx)
        ));
    }
    let context = match destination {
        Destination::Registry => "failed to push".to_owned(),
        _ => format!("failed to write to `{}`", shown(destination, cx)),
    };
    if destination.takes_one_platform()
        && batch.iter().any(|named| named.artifact.platforms().len() > 1)
    {
        cx.ui.note(format_args!("`{}` gets {platform} only", shown(destination, cx)));
    }
    let delivery = Delivery { durable: is_durable(destination, cx), ..delivery };
    let Delivered { outcomes, sent } = match publish::publish(destination, &batch, delivery, cx.ui)
    {
        Ok(delivered) => delivered,
        Err(failure) => {
            failures.0.push(failure.context(context));
            return;
        }
    };
    report.sent(sent);
    let mut outcomes = outcomes.into_iter();
    let mut own: Vec<Result<Published, Failure>> = outcomes.by_ref().take(made.len()).collect();
    if *destination == Destination::Registry {
        push_companions(made, &mut own, client);
    } else {
        own.iter().flatten().for_each(|published| publish::say(published, cx.ui));
    }
    let mut failed = Vec::new();
    for (made, outcome) in made.iter().zip(own) {
        match outcome {
            Ok(published) => report.add(made.index, destination, published, cx),
            Err(failure) => failed.push((made.named.references[0].to_string(), failure)),
        }
    }
    failures.0.extend(registry::together(failed, "image", |what| match destination {
        Destination::Registry => format!("failed to push {what}"),
        _ => format!("{context}: {what}"),
    }));
    for other in outcomes {
        match other {
            Ok(published) => report.wrote(published.files_written),
            Err(failure) => failures.0.push(failure.context(context.clone())),
        }
    }
}

/// Pushes what goes with the images that were pushed. An image without it is
/// not what was asked for.
fn push_companions(made: &[Made], own: &mut [Result<Published, Failure>], client: &Client) {
    let with = |made: &Made, outcome: &Result<Published, Failure>| {
        outcome.is_ok() && !made.companions.is_empty()
    };
    let mut wanted = Vec::new();
    let mut places = Vec::new();
    for (made, outcome) in made.iter().zip(own.iter_mut()) {
        if with(made, outcome) {
            wanted.push((made.named.references.as_slice(), made.companions.as_slice()));
            places.push(outcome);
        }
    }
    for (outcome, pushed) in places.into_iter().zip(client.push_each_companions(&wanted)) {
        if let Err(error) = pushed {
            *outcome = Err(registry::failure(error));
        }
    }
}

/// Removes from a tree what is not among `keep`.
pub(super) fn prune(
    destination: &Destination,
    keep: &[Reference],
    cx: &Context<'_>,
) -> Result<(), Failure> {
    let Destination::Oci(dir) = destination else { return Ok(()) };
    let options = WriteOptions { durable: is_durable(destination, cx) };
    let pruned = Tree::new(dir).prune(Some(keep), options)?;
    for name in &pruned.names {
        cx.ui.step("Removed", name);
    }
    for error in &pruned.skipped {
        cx.ui.warn(format_args!("not pruned: {error}"));
    }
    if !pruned.removed.is_empty() {
        let files = ui::count(pruned.removed.len(), "file");
        cx.ui.step("Pruned", format_args!("{files}, {}", ui::human_bytes(pruned.bytes())));
    }
    Ok(())
}

/// Returns a destination as the user knows it.
pub(super) fn shown(destination: &Destination, cx: &Context<'_>) -> String {
    let relative = |path: &std::path::Path| cx.shown(path).to_string();
    match destination {
        Destination::Oci(dir) => format!("oci:{}", relative(dir)),
        Destination::OciArchive(file) => format!("oci-archive:{}", relative(file)),
        Destination::DockerArchive(file) => format!("docker-archive:{}", relative(file)),
        other => other.to_string(),
    }
}

/// What lies under `target/` can be made again: it need not survive a power
/// cut.
fn is_durable(destination: &Destination, cx: &Context<'_>) -> bool {
    match destination {
        Destination::Oci(path)
        | Destination::OciArchive(path)
        | Destination::DockerArchive(path) => !path.starts_with(cx.target()),
        _ => true,
    }
}

fn assembly_failure(plan: &Plan, image: &Planned, error: AssembleError) -> Failure {
    let source = source_of(plan, image);
    let differ = matches!(error, AssembleError::Differ { .. });
    let failure =
        Failure::from(error).context(format!("failed to make `{}` from `{source}`", image.image));
    if differ {
        failure.hint("the labels speak for all platforms: make the source the same for all, or an image of its own for each")
    } else {
        failure
    }
}

fn source_of(plan: &Plan, image: &Planned) -> String {
    match &image.origin {
        Origin::Objects { request, .. } => {
            plan.requests[*request].source.path.display().to_string()
        }
        Origin::Containerfile(file) => file.path.display().to_string(),
        Origin::Mirror(source) => source.to_string(),
        Origin::Stored => image.image.clone(),
    }
}
