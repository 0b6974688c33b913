//! Images that a Containerfile makes: those of the catalogue, and bytecode
//! images where an engine is to make them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use bytecode_image::{Labels, Recipe, Slot, build_args, platform_of};
use cli::engine::Workplace;
use image_build::{BuildRequest, Engine, NamedContext};
use oci::{Index, Platform};
use ui::Failure;

use crate::context::Context;
use crate::on_host;
use crate::plan::{Instructions, Origin, Plan, Planned};
use crate::stored::Stored;
use crate::wish::Wish;

/// The project's Containerfile for bytecode, relative to the checkout.
const BYTECODE: &str = "Containerfile.bytecode.multi.arch";

/// Who carries out Containerfiles, with what, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) inputs: Inputs<'a>,
    /// What the host has made.
    pub(crate) made: &'a on_host::Made,
    /// The images that are made already.
    pub(crate) stored: Option<&'a Stored>,
    pub(crate) place: Workplace<'a>,
}

/// What the user gives to Containerfiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) contexts: &'a [NamedContext],
    pub(crate) build_args: &'a BTreeMap<String, String>,
    /// Seconds since 1970.
    pub(crate) created: u64,
}

impl<'a> Inputs<'a> {
    /// Returns what the user asked for.
    pub(crate) fn of(wish: &'a Wish) -> Inputs<'a> {
        let Wish { contexts, build_args, created, .. } = wish;
        Inputs { contexts, build_args, created: *created }
    }
}

/// Returns what is asked of the builder for an image of the catalogue, but for
/// what the host makes; its context is the checkout, or another one.
pub(crate) fn asked(
    file: &Instructions,
    image: &Planned,
    inputs: Inputs<'_>,
    cx: &Context<'_>,
) -> Result<BuildRequest, Failure> {
    let mut request = request(&cx.root.join(&file.path), &image.platforms)?;
    request.context = match &file.elsewhere {
        None => Some(cx.root.clone()),
        // What cargo built is all that the file copies.
        Some(_) if file.has_cargo_programs() => None,
        Some(other) => Some(other.dir.clone()),
    };
    request.annotations = file.annotations.clone();
    request.created = inputs.created;
    request.contexts = inputs.contexts.to_vec();
    request.build_args = inputs.build_args.clone();
    if let Some(other) = file.elsewhere.as_ref().filter(|other| !other.build_args.is_empty()) {
        // What is wrong with a file, the build says.
        let asked = image_build::argument_names(&request.containerfile).unwrap_or_default();
        let own = other.build_args.iter().filter(|(name, _)| asked.contains(*name));
        for (name, value) in own {
            request.build_args.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    Ok(request)
}

/// Returns what is asked of each Containerfile of the plan.
pub(super) fn requests(
    plan: &Plan,
    inputs: Inputs<'_>,
    cx: &Context<'_>,
) -> Result<Vec<BuildRequest>, Failure> {
    let of_image = |image: &Planned| match &image.origin {
        Origin::Containerfile(file) => Some(asked(file, image, inputs, cx)),
        _ => None,
    };
    plan.images.iter().filter_map(of_image).collect()
}

/// Builds an image of the catalogue.
pub(super) fn build(
    file: &Instructions,
    image: &Planned,
    site: Site<'_>,
    cx: &Context<'_>,
) -> Result<Index, Failure> {
    let failed =
        |failure: Failure| failure.context(format!("failed to build `{}`", file.path.display()));
    let Site { engine, inputs, made, place, .. } = site;
    let mut request = asked(file, image, inputs, cx)?;
    made.give(image, &mut request).map_err(failed)?;
    cli::engine::build(engine, &request, place, cx.ui).map_err(failed)
}

/// Has an engine make a bytecode image of its objects.
pub(super) fn build_bytecode(
    recipe: &Recipe,
    slots: &[Slot<'_>],
    labels: &Labels,
    site: Site<'_>,
    cx: &Context<'_>,
) -> Result<Index, Failure> {
    let Site { engine, place, .. } = site;
    let platforms: Vec<Arch> = slots.iter().map(|slot| slot.arch).collect();
    let mut request = request(&cx.root.join(BYTECODE), &platforms)?;
    let mut names: Vec<(Arch, String)> = Vec::new();
    for Slot { arch, bytes, .. } in slots {
        // Under its digest, for images share objects.
        let file = place.work.path()?.join(oci::Digest::of(bytes).hex());
        host::fs::write_if_changed(&file, bytes)?;
        let name = format!("{}/{}", arch.goarch(), recipe.file);
        request.files.insert(PathBuf::from(&name), file);
        names.push((*arch, name));
    }
    let files = names.iter().map(|(arch, name)| (*arch, name.as_str()));
    request.build_args = build_args(files, labels).into_iter().collect();
    request.annotations = recipe.all_annotations();
    request.created = recipe.created;
    cli::engine::build(engine, &request, place, cx.ui)
}

fn request(containerfile: &Path, platforms: &[Arch]) -> Result<BuildRequest, Failure> {
    let platforms: Vec<Platform> = platforms.iter().map(|arch| platform_of(*arch)).collect();
    let host = Arch::host().map(platform_of);
    let build_platform = host
        .or_else(|| platforms.first().cloned())
        .ok_or_else(|| Failure::usage("there is no platform to build for"))?;
    let mut request = BuildRequest::new(containerfile, "", platforms, build_platform);
    request.context = None;
    Ok(request)
}
