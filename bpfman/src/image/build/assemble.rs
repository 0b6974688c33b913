//! Without a Containerfile: objects to an image, put together in process.

use bytecode_image::{AssembleError, Recipe};
use oci::{Artifact, Reference};
use ui::Failure;

use super::containerfile::Marks;
use crate::context::Context;
use crate::inputs::Objects;

/// Makes the image: a plain one of one object, else an index.
pub(super) fn assemble(
    objects: &Objects,
    references: &[Reference],
    marks: &Marks<'_>,
    allow_divergence: bool,
    cx: &Context<'_>,
) -> Result<Artifact, Failure> {
    if !allow_divergence {
        objects.labels()?;
    }
    let title = title(references);
    let recipe = Recipe {
        file: file(objects, &title),
        title,
        created: marks.created,
        labels: marks.labels.iter().cloned().collect(),
        annotations: marks.annotations.iter().cloned().collect(),
        allow_divergence,
        ..Recipe::default()
    };
    let slots = objects.slots();
    let made = match slots.as_slice() {
        [slot] if objects.plain => bytecode_image::assemble_one(&recipe, slot)
            .map(|(image, warnings)| (Artifact::Image(image), warnings)),
        slots => bytecode_image::assemble(&recipe, slots)
            .map(|(index, warnings)| (Artifact::Index(index), warnings)),
    };
    let (artifact, warnings) = made.map_err(failure)?;
    warnings.iter().for_each(|warning| cx.ui.warn(warning));
    Ok(artifact)
}

fn failure(error: AssembleError) -> Failure {
    match error {
        AssembleError::ReservedLabel { .. } => Failure::usage(error),
        error => Failure::from(error).context("failed to make the image"),
    }
}

/// Returns the last word of the image's name.
fn title(references: &[Reference]) -> String {
    let name = references.first().map(Reference::repository).unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Returns the object's name in the image: its own where all have the same,
/// for platforms that hold the same file share a layer.
fn file(objects: &Objects, title: &str) -> String {
    let name = |path: &std::path::Path| path.file_name()?.to_str().map(str::to_owned);
    let mut names = objects.objects.iter().map(|object| name(&object.path));
    let first = names.next().flatten().filter(|name| name.ends_with(".o"));
    match first {
        Some(first) if names.all(|name| name.as_ref() == Some(&first)) => first,
        _ => format!("{title}.o"),
    }
}
