//! `test`: the whole suite, and what of it could not run.

use std::path::Path;

use anyhow::Context as _;
use ui::{Exit, Failure, Failures};
use xshell::{Shell, cmd};

use crate::context::Context;
use crate::go_tools::{self, Use};
use crate::lint::shell;
use crate::rust_tools;
use crate::tools::{self, For};

/// The names that crate `test-support` knows these variables by.
const REQUIRE: &str = "XTASK_TEST_REQUIRE";
const NOT_RUN: &str = "XTASK_TEST_NOT_RUN";
const SLOW: &str = "XTASK_TEST_SLOW";
const GO_TOOLS: &str = "XTASK_TEST_GO_TOOLS";

/// The compilers of the slow suite, besides the default one.
const SLOW_CLANGS: [&str; 2] = ["clang-16", "clang-22"];

/// How long each fuzz target runs in the slow suite, in seconds.
const FUZZ_SECONDS: &str = "60";

/// Run the tests
///
/// What a test needs and this machine lacks is said at the end; with the
/// tools installed (`--install-deps`) no test of them may be left out. The
/// slow suite adds other compilers and fuzzing, builds the Go programs that
/// tests use, and fetches what builds Rust programs for other machines;
/// without it they are used where they are there already.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test --install-deps
  cargo xtask test reference
  cargo xtask test --slow --install-deps")]
pub(crate) struct Args {
    /// Install what the tests need and is missing, with apt
    #[arg(long)]
    install_deps: bool,

    /// Also what takes minutes; nothing may be left out
    #[arg(long)]
    slow: bool,

    /// Only tests whose name has this in it
    filter: Option<String>,
}

impl Args {
    /// Returns what CI asks for.
    pub(crate) fn for_ci() -> Args {
        Args { install_deps: true, slow: false, filter: None }
    }
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let needed = if args.slow { For::TestingSlowly } else { For::Testing };
    if args.install_deps {
        tools::install(cx, needed)?;
    }
    if args.slow {
        go_tools::build_missing(&go_tools::used_for(&[Use::Tests]), cx)?;
    }
    let sh = shell(cx)?;
    let not_run = cx.target().join("not-run.txt");
    host::fs::create_dir_all(&cx.target())?;
    host::fs::write_atomic(&not_run, b"")?;
    sh.set_var(NOT_RUN, &not_run);
    sh.set_var(REQUIRE, required(needed, &args));
    sh.set_var(GO_TOOLS, go_tools::search_path());
    sh.set_var(SLOW, if args.slow { "1" } else { "0" });
    // A compiler named by the user is the one to test.
    let mut failures = Failures::default();
    if args.slow {
        // Without it one test fails, and all others say what they have to say.
        failures.0.extend(rust_tools::fetch(cx).err());
    }
    let filter = args.filter.as_deref();
    failures.0.extend(suite(&sh, "the tests", filter).err());
    if args.slow {
        for clang in SLOW_CLANGS {
            cx.ui.step("Testing", format_args!("with {clang}"));
            sh.set_var("CLANG", clang);
            // What takes minutes does not depend on the compiler.
            sh.set_var(SLOW, "0");
            failures.0.extend(suite(&sh, &format!("the tests with {clang}"), filter).err());
        }
        failures.0.extend(fuzz(&sh, cx).err());
    }
    report_not_run(&not_run, cx)?;
    failures.or(())
}

/// Returns the names of the tools without which a test fails: those that are
/// said to be installed, and those that were built.
fn required(needed: For, args: &Args) -> String {
    let installed = tools::TOOLS.iter().filter(|tool| args.install_deps && tool.needed <= needed);
    let built = go_tools::used_for(if args.slow { &[Use::Tests] } else { &[] });
    let fetched: &[&str] = if args.slow { &rust_tools::NAMES } else { &[] };
    let names = installed.map(|tool| tool.name).chain(built.iter().map(|tool| tool.name));
    let names = names.chain(fetched.iter().copied());
    names.collect::<Vec<_>>().join(",")
}

fn suite(sh: &Shell, what: &str, filter: Option<&str>) -> Result<(), Failure> {
    cmd!(sh, "cargo test --workspace --locked --no-fail-fast --quiet -- {filter...}")
        .quiet()
        .run()
        .with_context(|| format!("{what} failed"))
        .map_err(|error| Failure::new(Exit::Failed, error))
}

/// Fuzzes each target for a while, from objects compiled now.
fn fuzz(sh: &Shell, cx: &Context<'_>) -> Result<(), Failure> {
    let run = || -> anyhow::Result<()> {
        let _dir = sh.push_dir("fuzz");
        if host::find_tool("cargo-fuzz").is_none() {
            cmd!(sh, "cargo install --locked cargo-fuzz").run()?;
        }
        cmd!(sh, "bash seed.sh").run()?;
        let targets = cmd!(sh, "cargo +nightly fuzz list").read()?;
        for target in targets.lines() {
            cx.ui.step("Fuzzing", format_args!("{target} for {FUZZ_SECONDS}s"));
            let limit = format!("-max_total_time={FUZZ_SECONDS}");
            cmd!(sh, "cargo +nightly fuzz run {target} -- {limit}").quiet().run()?;
        }
        Ok(())
    };
    run().context("fuzzing failed").map_err(|error| Failure::new(Exit::Failed, error))
}

/// Repeats, last and together, what the tests said they could not do.
fn report_not_run(not_run: &Path, cx: &Context<'_>) -> Result<(), Failure> {
    let text = host::fs::read_to_string(not_run)?;
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    for line in &lines {
        cx.ui.note(line);
    }
    if !lines.is_empty() {
        cx.ui.note(format_args!("{} not run", ui::count(lines.len(), "test")));
    }
    Ok(())
}
