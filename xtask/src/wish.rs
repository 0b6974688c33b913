//! What the user asks for: which images, for which platforms, under which
//! names, of what time. Not here: what is done about it.

use bpf_arch::Arch;
use clap::Args;
use destination::Source;
use image_build::{Engine, NamedContext};
use oci::Reference;
use ui::Failure;

use crate::naming::Naming;
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
    /// Where mirrored images are copied from instead, by their names.
    pub(crate) mirrors: Vec<(String, Reference)>,
    /// What carries out Containerfiles.
    pub(crate) engine: Engine,
    /// What stands for stages and images in them.
    pub(crate) contexts: Vec<NamedContext>,
    /// Where the images are that are made already; a tree or an archive.
    pub(crate) from: Option<Source>,
    /// Seconds since 1970, for all images.
    pub(crate) created: u64,
}

impl NameArgs {
    /// Returns what these options ask for, of all platforms.
    pub(crate) fn wish(self) -> Wish {
        let NameArgs { selection, all, registry, organization, mut tag } = self;
        let registry = registry.or_else(|| variable("IMAGE_REGISTRY"));
        if tag.is_empty() {
            let words = variable("IMAGE_TAGS").unwrap_or_default();
            let between = |c: char| c == ',' || c.is_whitespace();
            tag.extend(words.split(between).filter(|word| !word.is_empty()).map(str::to_owned));
        }
        Wish { selection, all, registry, organization, tags: tag, ..Wish::default() }
    }
}

/// Returns a variable of the environment; an empty one is as good as none.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl WishArgs {
    /// Returns what these options ask for.
    pub(crate) fn wish(self) -> Result<Wish, Failure> {
        let WishArgs { names, platform, from } = self;
        let from = from.map(stored::place).transpose()?;
        let created = cli::source_date_epoch()?;
        Ok(Wish { platforms: platform, from, created, ..names.wish() })
    }
}
