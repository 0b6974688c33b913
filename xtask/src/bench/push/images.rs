//! The images that are pushed, in the forms that builders of them take:
//! layouts, and contexts with objects for a Containerfile.

use std::path::{Path, PathBuf};

use bytecode_image::{MAPS, PROGRAMS};
use oci::layout::{Tree, tag_of};
use oci::{Digest, Image, Layout};
use serde_json::{Value, json};
use ui::{Exit, Failure};

use crate::bench::CONTAINERFILE;

/// One image, with a context to build it from.
pub(super) struct Pushed {
    /// Its name without the registry: `organization/name`.
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: Digest,
    pub(super) platforms: Vec<String>,
    pub(super) context: PathBuf,
    /// The arguments of its Containerfile.
    pub(super) args: [(&'static str, String); 2],
}

impl Pushed {
    /// Returns its name without the registry: `organization/name:tag`.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}

/// Reads every image of a tree, and writes a context for each below
/// `contexts`.
pub(super) fn read(tree: &Tree, contexts: &Path) -> Result<Vec<Pushed>, Failure> {
    let mut images = Vec::new();
    for repository in tree.layouts()? {
        let layout = Layout::open(&repository.path)?;
        let (_, name) = repository.name.split_once('/').unwrap_or(("", &repository.name));
        for entry in &layout.index().manifests {
            let artifact = layout.load(entry)?;
            let context = contexts.join(images.len().to_string());
            host::fs::create_dir_all(&context)?;
            host::fs::write_atomic(&context.join("Containerfile"), CONTAINERFILE.as_bytes())?;
            for image in artifact.images() {
                let object = context.join(format!("{}.o", image.platform().architecture));
                host::fs::write_atomic(&object, &object_of(image)?)?;
            }
            let label = |name: &str| {
                let images = artifact.images();
                images.first().and_then(|image| image.labels().get(name).cloned())
            };
            images.push(Pushed {
                repository: name.to_owned(),
                tag: tag_of(entry).unwrap_or_default().to_owned(),
                digest: entry.digest,
                platforms: artifact.platforms().iter().map(ToString::to_string).collect(),
                context,
                args: [
                    ("PROGRAMS", label(PROGRAMS).unwrap_or_default()),
                    ("MAPS", label(MAPS).unwrap_or_default()),
                ],
            });
        }
    }
    Ok(images)
}

/// Returns the one file of an image.
fn object_of(image: &Image) -> Result<Vec<u8>, Failure> {
    let layer = image.layers().first();
    let entries = layer.map(|layer| layer.entries(Default::default())).transpose()?;
    let file = entries.unwrap_or_default().into_iter().next().map(|entry| entry.bytes);
    file.ok_or_else(|| {
        Failure::new(Exit::Failed, format!("the image `{}` holds no file", image.digest()))
    })
}

/// Returns what `buildx bake` is to build and push: a target for each image
/// (Docker's "Bake file reference").
pub(super) fn bake(images: &[Pushed], registry: &str) -> Value {
    let name = |number: usize| format!("image-{number}");
    let targets = images.iter().enumerate().map(|(number, image)| {
        let args = image.args.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into()));
        let target = json!({
            "context": image.context,
            "dockerfile": "Containerfile",
            "args": Value::Object(args.collect()),
            "platforms": image.platforms,
            "tags": [format!("{registry}/{}", image.name())],
            "output": ["type=registry"],
        });
        (name(number), target)
    });
    let targets: serde_json::Map<String, Value> = targets.collect();
    let names: Vec<_> = (0..images.len()).map(name).collect();
    json!({"group": {"default": {"targets": names}}, "target": targets})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bake_builds_each_image_under_its_own_name() {
        let image = |name: &str| Pushed {
            repository: format!("org/{name}"),
            tag: "v1".into(),
            digest: Digest::of(name.as_bytes()),
            platforms: vec!["linux/amd64".into(), "linux/s390x".into()],
            context: Path::new("/contexts").join(name),
            args: [("PROGRAMS", r#"{"p":"xdp"}"#.into()), ("MAPS", "{}".into())],
        };
        let target = |name: &str| {
            json!({
                "context": format!("/contexts/{name}"),
                "dockerfile": "Containerfile",
                "args": {"PROGRAMS": r#"{"p":"xdp"}"#, "MAPS": "{}"},
                "platforms": ["linux/amd64", "linux/s390x"],
                "tags": [format!("127.0.0.1:5000/org/{name}:v1")],
                "output": ["type=registry"],
            })
        };
        let expected = json!({
            "group": {"default": {"targets": ["image-0", "image-1"]}},
            "target": {"image-0": target("one"), "image-1": target("two")},
        });
        assert_eq!(bake(&[image("one"), image("two")], "127.0.0.1:5000"), expected);
    }
}
