//! The options that every command of both programs has.

use clap::{ArgAction, Args, ValueEnum};

/// How much is said, in which colours, to whom.
#[derive(Args, Clone, Debug, Default)]
pub struct GlobalArgs {
    /// Say less: once, results and errors only; twice, nothing
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Output")]
    pub quiet: u8,

    /// Say more: once, each command that is run; twice, what was decided and why
    #[arg(
        short,
        long,
        global = true,
        action = ArgAction::Count,
        conflicts_with = "quiet",
        help_heading = "Output"
    )]
    pub verbose: u8,

    /// When to colour: auto (as the terminal, NO_COLOR and FORCE_COLOR say),
    /// always or never
    #[arg(
        long,
        global = true,
        hide_possible_values = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Output"
    )]
    pub color: Color,

    /// How results are printed: human, or json for one document
    #[arg(
        long,
        global = true,
        hide_possible_values = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub format: Format,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines and tables for people.
    #[default]
    Human,
    /// One JSON document.
    Json,
}
