//! RUNs of Containerfiles in other checkouts, done on the host: what they say
//! to Go. Anything else that may change an image is refused by its line.
//!
//! The commands are taken from the Containerfile as it is, so that one that has
//! changed makes what it says now, or nothing. Not here: how a RUN is read,
//! which is crate `image-build`'s, and how Go is called, crate `go-build`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use cli::bases::Bases;
use go_build::{Module, Toolchain, Written, changes_nothing};
use host::{Cmd, Lock};
use image_build::{BuildRequest, Place, Ran, Run};
use oci::Platform;
use ui::{Exit, Failure};

use crate::build_images::containerfile::{self, Inputs};
use crate::context::Context;
use crate::plan::{Elsewhere, Instructions, Origin, Plan, Planned};
use crate::stages;
use crate::together::together;

/// What does the RUNs of a plan.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// By image, what there is to do, or why it cannot be done.
    images: BTreeMap<String, Result<Vec<Step>, Failure>>,
}

/// A RUN, and what it makes.
#[derive(Debug)]
struct Step {
    place: Place,
    platform: Platform,
    /// The directory that stands for the one it runs in.
    source: PathBuf,
    jobs: Vec<Job>,
}

/// One program.
#[derive(Debug)]
struct Job {
    written: Written,
    toolchain: Toolchain,
    /// Where the program goes.
    output: PathBuf,
    /// Where it is in the stage.
    in_stage: PathBuf,
}

/// What was made. Nobody else makes any while this lives.
#[derive(Debug, Default)]
pub(crate) struct Made {
    images: BTreeMap<String, Result<ImageRuns, Failure>>,
    _lock: Option<Lock>,
}

/// What the host did for an image.
#[derive(Clone, Debug, Default)]
struct ImageRuns {
    ran: Vec<Ran>,
    /// What stands for the contents of the programs.
    known: BTreeMap<PathBuf, String>,
    programs: Vec<(Arch, PathBuf)>,
}

impl Runs {
    /// Reads the Containerfiles of other checkouts and finds what does their
    /// RUNs; installs it first if that is wanted.
    ///
    /// # Errors
    ///
    /// Fails with exit code 3 if there is no Go that will do. What is wrong
    /// with one image keeps that one alone.
    pub(crate) fn find(
        plan: &Plan,
        inputs: Inputs<'_>,
        bases: &Bases,
        install: bool,
        cx: &Context<'_>,
    ) -> Result<Runs, Failure> {
        let mut runs = Runs::default();
        let mut toolchains = Toolchains { found: BTreeMap::new(), install, cx };
        for image in &plan.images {
            let Origin::Containerfile(file) = &image.origin else { continue };
            let Some(elsewhere) = file.elsewhere.as_ref().filter(|it| it.runs_on_host) else {
                continue;
            };
            let steps = match survey(file, image, inputs, bases, cx) {
                Ok(found) => steps(found, file, elsewhere, &mut toolchains)?,
                Err(failure) => Err(failure),
            };
            runs.images.insert(image.image.clone(), steps);
        }
        Ok(runs)
    }

    /// Returns the commands that are run, each with what it does for which
    /// architecture.
    pub(crate) fn commands(&self, cx: &Context<'_>) -> Vec<(Cmd, String, Arch)> {
        let steps = self.images.values().filter_map(|steps| steps.as_ref().ok()).flatten();
        let of = |step: &Step| {
            let of = |job: &Job| (job.command(step, cx), job.what(step), job.written.arch());
            step.jobs.iter().map(of).collect::<Vec<_>>()
        };
        steps.flat_map(of).collect()
    }

