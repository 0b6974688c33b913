//! What the host makes for Containerfiles, so that the built-in builder need
//! not run anything: programs for stages, and what RUNs of other checkouts
//! would do. Not here: how each of them is made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bpf_arch::Arch;
use host::Cmd;
use image_build::BuildRequest;
use ui::Failure;

use crate::build_images::containerfile::Inputs;
use crate::context::Context;
use crate::plan::{Elsewhere, Instructions, Origin, Plan, Planned};
use crate::runs::{self, Runs};
use crate::stages::{self, Makers};

/// Everything that is to be made on the host.
#[derive(Debug, Default)]
pub(crate) struct OnHost {
    stages: Makers,
    runs: Runs,
}

/// Everything that was made. Nobody else makes any while this lives.
#[derive(Debug, Default)]
pub(crate) struct Made {
    stages: stages::Made,
    runs: runs::Made,
}

/// A command, and what it makes for which architecture.
pub(crate) struct HostCommand {
    pub(crate) command: Cmd,
    pub(crate) makes: String,
    pub(crate) arch: Arch,
}

impl OnHost {
    /// Finds what the plan needs, and installs it first if that is wanted.
    ///
    /// # Errors
    ///
    /// Fails, as bad usage, if another checkout is not what its name says, and
    /// with exit code 3 if a tool is missing.
    pub(crate) fn find(
        plan: &Plan,
        inputs: Inputs<'_>,
        install: bool,
        cx: &Context<'_>,
    ) -> Result<OnHost, Failure> {
        for image in &plan.images {
            if let Origin::Containerfile(file) = &image.origin {
                check_checkout(file, cx)?;
            }
        }
        let stages = Makers::find(plan, install, cx)?;
        Ok(OnHost { stages, runs: Runs::find(plan, inputs, install, cx)? })
    }

    /// Returns the commands.
    pub(crate) fn commands(&self, cx: &Context<'_>) -> Vec<HostCommand> {
        let stages = self.stages.commands(cx).into_iter();
        let stages = stages.map(|(command, packages, arch)| HostCommand {
            command,
            makes: packages.join(", "),
            arch,
        });
        let runs = self.runs.commands(cx).into_iter();
        let runs = runs.map(|(command, makes, arch)| HostCommand { command, makes, arch });
        stages.chain(runs).collect()
    }

    /// Makes everything. What cannot be made keeps its image alone.
    ///
    /// # Errors
    ///
    /// Fails if nothing can be made.
    pub(crate) fn make(&self, cx: &Context<'_>) -> Result<Made, Failure> {
        Ok(Made { stages: self.stages.make(cx)?, runs: self.runs.make(cx)? })
    }
}

impl Made {
    /// Puts what was made for an image into what is asked of the builder.
    ///
    /// # Errors
    ///
    /// Fails as what was made for it did.
    pub(crate) fn give(&self, image: &Planned, request: &mut BuildRequest) -> Result<(), Failure> {
        let stages::ImageStages { stages, known } = self.stages.of(image)?;
        request.stages.extend(stages);
        request.known.extend(known);
        self.runs.give(image, request)
    }

    /// Returns the programs in Go that were made for an image, each with what
    /// it is for.
    ///
    /// # Errors
    ///
    /// As [`Made::give`].
    pub(crate) fn go_programs(&self, image: &Planned) -> Result<Vec<(Arch, PathBuf)>, Failure> {
        let mut programs = self.stages.programs_of(image)?;
        programs.extend(self.runs.programs_of(image)?);
        Ok(programs)
    }
}

/// Refuses another checkout that has not the Containerfile.
fn check_checkout(file: &Instructions, cx: &Context<'_>) -> Result<(), Failure> {
    let Some(Elsewhere { source, repository, dir, variants, .. }) = &file.elsewhere else {
        return Ok(());
    };
    let path = cx.root.join(&file.path);
    if path.is_file() {
        return Ok(());
    }
    let name = path.strip_prefix(dir).unwrap_or(&file.path);
    let message =
        format!("`{}` is no checkout of `{source}`: it has no `{}`", dir.display(), name.display());
    let there: BTreeMap<_, _> =
        variants.iter().filter(|(_, path)| dir.join(path).is_file()).collect();
    let failure = there.iter().fold(Failure::usage(message), |failure, (variant, path)| {
        failure.hint(format!("it has `{}`: `--variant {variant}` takes that", path.display()))
    });
    Err(failure.hint(format!("`git clone {repository}` makes one")))
}
