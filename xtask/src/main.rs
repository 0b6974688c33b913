//! The image factory's commands: `cargo xtask …`.
//!
//! One subcommand, one module of the same name. A module reads its options,
//! asks the crates to do the work and says what came of it; the work itself
//! is in `crates/`. Building this program needs Rust alone.

mod attest;
mod bench;
mod binaries;
mod build_binaries;
mod build_ebpf;
mod build_images;
mod bundle;
mod catalogue;
mod check_registry;
mod ci;
mod compile;
mod context;
mod credentials;
mod diff_images;
mod doctor;
mod go_tools;
mod inspect_images;
mod lint;
mod list_images;
mod naming;
mod on_host;
mod plan;
mod published;
mod reproduce;
mod runs;
mod rust_tools;
mod serve_images;
mod sign_images;
mod signing;
mod source;
mod stages;
mod stored;
mod test;
mod together;
mod tools;
mod verify_images;
mod version_args;
mod wish;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cli::Jobs;
use ui::GlobalArgs;

use crate::context::Context;

/// Build eBPF programs, package them as container images, check them
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, styles = ui::STYLES)]
#[command(after_help = "Examples:
  cargo xtask build-images
  cargo xtask build-images --help
  cargo xtask test --install-deps

Exit codes:
    0  done
    1  the work failed
    2  bad usage or catalogue
    3  a needed tool is missing
    4  nothing to do for this selection
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
    BuildEbpf(build_ebpf::Args),
    BuildBinaries(build_binaries::Args),
    BuildImages(Box<build_images::Args>),
    ListImages(list_images::Args),
    InspectImages(inspect_images::Args),
    DiffImages(diff_images::Args),
    SignImages(sign_images::Args),
    VerifyImages(verify_images::Args),
    CheckRegistry(check_registry::Args),
    Reproduce(reproduce::Args),
    ServeImages(serve_images::Args),
    Doctor(doctor::Args),
    Test(test::Args),
    Lint(lint::Args),
    Ci(ci::Args),
    Bench(bench::Args),
}

fn main() -> ExitCode {
    ui::run_program(
        |cli: &Cli| &cli.globals,
        |cli, ui| {
            let cx = Context::new(ui, cli.jobs)?;
            match cli.command {
                Command::BuildEbpf(args) => build_ebpf::run(args, &cx),
                Command::BuildBinaries(args) => build_binaries::run(args, &cx),
                Command::BuildImages(args) => build_images::run(*args, &cx),
                Command::ListImages(args) => list_images::run(args, &cx),
                Command::InspectImages(args) => inspect_images::run(args, &cx),
                Command::DiffImages(args) => diff_images::run(args, &cx),
                Command::SignImages(args) => sign_images::run(args, &cx),
                Command::VerifyImages(args) => verify_images::run(args, &cx),
                Command::CheckRegistry(args) => check_registry::run(args, &cx),
                Command::Reproduce(args) => reproduce::run(args, &cx),
                Command::ServeImages(args) => serve_images::run(args, &cx),
                Command::Doctor(args) => doctor::run(args, &cx),
                Command::Test(args) => test::run(args, &cx),
                Command::Lint(args) => lint::run(args, &cx),
                Command::Ci(args) => ci::run(args, &cx),
                Command::Bench(args) => bench::run(args, &cx),
            }
        },
    )
}
