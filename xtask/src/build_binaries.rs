//! `build-binaries`: the programs of a checkout, one set for each platform.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bpf_arch::Arch;
use cli::typed;
use host::fs::IoContext;
use serde::Serialize;
use ui::{Failure, Failures, Format};

use crate::binaries::Binaries;
use crate::catalogue::{self, Catalogue, Kind};
use crate::context::Context;
use crate::source::SourceDir;
use crate::wish;

/// Build the programs of a bpfman checkout for every platform
///
/// Writes static programs, DIR/TRIPLE/release/NAME for each platform whose tools
/// are here, and prints the paths; nothing is written into the checkout. A
/// platform whose tools are missing is left out, and what it needs is said,
/// unless it was named. The same checkout gives the same bytes in any directory.
/// What did not change is not built again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-binaries --source bpfman=../bpfman
  cargo xtask build-binaries --source bpfman=../bpfman --install-deps
  cargo xtask build-binaries --source bpfman=../bpfman --platform linux/s390x
  cargo xtask build-binaries --source bpfman=../bpfman --output /tmp/bpfman")]
pub(crate) struct Args {
    /// The checkout, and the name that what is built of it is kept under;
    /// bpfman=DIR with what the variable BPFMAN_DIR says, unless given
    #[arg(long, value_name = "NAME=DIR")]
    source: Option<SourceDir>,

    /// The programs to build; those that `cargo` of images.yaml names, unless
    /// given: bpfman, bpfman-ns and bpfman-rpc
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    program: Vec<String>,

    /// The platforms to build for, such as linux/arm64, or host; of those of
    /// images.yaml the ones that can be built for, unless given
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', value_parser = cli::platform)]
    platform: Vec<Arch>,

    /// The directory to write to; `target/binaries/NAME` unless given
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Show what would be built, and build nothing
    #[arg(long)]
    dry_run: bool,

    /// Fetch what is missing to build for other machines into ~/.cache, or
    /// XDG_CACHE_HOME: Debian's Rust with its sources, and zig
    #[arg(long)]
    install_deps: bool,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    programs: Vec<ProgramReport>,
    left_out: Vec<LeftOut>,
    /// What builds them; only where nothing is built.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    commands: Vec<String>,
    written: usize,
    failures: Vec<Failure>,
}

/// One program.
#[derive(Serialize)]
struct ProgramReport {
    name: String,
    platform: &'static str,
    path: String,
    size: u64,
}

/// A platform that nothing is built for.
#[derive(Serialize)]
struct LeftOut {
    platform: &'static str,
    reason: String,
    hints: Vec<String>,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let started = Instant::now();
    let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
    let (name, programs) = from_catalogue(&catalogue, &args)?;
    let source = match &args.source {
        Some(source) => source.clone(),
        None => source_by_variable(&catalogue, &name)?,
    };
    let platforms = platforms(&args, &catalogue);
    let output = match &args.output {
        Some(dir) => typed(dir)?,
        None => cx.target().join("binaries").join(&source.name),
    };
    let binaries =
        Binaries::find(&source, &programs, &platforms, args.install_deps && !args.dry_run, cx)?;
    let mut report = Report::new(&binaries);
    if !args.platform.is_empty() || binaries.archs().is_empty() {
        // What was asked for, and what is all there is to do.
        Failures(binaries.left_out().iter().map(|(_, lacking)| lacking.clone()).collect()).or(())?;
    }
    for (arch, lacking) in binaries.left_out() {
        cx.ui.warn(format_args!("left out {arch}: {}", lacking.chain.join(": ")));
    }
    if args.dry_run {
        return show(report, &binaries, cx);
    }
    let made = binaries.make(cx)?;
    for arch in binaries.archs() {
        let written =
            made.files(arch).and_then(|files| write(arch, &files, &output, &mut report, cx));
        report.failures.extend(written.err());
    }
    match cx.ui.format() {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => {
            report.programs.iter().try_for_each(|program| cx.ui.result(&program.path))?;
        }
    }
    cx.ui.step(
        "Built",
        format_args!(
            "{} for {}: {} written in {}",
            ui::count(programs.len(), "program"),
            ui::count(binaries.archs().len(), "platform"),
            ui::count(report.written, "file"),
            ui::human_seconds(started.elapsed().as_secs_f64()),
        ),
    );
    hints(&binaries, cx);
    Failures(report.failures).or(())
}

