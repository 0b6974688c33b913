//! Objects to images, images to destinations.

use bytecode_image::{AssembleError, Slot, assemble};
use destination::{Destination, Options, Published};
use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Named, Reference};
use ui::{Failure, Failures};

use super::report::Report;
use crate::compile::Compiled;
use crate::context::Context;
use crate::plan::{Plan, Planned};

/// An image that was made.
pub(super) struct Made {
    /// Its place in the plan.
    pub(super) index: usize,
    pub(super) named: Named,
}

/// Puts the objects together. An image without an object for one of its
/// platforms is not made: whoever pulls it there would get nothing.
pub(super) fn make(
    plan: &Plan,
    compiled: &Compiled,
    cx: &Context<'_>,
    failures: &mut Failures,
) -> Vec<Made> {
    let mut all = Vec::new();
    for (index, image) in plan.images.iter().enumerate() {
        let built = &compiled.built[image.request];
        let slots: Vec<Slot<'_>> = image
            .platforms
            .iter()
            .filter_map(|arch| {
                let object = built.objects.get(arch)?;
                Some(Slot { arch: *arch, bytes: &object.bytes, info: &object.info })
            })
            .collect();
        if slots.len() < image.platforms.len() {
            // Why is said where the compilation failed.
            let message = format!("`{}` is not made: it lacks objects", image.image);
            failures.0.push(Failure::new(ui::Exit::Failed, message));
            continue;
        }
        match assemble(&image.recipe, &slots) {
            Ok((artifact, warnings)) => {
                for warning in warnings {
                    cx.ui.warn(format_args!("`{}`: {warning}", source_of(plan, image)));
                }
                let references = image.references.clone();
                let artifact = Artifact::Index(artifact);
                all.push(Made { index, named: Named { references, artifact } });
            }
            Err(error) => failures.0.push(assembly_failure(plan, image, error)),
        }
    }
    all
}

/// Takes the images to one destination; the failure of one does not keep the
/// others.
pub(super) fn publish(
    destination: &Destination,
    made: &[Made],
    cx: &Context<'_>,
    report: &mut Report<'_>,
    failures: &mut Failures,
) {
    if made.is_empty() {
        return;
    }
    let batch: Vec<Named> = made.iter().map(|made| made.named.clone()).collect();
    let context = format!("failed to write to `{}`", shown(destination, cx));
    let outcomes =
        match destination.publish(&batch, Options { durable: is_durable(destination, cx) }) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                failures.0.push(write_failure(error).context(context));
                return;
            }
        };
    for (made, outcome) in made.iter().zip(outcomes) {
        match outcome {
            Ok(published) => {
                say(&published, cx);
                report.add(made.index, destination, published, cx);
            }
            Err(error) => {
                let name = &made.named.references[0];
                failures.0.push(write_failure(error).context(format!("{context}: `{name}`")));
            }
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
    }
}

/// What lies under `target/` can be made again: it need not survive a power
/// cut.
fn is_durable(destination: &Destination, cx: &Context<'_>) -> bool {
    match destination {
        Destination::Oci(path) | Destination::OciArchive(path) => !path.starts_with(cx.target()),
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
    let hint = error.hint();
    let failure = Failure::from(error);
    hint.into_iter().fold(failure, Failure::hint)
}

fn source_of(plan: &Plan, image: &Planned) -> String {
    plan.requests[image.request].source.path.display().to_string()
}
