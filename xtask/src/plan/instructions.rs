//! Containerfiles in a plan: which file, in which context, and what the host
//! makes for it. Not here: names and platforms, and making anything.

use std::collections::BTreeMap;
use std::path::PathBuf;

use image_build::Engine;
use ui::Failure;

use crate::catalogue::{self, Catalogue, Containerfile, Entry, OtherCheckout, Stage};
use crate::wish::Wish;

/// A Containerfile, and what the host does so that it can be carried out.
#[derive(Debug)]
pub(crate) struct Instructions {
    /// The file, from the checkout; absolute if it is in another one.
    pub(crate) path: PathBuf,
    /// The other checkout that is the context, if this one is not.
    pub(crate) elsewhere: Option<Elsewhere>,
    /// Annotations of what it makes.
    pub(crate) annotations: BTreeMap<String, String>,
    /// The stages that the host makes.
    pub(crate) stages: BTreeMap<String, Stage>,
}

impl Instructions {
    /// Returns whether programs go into the image that cargo builds.
    pub(crate) fn has_cargo_programs(&self) -> bool {
        self.elsewhere.as_ref().is_some_and(|other| !other.cargo.is_empty())
    }
}

/// Another checkout that is a Containerfile's context.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    /// As the catalogue calls it.
    pub(crate) source: String,
    /// Where it is cloned from.
    pub(crate) repository: String,
    /// Its directory, absolute.
    pub(crate) dir: PathBuf,
    /// Arguments that its Containerfiles get unless the user gives them, if they
    /// ask for them.
    pub(crate) build_args: BTreeMap<String, String>,
    /// The programs that cargo builds there.
    pub(crate) cargo: Vec<String>,
    /// Whether the host does what RUNs say, and not an engine.
    pub(crate) runs_on_host: bool,
    /// The other Containerfiles of the image, from the directory.
    pub(crate) variants: BTreeMap<String, PathBuf>,
}

/// Why an image of another checkout is not built.
pub(super) const ELSEWHERE: &str = "made from another checkout, which `--source NAME=DIR` gives";

/// Returns what is done with a Containerfile; nothing where its context is
/// another checkout, which is not there, and the image was not asked for by
/// its name.
pub(super) fn instructions(
    catalogue: &Catalogue,
    entry: &Entry,
    file: &Containerfile,
    wish: &Wish,
) -> Result<Option<Instructions>, Failure> {
    let mut path = file_of(entry, file, wish)?;
    let mut elsewhere = None;
    if let Some(source) = &file.source {
        let Some(dir) = wish.sources.get(source) else {
            return match catalogue::is_named(entry, &wish.selection) {
                true => Err(without_source(catalogue, entry, source)),
                false => Ok(None),
            };
        };
        if file.is_elsewhere() {
            path = dir.join(path);
        }
        // A variant builds its programs itself.
        let cargo = if wish.variant.is_none() { file.cargo.clone() } else { Vec::new() };
        let repository = catalogue.sources.get(source).map(|it| it.repository.clone());
        elsewhere = Some(Elsewhere {
            source: source.clone(),
            repository: repository.unwrap_or_default(),
            dir: dir.clone(),
            build_args: BTreeMap::new(),
            cargo,
            runs_on_host: wish.engine == Engine::Native,
            variants: file.variants.clone(),
        });
    }
    let annotations = super::recipe(entry, String::new(), wish.created).all_annotations();
    Ok(Some(Instructions { path, elsewhere, annotations, stages: by_host(&file.stages, wish) }))
}

/// Returns which of an image's Containerfiles is meant.
fn file_of(entry: &Entry, file: &Containerfile, wish: &Wish) -> Result<PathBuf, Failure> {
    let Some(variant) = &wish.variant else { return Ok(file.path.clone()) };
    file.variants.get(variant).cloned().ok_or_else(|| {
        let failure = Failure::usage(format!("`{}` has no variant `{variant}`", entry.full_name()));
        let known: Vec<_> = file.variants.keys().map(|name| format!("`{name}`")).collect();
        match known.is_empty() {
            true => failure.hint("select images that have variants"),
            false => failure.hint(format!("it has {}", known.join(" and "))),
        }
    })
}

/// Says where another checkout comes from.
fn without_source(catalogue: &Catalogue, entry: &Entry, source: &str) -> Failure {
    let message =
        format!("`{}` is made from a checkout of `{source}`, and none is named", entry.full_name());
    let failure = Failure::usage(message);
    let Some(OtherCheckout { repository, variable }) = catalogue.sources.get(source) else {
        return failure;
    };
    failure
        .hint(format!("`--source {source}=DIR` or the variable {variable} names one"))
        .hint(format!("`git clone {repository}` makes one"))
}

/// Returns the stages that the host makes: an engine makes all of them, and
/// some may be given.
fn by_host(stages: &BTreeMap<String, Stage>, wish: &Wish) -> BTreeMap<String, Stage> {
    if wish.engine != Engine::Native {
        return BTreeMap::new();
    }
    let is_given = |name: &str| wish.contexts.iter().any(|context| context.name() == name);
    let made = stages.iter().filter(|(name, _)| !is_given(name));
    made.map(|(name, stage)| (name.clone(), stage.clone())).collect()
}
