//! Without a Containerfile: objects to an image, put together in process.

use bytecode_image::{AssembleError, Recipe};
use oci::{Artifact, Reference};
use ui::Failure;

use super::containerfile::Marks;
use crate::inputs::Objects;

/// Makes the image, an index; what some loader will not like was said already.
pub(super) fn assemble(
    objects: &Objects,
    references: &[Reference],
    marks: &Marks<'_>,
) -> Result<Artifact, Failure> {
    let title = title(references);
    let recipe =
        Recipe { file: file(objects, &title), title, created: marks.created, ..Recipe::default() };
    objects.labels()?;
    let (index, _) = bytecode_image::assemble(&recipe, &objects.slots())
        .map_err(|error: AssembleError| Failure::from(error).context("failed to make the image"))?;
    Ok(Artifact::Index(index))
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
