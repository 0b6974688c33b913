//! `build-ebpf`: C sources to objects, one for each architecture.

mod output;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bpf_arch::Arch;
use bpf_build::{Built, Request, Source};
use bytecode_image::check_object;
use serde::Serialize;
use ui::{Failure, Failures, Format};

use crate::catalogue::{self, Catalogue, Kind};
use cli::compile::{Compiled, compile};
use cli::typed;

use crate::compile::{self, CompileArgs};
use crate::context::Context;
use output::Output;

/// The directory of the objects, at the top of the checkout.
const OUTPUT: &str = ".output";

/// Compile eBPF programs for every architecture
///
/// Writes DIR/STEM/bpf_ARCH_ENDIAN.o for each source and platform and
/// prints the paths. Without sources it takes every C file beside one that
/// images.yaml names. What did not change is not compiled again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-ebpf
  cargo xtask build-ebpf --libbpf-dir ~/src/libbpf/
  cargo xtask build-ebpf --platform linux/riscv64 bpf/xdp_pass.bpf.c
  CLANG=clang-22 cargo xtask build-ebpf --output /tmp/objects
  cargo xtask build-ebpf --output {dir} bpf/xdp_pass.bpf.c")]
pub(crate) struct Args {
    /// The C files
    #[arg(value_name = "SOURCE")]
    sources: Vec<PathBuf>,

    /// The platforms to compile for, such as linux/arm64; those of
    /// images.yaml unless given
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', value_parser = cli::platform)]
    platform: Vec<Arch>,

    /// The directory to write to; `.output` of the checkout unless given.
    /// With {dir} first, which stands for the directory of each source, it is
    /// the objects' own, without STEM: {dir}/.. is the one above the source's
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    #[command(flatten)]
    compile: CompileArgs,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    objects: Vec<ObjectReport>,
    compiled: usize,
    cached: usize,
    written: usize,
    failures: Vec<Failure>,
}

/// One object file.
#[derive(Serialize)]
struct ObjectReport {
    source: String,
    platform: &'static str,
    path: String,
    size: usize,
    programs: BTreeMap<String, String>,
    maps: BTreeMap<String, String>,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let started = Instant::now();
    let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
    let platforms = match args.platform.as_slice() {
        [] => catalogue.platforms.to_vec(),
        given => given.to_vec(),
    };
    let sources = match args.sources.as_slice() {
        [] => all_sources(&catalogue, cx)?,
        given => given_sources(given, &catalogue, cx)?,
    };
    let output = match &args.output {
        Some(word) => Output::new(word)?,
        None => Output::Below(cx.root.join(OUTPUT)),
    };
    output.check(&sources, &cx.root)?;
    let workshop = args.compile.workshop(cx)?;
    let requests: Vec<Request> =
        sources.into_iter().map(|source| Request { source, archs: platforms.clone() }).collect();
    let Compiled { built, compiled, cached } = compile(cx.ui, cx.jobs, &workshop, &requests);

    let mut report = Report {
        schema: 1,
        objects: Vec::new(),
        compiled,
        cached,
        written: 0,
        failures: Vec::new(),
    };
    for (request, built) in requests.iter().zip(built) {
        if let Err(error) = write(request, &built, &output, &mut report, cx) {
            report.failures.push(error);
        }
        report.failures.extend(built.failures.into_iter().map(compile::failure));
    }
    match cx.ui.format() {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => {
            let paths: BTreeSet<_> = report.objects.iter().map(|object| &object.path).collect();
            paths.into_iter().try_for_each(|path| cx.ui.result(path))?;
        }
    }
    cx.ui.step(
        "Built",
        format_args!(
            "{} for {}: {compiled} compiled, {cached} cached, {} written in {}",
            ui::count(requests.len(), "source"),
            ui::count(platforms.len(), "platform"),
            ui::count(report.written, "file"),
            ui::human_seconds(started.elapsed().as_secs_f64()),
        ),
    );
    Failures(report.failures).or(())
}

/// Returns the sources of the catalogue and every C file beside one of them.
fn all_sources(catalogue: &Catalogue, cx: &Context<'_>) -> Result<Vec<Source>, Failure> {
    let known = catalogue_sources(catalogue);
    let dirs: BTreeSet<PathBuf> =
        known.keys().filter_map(|path| path.parent().map(Path::to_owned)).collect();
    let mut sources = known;
    for dir in dirs {
        for path in host::fs::read_dir(&cx.root.join(&dir))? {
            if path.extension().is_some_and(|extension| extension == "c") {
                let path = dir.join(path.file_name().unwrap_or_default());
                sources.entry(path.clone()).or_insert_with(|| Source::new(path));
            }
        }
    }
    Ok(sources.into_values().collect())
}

/// Returns the typed sources, each with the settings that the catalogue gives
/// it.
fn given_sources(
    given: &[PathBuf],
    catalogue: &Catalogue,
    cx: &Context<'_>,
) -> Result<Vec<Source>, Failure> {
    let known = catalogue_sources(catalogue);
    let mut sources = BTreeMap::new();
    for path in given {
        let absolute = typed(path)?;
        let path = match absolute.strip_prefix(&cx.root) {
            Ok(inside) => inside.to_owned(),
            Err(_) => absolute,
        };
        let source = known.get(&path).cloned().unwrap_or_else(|| Source::new(path.clone()));
        sources.insert(path, source);
    }
    Ok(sources.into_values().collect())
}

fn catalogue_sources(catalogue: &Catalogue) -> BTreeMap<PathBuf, Source> {
    let sources = catalogue.images.iter().filter_map(|entry| match &entry.kind {
        Kind::Bytecode(source) => Some((source.path.clone(), source.clone())),
        _ => None,
    });
    sources.collect()
}

/// Writes the objects of one source, those whose bytes differ from what is
/// there.
fn write(
    request: &Request,
    built: &Built,
    output: &Output,
    report: &mut Report,
    cx: &Context<'_>,
) -> Result<(), Failure> {
    let dir = output.dir(&request.source, &cx.root);
    host::fs::create_dir_all(&dir)?;
    let mut placed = BTreeSet::new();
    for (arch, object) in &built.objects {
        let path = dir.join(arch.object_file());
        // 386 and amd64 share a file.
        if placed.insert(path.clone()) && host::fs::write_if_changed(&path, &object.bytes)? {
            report.written += 1;
        }
        for finding in check_object(&object.info) {
            cx.ui.warn(format_args!("`{}`: {finding}", request.source.path.display()));
        }
        let labels = bytecode_image::Labels::of(&object.info);
        report.objects.push(ObjectReport {
            source: request.source.path.display().to_string(),
            platform: arch.platform(),
            path: cx.shown(&path).to_string(),
            size: object.bytes.len(),
            programs: labels.programs,
            maps: labels.maps,
        });
    }
    Ok(())
}
