//! Objects to images, images to destinations.

use bpf_build::Built;
use bytecode_image::{AssembleError, Finding, Slot, assemble};
use destination::{Destination, Options, Published};
use oci::layout::{Tree, WriteOptions};
use oci::registry::{Client, Companion, Event, Looks};
use oci::{Artifact, Index, Named, Platform, Reference};
use ui::{Failure, Failures};

use super::report::Report;
use crate::compile::Compiled;
use crate::context::Context;
use crate::plan::{Origin, Plan, Planned};
use crate::registry;

/// An image that was made, or found where it is to be copied from.
pub(crate) struct Made {
    /// Its place in the plan.
    pub(crate) index: usize,
    pub(crate) named: Named,
    /// What is to be copied with it.
    companions: Vec<Companion>,
}

/// What of a copied image is to come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Along {
    Nothing,
    /// Referrers and signatures.
    Companions,
}

/// What became of the objects of an image.
pub(super) enum Assembled {
    Made {
        index: Index,
        warnings: Vec<Finding>,
    },
    /// A platform has no object: whoever pulls it there would get nothing.
    Incomplete,
    Failed(AssembleError),
}

/// Puts the objects of an image together; one that is copied has none.
pub(super) fn assembled(image: &Planned, built: &[Built]) -> Assembled {
    let Origin::Objects { request, recipe } = &image.origin else { return Assembled::Incomplete };
    let slot = |arch| {
        let object = built[*request].objects.get(arch)?;
        Some(Slot { arch: *arch, bytes: &object.bytes, info: &object.info })
    };
    let slots: Vec<Slot<'_>> = image.platforms.iter().filter_map(slot).collect();
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
    client: &Client,
    along: Along,
    cx: &Context<'_>,
    failures: &mut Failures,
) -> Vec<Made> {
    let mut all = Vec::new();
    for (index, image) in plan.images.iter().enumerate() {
        let made = match &image.origin {
            Origin::Objects { .. } => from_objects(plan, image, compiled, cx),
            Origin::Mirror(source) => from_registry(image, source, client, along, cx),
        };
        match made {
            Ok((artifact, companions)) => {
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
    compiled: &Compiled,
    cx: &Context<'_>,
) -> Result<Parts, Failure> {
    match assembled(image, &compiled.built) {
        Assembled::Made { index, warnings } => {
            for warning in warnings {
                cx.ui.warn(format_args!("`{}`: {warning}", source_of(plan, image)));
            }
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
    let platforms = artifact.platforms();
    // A variant, as `linux/arm/v7`, is one of its architecture.
    let architectures: Vec<_> =
        platforms.iter().map(|own| format!("{}/{}", own.os, own.architecture)).collect();
    let is_there = |name: &str| architectures.iter().any(|own| own == name);
    let absent: Vec<_> =
        image.platforms.iter().map(|arch| arch.platform()).filter(|name| !is_there(name)).collect();
    if !absent.is_empty() {
        let message =
            format!("`{}` is not copied: `{source}` is not for {}", image.image, absent.join(", "));
        let there: Vec<_> = platforms.iter().map(Platform::to_string).collect();
        return Err(Failure::new(ui::Exit::Failed, message).hint(format!(
            "it is for {}; `platforms` in images.yaml says what is wanted",
            there.join(", ")
        )));
    }
    let companions = match along {
        Along::Nothing => Vec::new(),
        Along::Companions => client.companions(source, &artifact).map_err(failed)?,
    };
    cx.ui.debug(format_args!("{source} is {}", artifact.digest()));
    Ok((artifact, companions))
}

/// Takes the images to one destination; the failure of one does not keep the
/// others.
pub(super) fn publish(
    destination: &Destination,
    made: &[Made],
    (client, looks): (&Client, &Looks),
    platform: &Platform,
    cx: &Context<'_>,
    report: &mut Report<'_>,
    failures: &mut Failures,
) {
    if made.is_empty() {
        return;
    }
    let mut batch: Vec<Named> = made.iter().map(|made| made.named.clone()).collect();
    if takes_companions(destination) {
        for Made { named, companions, .. } in made {
            match Companion::named(&named.references[0], companions) {
                Ok(more) => batch.extend(more),
                Err(error) => failures.0.push(Failure::from(error)),
            }
        }
    }
    let context = match destination {
        Destination::Registry => "failed to push".to_owned(),
        _ => format!("failed to write to `{}`", shown(destination, cx)),
    };
    let progress = cx.ui.progress_bytes("Pushing");
    let sent = std::sync::atomic::AtomicU64::new(0);
    let happens = |event: Event<'_>| match event {
        Event::Planned { bytes } => progress.expect_bytes(bytes),
        Event::Blob { bytes, sent: was_sent } => {
            progress.bytes(bytes);
            if was_sent {
                sent.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
            }
        }
        Event::Tagged(reference) => cx.ui.step("Pushed", reference),
        _ => {}
    };
    if destination.takes_one_platform()
        && batch.iter().any(|named| named.artifact.platforms().len() > 1)
    {
        cx.ui.note(format_args!("`{}` gets {platform} only", shown(destination, cx)));
    }
    let durable = is_durable(destination, cx);
    let command = |command: &host::Cmd| cx.ui.command(command);
    let options = Options { durable, client, looks, report: &happens, platform, command: &command };
    let outcomes = destination.publish(&batch, options);
    report.sent(sent.into_inner());
    let mut outcomes = match outcomes {
        Ok(outcomes) => outcomes.into_iter(),
        Err(error) => {
            failures.0.push(write_failure(error).context(context));
            return;
        }
    };
    let mut failed = Vec::new();
    for (made, outcome) in made.iter().zip(outcomes.by_ref()) {
        let outcome = outcome.map_err(write_failure).and_then(|published| {
            if *destination == Destination::Registry {
                push_companions(made, client)?;
            } else {
                say(&published, cx);
            }
            Ok(published)
        });
        match outcome {
            Ok(published) => report.add(made.index, destination, published, cx),
            Err(failure) => failed.push((made.named.references[0].to_string(), failure)),
        }
    }
    failures.0.extend(registry::together(failed, "image", |what| match destination {
        Destination::Registry => format!("failed to push {what}"),
        _ => format!("{context}: {what}"),
    }));
    let others = outcomes.filter_map(Result::err);
    failures.0.extend(others.map(|error| write_failure(error).context(context.clone())));
}

fn push_companions(made: &Made, client: &Client) -> Result<(), Failure> {
    for reference in &made.named.references {
        client.push_companions(reference, &made.companions).map_err(registry::failure)?;
    }
    Ok(())
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

/// Engines take images, and nothing that is said of them.
fn takes_companions(destination: &Destination) -> bool {
    matches!(destination, Destination::Oci(_) | Destination::OciArchive(_))
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

fn say(published: &Published, cx: &Context<'_>) {
    if published.changed {
        let names: Vec<_> = published.references.iter().map(ToString::to_string).collect();
        let platforms = ui::count(published.platforms.len(), "platform");
        let size = ui::human_bytes(published.size);
        cx.ui.step("Packaged", format_args!("{} ({platforms}, {size})", names.join(", ")));
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

fn write_failure(error: destination::Error) -> Failure {
    let error = match error {
        destination::Error::Registry(error) => return registry::failure(error),
        error => error,
    };
    let (hint, detail) = (error.hint(), error.detail());
    let failure = match &error {
        destination::Error::Tool { .. } => Failure::missing(error),
        _ => Failure::from(error),
    };
    let failure = detail.into_iter().fold(failure, Failure::detail);
    hint.into_iter().fold(failure, Failure::hint)
}

fn source_of(plan: &Plan, image: &Planned) -> String {
    match &image.origin {
        Origin::Objects { request, .. } => {
            plan.requests[*request].source.path.display().to_string()
        }
        Origin::Mirror(source) => source.to_string(),
    }
}
