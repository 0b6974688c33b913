//! What `bench containerfile` says.

use serde::Serialize;
use ui::{Failure, Format, Table};

use super::Samples;
use super::large::Large;
use crate::bench::{Measurement, add_rows};
use crate::context::Context;

/// The JSON of `bench containerfile`.
#[derive(Serialize)]
pub(super) struct Report {
    schema: u32,
    processors: usize,
    /// Of the largest object.
    object_bytes: usize,
    /// The first of each kind is the built-in builder.
    measurements: Vec<Measurement>,
    /// Absent if it failed.
    large: Option<Large>,
    not_run: Vec<String>,
}

/// Returns the builds from nothing, then those of what has not changed, each
/// beside that of the first contender.
fn rows(all: &[(&str, Samples)]) -> Vec<Measurement> {
    let mut rows = Vec::new();
    for kind in ["from nothing", "unchanged"] {
        let first = rows.len();
        for (name, Samples { cold, unchanged }) in all {
            let times = if kind == "unchanged" { unchanged } else { cold };
            let row = Measurement::new(format!("{kind}: {name}"), times.clone());
            let row = match rows.get(first) {
                Some(ours) => row.beside(ours),
                None => row,
            };
            rows.push(row);
        }
    }
    rows
}

impl Report {
    pub(super) fn new(
        all: &[(&str, Samples)],
        mut large: Option<Large>,
        object_bytes: usize,
        not_run: Vec<String>,
    ) -> Report {
        let mut measurements = rows(all);
        let of_large = large.as_mut().map(|large| std::mem::take(&mut large.measurements));
        measurements.extend(of_large.into_iter().flatten());
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Report { schema: 1, processors, object_bytes, measurements, large, not_run }
    }

    pub(super) fn print(&self, cx: &Context<'_>) -> Result<(), Failure> {
        match cx.ui.format() {
            Format::Json => cx.ui.json(self)?,
            Format::Human => {
                let mut table = Table::new(&["WHAT", "MEDIAN", "MIN", "MAX", "RUNS", "BESIDE"]);
                add_rows(&mut table, &self.measurements);
                cx.ui.table(&table)?;
            }
        }
        for line in &self.not_run {
            cx.ui.note(format_args!("not run: {line}"));
        }
        cx.ui.note(format_args!(
            "\nan object of {} bytes for 4 platforms, from a Containerfile to a layout, with {}",
            self.object_bytes,
            ui::count(self.processors, "processor"),
        ));
        if let Some(large) = &self.large {
            cx.ui.note(large.words());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Ratio;
    use std::time::Duration;

    #[test]
    fn each_kind_is_beside_its_first() {
        let samples = |cold: [u64; 3], unchanged| Samples {
            cold: cold.map(Duration::from_secs).to_vec(),
            unchanged: vec![Duration::from_secs(unchanged)],
        };
        let all = [("ours", samples([8, 2, 4], 2)), ("theirs", samples([80, 60, 70], 1))];
        let row = |what: &str, times: [f64; 3], runs, ratio: Option<(&str, f64)>| {
            let ratio = ratio.map(|(to, value)| Ratio { to: to.into(), value });
            let [median_s, min_s, max_s] = times;
            Measurement { what: what.to_owned(), median_s, min_s, max_s, runs, ratio }
        };
        let expected = [
            row("from nothing: ours", [4.0, 2.0, 8.0], 3, None),
            row("from nothing: theirs", [70.0, 60.0, 80.0], 3, Some(("from nothing: ours", 17.5))),
            row("unchanged: ours", [2.0; 3], 1, None),
            row("unchanged: theirs", [1.0; 3], 1, Some(("unchanged: ours", 0.5))),
        ];
        assert_eq!(rows(&all), expected);
    }
}
