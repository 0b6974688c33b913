//! What `bench userspace` says.

use std::time::Duration;

use serde::Serialize;
use ui::{Failure, Format, Table};

use super::engine;
use super::scene::{Sample, Scene};
use super::turns;
use super::whole::Whole;
use crate::bench::{Measurement, milliseconds};
use crate::context::Context;

/// The JSON of `bench userspace`.
#[derive(Serialize)]
pub(super) struct Report {
    schema: u32,
    jobs: usize,
    go: Option<String>,
    images: usize,
    platforms: usize,
    /// Of all programs together.
    program_bytes: u64,
    /// What others are compared for.
    platform: &'static str,
    measurements: Vec<Row>,
    whole: Vec<Whole>,
    not_measured: Vec<String>,
}

/// One piece of work.
#[derive(Debug, PartialEq, Serialize)]
struct Row {
    #[serde(flatten)]
    time: Measurement,
    /// The processor's time for the commands, on average.
    cpu_s: Option<f64>,
    /// What the commands read, in the middle one of the runs.
    bytes_read: Option<u64>,
}

impl Row {
    fn new(what: String, samples: &[Sample]) -> Row {
        let sum: Option<Duration> = samples.iter().map(|sample| sample.cpu).sum();
        let mut read: Vec<u64> = samples.iter().filter_map(|sample| sample.bytes_read).collect();
        read.sort_unstable();
        Row {
            time: Measurement::new(what, samples.iter().map(|sample| sample.time).collect()),
            cpu_s: sum.map(|sum| sum.as_secs_f64() / samples.len() as f64),
            bytes_read: read.get(read.len() / 2).copied(),
        }
    }
}

/// Returns a row for each contender, beside that of the first.
fn rows<S>(kind: &str, all: &[(&str, S)], of: impl Fn(&S) -> &[Sample]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (name, samples) in all {
        let mut row = Row::new(format!("{kind}: {name}"), of(samples));
        if let Some(first) = rows.first() {
            row.time = row.time.beside(&first.time);
        }
        rows.push(row);
    }
    rows
}

impl Report {
    pub(super) fn new(
        scene: &Scene<'_>,
        turns: &[(&str, turns::Samples)],
        engines: &[(&str, engine::Samples)],
        whole: Vec<Whole>,
        not_measured: Vec<String>,
        cx: &Context<'_>,
    ) -> Report {
        let mut measurements = rows("unchanged", turns, |samples| &samples.unchanged);
        measurements.extend(rows("one program changed", turns, |samples| &samples.changed));
        measurements.extend(rows("1 platform, from nothing", engines, |samples| &samples.cold));
        measurements.extend(rows("1 platform, unchanged", engines, |samples| &samples.unchanged));
        Report {
            schema: 1,
            jobs: cx.jobs.get(),
            go: scene.go.clone(),
            images: scene.plan.images.len(),
            platforms: scene.platforms(),
            program_bytes: scene.program_bytes(),
            platform: scene.platform().platform(),
            measurements,
            whole,
            not_measured,
        }
    }

    pub(super) fn print(&self, cx: &Context<'_>) -> Result<(), Failure> {
        match cx.ui.format() {
            Format::Json => cx.ui.json(self)?,
            Format::Human => cx.ui.table(&self.table())?,
        }
        for line in &self.not_measured {
            cx.ui.note(format_args!("not measured: {line}"));
        }
        cx.ui.note(format_args!(
            "\n{} for {} by Go {}, {} at a time; 1 platform is {}",
            ui::count(self.images, "image"),
            ui::count(self.platforms, "platform"),
            self.go.as_deref().unwrap_or("?"),
            ui::count(self.jobs, "job"),
            self.platform,
        ));
        cx.ui.note(self.reading());
        self.whole.iter().for_each(|whole| cx.ui.note(whole.words()));
        Ok(())
    }

    /// Says how much of the programs can have been read where nothing changed.
    fn reading(&self) -> String {
        let [alone, ours] = [0, 1].map(|row| self.measurements.get(row)?.bytes_read);
        let programs = ui::human_bytes(self.program_bytes);
        match (alone, ours) {
            (Some(alone), Some(ours)) => {
                let more = ours.saturating_sub(alone);
                format!(
                    "unchanged: build-images reads {} more than the Go runs, which is {:.1} % of the \
                     programs' {programs}",
                    ui::human_bytes(more),
                    more as f64 / self.program_bytes as f64 * 100.0,
                )
            }
            _ => "not measured: bytes read, which the system does not tell".to_owned(),
        }
    }

    fn table(&self) -> Table {
        let mut table =
            Table::new(&["WHAT", "MEDIAN", "MIN", "MAX", "RUNS", "CPU", "READ", "BESIDE"]);
        for Row { time, cpu_s, bytes_read } in &self.measurements {
            table.row([
                time.what.clone(),
                milliseconds(time.median_s),
                milliseconds(time.min_s),
                milliseconds(time.max_s),
                time.runs.to_string(),
                cpu_s.map(milliseconds).unwrap_or_default(),
                bytes_read.map(ui::human_bytes).unwrap_or_default(),
                time.ratio.as_ref().map(ToString::to_string).unwrap_or_default(),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Ratio;

    #[test]
    fn each_is_beside_the_first() {
        let sample = |seconds, bytes_read| Sample {
            time: Duration::from_secs(seconds),
            cpu: Some(Duration::from_secs(1)),
            bytes_read,
        };
        let all = [
            ("alone", vec![sample(2, Some(9)), sample(4, Some(7)), sample(3, Some(8))]),
            ("ours", vec![sample(6, None)]),
        ];
        let found = rows("kind", &all, |samples| samples);
        let row = |what: &str, [median_s, min_s, max_s]: [f64; 3], runs, ratio, bytes_read| Row {
            time: Measurement { what: what.to_owned(), median_s, min_s, max_s, runs, ratio },
            cpu_s: Some(1.0),
            bytes_read,
        };
        let ratio = Ratio { to: "kind: alone".into(), value: 2.0 };
        let expected = [
            row("kind: alone", [3.0, 2.0, 4.0], 3, None, Some(8)),
            row("kind: ours", [6.0; 3], 1, Some(ratio), None),
        ];
        assert_eq!(found, expected);
    }
}
