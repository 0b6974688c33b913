//! `-o`: how a command prints what it found, as the other `bpfman` spells it.

use clap::{Args, ValueEnum};
use ui::{Format, Ui};

/// How results are printed.
#[derive(Args, Debug)]
pub(crate) struct FormArgs {
    /// How to print it: text or json, as `--format`
    #[arg(short, long, value_name = "FORM", value_enum, hide_possible_values = true)]
    output: Option<Form>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
}

impl FormArgs {
    /// Returns the format that was asked for: by this option, or else by that
    /// of all commands.
    pub(crate) fn format(&self, ui: &Ui) -> Format {
        match self.output {
            Some(Form::Text) => Format::Human,
            Some(Form::Json) => Format::Json,
            None => ui.format(),
        }
    }
}
