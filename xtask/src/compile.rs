//! What `build-ebpf` and `build-images` share: which compiler and headers,
//! and how a compilation is reported.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use bpf_arch::Arch;
use bpf_build::{
    Built, CompileFailure, Compiler, CompilerError, Event, Libbpf, LibbpfError, Request, Workshop,
    WorkshopError,
};
use clap::Args;
use clap::builder::OsStringValueParser;
use ui::{Exit, Failure};

use crate::context::{Context, typed};
use crate::tools;

/// The project's own headers, relative to the checkout.
const INCLUDE: &str = "bpf/include";

/// Which compiler and which headers.
#[derive(Args, Debug)]
#[command(next_help_heading = "Compiling")]
pub(crate) struct CompileArgs {
    /// The clang to compile with: a path, or a name on PATH; 14 or newer
    #[arg(long, env = "CLANG", value_name = "PROGRAM", value_parser = OsStringValueParser::new())]
    clang: Option<OsString>,

    /// A checkout of libbpf to take the headers from, instead of the pinned
    /// copy
    #[arg(long, value_name = "DIR")]
    libbpf_dir: Option<PathBuf>,

    /// Install what is missing first, with apt
    #[arg(long)]
    install_deps: bool,
}

/// What compiling came to.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// What became of each request, in order.
    pub(crate) built: Vec<Built>,
    /// How many times clang ran.
    pub(crate) compiled: usize,
    /// How many objects the cache had.
    pub(crate) cached: usize,
}

impl CompileArgs {
    /// Opens the workshop if there is anything to compile: what is copied
    /// from another registry needs no compiler.
    pub(crate) fn workshop_for(
        &self,
        requests: &[Request],
        cx: &Context<'_>,
    ) -> Result<Option<Workshop>, Failure> {
        (!requests.is_empty()).then(|| self.workshop(cx)).transpose()
    }

    /// Installs what is missing, if that was asked for, and opens the
    /// workshop.
    pub(crate) fn workshop(&self, cx: &Context<'_>) -> Result<Workshop, Failure> {
        // One that was named is not to be had by installing another.
        if self.install_deps && self.wanted().is_none() {
            tools::install(cx, tools::For::Building)?;
        }
        let dir = cx.workshop_dir();
        let compiler = self.compiler(cx, &dir)?;
        let libbpf = match &self.libbpf_dir {
            Some(typed_dir) => Libbpf::checkout(&typed(typed_dir)?),
            None => Libbpf::pinned(&cx.root),
        };
        let libbpf = libbpf.map_err(libbpf_failure)?;
        cx.ui.debug(format_args!("libbpf: {}", libbpf.dir().display()));
        Workshop::open(&cx.root, &dir, compiler, &libbpf, &[INCLUDE.into()]).map_err(|error| {
            match error {
                WorkshopError::Libbpf(error) => libbpf_failure(error),
                other => Failure::from(other),
            }
        })
    }

    /// Returns the compiler that was named; an empty variable names none.
    fn wanted(&self) -> Option<&Path> {
        self.clang.as_deref().filter(|clang| !clang.is_empty()).map(Path::new)
    }

    fn compiler(&self, cx: &Context<'_>, dir: &Path) -> Result<Compiler, Failure> {
        let found = Compiler::find(self.wanted(), &dir.join("compilers"));
        let compiler = found.map_err(|error| {
            let exit = match error {
                CompilerError::NotClang { .. } => Exit::Usage,
                CompilerError::NotFound { .. } | CompilerError::TooOld { .. } => Exit::Missing,
                _ => Exit::Failed,
            };
            Failure::new(exit, error)
                .context("no compiler for eBPF programs")
                .hint(tools::how_to_install(&["clang"]))
                .hint("`--clang` or CLANG names another one")
        })?;
        cx.ui.debug(format_args!("clang: {} is {}", compiler.path().display(), compiler.version()));
        Ok(compiler)
    }
}

fn libbpf_failure(error: LibbpfError) -> Failure {
    match error {
        LibbpfError::NoCheckout { .. } => Failure::usage(error)
            .hint("without `--libbpf-dir` the copy that Cargo.lock pins is used"),
        LibbpfError::Cargo(_) => Failure::from(error)
            .hint("`cargo fetch` downloads the pinned copy; `--libbpf-dir` names a checkout"),
        _ => Failure::from(error),
    }
}

/// Compiles, shows progress, and counts.
pub(crate) fn compile(cx: &Context<'_>, workshop: &Workshop, requests: &[Request]) -> Compiled {
    let (compiled, cached) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = cx.ui.progress("Compiling", requests.iter().map(|r| r.archs.len()).sum());
    let observe = |event: Event<'_>| match event {
        Event::Running(command) => {
            compiled.fetch_add(1, Ordering::Relaxed);
            cx.ui.command(command);
        }
        Event::Finished { source, archs, object } => {
            let path = source.path.display();
            archs.iter().for_each(|_| progress.step(&path.to_string()));
            if object.compiled {
                cx.ui.step("Compiled", format_args!("{path} for {}", list(archs)));
            } else {
                cached.fetch_add(1, Ordering::Relaxed);
            }
            if !object.warnings.is_empty() {
                cx.ui.quote(&object.warnings);
            }
        }
        _ => {}
    };
    let built = workshop.build(requests, cx.jobs, &observe);
    let (compiled, cached) = (compiled.into_inner(), cached.into_inner());
    Compiled { built, compiled, cached }
}

/// Compiles what a plan wants; without anything to compile there is no
/// workshop.
pub(crate) fn of_plan(
    cx: &Context<'_>,
    workshop: Option<&Workshop>,
    requests: &[Request],
) -> Compiled {
    workshop.map(|workshop| compile(cx, workshop, requests)).unwrap_or_default()
}

/// Puts a failed compilation into words.
pub(crate) fn failure(failure: CompileFailure) -> Failure {
    let messages = failure.error.messages().unwrap_or_default().to_owned();
    let missing_header = messages.contains("file not found");
    let failure = Failure::from(failure).detail(messages);
    if missing_header {
        failure.hint(format!(
            "headers come from libbpf and `{INCLUDE}`, not from the host; an image whose entry \
             says `headers: system` may use the host's"
        ))
    } else {
        failure
    }
}

/// Returns platforms as words in a sentence.
pub(crate) fn list(archs: &[Arch]) -> String {
    archs.iter().map(|arch| arch.platform()).collect::<Vec<_>>().join(", ")
}
