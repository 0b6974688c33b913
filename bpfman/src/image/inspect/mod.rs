//! `bpfman image inspect`: what an image or an object holds.

mod human;
mod object;
mod report;

use cli::registry::RegistryArgs;
use serde::Serialize;
use ui::{Failure, Failures, Format};

use self::object::ObjectReport;
use self::report::ImageReport;
use super::form::FormArgs;
use super::subject::{self, Subject};
use crate::context::Context;

/// Show what is in an image, or in an object
///
/// Shows the platforms of an image and, for each object, its programs, maps,
/// variables, what it calls, and the lowest kernel version that this implies:
/// older ones cannot load it, and newer ones need not be able to.
///
/// A word that is there as a directory or file is read: a layout, a tree of
/// layouts, an archive, or an object. Every other word is the name of an image
/// in a registry, of which only what is shown is fetched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bpfman image inspect quay.io/me/pass:latest
  bpfman image inspect -o json quay.io/me/pass:latest
  bpfman image inspect images
  bpfman image inspect oci:images:quay.io/me/pass:latest
  bpfman image inspect pass.tar
  bpfman image inspect pass.o")]
pub(crate) struct Args {
    /// An image of a registry (REFERENCE or docker://REFERENCE), a layout or
    /// a tree of layouts (DIR or oci:DIR[:NAME]), an archive (FILE,
    /// oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME]) or an object
    /// (FILE.o)
    #[arg(value_name = "SUBJECT")]
    subject: String,

    #[command(flatten)]
    form: FormArgs,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// The JSON of one image: its fields are those that the daemon's command line
/// prints, and more.
#[derive(Serialize)]
struct One<'a> {
    schema: u32,
    #[serde(flatten)]
    image: &'a ImageReport,
}

/// The JSON of a place.
#[derive(Serialize)]
struct Many<'a> {
    schema: u32,
    images: &'a [ImageReport],
}

/// The JSON of an object.
#[derive(Serialize)]
struct Lone<'a> {
    schema: u32,
    object: &'a ObjectReport,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let client = args.registries.client(Ok)?;
    let format = args.form.format(cx.ui);
    match subject::find(&args.subject, &client, cx)? {
        Subject::Object { path, bytes } => {
            let file = path.display().to_string();
            let info = bpf_object::read(&bytes).map_err(|error| {
                Failure::from(error).context(format!("`{file}` is no eBPF object"))
            })?;
            let object = ObjectReport::new(file, &bytes, &info);
            match format {
                Format::Json => cx.ui.json(&Lone { schema: 1, object: &object })?,
                Format::Human => cx.ui.result(human::object(&object))?,
            }
            Ok(())
        }
        Subject::Image { found, .. } => {
            let (image, failures) = report::read(&found, cx.ui);
            match format {
                Format::Json => cx.ui.json(&One { schema: 1, image: &image })?,
                Format::Human => cx.ui.result(human::image(&image))?,
            }
            failures.or(())
        }
        Subject::Place { found: all, .. } => {
            let read = all.iter().map(|found| report::read(found, cx.ui));
            let (images, failures): (Vec<_>, Vec<_>) = read.unzip();
            match format {
                Format::Json => cx.ui.json(&Many { schema: 1, images: &images })?,
                Format::Human => {
                    let blocks: Vec<_> = images.iter().map(human::image).collect();
                    cx.ui.result(blocks.join("\n\n\n"))?;
                }
            }
            Failures(failures.into_iter().flat_map(|failures| failures.0).collect()).or(())
        }
    }
}
