//! What the user asks for: which images, for which platforms, under which
//! names, of what time. Not here: what is done about it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bpf_arch::Arch;
use clap::Args;
use destination::Source;
use image_build::{Engine, NamedContext};
use oci::Reference;
use ui::Failure;

use crate::catalogue::Catalogue;
use crate::naming::Naming;
use crate::source::{self, SourceDir};
use crate::stored;

/// Which images, and what they are called: the options of every command
/// about images of the catalogue.
#[derive(Args, Clone, Debug)]
pub(crate) struct NameArgs {
    /// Which images: names, organization/name, organization/, or kinds
    #[arg(value_name = "SELECTION")]
    selection: Vec<String>,

    /// Every image of the catalogue, `default: false` or not
    #[arg(long, conflicts_with = "selection")]
    all: bool,

    /// The registry in the images' names, instead of that of the variable
    /// IMAGE_REGISTRY or of the catalogue
    #[arg(long, value_name = "HOST", help_heading = "Names")]
    registry: Option<String>,

    /// The organization in the images' names, instead of the catalogue's
    #[arg(long, value_name = "NAME", help_heading = "Names")]
    organization: Option<String>,

    /// The tags of the images, with commas between, instead of those of the
    /// variable IMAGE_TAGS or of the catalogue; may be repeated
    #[arg(long, value_name = "TAG", value_delimiter = ',', help_heading = "Names")]
    tag: Vec<String>,
}

/// The options of every command that makes images.
#[derive(Args, Clone, Debug)]
pub(crate) struct WishArgs {
    #[command(flatten)]
    names: NameArgs,

    /// The platforms to build for, of those of each image, such as
    /// linux/arm64, or host
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', value_parser = cli::platform)]
    pub(crate) platform: Vec<Arch>,

    /// Make nothing: take the images from where an earlier run put them,
    /// oci:DIR or oci-archive:FILE, whatever registry and tags they have there
    #[arg(long, value_name = "PLACE")]
    from: Option<Source>,

    /// The directory of another checkout that images are made from, by the
    /// name that `sources` of images.yaml gives it: bpfman=DIR or
    /// operator=DIR, instead of what the variables BPFMAN_DIR and
    /// BPFMAN_OPERATOR_DIR say; may be repeated
    #[arg(long, value_name = "NAME=DIR", help_heading = "Containerfile")]
    source: Vec<SourceDir>,

    /// Take this variant of the images' Containerfiles, such as openshift
    #[arg(long, value_name = "NAME", help_heading = "Containerfile")]
    variant: Option<String>,

    /// A value for an ARG of Containerfiles, such as BUILD_VERSION=v1; may be
    /// repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = cli::key_value, help_heading = "Containerfile")]
    build_arg: Vec<(String, String)>,
}

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) selection: Vec<String>,
    pub(crate) all: bool,
    pub(crate) platforms: Vec<Arch>,
    pub(crate) registry: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) tags: Vec<String>,
    /// The whole names of images.
    pub(crate) names: Vec<Naming>,
    /// The whole names that variables give to images, by `organization/name`:
    /// they come after everything that was typed.
    pub(crate) variables: BTreeMap<String, String>,
    /// Where mirrored images are copied from instead, by their names.
    pub(crate) mirrors: Vec<(String, Reference)>,
    /// What carries out Containerfiles.
    pub(crate) engine: Engine,
    /// Values for ARG in them.
    pub(crate) build_args: BTreeMap<String, String>,
    /// What stands for stages and images in them.
    pub(crate) contexts: Vec<NamedContext>,
    /// The directories of other checkouts, by what the catalogue calls them.
    pub(crate) sources: BTreeMap<String, PathBuf>,
    /// Which of their Containerfiles make the images, if not the usual ones.
    pub(crate) variant: Option<String>,
    /// Where the images are that are made already; a tree or an archive.
    pub(crate) from: Option<Source>,
    /// Seconds since 1970, for all images.
    pub(crate) created: u64,
}

impl NameArgs {
    /// Returns what these options ask for, of all platforms.
    pub(crate) fn wish(self, catalogue: &Catalogue) -> Wish {
        let NameArgs { selection, all, registry, organization, mut tag } = self;
        let is_typed = registry.is_some() || organization.is_some() || !tag.is_empty();
        let named = catalogue
            .images
            .iter()
            .filter_map(|entry| Some((entry.full_name(), variable(entry.variable.as_deref()?)?)));
        let variables = if is_typed { BTreeMap::new() } else { named.collect() };
        let registry = registry.or_else(|| variable("IMAGE_REGISTRY"));
        if tag.is_empty() {
            let words = variable("IMAGE_TAGS").unwrap_or_default();
            let between = |c: char| c == ',' || c.is_whitespace();
            tag.extend(words.split(between).filter(|word| !word.is_empty()).map(str::to_owned));
        }
        Wish { selection, all, registry, organization, tags: tag, variables, ..Wish::default() }
    }
}

/// Returns a variable of the environment; an empty one is as good as none.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl WishArgs {
    /// Returns what these options ask for.
    pub(crate) fn wish(self, catalogue: &Catalogue) -> Result<Wish, Failure> {
        let WishArgs { names, platform, from, source, variant, build_arg } = self;
        let from = from.map(stored::place).transpose()?;
        let created = cli::source_date_epoch()?;
        let sources = source::directories(source, &catalogue.sources, &variable)?;
        let (platforms, build_args) = (platform, build_arg.into_iter().collect());
        let names = names.wish(catalogue);
        Ok(Wish { platforms, from, created, sources, variant, build_args, ..names })
    }
}
