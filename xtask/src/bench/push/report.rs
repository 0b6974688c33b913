//! What `bench push` says: a row for each way to push and what it found.

use std::time::Duration;

use serde::Serialize;
use ui::{Failure, Format, Table};

use super::{REGISTRY, Sample, Samples, Scene};
use crate::bench::{Measurement, milliseconds};
use crate::context::Context;

/// The JSON of `bench push`.
#[derive(Serialize)]
pub(super) struct Report {
    schema: u32,
    jobs: usize,
    clang: String,
    images: usize,
    platforms: usize,
    /// The first contender of each kind is this program.
    measurements: Vec<Row>,
    /// Of a cold push by this program; absent if that failed.
    peak_memory_kib: Option<u64>,
    not_run: Vec<String>,
}

/// One way to push to one kind of registry.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    time: Measurement,
    /// The processor's time for the commands, on average.
    cpu_s: Option<f64>,
    /// The same of the server that works for them.
    daemon_cpu_s: Option<f64>,
    /// How many requests reached the registry, in the middle one of the runs.
    requests: Option<usize>,
}

impl Row {
    fn new(what: String, samples: &[Sample]) -> Row {
        let average = |of: fn(&Sample) -> Option<Duration>| {
            let sum: Option<Duration> = samples.iter().map(of).sum();
            sum.map(|sum| sum.as_secs_f64() / samples.len() as f64)
        };
        let mut requests: Vec<_> = samples.iter().map(|sample| sample.requests).collect();
        requests.sort_unstable();
        Row {
            time: Measurement::new(what, samples.iter().map(|sample| sample.time).collect()),
            cpu_s: average(|sample| sample.cpu),
            daemon_cpu_s: average(|sample| sample.daemon_cpu),
            requests: requests.get(requests.len() / 2).copied(),
        }
    }
}

/// Returns the cold pushes, then those of what was there, each beside ours,
/// which come first.
pub(super) fn rows(all: &[(&str, Samples)]) -> Vec<Row> {
    type Of = fn(&Samples) -> &[Sample];
    let kinds: [(&str, Of); 2] =
        [("cold", |samples| &samples.cold), ("unchanged", |samples| &samples.unchanged)];
    let mut rows = Vec::new();
    for (kind, of) in kinds {
        let first = rows.len();
        for (name, samples) in all {
            let mut row = Row::new(format!("{kind}: {name}"), of(samples));
            if let Some(Row { time: ours, .. }) = rows.get(first) {
                row.time = row.time.beside(ours);
            }
            rows.push(row);
        }
    }
    rows
}

/// Returns the rows of compiling and pushing, beside clang alone.
pub(super) fn from_nothing(n_commands: usize, alone: Vec<Duration>, whole: &[Sample]) -> Vec<Row> {
    let alone = Measurement::new(format!("{n_commands} clang runs alone"), alone);
    let mut row = Row::new("from nothing: build-images --push".into(), whole);
    row.time = row.time.beside(&alone);
    vec![Row { time: alone, cpu_s: None, daemon_cpu_s: None, requests: None }, row]
}

impl Report {
    pub(super) fn new(
        scene: &Scene<'_>,
        measurements: Vec<Row>,
        peak_memory_kib: Option<u64>,
        not_run: Vec<String>,
        cx: &Context<'_>,
    ) -> Report {
        Report {
            schema: 1,
            jobs: cx.jobs.get(),
            clang: scene.bench.clang_version(),
            images: scene.images.len(),
            platforms: scene.images.iter().map(|image| image.platforms.len()).max().unwrap_or(0),
            measurements,
            peak_memory_kib,
            not_run,
        }
    }

    pub(super) fn print(&self, cx: &Context<'_>) -> Result<(), Failure> {
        match cx.ui.format() {
            Format::Json => cx.ui.json(self)?,
            Format::Human => cx.ui.table(&self.table())?,
        }
        for line in &self.not_run {
            cx.ui.note(format_args!("not run: {line}"));
        }
        cx.ui.note(format_args!(
            "\n{} for {} to {REGISTRY} on this machine; CPU is the commands' and, behind a plus, \
             that of the server that works for them",
            ui::count(self.images, "image"),
            ui::count(self.platforms, "platform"),
        ));
        if let Some(memory) = self.peak_memory_kib {
            let memory = ui::human_bytes(memory * 1024);
            cx.ui.note(format_args!("peak memory of a cold push by build-images {memory}"));
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let header = ["WHAT", "MEDIAN", "MIN", "MAX", "RUNS", "CPU", "REQUESTS", "BESIDE"];
        let mut table = Table::new(&header);
        for Row { time, cpu_s, daemon_cpu_s, requests } in &self.measurements {
            let cpu = [cpu_s, daemon_cpu_s].into_iter().flatten().copied().map(milliseconds);
            table.row([
                time.what.clone(),
                milliseconds(time.median_s),
                milliseconds(time.min_s),
                milliseconds(time.max_s),
                time.runs.to_string(),
                cpu.collect::<Vec<_>>().join(" + "),
                requests.map(|requests| requests.to_string()).unwrap_or_default(),
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

    fn sample(time: u64, requests: usize) -> Sample {
        let time = Duration::from_secs(time);
        let cpu = Some(time / 2);
        Sample { time, cpu, daemon_cpu: None, requests }
    }

    #[test]
    fn each_kind_is_beside_its_first() {
        let samples = |times: [u64; 3], unchanged| Samples {
            cold: times.map(|time| sample(time, 10)).to_vec(),
            unchanged: vec![sample(unchanged, 1)],
        };
        let all = [("ours", samples([8, 2, 4], 2)), ("theirs", samples([16, 12, 12], 1))];
        let row = |what, times: [f64; 3], runs, ratio: Option<(&str, f64)>, cpu_s, requests| {
            let ratio = ratio.map(|(to, value)| Ratio { to: to.into(), value });
            let [median_s, min_s, max_s] = times;
            let time = Measurement { what, median_s, min_s, max_s, runs, ratio };
            Row { time, cpu_s: Some(cpu_s), daemon_cpu_s: None, requests: Some(requests) }
        };
        let expected = [
            row("cold: ours".to_owned(), [4.0, 2.0, 8.0], 3, None, 7.0 / 3.0, 10),
            row(
                "cold: theirs".to_owned(),
                [12.0, 12.0, 16.0],
                3,
                Some(("cold: ours", 3.0)),
                20.0 / 3.0,
                10,
            ),
            row("unchanged: ours".to_owned(), [2.0; 3], 1, None, 1.0, 1),
            row(
                "unchanged: theirs".to_owned(),
                [1.0; 3],
                1,
                Some(("unchanged: ours", 0.5)),
                0.5,
                1,
            ),
        ];
        assert_eq!(rows(&all), expected);
    }
}
