//! The program `bpfman`: images of eBPF programs, for those who write them.
//!
//! One subcommand, one module of the same name. A module reads its options,
//! asks the crates to do the work and says what came of it; the work itself
//! is in `crates/`.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what describes options is their help, where `[:NAME]` may be left out"
)]

mod context;
mod image;
mod inputs;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cli::Jobs;
use ui::GlobalArgs;

use crate::context::Context;

/// Make, check and move images of eBPF programs
#[derive(Debug, Parser)]
#[command(name = "bpfman", bin_name = "bpfman", version, styles = ui::STYLES)]
#[command(after_help = "Examples:
  bpfman image build -t quay.io/me/pass:latest pass.bpf.c
  bpfman image inspect quay.io/me/pass:latest
  bpfman image --help

Exit codes:
    0  done
    1  the work failed
    2  bad usage
    3  a needed tool or engine is missing
    4  there is nothing there
   70  a bug in this program
  130  interrupted")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(flatten)]
    jobs: Jobs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Image(image::Args),
}

fn main() -> ExitCode {
    ui::run_program(
        |cli: &Cli| &cli.globals,
        |cli, ui| {
            let cx = Context::new(ui, cli.jobs.number());
            match cli.command {
                Command::Image(args) => image::run(args, &cx),
            }
        },
    )
}
