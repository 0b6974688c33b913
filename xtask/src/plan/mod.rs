//! What a run of `build-images` is going to do, as a value: pure, so that it
//! can be printed, tested and carried out.

mod instructions;

use std::collections::BTreeMap;

use bpf_arch::Arch;
use bpf_build::{Request, Source};
use bytecode_image::Recipe;
use oci::Reference;
use serde::Serialize;
use ui::{Exit, Failure};

use crate::catalogue::{Catalogue, Entry, Kind, SelectionError, select};
use crate::naming;
use crate::wish::Wish;
use instructions::{ELSEWHERE, instructions};
pub(crate) use instructions::{Elsewhere, Instructions};

/// What is going to be made.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Each distinct compilation, with all platforms that any image wants.
    pub(crate) requests: Vec<Request>,
    /// The images, in the catalogue's order.
    pub(crate) images: Vec<Planned>,
    /// What is not made, and why.
    pub(crate) left_out: Vec<LeftOut>,
    /// The time of everything, in seconds since 1970.
    pub(crate) created: u64,
}

impl Plan {
    /// Of images whose programs are built on the host for minutes, keeps this
    /// machine's platform alone: where they go, nobody takes another.
    pub(crate) fn keep_host(&mut self) {
        let Some(host) = Arch::host() else { return };
        for image in &mut self.images {
            let is_elsewhere =
                matches!(&image.origin, Origin::Containerfile(file) if file.elsewhere.is_some());
            if is_elsewhere && image.platforms.contains(&host) {
                image.platforms = vec![host];
            }
        }
    }

    /// Returns every name that an image is to have.
    pub(crate) fn references(&self) -> Vec<&Reference> {
        self.images.iter().flat_map(|image| &image.references).collect()
    }
}

/// An image that is not made, or not for all platforms.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LeftOut {
    /// `organization/name` of the catalogue.
    pub(crate) image: String,
    /// The platforms that it is not made for, where it is made for others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) platforms: Vec<&'static str>,
    pub(crate) why: String,
}

impl LeftOut {
    fn new(entry: &Entry, why: &str) -> LeftOut {
        LeftOut { image: entry.full_name(), platforms: Vec::new(), why: why.to_owned() }
    }

    /// Returns the image as it is listed, with the platforms.
    pub(crate) fn name(&self) -> String {
        match self.platforms.as_slice() {
            [] => self.image.clone(),
            platforms => format!("{} for {}", self.image, platforms.join(", ")),
        }
    }
}

/// One image that is going to be made.
#[derive(Debug)]
pub(crate) struct Planned {
    /// `organization/name` of the catalogue.
    pub(crate) image: String,
    /// Whether its repository is for those alone who have credentials.
    pub(crate) private: bool,
    pub(crate) references: Vec<Reference>,
    pub(crate) platforms: Vec<Arch>,
    pub(crate) origin: Origin,
}

/// What an image is made of.
#[derive(Debug)]
pub(crate) enum Origin {
    /// Objects: which of the requests compiles them, and what is made of
    /// them.
    Objects { request: usize, recipe: Recipe },
    /// A Containerfile.
    Containerfile(Instructions),
    /// An image of another registry, with all its platforms.
    Mirror(Reference),
    /// An image that an earlier run has made, with all its platforms.
    Stored,
}

