//! Compiling: which compiler, which headers, and the C file's own options.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use bpf_build::{Libbpf, Request, Source, Workshop};
use clap::Args;
use clap::builder::OsStringValueParser;
use cli::compile::{self, checkout, compiler, workshop_failure};
use cli::typed;
use host::fs::IoContext;
use ui::{Exit, Failure, Failures};

use crate::context::{Context, cache_dir};
use crate::inputs::{Object, Objects, checked};

/// Where distributions put libbpf's headers.
const SYSTEM: [&str; 2] = ["/usr/local/include", "/usr/include"];

/// How a C file is compiled.
#[derive(Args, Debug)]
#[command(next_help_heading = "Compiling")]
pub(super) struct SourceArgs {
    /// A directory of headers; `{arch}` in it stands for libbpf's name of the
    /// architecture, such as `x86`; may be repeated
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include: Vec<String>,

    /// A macro: NAME or NAME=VALUE; may be repeated
    #[arg(short = 'D', long = "define", value_name = "MACRO")]
    define: Vec<String>,

    /// The instruction set: v1, v2, v3 or v4; v2 unless given
    #[arg(long, value_name = "VERSION", value_parser = ["v1", "v2", "v3", "v4"], hide_possible_values = true)]
    cpu: Option<String>,

    /// The clang to compile with: a path, or a name on PATH; 14 or newer
    #[arg(long, env = "CLANG", value_name = "PROGRAM", value_parser = OsStringValueParser::new())]
    clang: Option<OsString>,

    /// A checkout of libbpf to take the headers from, instead of the
    /// system's
    #[arg(long, value_name = "DIR")]
    libbpf_dir: Option<PathBuf>,
}

impl SourceArgs {
    /// Refuses options that say nothing about what is not compiled.
    pub(super) fn refuse(&self, what: &str) -> Result<(), Failure> {
        let given = [
            ("-I", !self.include.is_empty()),
            ("-D", !self.define.is_empty()),
            ("--cpu", self.cpu.is_some()),
            ("--libbpf-dir", self.libbpf_dir.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => {
                let message =
                    format!("`{option}` is for compiling, and {what} is compiled already");
                Err(Failure::usage(message.replace("objects is", "objects are")))
            }
            None => Ok(()),
        }
    }

    /// Compiles a C file for the platforms, the published ones if none are
    /// given.
    pub(super) fn compile(
        &self,
        path: &Path,
        platforms: &[Arch],
        cx: &Context<'_>,
    ) -> Result<Objects, Failures> {
        std::fs::metadata(path).io_context("open", path).map_err(Failure::usage)?;
        let path =
            std::fs::canonicalize(path).io_context("resolve", path).map_err(Failure::from)?;
        // clang runs beside the file, so that no path of this machine is in
        // the object.
        let root = path.parent().unwrap_or(Path::new("/"));
        let source = self.source(&path, root)?;
        let archs =
            if platforms.is_empty() { Arch::PUBLISHED.to_vec() } else { platforms.to_vec() };
        let kept = cache_dir().unwrap_or_else(|| std::env::temp_dir().join("bpfman"));
        let workshop = self.workshop(root, &kept, cx)?;
        let requests = [Request { source, archs: archs.clone() }];
        let compiled = compile::compile(cx.ui, cx.jobs, &workshop, &requests);
        let mut failures = Failures::default();
        let mut objects = Vec::new();
        for built in compiled.built {
            failures.0.extend(built.failures.into_iter().map(failure));
            for (arch, object) in built.objects {
                let file = format!("{}.o", requests[0].source.stem()).into();
                let object = Object {
                    arch,
                    path: file,
                    compiled: true,
                    bytes: object.bytes.clone(),
                    info: object.info.clone(),
                };
                match checked(object) {
                    Ok(object) => objects.push(object),
                    Err(failure) => failures.0.push(failure),
                }
            }
        }
        failures.or(Objects { objects, plain: false })
    }

    fn source(&self, path: &Path, root: &Path) -> Result<Source, Failure> {
        let here = typed(Path::new("."))?;
        let include = self.include.iter().map(|dir| {
            // The placeholder is no directory yet, so nothing is looked up.
            let dir = here.join(dir);
            let dir = dir.strip_prefix(root).map(Path::to_owned).unwrap_or(dir);
            dir.to_str()
                .map(str::to_owned)
                .ok_or_else(|| Failure::usage(format!("`{}` is no UTF-8", dir.display())))
        });
        Ok(Source {
            path: path.strip_prefix(root).unwrap_or(path).to_owned(),
            include: include.collect::<Result<_, _>>()?,
            define: self.define.clone(),
            cpu: self.cpu.clone(),
            system_headers: true,
        })
    }

    fn workshop(&self, root: &Path, kept: &Path, cx: &Context<'_>) -> Result<Workshop, Failure> {
        let how = "install clang 14 or newer from your distribution";
        let compiler = compiler(self.clang.as_deref(), &kept.join("compilers"), how, cx.ui)?;
        let libbpf = match &self.libbpf_dir {
            Some(dir) => checkout(dir, "without `--libbpf-dir` the system's headers are used")?,
            None => SYSTEM
                .iter()
                .find_map(|dir| Libbpf::installed(Path::new(dir)).ok())
                .ok_or_else(|| {
                    let places = SYSTEM.map(|dir| format!("`{dir}/bpf`")).join(" or ");
                    Failure::new(Exit::Missing, format!("libbpf's headers are not in {places}"))
                        .hint("install `libbpf-dev` (Debian, Ubuntu) or `libbpf-devel` (Fedora)")
                        .hint("`--libbpf-dir` names a checkout of libbpf")
                })?,
        };
        cx.ui.debug(format_args!("libbpf: {}", libbpf.dir().display()));
        Workshop::open(root, kept, compiler, &libbpf, &[]).map_err(workshop_failure)
    }
}

fn failure(failure: bpf_build::CompileFailure) -> Failure {
    compile::failure(
        failure,
        "`-I DIR` names a directory of headers; libbpf's and the system's are searched",
    )
}
