//! With a Containerfile: the built-in builder or an engine makes the image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use image_build::{BuildRequest, native};
use oci::registry::Client;
use oci::{Artifact, Platform};
use ui::Failure;

use super::{plain, resolve_failure};
use crate::context::Context;
use crate::image::generate_build_args::build_args;
use crate::inputs::Objects;

/// The Containerfile, and what carries it out.
#[derive(Args, Debug)]
#[command(next_help_heading = "Containerfile")]
pub(super) struct ContainerfileArgs {
    /// The Containerfile, such as Containerfile.bytecode.multi.arch
    #[arg(short = 'f', long, alias = "container_file", value_name = "FILE")]
    pub(super) container_file: Option<PathBuf>,
}

impl ContainerfileArgs {
    pub(super) fn build(
        &self,
        objects: &Objects,
        work: &Path,
        client: &Client,
        cx: &Context<'_>,
    ) -> Result<Artifact, Failure> {
        let file = self.container_file.clone().unwrap_or_default();
        let labels = objects.labels()?;
        let platform = |arch: bpf_arch::Arch| Platform {
            os: "linux".to_owned(),
            architecture: arch.goarch().to_owned(),
            variant: None,
        };
        let archs = objects.archs();
        let host = bpf_arch::Arch::host().unwrap_or(archs[0]);
        let mut request = BuildRequest::new(
            file,
            cli::typed(Path::new("."))?,
            archs.into_iter().map(platform).collect(),
            platform(host),
        );
        request.build_args = build_args(objects, &labels)?.into_iter().collect::<BTreeMap<_, _>>();
        request.created = cli::source_date_epoch()?;
        let resolve = |reference: &oci::Reference, platform: &Platform| {
            let artifact = client.pull(reference, Some(platform)).map_err(resolve_failure)?;
            match artifact.images().first() {
                Some(image) => Ok((*image).clone()),
                None => Err(format!("`{reference}` is not for {platform}").into()),
            }
        };
        let built = native::build(&request, work, &resolve).map_err(|error| {
            let hint = error.hint();
            hint.into_iter().fold(Failure::from(error), Failure::hint)
        })?;
        built.warnings.iter().for_each(|warning| cx.ui.warn(warning));
        let artifact = Artifact::Index(built.index);
        Ok(if objects.plain { plain(artifact) } else { artifact })
    }
}
