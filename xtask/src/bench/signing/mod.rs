//! `bench signing`: signing all images of a plain run in both formats with a
//! key, beside the cosign processes alone, as many at a time.
//!
//! Each run has a registry of its own, with images that hold nothing: what is
//! in an image costs signing nothing. What was signed is verified by the one
//! as by the other.

mod scene;

use std::time::Duration;

use serde::Serialize;
use ui::{Failure, Failures, Format, Table};

use super::race::{Contender, race};
use super::{Args, Measurement, add_rows, timed};
use crate::context::Context;
use scene::Scene;

/// What signs.
#[derive(Clone, Copy)]
enum Way {
    Alone,
    Ours,
}

/// What the runs of a contender came to.
#[derive(Default)]
struct Samples {
    signed: Vec<Duration>,
    /// The same command once more.
    unchanged: Vec<Duration>,
    verified: Vec<Duration>,
}

/// The JSON of `bench signing`.
#[derive(Serialize)]
struct Report {
    schema: u32,
    jobs: usize,
    /// The versions of cosign.
    cosign: [String; 2],
    images: usize,
    measurements: Vec<Measurement>,
}

pub(super) fn run(args: &Args, cx: &Context<'_>) -> Result<(), Failures> {
    let scene = Scene::new(cx)?;
    let runs = args.runs.get();
    let contenders = [
        Contender { name: "the cosign processes alone", runs, way: Way::Alone },
        Contender { name: "sign-images", runs, way: Way::Ours },
    ];
    let mut failures = Failures::default();
    let turn = |contender: &Contender<Way>, samples: &mut Samples| turn(&scene, contender, samples);
    let all = race(&contenders, runs, cx, &mut failures, turn);
    let report = Report {
        schema: 1,
        jobs: cx.jobs.get(),
        cosign: scene.versions(),
        images: scene.images(),
        measurements: measurements(all, scene.images()),
    };
    report.print(cx)?;
    failures.or(())
}

/// One contender's run: in a new registry, and once more.
fn turn(
    scene: &Scene<'_>,
    contender: &Contender<Way>,
    samples: &mut Samples,
) -> Result<(), Failure> {
    let published = scene.publish()?;
    match contender.way {
        Way::Alone => {
            let commands = published.commands(scene)?;
            let (time, outcome) = timed(|| scene.run_all(&commands));
            outcome?;
            samples.signed.push(time);
        }
        Way::Ours => {
            for times in [&mut samples.signed, &mut samples.unchanged] {
                let (time, outcome) = timed(|| published.sign(scene));
                outcome?;
                times.push(time);
            }
        }
    }
    let (time, outcome) = timed(|| published.verify(scene));
    samples.verified.push(time);
    outcome
}

/// Returns the rows: ours beside the processes alone.
fn measurements(all: Vec<(&str, Samples)>, images: usize) -> Vec<Measurement> {
    let mut rows: Vec<Measurement> = Vec::new();
    let (mut unchanged, mut verified) = (Vec::new(), Vec::new());
    for (name, samples) in all {
        let row = Measurement::new(format!("signing: {name}"), samples.signed);
        let row = match rows.first() {
            Some(alone) => row.beside(alone),
            None => row,
        };
        rows.push(row);
        unchanged.extend(samples.unchanged);
        verified.extend(samples.verified);
    }
    let images = ui::count(images, "image");
    rows.push(Measurement::new("unchanged: sign-images", unchanged));
    rows.push(Measurement::new(format!("verifying {images} in process"), verified));
    rows
}

impl Report {
    fn print(&self, cx: &Context<'_>) -> Result<(), Failure> {
        match cx.ui.format() {
            Format::Json => cx.ui.json(self)?,
            Format::Human => {
                let mut table = Table::new(&["WHAT", "MEDIAN", "MIN", "MAX", "RUNS", "BESIDE"]);
                add_rows(&mut table, &self.measurements);
                cx.ui.table(&table)?;
            }
        }
        let [two, three] = &self.cosign;
        cx.ui.note(format_args!(
            "\n{} in both formats by cosign {two} and {three}, {} at a time",
            ui::count(self.images, "image"),
            ui::count(self.jobs, "job"),
        ));
        Ok(())
    }
}
