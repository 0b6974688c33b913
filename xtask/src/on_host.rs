//! What the host makes for Containerfiles, so that the built-in builder need
//! not run anything: programs for stages, what RUNs of other checkouts would
//! do, and programs that cargo builds there. Not here: how each of them is made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bpf_arch::Arch;
use cli::bases::Bases;
use host::Cmd;
use image_build::BuildRequest;
use ui::Failure;

use crate::binaries::{self, Binaries};
use crate::build_images::containerfile::Inputs;
use crate::context::Context;
use crate::plan::{Elsewhere, Instructions, LeftOut, Origin, Plan, Planned};
use crate::runs::{self, Runs};
use crate::source::SourceDir;
use crate::stages::{self, Makers};
use crate::version_args::version_args;
use crate::wish::Wish;

/// Everything that is to be made on the host.
#[derive(Debug, Default)]
pub(crate) struct OnHost {
    stages: Makers,
    runs: Runs,
    /// What cargo builds, by image.
    binaries: BTreeMap<String, Binaries>,
}

/// Everything that was made. Nobody else makes any while this lives.
#[derive(Debug, Default)]
pub(crate) struct Made {
    stages: stages::Made,
    runs: runs::Made,
    binaries: BTreeMap<String, binaries::Made>,
}

/// A command, and what it makes for which architecture.
pub(crate) struct HostCommand {
    pub(crate) command: Cmd,
    pub(crate) makes: String,
    pub(crate) arch: Arch,
}

impl OnHost {
    /// Finds what the plan needs, and installs it first if that is wanted.
    /// Platforms that cargo cannot build for are left out of the plan, unless
    /// the user named them.
    ///
    /// # Errors
    ///
    /// Fails, as bad usage, if another checkout is not what its name says, and
    /// with exit code 3 if a tool is missing.
    pub(crate) fn find(
        plan: &mut Plan,
        wish: &Wish,
        bases: &Bases,
        install: bool,
        cx: &Context<'_>,
    ) -> Result<OnHost, Failure> {
        let mut binaries = BTreeMap::new();
        // Images of one checkout are of one commit.
        let mut versions: BTreeMap<PathBuf, BTreeMap<String, String>> = BTreeMap::new();
        for image in &mut plan.images {
            let Origin::Containerfile(file) = &mut image.origin else { continue };
            check_checkout(file, cx)?;
            let Some(other) = &mut file.elsewhere else { continue };
            if other.cargo.is_empty() {
                let of_commit = || version_args(&other.dir, wish.created);
                other.build_args =
                    versions.entry(other.dir.clone()).or_insert_with(of_commit).clone();
            } else {
                let source = SourceDir { name: other.source.clone(), dir: other.dir.clone() };
                let found = Binaries::find(&source, &other.cargo, &image.platforms, install, cx)?;
                let lacking = narrow(image, &found, wish)?;
                plan.left_out.extend(lacking);
                binaries.insert(image.image.clone(), found);
            }
        }
        let inputs = Inputs::of(wish);
        let stages = Makers::find(plan, install, cx)?;
        Ok(OnHost { stages, runs: Runs::find(plan, inputs, bases, install, cx)?, binaries })
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
        let cargo = self.binaries.values().flat_map(|binaries| binaries.commands(cx));
        let cargo = cargo.map(|(command, arch)| HostCommand {
            command,
            makes: "the programs of a checkout".to_owned(),
            arch,
        });
        stages.chain(runs).chain(cargo).collect()
    }

    /// Makes everything. What cannot be made keeps its image alone.
    ///
    /// # Errors
    ///
    /// Fails if nothing can be made.
    pub(crate) fn make(&self, cx: &Context<'_>) -> Result<Made, Failure> {
        let binaries = self.binaries.iter();
        let binaries = binaries.map(|(image, binaries)| Ok((image.clone(), binaries.make(cx)?)));
        let (stages, runs) = (self.stages.make(cx)?, self.runs.make(cx)?);
        Ok(Made { stages, runs, binaries: binaries.collect::<Result<_, Failure>>()? })
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
        if let Some(binaries) = self.binaries.get(&image.image) {
            for arch in &image.platforms {
                request.files.extend(binaries.files(*arch)?);
            }
        }
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

/// Takes from an image the platforms that nothing can be built for, and returns
/// them with what they lack.
fn narrow(image: &mut Planned, binaries: &Binaries, wish: &Wish) -> Result<Vec<LeftOut>, Failure> {
    let able = binaries.archs();
    if !wish.platforms.is_empty() || able.is_empty() {
        // What was asked for, and what is all there is to do.
        if let Some((arch, lacking)) = binaries.left_out().first() {
            let message = format!("`{}` cannot be built for {arch} here", image.image);
            return Err(lacking.clone().context(message));
        }
    }
    image.platforms.retain(|arch| able.contains(arch));
    let left_out = |(arch, lacking): &(Arch, Failure)| {
        let reasons = lacking.chain.iter().chain(lacking.hints.first());
        LeftOut {
            image: image.image.clone(),
            platforms: vec![arch.platform()],
            why: reasons.map(String::as_str).collect::<Vec<_>>().join("; "),
        }
    };
    Ok(binaries.left_out().iter().map(left_out).collect())
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