/// Makes the plan.
///
/// # Errors
///
/// Fails for words that select nothing, for an empty selection, for names
/// that fit no image or several, and for two images under one reference.
pub(crate) fn plan(catalogue: &Catalogue, wish: &Wish) -> Result<Plan, Failure> {
    let selected = select(catalogue, &wish.selection, wish.all).map_err(selection_failure)?;
    naming::check(&wish.names, &selected, catalogue)?;
    let (requests, images, left_out) = (Vec::new(), Vec::new(), Vec::new());
    let mut plan = Plan { requests, images, left_out, created: wish.created };
    let mut requests: BTreeMap<Source, usize> = BTreeMap::new();
    for entry in &selected {
        let platforms = catalogue.platforms_of(entry, &wish.platforms);
        if platforms.is_empty() {
            plan.left_out.push(LeftOut::new(entry, "it is for none of the platforms asked for"));
            continue;
        }
        // Of all that is selected, so that a bad name is not hidden by what
        // is left out for another reason.
        let references = references(catalogue, entry, wish)?;
        let origin = match &entry.kind {
            _ if wish.from.is_some() => Origin::Stored,
            Kind::Bytecode(source) => {
                let request = *requests.entry(source.clone()).or_insert_with(|| {
                    plan.requests.push(Request { source: source.clone(), archs: Vec::new() });
                    plan.requests.len() - 1
                });
                plan.requests[request].archs.extend(&platforms);
                Origin::Objects {
                    request,
                    recipe: recipe(entry, format!("{}.o", source.stem()), wish.created),
                }
            }
            Kind::Mirror(source) => Origin::Mirror(mirrored(entry, source, wish)),
            Kind::Containerfile(file) => match instructions(catalogue, entry, file, wish)? {
                Some(instructions) => Origin::Containerfile(instructions),
                None => {
                    plan.left_out.push(LeftOut::new(entry, ELSEWHERE));
                    continue;
                }
            },
        };
        let (image, private) = (entry.full_name(), entry.private);
        plan.images.push(Planned { image, private, references, platforms, origin });
    }
    for request in &mut plan.requests {
        request.archs.sort();
        request.archs.dedup();
    }
    if wish.selection.is_empty() && !wish.all {
        let others = catalogue.images.iter().filter(|entry| !entry.default);
        plan.left_out.extend(others.map(|entry| LeftOut::new(entry, not_made(&entry.kind, wish))));
    }
    check(&plan, wish)?;
    check_mirrors(&selected, wish)?;
    Ok(plan)
}

/// Returns the selected images with the names that they have, whoever makes
/// them, in the catalogue's order.
///
/// # Errors
///
/// Fails for words that select nothing, for an empty selection, and for names
/// that cannot be.
pub(crate) fn named<'c>(
    catalogue: &'c Catalogue,
    wish: &Wish,
) -> Result<Vec<(&'c Entry, Vec<Reference>)>, Failure> {
    let selected = select(catalogue, &wish.selection, wish.all).map_err(selection_failure)?;
    let named = |entry| Ok((entry, references(catalogue, entry, wish)?));
    let named: Vec<_> = selected.into_iter().map(named).collect::<Result<_, Failure>>()?;
    match named.is_empty() {
        true => Err(Failure::new(Exit::Empty, "no image is selected")
            .hint("`cargo xtask list-images` shows what there is")),
        false => Ok(named),
    }
}

