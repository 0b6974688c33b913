//! What `build-ebpf`, `build-images` and `diff-images` share: which compiler
//! and headers.

use std::ffi::OsString;
use std::path::PathBuf;

use bpf_build::{CompileFailure, Libbpf, Request, Workshop};
use clap::Args;
use clap::builder::OsStringValueParser;
use cli::compile::{Compiled, checkout, compiler, libbpf_failure, workshop_failure};
use ui::Failure;

use crate::context::Context;
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

impl CompileArgs {
    /// Returns whether what is missing is to be installed.
    pub(crate) fn installs(&self) -> bool {
        self.install_deps
    }

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
        let named = self.clang.as_deref().filter(|clang| !clang.is_empty());
        // One that was named is not to be had by installing another.
        if self.install_deps && named.is_none() {
            tools::install(cx, tools::For::Building)?;
        }
        let dir = cx.workshop_dir();
        let how = tools::how_to_install(&["clang"]);
        let compiler = compiler(named, &dir.join("compilers"), &how, cx.ui)?;
        let libbpf = match &self.libbpf_dir {
            Some(typed) => {
                checkout(typed, "without `--libbpf-dir` the copy that Cargo.lock pins is used")?
            }
            None => Libbpf::pinned(&cx.root).map_err(libbpf_failure)?,
        };
        cx.ui.debug(format_args!("libbpf: {}", libbpf.dir().display()));
        Workshop::open(&cx.root, &dir, compiler, &libbpf, &[INCLUDE.into()])
            .map_err(workshop_failure)
    }
}

/// Compiles what a plan wants; without anything to compile there is no
/// workshop.
pub(crate) fn of_plan(
    cx: &Context<'_>,
    workshop: Option<&Workshop>,
    requests: &[Request],
) -> Compiled {
    workshop
        .map(|workshop| cli::compile::compile(cx.ui, cx.jobs, workshop, requests))
        .unwrap_or_default()
}

/// Puts a failed compilation into words.
pub(crate) fn failure(failure: CompileFailure) -> Failure {
    let headers = format!(
        "headers come from libbpf and `{INCLUDE}`, not from the host; an image whose entry says \
         `headers: system` may use the host's"
    );
    cli::compile::failure(failure, &headers)
}
