//! `bpfman image …`: one module for each command.

mod build;
mod copy;
mod deliver;
mod extract;
mod form;
mod generate_build_args;
mod inspect;
mod lint;
mod manifest;
mod pull;
mod subject;
mod text;

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
    Inspect(inspect::Args),
    Lint(lint::Args),
    Extract(extract::Args),
    Pull(pull::Args),
    Copy(copy::Args),
    Manifest(manifest::Args),
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    match args.command {
        Command::Build(args) => build::run(*args, cx),
        Command::GenerateBuildArgs(args) => generate_build_args::run(args, cx),
        Command::Inspect(args) => inspect::run(args, cx),
        Command::Lint(args) => lint::run(args, cx),
        Command::Extract(args) => extract::run(args, cx),
        Command::Pull(args) => pull::run(args, cx),
        Command::Copy(args) => copy::run(args, cx),
        Command::Manifest(args) => manifest::run(args, cx),
    }
}
