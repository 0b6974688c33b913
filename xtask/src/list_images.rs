//! `list-images`: the catalogue, as a table or as JSON.

use serde::Serialize;
use ui::{Failure, Failures, Format, Table};

use crate::catalogue::{self, Catalogue, Entry, Kind};
use crate::context::Context;
use crate::plan;
use cli::list;

/// Show the images of the catalogue
///
/// Prints each image of images.yaml with its kind, its platforms and what it
/// is made of. Images that a plain `build-images` leaves out are marked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask list-images
  cargo xtask list-images bytecode
  cargo xtask list-images --format json bpfman/")]
pub(crate) struct Args {
    /// What to show: names, organization/name, organization/, or kinds
    /// (bytecode, containerfile, mirror); everything unless given
    #[arg(value_name = "SELECTION")]
    selection: Vec<String>,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    images: Vec<ImageReport>,
}

/// One image.
#[derive(Serialize)]
struct ImageReport {
    name: String,
    organization: String,
    reference: String,
    kind: &'static str,
    source: String,
    platforms: Vec<&'static str>,
    description: String,
    licenses: String,
    default: bool,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
    let selected =
        catalogue::select(&catalogue, &args.selection, true).map_err(plan::selection_failure)?;
    let images: Vec<_> = selected.iter().map(|entry| describe(&catalogue, entry)).collect();
    match cx.ui.format() {
        Format::Json => cx.ui.json(&Report { schema: 1, images })?,
        Format::Human => {
            let mut table = Table::new(&["IMAGE", "FROM"]);
            for (entry, image) in selected.iter().zip(&images) {
                let mark = if image.default { "" } else { " *" };
                let only = match &entry.platforms {
                    Some(narrowed) => format!(" ({})", list(narrowed)),
                    None if entry.one_platform => " (one platform)".to_owned(),
                    None => String::new(),
                };
                table.row([
                    format!("{}{mark}", entry.full_name()),
                    format!("{}{only}", image.source),
                ]);
            }
            cx.ui.table(&table)?;
            cx.ui.note(format_args!(
                "\nPlatforms: {}.\n* not part of a plain `build-images`",
                list(&catalogue.platforms)
            ));
        }
    }
    Ok(())
}

fn describe(catalogue: &Catalogue, entry: &Entry) -> ImageReport {
    let source = match &entry.kind {
        Kind::Bytecode(source) => source.path.display().to_string(),
        Kind::Containerfile(file) => match &file.source {
            Some(checkout) if file.is_elsewhere() => format!("{checkout}: {}", file.path.display()),
            Some(checkout) => format!("{} (context: {checkout})", file.path.display()),
            None => file.path.display().to_string(),
        },
        Kind::Mirror(reference) => reference.to_string(),
    };
    let platforms = catalogue.platforms_of(entry, &[]);
    ImageReport {
        name: entry.name.clone(),
        organization: entry.organization.clone(),
        reference: format!("{}/{}:{}", catalogue.registry, entry.full_name(), catalogue.tag),
        kind: entry.kind.word(),
        source,
        platforms: platforms.iter().map(|arch| arch.platform()).collect(),
        description: entry.description.clone(),
        licenses: entry.licenses.clone(),
        default: entry.default,
    }
}
