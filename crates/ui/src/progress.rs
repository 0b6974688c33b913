//! A bar that moves while something is made, on a terminal and nowhere else.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Progress towards a known number of steps; gone when dropped.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(bars: Option<&MultiProgress>, verb: &str, steps: usize) -> Progress {
        let bar = bars.map(|bars| {
            let bar = bars.add(ProgressBar::new(steps as u64));
            let style = ProgressStyle::with_template(
                "{prefix:>10.green.bold} [{bar:30}] {pos}/{len} {wide_msg}",
            );
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.with_prefix(verb.to_owned())
        });
        Progress { bar }
    }

    /// Says that one more step is done, and which.
    pub fn step(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
            bar.inc(1);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
