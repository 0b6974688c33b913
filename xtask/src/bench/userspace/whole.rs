//! Builds of everything: how much of them is Go's part.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use ui::Failure;

use super::scene::Scene;
use crate::bench::cases::{failed, run_all};

/// One build of everything.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Whole {
    what: String,
    seconds: f64,
    /// Until the last program was linked; the rest is packaging.
    go_seconds: f64,
    /// The processor's time for Go, and for this program.
    go_cpu_s: Option<f64>,
    own_cpu_s: Option<f64>,
}

impl Scene<'_> {
    /// Builds everything where nothing was linked or packaged, and all is
    /// compiled: by the Go runs alone, before.
    pub(super) fn linked(&self) -> Result<Whole, Failure> {
        self.cx.ui.step("Compiling", "everything");
        run_all(&self.alone, self.cx.jobs.get())?;
        self.whole("Go's cache is warm", &self.fresh_dir()?, None)
    }

    /// The same with nothing compiled either.
    pub(super) fn compiled(&self) -> Result<Whole, Failure> {
        let (cache, target) = (self.fresh_dir()?, self.fresh_dir()?);
        self.whole("Go's cache is empty", &target, Some(&cache))
    }

    fn whole(&self, what: &str, target: &Path, cache: Option<&Path>) -> Result<Whole, Failure> {
        self.cx.ui.step("Measuring", format_args!("everything: {what}"));
        let mut command = self.ours(target, &["-vv"]);
        if let Some(cache) = cache {
            command = command.env("GOCACHE", cache);
        }
        let mut clock = Clock { started: Instant::now(), go: Duration::ZERO, costs: None };
        command.run_by_line(&mut |line| clock.hear(line)).map_err(failed)?;
        let (own, go) = clock.costs.unzip();
        let whole = Whole {
            what: what.to_owned(),
            seconds: clock.started.elapsed().as_secs_f64(),
            go_seconds: clock.go.as_secs_f64(),
            go_cpu_s: go,
            own_cpu_s: own,
        };
        // What comes next may take minutes.
        self.cx.ui.step("Measured", whole.words());
        Ok(whole)
    }
}

/// What the lines of a build tell.
struct Clock {
    started: Instant,
    /// When the last program was linked.
    go: Duration,
    /// The processor's time for this program, and for Go.
    costs: Option<(f64, f64)>,
}

impl Clock {
    fn hear(&mut self, line: &str) {
        if line.trim_start().starts_with("Compiled ") {
            self.go = self.started.elapsed();
        }
        self.costs = self.costs.or_else(|| costs(line));
    }
}

/// Reads what `build-images -vv` says of the processor's time, in seconds.
fn costs(line: &str) -> Option<(f64, f64)> {
    let (own, rest) = line.strip_prefix("processor: ")?.split_once(" s, and ")?;
    Some((own.parse().ok()?, rest.split(' ').next()?.parse().ok()?))
}

impl Whole {
    /// Returns the numbers in words.
    pub(super) fn words(&self) -> String {
        let Whole { what, seconds, go_seconds, go_cpu_s, own_cpu_s } = self;
        let percent = |part: f64, of: f64| format!("{:.0} %", part / of * 100.0);
        let cpu = match (go_cpu_s, own_cpu_s) {
            (Some(go), Some(own)) => {
                let whole = ui::human_seconds(go + own);
                format!("{} of the processor's {whole}", percent(*go, go + own))
            }
            _ => "? of the processor's time".to_owned(),
        };
        format!(
            "everything ({what}): {}, of which Go takes {}, the rest is packaging; and {cpu}",
            ui::human_seconds(*seconds),
            percent(*go_seconds, *seconds),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_one_of_build_images() {
        let cases = [
            ("processor: 1.25 s, and 38.00 s in what was run", Some((1.25, 38.0))),
            ("processor: x s, and 1 s in what was run", None),
            ("peak memory: 7 KiB", None),
        ];
        for (line, expected) in cases {
            assert_eq!(costs(line), expected, "{line}");
        }
    }

    #[test]
    fn shares_are_in_words() {
        let whole = Whole {
            what: "cold".to_owned(),
            seconds: 10.0,
            go_seconds: 9.0,
            go_cpu_s: Some(19.0),
            own_cpu_s: Some(1.0),
        };
        let expected = "everything (cold): 10.0s, of which Go takes 90 %, the rest is packaging; \
                        and 95 % of the processor's 20.0s";
        assert_eq!(whole.words(), expected);
    }
}
