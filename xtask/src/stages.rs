//! Stages of Containerfiles that the host makes, so that the built-in builder
//! need not run anything: programs in Go.
//!
//! For each architecture one run of the Go compiler makes the programs of all
//! images; each image sees a directory with its own. Not here: the images, and
//! how Go is called, which is crate `go-build`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use go_build::{Build, BuildError, Module, ModuleError, Package, Toolchain, ToolchainError};
use host::fs::{IoContext, IoError};
use host::{Cmd, Lock};
use image_build::{ContextSource, NamedContext};
use rayon::prelude::*;
use ui::{Exit, Failure};

use crate::catalogue::Stage;
use crate::context::Context;
use crate::plan::{Origin, Plan, Planned};
use crate::tools;

/// What makes the stages of a plan.
#[derive(Debug, Default)]
pub(crate) struct Makers {
    jobs: Vec<Job>,
}

/// One run of the Go compiler.
#[derive(Debug)]
struct Job {
    /// The module's directory in the checkout.
    path: PathBuf,
    module: Module,
    toolchain: Toolchain,
    arch: Arch,
    packages: BTreeSet<Package>,
    /// Where the programs go.
    output: PathBuf,
}

/// The stages that were made. Nobody else makes any while this lives.
#[derive(Debug, Default)]
pub(crate) struct Made {
    programs: BTreeMap<Key, Result<Program, Failure>>,
    _lock: Option<Lock>,
}

/// The directory of a module, and what of it is built for which architecture.
type Key = (PathBuf, Arch, Package);

/// A program in Go.
#[derive(Clone, Debug)]
struct Program {
    path: PathBuf,
    /// What stands for its content.
    build_id: String,
    /// Whether it is another than before.
    is_new: bool,
}

/// What of an image the host has made.
#[derive(Debug, Default)]
pub(crate) struct ImageStages {
    /// The stages, each for a platform.
    pub(crate) stages: Vec<NamedContext>,
    /// What is known of their files.
    pub(crate) known: BTreeMap<PathBuf, String>,
}

impl Makers {
    /// Finds what the plan needs, and installs it first if that is wanted.
    pub(crate) fn find(plan: &Plan, install: bool, cx: &Context<'_>) -> Result<Makers, Failure> {
        let mut jobs: BTreeMap<(PathBuf, Arch), BTreeSet<Package>> = BTreeMap::new();
        for (image, stage) in stages(plan) {
            for arch in &image.platforms {
                let packages = jobs.entry((stage.module.clone(), *arch)).or_default();
                packages.insert(package(stage));
            }
        }
        let mut modules: BTreeMap<PathBuf, (Module, Toolchain)> = BTreeMap::new();
        let mut makers = Makers::default();
        for ((path, arch), packages) in jobs {
            let (module, toolchain) = match modules.get(&path) {
                Some(found) => found.clone(),
                None => {
                    let module = Module::open(cx.root.join(&path)).map_err(module_failure)?;
                    let toolchain = toolchain(&module, install, cx)?;
                    modules.insert(path.clone(), (module.clone(), toolchain.clone()));
                    (module, toolchain)
                }
            };
            let output = directory(cx).join(&path).join(arch.goarch()).join("bin");
            makers.jobs.push(Job { path, module, toolchain, arch, packages, output });
        }
        Ok(makers)
    }

    /// Returns the commands that make the stages, each with what it builds.
    pub(crate) fn commands(&self, cx: &Context<'_>) -> Vec<(Cmd, Vec<&str>, Arch)> {
        let each = self.jobs.iter().map(|job| {
            let packages = job.packages.iter().map(|package| package.path.as_str());
            (job.build(&job.packages, cx).command(), packages.collect(), job.arch)
        });
        each.collect()
    }

    /// Returns the programs that they make.
    pub(crate) fn programs(&self) -> Vec<PathBuf> {
        let of = |job: &Job| -> Vec<PathBuf> {
            job.packages.iter().map(|package| job.output.join(package.program())).collect()
        };
        self.jobs.iter().flat_map(of).collect()
    }