    /// Does what the RUNs say. What fails keeps its image alone.
    ///
    /// # Errors
    ///
    /// Fails if the directory of what is made cannot be used.
    pub(crate) fn make(&self, cx: &Context<'_>) -> Result<Made, Failure> {
        let steps = self.images.values().filter_map(|steps| steps.as_ref().ok()).flatten();
        let jobs: Vec<_> =
            steps.flat_map(|step| step.jobs.iter().map(move |job| (step, job))).collect();
        if jobs.is_empty() {
            let images = self.images.iter().map(|(image, steps)| (image.clone(), idle(steps)));
            return Ok(Made { images: images.collect(), _lock: None });
        }
        let directory = directory(cx);
        host::fs::create_dir_all(&directory)?;
        let lock = Lock::exclusive(&directory.join("lock"))?;
        let progress = cx.ui.progress("Building Go programs", jobs.len());
        let done = together(cx.jobs.get(), &jobs, |(step, job)| {
            let done = job.run(step, cx);
            progress.step(job.written.arch().platform());
            done
        });
        let mut done = done.into_iter();
        let mut images = BTreeMap::new();
        for (image, steps) in &self.images {
            let made = match steps {
                Ok(steps) => gather(steps, &mut done),
                Err(failure) => Err(failure.clone()),
            };
            images.insert(image.clone(), made);
        }
        Ok(Made { images, _lock: Some(lock) })
    }
}

impl Made {
    /// Puts what was done for an image into what is asked of the builder.
    ///
    /// # Errors
    ///
    /// Fails as what was to be done for it did.
    pub(crate) fn give(&self, image: &Planned, request: &mut BuildRequest) -> Result<(), Failure> {
        if let Some(runs) = self.images.get(&image.image) {
            let ImageRuns { ran, known, .. } = runs.clone()?;
            request.ran.extend(ran);
            request.known.extend(known);
        }
        Ok(())
    }

    /// Returns the programs of an image, each with what it is for.
    ///
    /// # Errors
    ///
    /// As [`Made::give`].
    pub(crate) fn programs_of(&self, image: &Planned) -> Result<Vec<(Arch, PathBuf)>, Failure> {
        self.images
            .get(&image.image)
            .map_or_else(|| Ok(Vec::new()), |runs| Ok(runs.clone()?.programs))
    }
}

impl Job {
    fn command(&self, step: &Step, cx: &Context<'_>) -> Cmd {
        self.written.command(&self.toolchain, &step.source, &self.output, cx.jobs)
    }

    /// Returns what it makes, for people.
    fn what(&self, step: &Step) -> String {
        let name = self.output.file_name().unwrap_or_default().to_string_lossy();
        let file = step.place.file.file_name().unwrap_or_default().to_string_lossy();
        format!("{name} ({file}:{})", step.place.line)
    }

    /// Makes the program, and returns what stands for its content.
    fn run(&self, step: &Step, cx: &Context<'_>) -> Result<String, Failure> {
        if host::interrupted() {
            return Err(Failure::new(Exit::Interrupted, "interrupted"));
        }
        cx.ui.command(self.command(step, cx));
        let before = go_build::build_id(&self.output).ok().flatten();
        let Job { written, toolchain, output, .. } = self;
        let id = written
            .run(toolchain, &step.source, output, cx.jobs, &mut |line| cx.ui.detail(line))
            .map_err(stages::build_failure)?;
        if before.as_ref() != Some(&id) {
            let arch = written.arch();
            cx.ui.step("Compiled", format_args!("{} for {arch}", self.what(step)));
        }
        Ok(id)
    }
}

/// The Go of each module, found once.
struct Toolchains<'a> {
    found: BTreeMap<PathBuf, Toolchain>,
    install: bool,
    cx: &'a Context<'a>,
}

impl Toolchains<'_> {
    fn of(&mut self, dir: &Path) -> Result<Toolchain, Failure> {
        if let Some(found) = self.found.get(dir) {
            return Ok(found.clone());
        }
        let module = Module::open(dir).map_err(|error| {
            Failure::usage(error).hint("`--source` names a checkout whose Containerfile runs Go")
        })?;
        let toolchain = stages::toolchain(&module, self.install, self.cx)?;
        self.found.insert(dir.to_owned(), toolchain.clone());
        Ok(toolchain)
    }
}

/// Reads what the RUNs of an image say.
fn survey(
    file: &Instructions,
    image: &Planned,
    inputs: Inputs<'_>,
    bases: &Bases,
    cx: &Context<'_>,
) -> Result<Vec<Run>, Failure> {
    let request = containerfile::asked(file, image, inputs, cx)?;
    let settings = cli::engine::settings(bases, cx.ui);
    image_build::runs(&request, Some(&settings)).map_err(cli::engine::failure)
}

