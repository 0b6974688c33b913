//! What the user asks for: which images, for which platforms, under which
//! names, of what time. Not here: what is done about it.

use bpf_arch::Arch;
use clap::Args;
use image_build::{Engine, NamedContext};
use oci::Reference;
use ui::Failure;

use crate::naming::Naming;

/// The options of every command that makes images.
#[derive(Args, Clone, Debug)]
pub(crate) struct WishArgs {
    /// Which images: names, organization/name, organization/, or kinds
    #[arg(value_name = "SELECTION")]
    selection: Vec<String>,

    /// Everything that can be built, `default: false` or not
    #[arg(long, conflicts_with = "selection")]
    all: bool,

    /// The platforms to build for, of those of each image, such as
    /// linux/arm64, or host
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', value_parser = cli::platform)]
    pub(crate) platform: Vec<Arch>,

    /// The registry in the images' names, instead of the catalogue's
    #[arg(long, value_name = "HOST", help_heading = "Names")]
    registry: Option<String>,

    /// The organization in the images' names, instead of the catalogue's
    #[arg(long, value_name = "NAME", help_heading = "Names")]
    organization: Option<String>,

    /// The tag of the images, instead of the catalogue's; may be repeated
    #[arg(long, value_name = "TAG", help_heading = "Names")]
    tag: Vec<String>,
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
    /// Seconds since 1970, for all images.
    pub(crate) created: u64,
}

impl WishArgs {
    /// Returns what these options ask for.
    pub(crate) fn wish(self) -> Result<Wish, Failure> {
        let WishArgs { selection, all, platform, registry, organization, tag } = self;
        let (platforms, tags, created) = (platform, tag, cli::source_date_epoch()?);
        Ok(Wish {
            selection,
            all,
            platforms,
            registry,
            organization,
            tags,
            created,
            ..Wish::default()
        })
    }
}
