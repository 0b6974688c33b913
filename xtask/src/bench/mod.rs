//! `bench`: what building and pushing cost, beside what they could cost.
//!
//! Everything that is compared is measured in turns within one run, since
//! machines are noisy; what counts are ratios of medians.

mod buildx;
mod cases;
mod containerfile;
pub(crate) mod cost;
mod old_way;
mod push;
mod race;
mod registry;
mod server;
mod signing;
mod userspace;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use serde::Serialize;
use ui::{Failures, Format, Table};

use crate::context::Context;

/// Measure builds or pushes beside what they could cost
///
/// build: cold builds beside the same clang runs alone, builds of what has
/// not changed, memory, and time by the number of images. With podman also
/// the old way: every clang run one after another, then an image at a time.
///
/// push: all bytecode images to a registry that is started for it, empty and
/// once more, beside the other ways that there are: go-containerregistry,
/// buildx (as root, with runc), and podman, the old way. `cargo xtask doctor
/// --go-tools` builds what has to be built.
///
/// containerfile: one bytecode image for all platforms from the project's
/// Containerfile to a layout, by the built-in builder, without a Containerfile,
/// by podman and by buildx; and how fast the built-in builder is with programs
/// of 200 MB.
///
/// userspace: the nine userspace images for all platforms beside the Go runs that
/// they need, where nothing changed and where one program did; how much of a
/// build is Go's part; and what is read. With --cold also from nothing, once, and
/// buildx and podman by the Containerfiles, for this machine's platform.
///
/// signing: all images of a plain run signed in a registry that is started for
/// it, in both formats with a key, beside the cosign processes alone, as many at
/// a time; once more where all are signed; and their signatures verified.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench
  cargo xtask bench --runs 11 --no-old-way --format json
  cargo xtask bench push
  cargo xtask bench containerfile
  cargo xtask bench userspace --cold
  cargo xtask bench signing --runs 3")]
pub(crate) struct Args {
    /// What to measure
    #[arg(value_enum, default_value = "build")]
    what: What,

    /// How often each thing is measured
    #[arg(long, value_name = "N", default_value = "5")]
    runs: NonZeroUsize,

    /// Leave podman, the old way, out: it takes most of the time
    #[arg(long)]
    no_old_way: bool,

    /// With userspace, measure also what starts from nothing: it takes minutes
    #[arg(long)]
    cold: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    Build,
    Push,
    Containerfile,
    Userspace,
    Signing,
}

/// A Containerfile for objects that are there, as upstream's are.
const CONTAINERFILE: &str = "\
ARG TARGETARCH
FROM scratch
ARG TARGETARCH
ARG PROGRAMS
ARG MAPS
COPY ${TARGETARCH}.o /object.o
LABEL io.ebpf.programs=${PROGRAMS} io.ebpf.maps=${MAPS}
";

/// The JSON of `bench build`.
#[derive(Serialize)]
struct Report {
    schema: u32,
    jobs: usize,
    clang: String,
    measurements: Vec<Measurement>,
    peak_memory_kib: u64,
}

/// One thing, measured several times.
#[derive(Debug, PartialEq, Serialize)]
struct Measurement {
    what: String,
    median_s: f64,
    min_s: f64,
    max_s: f64,
    runs: usize,
    /// The median beside that of something else: how many times as long.
    ratio: Option<Ratio>,
}

/// How one median compares with another.
#[derive(Debug, PartialEq, Serialize)]
struct Ratio {
    to: String,
    value: f64,
}

impl Measurement {
    fn new(what: impl Into<String>, mut times: Vec<Duration>) -> Measurement {
        times.sort();
        let seconds = |time: Option<&Duration>| time.map_or(f64::NAN, Duration::as_secs_f64);
        Measurement {
            what: what.into(),
            median_s: seconds(times.get(times.len() / 2)),
            min_s: seconds(times.first()),
            max_s: seconds(times.last()),
            runs: times.len(),
            ratio: None,
        }
    }

    fn beside(mut self, other: &Measurement) -> Measurement {
        let value = self.median_s / other.median_s;
        self.ratio = Some(Ratio { to: other.what.clone(), value });
        self
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} x {}", self.value, self.to)
    }
}

fn milliseconds(seconds: f64) -> String {
    let milliseconds = seconds * 1000.0;
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}

/// Returns how long `work` takes, and what it returns.
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let value = work();
    (started.elapsed(), value)
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    match args.what {
        What::Build => build(&args, cx),
        What::Push => push::run(&args, cx),
        What::Containerfile => containerfile::run(&args, cx),
        What::Userspace => userspace::run(&args, cx),
        What::Signing => signing::run(&args, cx),
    }
}

fn build(args: &Args, cx: &Context<'_>) -> Result<(), Failures> {
    let runs = args.runs.get();
    let bench = cases::Bench::new(cx)?;
    let mut measurements = Vec::new();
    let mut done = |measured: Vec<Measurement>| {
        for measurement in &measured {
            let time = ui::human_seconds(measurement.median_s);
            cx.ui.step("Measured", format_args!("{}: {time}", measurement.what));
        }
        measurements.extend(measured);
    };
    let (cold, peak_memory_kib) = bench.cold(runs)?;
    let cold_s = cold.last().map(|cold| cold.median_s).unwrap_or(f64::NAN);
    done(cold);
    done(bench.warm(runs)?);
    done(bench.one_source(runs)?);
    done(bench.many(runs)?);
    match host::find_tool("podman") {
        _ if args.no_old_way => {}
        None => cx.ui.note("not run: the old way, because podman is not installed"),
        Some(podman) => done(old_way::measure(&bench, &podman, runs, cold_s, cx)?),
    }
    let clang = bench.clang_version();
    let jobs = cx.jobs.get();
    let report = Report { schema: 1, jobs, clang, measurements, peak_memory_kib };
    match cx.ui.format() {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => {
            cx.ui.table(&table(&report))?;
            let memory = ui::human_bytes(report.peak_memory_kib * 1024);
            cx.ui.note(format_args!(
                "\nclang {}, {} at a time; peak memory of a cold build {memory}",
                report.clang,
                ui::count(jobs, "job")
            ));
        }
    }
    Ok(())
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(&["WHAT", "MEDIAN", "MIN", "MAX", "RUNS", "BESIDE"]);
    add_rows(&mut table, &report.measurements);
    table
}

fn add_rows(table: &mut Table, measurements: &[Measurement]) {
    for Measurement { what, median_s, min_s, max_s, runs, ratio } in measurements {
        table.row([
            what.clone(),
            milliseconds(*median_s),
            milliseconds(*min_s),
            milliseconds(*max_s),
            runs.to_string(),
            ratio.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
}