/// Finds out what is to be done for each RUN. The inner failure is this
/// image's alone.
fn steps(
    runs: Vec<Run>,
    file: &Instructions,
    elsewhere: &Elsewhere,
    toolchains: &mut Toolchains<'_>,
) -> Result<Result<Vec<Step>, Failure>, Failure> {
    let mut steps = Vec::new();
    for run in runs {
        let written = match written(&run) {
            Ok(written) => written,
            Err(failure) => return Ok(Err(failure)),
        };
        let mut jobs = Vec::new();
        for written in written {
            let Some(directory) = &run.directory else {
                let reason = "nothing says in which directory it runs: write a WORKDIR before it";
                return Ok(Err(refused(&run, reason)));
            };
            let in_stage = Path::new(directory).join(written.output());
            let above = directory_of(toolchains.cx, elsewhere, &file.path);
            let below = in_stage.strip_prefix("/").unwrap_or(&in_stage);
            let output = above.join(written.arch().goarch()).join(below);
            let toolchain = toolchains.of(&elsewhere.dir)?;
            jobs.push(Job { written, toolchain, output, in_stage });
        }
        let Run { place, platform, .. } = run;
        steps.push(Step { place, platform, source: elsewhere.dir.clone(), jobs });
    }
    Ok(Ok(steps))
}

/// Returns the calls of Go in a RUN that make something.
fn written(run: &Run) -> Result<Vec<Written>, Failure> {
    let mut all = Vec::new();
    for command in &run.commands {
        let words = command.words.as_slice();
        if command.only_speaks() || changes_nothing(words) {
            continue;
        }
        match Written::parse(words, &command.variables) {
            Ok(Some(written)) => all.push(written),
            Ok(None) => {
                return Err(refused(run, &format!("`{}` is no `go build`", words.join(" "))));
            }
            Err(error) => return Err(refused(run, &error.to_string())),
        }
    }
    Ok(all)
}

/// Says which RUN the host does not do, and what else can be done.
fn refused(run: &Run, reason: &str) -> Failure {
    let Run { place, text, stage, platform, .. } = run;
    let stage = stage.as_deref().unwrap_or("STAGE");
    Failure::new(Exit::Failed, reason)
        .context(format!("{place}: `{text}` for {platform} is not done on the host"))
        .hint("`--engine docker` or `--engine podman` runs it in a container")
        .hint(format!("`--build-context {stage}=DIR` gives its stage as a directory"))
}

/// Puts together what was done for an image, from its jobs' outcomes.
fn gather(
    steps: &[Step],
    done: &mut impl Iterator<Item = Result<String, Failure>>,
) -> Result<ImageRuns, Failure> {
    let mut runs = ImageRuns::default();
    let mut failed = None;
    for step in steps {
        let mut files = BTreeMap::new();
        for (job, id) in step.jobs.iter().zip(&mut *done) {
            match id {
                Ok(id) => {
                    let path = job.output.canonicalize();
                    runs.known.insert(path.unwrap_or_else(|_| job.output.clone()), id);
                    runs.programs.push((job.written.arch(), job.output.clone()));
                    files.insert(job.in_stage.clone(), job.output.clone());
                }
                Err(failure) => {
                    let context = format!("failed to do what {} says", step.place);
                    failed = failed.or(Some(failure.context(context)));
                }
            }
        }
        runs.ran.push(ran(step, files));
    }
    failed.map_or(Ok(runs), Err)
}

/// Returns what is done where no RUN makes anything.
fn idle(steps: &Result<Vec<Step>, Failure>) -> Result<ImageRuns, Failure> {
    let steps = steps.as_ref().map_err(Failure::clone)?;
    let ran = steps.iter().map(|step| ran(step, BTreeMap::new())).collect();
    Ok(ImageRuns { ran, ..ImageRuns::default() })
}

fn ran(step: &Step, files: BTreeMap<PathBuf, PathBuf>) -> Ran {
    let (line, platform) = (step.place.line, step.platform.clone());
    Ran { line, platform, files, source: Some(step.source.clone()) }
}

/// Returns where what a Containerfile makes goes.
fn directory_of(cx: &Context<'_>, elsewhere: &Elsewhere, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    directory(cx).join(&elsewhere.source).join(name)
}

/// Everything of this module.
fn directory(cx: &Context<'_>) -> PathBuf {
    cx.target().join("runs")
}
