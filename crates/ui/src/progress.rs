//! A bar that moves while something is made, on a terminal and nowhere else.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Progress towards a known number of steps; gone when dropped.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Makes one that counts bytes, of which more may be added.
    pub(crate) fn of_bytes(bars: Option<&MultiProgress>, verb: &str) -> Progress {
        let template =
            "{prefix:>10.green.bold} [{bar:30}] {binary_bytes}/{binary_total_bytes} {wide_msg}";
        Progress::styled(bars, verb, 0, template)
    }

    pub(crate) fn new(bars: Option<&MultiProgress>, verb: &str, steps: usize) -> Progress {
        let template = "{prefix:>10.green.bold} [{bar:30}] {pos}/{len} {wide_msg}";
        Progress::styled(bars, verb, steps as u64, template)
    }

    fn styled(bars: Option<&MultiProgress>, verb: &str, length: u64, template: &str) -> Progress {
        let bar = bars.map(|bars| {
            let bar = bars.add(ProgressBar::new(length));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.with_prefix(verb.to_owned())
        });
        Progress { bar }
    }

    /// Says that there are so many more bytes to come.
    pub fn expect_bytes(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc_length(bytes);
        }
    }

    /// Says that so many more bytes are done.
    pub fn bytes(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
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