    /// Returns the version of Go, where there is something to make.
    pub(crate) fn go(&self) -> Option<String> {
        self.jobs.first().map(|job| job.toolchain.version().to_string())
    }

    /// Makes the stages. One that cannot be made keeps its image alone.
    pub(crate) fn make(&self, cx: &Context<'_>) -> Result<Made, Failure> {
        if self.jobs.is_empty() {
            return Ok(Made::default());
        }
        let directory = directory(cx);
        host::fs::create_dir_all(&directory)?;
        let lock = Lock::exclusive(&directory.join("lock"))?;
        let progress = cx.ui.progress("Building Go programs", self.jobs.len());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(cx.jobs.get()).build();
        let pool = pool.map_err(|error| Failure::new(Exit::Failed, error))?;
        let made = |job: &Job| {
            let made = job.run(cx);
            progress.step(job.arch.platform());
            made
        };
        let made: Vec<_> = pool.install(|| self.jobs.par_iter().map(made).collect());
        let programs = made.into_iter().flatten().collect();
        Ok(Made { programs, _lock: Some(lock) })
    }
}

impl Job {
    /// Builds its programs, each by itself where not all can be built.
    fn run(&self, cx: &Context<'_>) -> Vec<(Key, Result<Program, Failure>)> {
        let all = self.programs(&self.packages, cx);
        let one = |package: &Package| {
            let alone = BTreeSet::from([package.clone()]);
            let made = match &all {
                Ok(programs) => Ok(programs[package].clone()),
                // Which of them it was, Go does not say.
                Err(_) if self.packages.len() > 1 => {
                    self.programs(&alone, cx).map(|programs| programs[package].clone())
                }
                Err(failure) => Err(failure.clone()),
            };
            ((self.path.clone(), self.arch, package.clone()), made)
        };
        let made: Vec<_> = self.packages.iter().map(one).collect();
        let is_new =
            |program: &Result<Program, Failure>| program.as_ref().is_ok_and(|it| it.is_new);
        let changed = made.iter().filter(|(_, program)| is_new(program)).count();
        if changed > 0 {
            let programs = ui::count(changed, "Go program");
            cx.ui.step("Compiled", format_args!("{programs} for {}", self.arch));
        }
        made
    }

    fn programs(
        &self,
        packages: &BTreeSet<Package>,
        cx: &Context<'_>,
    ) -> Result<BTreeMap<Package, Program>, Failure> {
        if host::interrupted() {
            return Err(Failure::new(Exit::Interrupted, "interrupted"));
        }
        let build = self.build(packages, cx);
        let before: Vec<_> = packages
            .iter()
            .map(|package| self.output.join(package.program()))
            .map(|path| go_build::build_id(&path).ok().flatten())
            .collect();
        cx.ui.command(build.command());
        let paths = build.run(&mut |line| cx.ui.detail(line)).map_err(build_failure)?;
        let mut programs = BTreeMap::new();
        for ((package, path), before) in packages.iter().zip(paths).zip(before) {
            let Some(build_id) = go_build::build_id(&path)? else {
                let message = format!("`{}` makes no program", package.path);
                let failure = Failure::new(Exit::Failed, message);
                return Err(failure.hint("a Go program is a `package main`"));
            };
            let is_new = before.as_ref() != Some(&build_id);
            programs.insert(package.clone(), Program { path, build_id, is_new });
        }
        Ok(programs)
    }

    fn build<'a>(&'a self, packages: &'a BTreeSet<Package>, cx: &Context<'_>) -> Build<'a> {
        let Job { module, toolchain, arch, output, .. } = self;
        Build { toolchain, module, packages, arch: *arch, jobs: cx.jobs, output }
    }
}

impl Made {
    /// Returns the programs that were made for an image, each with what it is
    /// for; fails as the first of them did.
    pub(crate) fn programs_of(&self, image: &Planned) -> Result<Vec<(Arch, PathBuf)>, Failure> {
        let mut programs = Vec::new();
        let Origin::Containerfile(file) = &image.origin else { return Ok(programs) };
        for stage in file.stages.values() {
            for arch in &image.platforms {
                let key = (stage.module.clone(), *arch, package(stage));
                let Some(made) = self.programs.get(&key) else { continue };
                programs.push((*arch, made.clone()?.path));
            }
        }
        Ok(programs)
    }