/// Returns which checkout the catalogue has cargo build programs of, and those
/// programs, unless the user names others.
fn from_catalogue(catalogue: &Catalogue, args: &Args) -> Result<(String, Vec<String>), Failure> {
    let with_cargo = catalogue.images.iter().find_map(|entry| match &entry.kind {
        Kind::Containerfile(file) if !file.cargo.is_empty() => {
            Some((file.source.clone()?, file.cargo.clone()))
        }
        _ => None,
    });
    match (with_cargo, args.program.as_slice()) {
        (Some((name, programs)), []) => Ok((name, programs)),
        (None, []) => {
            Err(Failure::usage("no image of the catalogue has programs that cargo builds")
                .hint("`--program NAME` names one"))
        }
        (found, given) => Ok((found.unwrap_or_default().0, given.to_vec())),
    }
}

/// Returns the checkout that the variable of its name says.
fn source_by_variable(catalogue: &Catalogue, name: &str) -> Result<SourceDir, Failure> {
    let missing = |hint: &str| {
        Failure::usage("no checkout is named").hint(format!("`--source NAME=DIR`{hint} names one"))
    };
    let Some(known) = catalogue.sources.get(name) else { return Err(missing("")) };
    match wish::variable(&known.variable) {
        Some(dir) => Ok(SourceDir { name: name.to_owned(), dir: dir.into() }),
        None => Err(missing(&format!(" or the variable {}", known.variable))),
    }
}

fn platforms(args: &Args, catalogue: &Catalogue) -> Vec<Arch> {
    let mut platforms = match args.platform.as_slice() {
        [] => catalogue.platforms.to_vec(),
        given => given.to_vec(),
    };
    platforms.sort_unstable();
    platforms.dedup();
    platforms
}

/// Shows what would be done.
fn show(mut report: Report, binaries: &Binaries, cx: &Context<'_>) -> Result<(), Failures> {
    let commands = binaries.commands(cx).into_iter().map(|(command, _)| command.to_string());
    report.commands = commands.collect();
    match cx.ui.format() {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => report.commands.iter().try_for_each(|line| cx.ui.result(line))?,
    }
    hints(binaries, cx);
    Ok(())
}

/// Says, last and once, how to get what the platforms lack that were left out.
fn hints(binaries: &Binaries, cx: &Context<'_>) {
    let mut said: Vec<&String> = Vec::new();
    for hint in binaries.left_out().iter().flat_map(|(_, lacking)| &lacking.hints) {
        if !said.contains(&hint) {
            cx.ui.note(format_args!("hint: {hint}"));
            said.push(hint);
        }
    }
}

/// Copies the programs for an architecture to where they are wanted, those
/// whose bytes differ from what is there.
fn write(
    arch: Arch,
    files: &[(PathBuf, PathBuf)],
    output: &Path,
    report: &mut Report,
    cx: &Context<'_>,
) -> Result<(), Failure> {
    const MODE: u32 = 0o755;
    for (place, made) in files {
        let path = output.join(place.strip_prefix("target").unwrap_or(place));
        let bytes = host::fs::read(made)?;
        host::fs::create_dir_all(path.parent().unwrap_or(output))?;
        if host::fs::write_if_changed(&path, &bytes)? {
            report.written += 1;
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(MODE))
            .io_context("set the mode of", &path)?;
        report.programs.push(ProgramReport {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            platform: arch.platform(),
            path: cx.shown(&path).to_string(),
            size: bytes.len() as u64,
        });
    }
    Ok(())
}

impl Report {
    fn new(binaries: &Binaries) -> Report {
        let left_out = binaries.left_out().iter().map(|(arch, lacking)| LeftOut {
            platform: arch.platform(),
            reason: lacking.chain.join(": "),
            hints: lacking.hints.clone(),
        });
        Report {
            schema: 1,
            programs: Vec::new(),
            left_out: left_out.collect(),
            commands: Vec::new(),
            written: 0,
            failures: Vec::new(),
        }
    }
}
