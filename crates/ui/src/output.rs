//! What is printed, and where: results on standard output, talk on standard
//! error.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use indicatif::MultiProgress;
use serde::Serialize;

use crate::args::{Color, Format, GlobalArgs};
use crate::{Exit, Failure, Progress, Table};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// The width of the verb of a step: "Compiled" and its kind end here.
const VERB: usize = 10;

/// The program's voice. Shared by all threads.
#[derive(Debug)]
pub struct Ui {
    /// -2 nothing, -1 results, 0 steps, 1 commands, 2 decisions.
    level: i8,
    format: Format,
    bars: Option<MultiProgress>,
    warned: Mutex<HashSet<String>>,
}

impl Ui {
    /// Makes the voice that the options and the environment ask for.
    pub fn new(args: &GlobalArgs) -> Ui {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let choice = match args.color {
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
            Color::Auto if set("NO_COLOR") => anstream::ColorChoice::Never,
            Color::Auto if set("FORCE_COLOR") => anstream::ColorChoice::Always,
            Color::Auto => anstream::ColorChoice::Auto,
        };
        choice.write_global();
        let level = i8::try_from(args.verbose.min(2)).unwrap_or(0)
            - i8::try_from(args.quiet.min(2)).unwrap_or(0);
        let bars = level == 0 && io::stderr().is_terminal() && !set("CI");
        Ui {
            level,
            format: args.format,
            bars: bars.then(MultiProgress::new),
            warned: Mutex::new(HashSet::new()),
        }
    }

    /// Returns how results are to be printed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Says that a step is done: a verb in the past tense, and what.
    pub fn step(&self, verb: &str, what: impl Display) {
        if self.level >= 0 {
            self.talk(&format!("{GOOD}{verb:>VERB$}{GOOD:#} {what}"));
        }
    }

    /// Says something that no verb fits.
    pub fn note(&self, text: impl Display) {
        if self.level >= 0 {
            self.talk(&text.to_string());
        }
    }

    /// Shows a command that is run, as a shell takes it; with `-v`.
    pub fn command(&self, command: impl Display) {
        if self.level >= 1 {
            self.talk(&format!("$ {command}"));
        }
    }

    /// Says what happens meanwhile, such as each request that is answered;
    /// with `-v`.
    pub fn detail(&self, text: impl Display) {
        if self.level >= 1 {
            self.talk(&text.to_string());
        }
    }

    /// Says what was decided and why; with `-vv`.
    pub fn debug(&self, text: impl Display) {
        if self.level >= 2 {
            self.talk(&text.to_string());
        }
    }

    /// Warns, once for each text.
    pub fn warn(&self, text: impl Display) {
        let text = text.to_string();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if self.level >= -1 && warned.insert(text.clone()) {
            self.talk(&format!("{WARNING}warning:{WARNING:#} {text}"));
        }
    }

    /// Prints what a tool said, as it said it.
    pub fn quote(&self, text: &str) {
        if self.level >= -1 {
            self.talk(text.trim_end());
        }
    }

    /// Reports failures, their hints once and last.
    pub fn failures(&self, failures: &[Failure]) {
        if self.level < -1 {
            return;
        }
        let mut hints: Vec<&String> = Vec::new();
        for failure in failures {
            let mut text = String::new();
            for (i, line) in failure.chain.iter().enumerate() {
                match i {
                    0 => text += &format!("{ERROR}error:{ERROR:#} {line}"),
                    _ => text += &format!("\n  Caused by: {line}"),
                }
            }
            for line in failure.detail.trim_end().lines() {
                text += &format!("\n    {line}");
            }
            self.talk(&text);
            hints.extend(failure.hints.iter());
        }
        let mut said = HashSet::new();
        hints.retain(|hint| said.insert(*hint));
        if !hints.is_empty() {
            let hints: Vec<_> =
                hints.iter().map(|hint| format!("{HINT}hint:{HINT:#} {hint}")).collect();
            self.talk(&format!("\n{}", hints.join("\n")));
        }
    }

    /// Prints one result.
    ///
    /// # Errors
    ///
    /// Fails if standard output cannot be written. A reader that has gone
    /// away ends the program quietly: it has what it wanted.
    pub fn result(&self, line: impl Display) -> Result<(), Failure> {
        if self.level < -1 {
            return Ok(());
        }
        self.suspended(|| {
            let mut out = anstream::stdout().lock();
            match writeln!(out, "{line}").and_then(|()| out.flush()) {
                // Not at once, for there may be something to tidy up.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::gone()),
                result => result.map_err(|error| {
                    Failure::new(Exit::Failed, error).context("failed to write standard output")
                }),
            }
        })
    }

    /// Prints the one JSON document of a command.
    ///
    /// # Errors
    ///
    /// As [`Ui::result`].
    pub fn json(&self, document: &impl Serialize) -> Result<(), Failure> {
        self.result(serde_json::to_string_pretty(document)?)
    }

    /// Prints a table as a result.
    ///
    /// # Errors
    ///
    /// As [`Ui::result`].
    pub fn table(&self, table: &Table) -> Result<(), Failure> {
        if table.is_empty() { Ok(()) } else { self.result(table) }
    }

    /// Starts to show progress, where someone watches.
    pub fn progress(&self, verb: &str, steps: usize) -> Progress {
        Progress::new(self.bars.as_ref(), verb, steps)
    }

    /// Starts to show progress in bytes, where someone watches.
    pub fn progress_bytes(&self, verb: &str) -> Progress {
        Progress::of_bytes(self.bars.as_ref(), verb)
    }

    /// A line on standard error that cannot be written is lost: there is no
    /// one left to tell.
    fn talk(&self, text: &str) {
        self.suspended(|| {
            let _ = writeln!(anstream::stderr().lock(), "{text}");
        });
    }

    /// Takes the bars away while something else is printed.
    fn suspended<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }
}