    /// Returns the stages of an image; fails as the first of them did.
    pub(crate) fn of(&self, image: &Planned) -> Result<ImageStages, Failure> {
        let mut of_image = ImageStages::default();
        let Origin::Containerfile(file) = &image.origin else { return Ok(of_image) };
        for (name, stage) in &file.stages {
            for arch in &image.platforms {
                let key = (stage.module.clone(), *arch, package(stage));
                let Some(made) = self.programs.get(&key) else { continue };
                let program = made.clone()?;
                let (directory, file) = place(&program.path, &stage.to)?;
                of_image.known.insert(file, program.build_id);
                let platform = bytecode_image::platform_of(*arch);
                let source = ContextSource::Directory(directory);
                of_image.stages.push(NamedContext::new(name, Some(platform), source));
            }
        }
        Ok(of_image)
    }
}

/// Puts a program, alone, into the directory that stands for a stage, and
/// returns that and the file.
fn place(program: &Path, to: &Path) -> Result<(PathBuf, PathBuf), IoError> {
    use std::os::unix::fs::MetadataExt;
    let name = program.file_name().unwrap_or_default();
    let to = to.strip_prefix("/").unwrap_or(to);
    let bin = program.parent().unwrap_or(Path::new("/"));
    let above = bin.with_file_name("stages").join(to);
    let mut alone = name.to_owned();
    alone.push(".stage");
    let directory = above.join(alone);
    let below = directory.join(to);
    host::fs::create_dir_all(&below)?;
    let below = below.canonicalize().io_context("find", &below)?;
    let file = below.join(name);
    let inode = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    if inode(&file).is_none() || inode(&file) != inode(program) {
        if file.symlink_metadata().is_ok() {
            host::fs::remove_file(&file)?;
        }
        host::fs::link_or_copy(program, &file)?;
    }
    Ok((directory, file))
}

/// Returns each stage that the host is to make.
fn stages(plan: &Plan) -> impl Iterator<Item = (&Planned, &Stage)> {
    plan.images.iter().flat_map(|image| {
        let stages = match &image.origin {
            Origin::Containerfile(file) => Some(file.stages.values()),
            _ => None,
        };
        stages.into_iter().flatten().map(move |stage| (image, stage))
    })
}

fn package(stage: &Stage) -> Package {
    Package { path: stage.go.clone(), ldflags: stage.ldflags.clone() }
}

/// Everything of this module.
fn directory(cx: &Context<'_>) -> PathBuf {
    cx.target().join("go")
}

/// Finds the Go of a module, and installs one first if that is wanted.
pub(crate) fn toolchain(
    module: &Module,
    install: bool,
    cx: &Context<'_>,
) -> Result<Toolchain, Failure> {
    use ToolchainError::{NotFound, TooOld};
    let found = match Toolchain::find(module) {
        Err(NotFound { .. } | TooOld { .. }) if install => {
            tools::install_go(module.go(), cx)?;
            Toolchain::find(module)
        }
        found => found,
    };
    let toolchain = found.map_err(|error| match error {
        NotFound { .. } | TooOld { .. } => tools::without_go(Failure::missing(error)),
        error => Failure::new(Exit::Missing, error),
    })?;
    cx.ui.debug(format_args!("go: {} is {}", toolchain.path().display(), toolchain.version()));
    Ok(toolchain)
}

fn module_failure(error: ModuleError) -> Failure {
    Failure::usage(error).hint("`module` of a stage in images.yaml names the directory of a go.mod")
}

/// Puts a failed build into words.
pub(crate) fn build_failure(error: BuildError) -> Failure {
    let said = match &error {
        BuildError::Go { source, .. } => source.stderr.clone(),
        _ => String::new(),
    };
    Failure::from(error).detail(said)
}
