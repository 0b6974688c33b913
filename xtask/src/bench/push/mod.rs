//! `bench push`: all bytecode images to a registry, by everybody who can.
//!
//! Each run has a registry of its own, empty, and a builder that has nothing
//! yet; the same commands once more are the push of what is there already.
//! This program alone has what compiling gave: the others are given objects.
//! What arrived is looked at, or doing nothing would be the fastest.

mod contender;
mod images;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use oci::Reference;
use oci::layout::Tree;
use oci::registry::{Client, Settings};
use ui::{Exit, Failure, Failures};

use super::cases::{Bench, failed, peak_memory};
use super::race::race;
use super::registry::Registry;
use super::{Args, cost, timed};
use crate::context::Context;
use crate::tools;
use contender::{Contender, Started};
use images::Pushed;
use report::{Report, Row};

/// What `docker-registry` is called in the table of tools.
const REGISTRY: &str = "docker-registry";

/// The registry that the layouts' names have.
const LAYOUTS: &str = "localhost";

/// What every run needs.
struct Scene<'a> {
    bench: Bench<'a>,
    registry: PathBuf,
    /// A target directory with every object in its cache.
    warm: PathBuf,
    /// The images as layouts.
    tree: Tree,
    images: Vec<Pushed>,
}

/// What one push came to.
#[derive(Clone, Copy, Debug)]
struct Sample {
    time: Duration,
    /// The processor's time for the commands.
    cpu: Option<Duration>,
    /// The processor's time for the server that works for them.
    daemon_cpu: Option<Duration>,
    requests: usize,
}

/// What all pushes of one contender came to, in the order of the runs.
#[derive(Default)]
struct Samples {
    cold: Vec<Sample>,
    unchanged: Vec<Sample>,
}

pub(super) fn run(args: &Args, cx: &Context<'_>) -> Result<(), Failures> {
    let registry = host::find_tool(REGISTRY).ok_or_else(|| {
        let failure = Failure::missing(format!("`{REGISTRY}` is missing to push to"));
        failure.hint(tools::how_to_install(&[REGISTRY]))
    })?;
    let scene = Scene::new(registry, cx)?;
    let runs = args.runs.get();
    let root = scene.tree.root().join(LAYOUTS);
    let (contenders, not_run) = contender::contenders(runs, !args.no_old_way, &scene.warm, &root);
    let mut failures = Failures::default();
    let memory = scene.memory().map_err(|failure| failure.context("a push with -vv"));
    let peak_memory_kib = memory.map_err(|failure| failures.0.push(failure)).ok();
    let turn = |contender: &Contender, samples: &mut Samples| scene.turn(contender, samples);
    let mut rows = report::rows(&race(&contenders, runs, cx, &mut failures, turn));
    match scene.compile_and_push(runs, cx) {
        Ok(more) => rows.extend(more),
        Err(failure) => failures.0.push(failure.context("from nothing")),
    }
    let report = Report::new(&scene, rows, peak_memory_kib, not_run, cx);
    report.print(cx)?;
    failures.or(())
}

impl<'a> Scene<'a> {
    fn new(registry: PathBuf, cx: &'a Context<'a>) -> Result<Scene<'a>, Failure> {
        let bench = Bench::new(cx)?;
        let (warm, tree) = (bench.fresh("warm"), Tree::new(bench.fresh("tree")));
        let to = format!("oci:{}", tree.root().display());
        bench
            .build(&["bytecode", "-q", "--registry", LAYOUTS, "--to", &to])
            .env("CARGO_TARGET_DIR", warm.as_os_str())
            .run()
            .map_err(failed)?;
        let images = images::read(&tree, &bench.fresh("contexts"))?;
        Ok(Scene { bench, registry, warm, tree, images })
    }

    fn registry(&self) -> Result<Registry, Failure> {
        Registry::start(&self.registry, &self.bench.fresh_dir()?)
    }

    /// Returns the most memory that a cold push of ours holds, in KiB.
    fn memory(&self) -> Result<u64, Failure> {
        let registry = self.registry()?;
        let push = contender::ours(&self.bench, &registry.address, "-vv", &self.warm);
        Ok(peak_memory(&push.run().map_err(failed)?.stderr))
    }

    /// One contender's run: to an empty registry, and once more.
    fn turn(&self, contender: &Contender, samples: &mut Samples) -> Result<(), Failure> {
        let registry = self.registry()?;
        let state = self.bench.fresh_dir()?;
        let started = contender.start(&self.bench, &self.images, &registry.address, &state)?;
        samples.cold.push(sample(&started, &registry)?);
        samples.unchanged.push(sample(&started, &registry)?);
        self.check(contender, &registry)
    }

    /// Looks at what arrived.
    fn check(&self, contender: &Contender, registry: &Registry) -> Result<(), Failure> {
        let client = Client::new(Settings::default());
        for image in &self.images {
            let name = format!("{}/{}", registry.address, image.name());
            let reference: Reference = name.parse()?;
            let wrong = |what: &str| {
                Err(Failure::new(Exit::Failed, format!("`{name}` {what} after the push")))
            };
            let Some(manifest) = client.manifest(&reference)? else {
                return wrong("is not in the registry");
            };
            if contender.has_our_bytes() && manifest.digest() != image.digest {
                return wrong("has another digest");
            }
            let index: Result<oci::spec::Index, _> =
                serde_json::from_slice(&manifest.read(manifest.size())?);
            if index.map_or(0, |index| index.manifests.len()) != image.platforms.len() {
                return wrong("is not for all platforms");
            }
        }
        Ok(())
    }

    /// Compiling and pushing everything beside the same clang runs alone.
    fn compile_and_push(&self, runs: usize, cx: &Context<'_>) -> Result<Vec<Row>, Failure> {
        let (mut alone, mut whole) = (Vec::new(), Vec::new());
        let n_commands = self.bench.commands.len();
        for run in 0..runs {
            cx.ui.step("Measuring", format_args!("from nothing, run {} of {runs}", run + 1));
            let (time, outcome) = timed(|| self.bench.run_all(&self.bench.commands, cx.jobs.get()));
            outcome?;
            alone.push(time);
            let registry = self.registry()?;
            let target = self.bench.fresh_dir()?;
            let push = contender::ours(&self.bench, &registry.address, "-q", &target);
            whole.push(sample(&Started { commands: vec![push], daemon: None }, &registry)?);
        }
        Ok(report::from_nothing(n_commands, alone, &whole))
    }
}

/// Runs the commands once and says what they cost.
fn sample(started: &Started, registry: &Registry) -> Result<Sample, Failure> {
    let daemon_cpu = || started.daemon.as_ref().and_then(|daemon| cost::of(daemon.id()));
    let (requests, cpu, daemon) = (registry.requests()?, cost::of_children(), daemon_cpu());
    let (time, outcome) = timed(|| started.commands.iter().try_for_each(|c| c.run().map(drop)));
    let since = |now: Option<Duration>, then: Option<Duration>| now?.checked_sub(then?);
    let sample = Sample {
        time,
        cpu: since(cost::of_children(), cpu),
        daemon_cpu: since(daemon_cpu(), daemon),
        requests: registry.requests()? - requests,
    };
    outcome.map_err(failed)?;
    Ok(sample)
}
