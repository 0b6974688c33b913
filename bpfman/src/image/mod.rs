//! `bpfman image …`: one module for each command.

mod build;
mod generate_build_args;

use clap::Subcommand;
use ui::Failures;

use crate::context::Context;

/// Make, check and move images of eBPF programs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(Box<build::Args>),
    GenerateBuildArgs(generate_build_args::Args),
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    match args.command {
        Command::Build(args) => build::run(*args, cx),
        Command::GenerateBuildArgs(args) => generate_build_args::run(args, cx),
    }
}
