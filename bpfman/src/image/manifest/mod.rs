//! `bpfman image manifest`: what Kubernetes is to be told of an image.

mod documents;
mod program;
mod yaml;

use bytecode_image::{Labels, extract, is_bytecode};
use cli::registry::RegistryArgs;
use destination::Found;
use oci::Reference;
use serde_yaml::Value;
use ui::{Exit, Failure, Failures, Format};

use self::documents::Application;
use self::program::Program;
use super::subject::{self, images_of};
use super::text::plain;
use crate::context::Context;

/// Print the Kubernetes manifests of an image
///
/// Prints a ClusterBpfApplication (bpfman.io/v1alpha1) that has the bpfman
/// operator load the image's programs, and a pod that gets the image's maps
/// from the operator's CSI driver. The image is named by its digest. An image
/// does not say where its programs are to be attached: what has to be filled
/// in stands in angle brackets, such as `<interface>`, and comments say what.
///
/// With --image-volume, prints a pod that is given the objects as files,
/// without bpfman: Kubernetes mounts the image itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bpfman image manifest quay.io/me/pass:latest > pass.yaml
  bpfman image manifest --name pass-all quay.io/me/pass:latest
  bpfman image manifest --image-volume quay.io/me/pass:latest
  bpfman image manifest --format json oci:images:quay.io/me/pass:latest")]
pub(crate) struct Args {
    /// An image of a registry, a layout (DIR or oci:DIR[:NAME]) or an archive
    /// (FILE, oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME])
    #[arg(value_name = "IMAGE")]
    image: String,

    /// The name of the ClusterBpfApplication, or of the pod; the last word of
    /// the image's name unless given
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,

    /// Print a pod that mounts the objects without bpfman; image volumes need
    /// Kubernetes 1.31 or newer, and its feature gate ImageVolume
    #[arg(long)]
    image_volume: bool,

    #[command(flatten)]
    registries: RegistryArgs,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let client = args.registries.client(Ok)?;
    let found = subject::find(&args.image, &client, cx)?.one(&args.image)?;
    let label = plain(&found.label);
    let Some(reference) = &found.reference else {
        let message = format!("`{label}` has no full name, by which a cluster could pull it");
        return Err(Failure::usage(message)
            .hint("`bpfman image copy` pushes it under a name")
            .into());
    };
    let name = args.name.unwrap_or_else(|| name_of(reference));
    let image = reference.with_digest(found.artifact.digest()).without_tag().to_string();
    let documents = if args.image_volume {
        check(&found)?;
        vec![documents::image_volume(&name, &image)]
    } else {
        let (programs, maps) = contents(&found, cx)
            .map_err(|failure| failure.context(format!("`{label}` has no manifest")))?;
        let application = Application { name: &name, image: &image, programs: &programs };
        let pod = (!maps.is_empty()).then(|| documents::pod(&name, &maps));
        [application.document()].into_iter().chain(pod).collect()
    };
    match cx.ui.format() {
        // What kubectl takes too.
        Format::Json => cx.ui.json(&documents::list(documents))?,
        Format::Human => {
            let text = yaml::print(&reference.to_string(), &documents)?;
            cx.ui.result(text.trim_end())?;
        }
    }
    Ok(())
}

/// Refuses an image without bytecode.
fn check(found: &Found) -> Result<(), Failure> {
    match images_of(&found.artifact).into_iter().all(is_bytecode) {
        true => Ok(()),
        false => {
            let message = format!("`{}` is no image of an eBPF program", plain(&found.label));
            Err(Failure::new(Exit::Failed, message))
        }
    }
}

/// Reads the programs and maps of the image: which there are is said by its
/// labels, what they are by its object.
fn contents(found: &Found, cx: &Context<'_>) -> Result<(Vec<Program>, Vec<String>), Failure> {
    let images = images_of(&found.artifact);
    let image =
        images.first().ok_or_else(|| Failure::new(Exit::Failed, "it is for no platform"))?;
    let labels = Labels::parse(image.labels())?;
    let object = extract(image)?;
    let names = labels.programs.keys().chain(labels.maps.keys());
    if let Some(name) = names.into_iter().find(|name| !is_identifier(name)) {
        let message = format!("`{}` is no name that a manifest can have", plain(name));
        return Err(Failure::new(Exit::Failed, message));
    }
    let mut programs = Vec::new();
    for name in labels.programs.keys() {
        let own = object.info.programs.iter().find(|program| program.name == *name);
        let own = own.ok_or_else(|| {
            let message =
                format!("its labels name the program `{}`, its object has none", plain(name));
            Failure::new(Exit::Failed, message)
        })?;
        match Program::of(own) {
            Some(program) => programs.push(program),
            None => cx.ui.warn(format_args!(
                "`{}` is left out: the operator loads no programs of section `{}`",
                plain(name),
                plain(&own.section)
            )),
        }
    }
    if programs.is_empty() {
        let message = "it has no program that the operator loads";
        return Err(Failure::new(Exit::Failed, message)
            .hint("`--image-volume` prints a pod that loads them itself"));
    }
    Ok((programs, labels.maps.into_keys().collect()))
}

/// Returns whether a program or map has a name that C or Rust could give it,
/// which means nothing else in YAML or in a list.
fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.$".contains(c))
}

/// The longest name of an object that may stand in a label too (RFC 1123).
const NAME_MAX: usize = 63;

/// Returns the image's last word as a name that Kubernetes takes.
fn name_of(reference: &Reference) -> String {
    let last = reference.repository().rsplit('/').next().unwrap_or_default();
    let good = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = last.chars().take(NAME_MAX).map(good).collect();
    name.trim_matches('-').to_owned()
}

/// Reads a name as Kubernetes takes it.
fn name(word: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !word.starts_with('-') && !word.ends_with('-');
    match !word.is_empty() && word.len() <= NAME_MAX && word.chars().all(good) && ends {
        true => Ok(word.to_owned()),
        false => Err(format!(
            "a name is made of `a-z`, `0-9` and `-`, begins and ends with neither `-`, and has up \
             to {NAME_MAX} characters"
        )),
    }
}

/// Makes a mapping whose keys keep their order.
fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Mapping(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}
