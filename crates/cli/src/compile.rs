//! Compilations: the compiler, what is shown while it runs, and what failed.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use bpf_build::{
    Built, CompileFailure, Compiler, CompilerError, Event, Libbpf, LibbpfError, Request, Workshop,
    WorkshopError,
};
use ui::{Exit, Failure, Ui};

use crate::words::{list, typed};

/// What compiling came to.
#[derive(Debug, Default)]
pub struct Compiled {
    /// What became of each request, in order.
    pub built: Vec<Built>,
    /// How many times clang ran.
    pub compiled: usize,
    /// How many objects the cache had.
    pub cached: usize,
}

/// Finds the compiler that was named, or the newest that is known. An empty
/// name names none. `kept` is where what was learned of compilers is kept.
///
/// # Errors
///
/// Fails if there is none that can be used; `hint` says how to get one.
pub fn compiler(
    named: Option<&OsStr>,
    kept: &Path,
    hint: &str,
    ui: &Ui,
) -> Result<Compiler, Failure> {
    let named = named.filter(|clang| !clang.is_empty()).map(Path::new);
    let compiler = Compiler::find(named, kept).map_err(|error| {
        let exit = match error {
            CompilerError::NotClang { .. } => Exit::Usage,
            CompilerError::NotFound { .. } | CompilerError::TooOld { .. } => Exit::Missing,
            _ => Exit::Failed,
        };
        Failure::new(exit, error)
            .context("no compiler for eBPF programs")
            .hint(hint)
            .hint("`--clang` or CLANG names another one")
    })?;
    ui.debug(format_args!("clang: {} is {}", compiler.path().display(), compiler.version()));
    Ok(compiler)
}

/// Takes the libbpf that `--libbpf-dir` names.
///
/// # Errors
///
/// Fails if it is no checkout of libbpf; `without` says what is used without
/// the option.
pub fn checkout(dir: &Path, without: &str) -> Result<Libbpf, Failure> {
    Libbpf::checkout(&typed(dir)?).map_err(|error| libbpf_failure(error).hint(without))
}

/// Puts libbpf's absence into words.
pub fn libbpf_failure(error: LibbpfError) -> Failure {
    match error {
        LibbpfError::NoCheckout { .. } => Failure::usage(error),
        LibbpfError::Cargo(_) => Failure::from(error)
            .hint("`cargo fetch` downloads the pinned copy; `--libbpf-dir` names a checkout"),
        _ => Failure::from(error),
    }
}

/// Puts into words why there is no workshop.
pub fn workshop_failure(error: WorkshopError) -> Failure {
    match error {
        WorkshopError::Libbpf(error) => libbpf_failure(error),
        other => Failure::from(other),
    }
}

/// Compiles, shows progress, and counts.
pub fn compile(ui: &Ui, jobs: NonZeroUsize, workshop: &Workshop, requests: &[Request]) -> Compiled {
    let (compiled, cached) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = ui.progress("Compiling", requests.iter().map(|r| r.archs.len()).sum());
    let observe = |event: Event<'_>| match event {
        Event::Running(command) => {
            compiled.fetch_add(1, Ordering::Relaxed);
            ui.command(command);
        }
        Event::Finished { source, archs, object } => {
            let path = source.path.display();
            archs.iter().for_each(|_| progress.step(&path.to_string()));
            if object.compiled {
                ui.step("Compiled", format_args!("{path} for {}", list(archs)));
            } else {
                cached.fetch_add(1, Ordering::Relaxed);
            }
            if !object.warnings.is_empty() {
                ui.quote(&object.warnings);
            }
        }
        _ => {}
    };
    let built = workshop.build(requests, jobs, &observe);
    let (compiled, cached) = (compiled.into_inner(), cached.into_inner());
    Compiled { built, compiled, cached }
}

/// Puts a failed compilation into words; `headers` says where headers come
/// from, if one was not found.
pub fn failure(failure: CompileFailure, headers: &str) -> Failure {
    let messages = failure.error.messages().unwrap_or_default().to_owned();
    let missing_header = messages.contains("file not found");
    let failure = Failure::from(failure).detail(messages);
    if missing_header { failure.hint(headers) } else { failure }
}