/// Returns every reference that a full run under the same names would write:
/// what pruning keeps.
pub(crate) fn all_references(
    catalogue: &Catalogue,
    wish: &Wish,
) -> Result<Vec<Reference>, Failure> {
    let wish = Wish { names: Vec::new(), ..wish.clone() };
    let each = catalogue.images.iter().map(|entry| references(catalogue, entry, &wish));
    Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Puts a word that selects nothing into words.
pub(crate) fn selection_failure(error: SelectionError) -> Failure {
    let nearest = error.nearest.clone();
    let failure = Failure::usage(error);
    let failure = match nearest {
        Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
        None => failure,
    };
    failure.hint("`cargo xtask list-images` shows what there is")
}

fn check(plan: &Plan, wish: &Wish) -> Result<(), Failure> {
    if plan.images.is_empty() {
        let message = "nothing to build: none of the selected images can be made here";
        let failure = Failure::new(Exit::Empty, message);
        let reason = |LeftOut { image, why, .. }: &LeftOut| format!("`{image}` is left out: {why}");
        return Err(plan.left_out.iter().map(reason).take(3).fold(failure, Failure::hint));
    }
    let name = wish.names.iter().find(|naming| naming.is_of_the_only_one());
    if let (Some(name), [_, _, ..]) = (name, plan.images.as_slice()) {
        let images: Vec<_> = plan.images.iter().map(|image| format!("`{}`", image.image)).collect();
        let message = format!(
            "`{name}` names one image, and {} are selected: {}",
            images.len(),
            images.join(", ")
        );
        return Err(Failure::usage(message).hint("select one as `organization/name`"));
    }
    let mut seen: BTreeMap<&Reference, &str> = BTreeMap::new();
    for image in &plan.images {
        for reference in &image.references {
            if let Some(other) = seen.insert(reference, &image.image) {
                let message =
                    format!("`{other}` and `{}` would both be `{reference}`", image.image);
                return Err(Failure::usage(message).hint(match wish.names.as_slice() {
                    [] => "select one of them, or leave `--organization` out",
                    _ => "give each a name of its own with `--as`",
                }));
            }
        }
    }
    Ok(())
}

/// Where an image is copied from can be said of those that are.
fn check_mirrors(selected: &[&Entry], wish: &Wish) -> Result<(), Failure> {
    for (name, _) in &wish.mirrors {
        let mirrored = selected.iter().filter(|entry| matches!(entry.kind, Kind::Mirror(_)));
        let names: Vec<_> =
            mirrored.flat_map(|entry| [entry.name.clone(), entry.full_name()]).collect();
        if !names.contains(name) {
            let message = format!("`--mirror {name}=…` names no mirrored image that is selected");
            return Err(Failure::usage(message)
                .hint("`cargo xtask list-images mirror` shows those of the catalogue"));
        }
    }
    Ok(())
}

/// Returns where a mirrored image is copied from.
fn mirrored(entry: &Entry, source: &Reference, wish: &Wish) -> Reference {
    let names = [entry.name.clone(), entry.full_name()];
    let other = wish.mirrors.iter().rev().find(|(name, _)| names.contains(name));
    other.map_or(source, |(_, source)| source).clone()
}

/// Returns why a plain run leaves out an image of this kind.
fn not_made(kind: &Kind, wish: &Wish) -> &'static str {
    let is_absent = |source: &String| !wish.sources.contains_key(source);
    match kind {
        Kind::Containerfile(file) if file.source.as_ref().is_some_and(is_absent) => ELSEWHERE,
        _ => "only when named, or with --all",
    }
}

fn references(
    catalogue: &Catalogue,
    entry: &Entry,
    wish: &Wish,
) -> Result<Vec<Reference>, Failure> {
    if let Some(naming) = naming::of(&wish.names, entry) {
        return Ok(vec![reference(&naming.reference, entry)?]);
    }
    if let Some(name) = wish.variables.get(&entry.full_name()) {
        let named = reference(name, entry);
        let variable = entry.variable.as_deref().unwrap_or_default();
        return Ok(vec![
            named.map_err(|failure| failure.hint(format!("the variable {variable} says so")))?,
        ]);
    }
    let registry = wish.registry.as_deref().unwrap_or(&catalogue.registry).trim_end_matches('/');
    let organization = wish.organization.as_deref().unwrap_or(&entry.organization);
    let tags = match wish.tags.as_slice() {
        [] => std::slice::from_ref(&catalogue.tag),
        tags => tags,
    };
    let mut references: Vec<Reference> = Vec::new();
    for tag in tags {
        let reference =
            reference(&format!("{registry}/{organization}/{}:{tag}", entry.name), entry)?;
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    Ok(references)
}

/// Reads the name that an image is to have.
fn reference(text: &str, entry: &Entry) -> Result<Reference, Failure> {
    text.parse().map_err(|error: oci::ParseError| {
        let message = format!("`{}` cannot be named so", entry.full_name());
        let failure = Failure::usage(error).context(message);
        let is_part_empty = text.ends_with(':') || text.split('/').any(str::is_empty);
        if is_part_empty {
            failure.hint("a part of the name is empty: is a variable not set?")
        } else {
            failure
        }
    })
}

fn recipe(entry: &Entry, file: String, created: u64) -> Recipe {
    Recipe {
        file,
        title: entry.name.clone(),
        description: entry.description.clone(),
        licenses: entry.licenses.clone(),
        created,
        ..Recipe::default()
    }
}
