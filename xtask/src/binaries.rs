//! The programs of a checkout, made on the host: static ones, for each
//! architecture whose tools are there.
//!
//! [`Binaries::find`] says what can be made and what each other platform
//! lacks, [`Binaries::make`] makes it. Not here: the images, and how cargo is
//! called, which is crate `cargo-build`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use cargo_build::{
    Build, BuildError, Checkout, CheckoutError, Kit, Lacking, Toolchain, ToolchainError, Way,
};
use host::fs::IoContext;
use host::{Cmd, Lock};
use oci::Digest;
use ui::{Exit, Failure};

use crate::context::Context;
use crate::rust_tools;
use crate::source::SourceDir;

/// What makes the programs of a checkout.
#[derive(Debug)]
pub(crate) struct Binaries {
    checkout: Checkout,
    toolchain: Toolchain,
    programs: Vec<String>,
    ways: Vec<Way>,
    left_out: Vec<(Arch, Failure)>,
    /// What is made of checkouts of this name.
    directory: PathBuf,
    /// Cargo's target directory for this checkout.
    target: PathBuf,
}

/// The programs that were made. Nobody else makes those of a checkout of the
/// same name while this lives.
#[derive(Debug)]
pub(crate) struct Made {
    programs: BTreeMap<Arch, Result<Vec<Program>, Failure>>,
    _lock: Lock,
}

/// A program that was made.
#[derive(Clone, Debug)]
struct Program {
    /// Where it is in the build context of the checkout's Containerfiles:
    /// where cargo would have put it.
    place: PathBuf,
    /// Where it is.
    path: PathBuf,
}

impl Binaries {
    /// Finds what makes `programs` of a checkout for `archs`, and gets it
    /// first if that is wanted.
    ///
    /// # Errors
    ///
    /// Fails if the directory is no checkout, or there is no Rust at all. What
    /// a single architecture lacks is no error: [`Binaries::left_out`].
    pub(crate) fn find(
        source: &SourceDir,
        programs: &[String],
        archs: &[Arch],
        install: bool,
        cx: &Context<'_>,
    ) -> Result<Binaries, Failure> {
        let checkout = Checkout::open(&source.find()?).map_err(checkout_failure)?;
        let find = |kit: &Kit| Toolchain::find(&checkout, kit).map_err(toolchain_failure);
        let mut toolchain = find(&rust_tools::kit())?;
        let would_do = |arch: &Arch| toolchain.way(*arch).is_err_and(|it| it.kit_would_do());
        if install && archs.iter().any(would_do) {
            toolchain = find(&rust_tools::fetch(cx)?)?;
        }
        let compiler = toolchain.compiler();
        let version = compiler.version();
        cx.ui.debug(format_args!("rustc: {} is {version}", compiler.rustc().display()));
        let mut binaries = Binaries {
            ways: Vec::new(),
            left_out: Vec::new(),
            directory: cx.target().join("binaries").join(&source.name),
            target: cx.target().join("binaries").join(&source.name).join(key(checkout.dir())?),
            programs: programs.to_vec(),
            checkout,
            toolchain,
        };
        for arch in archs {
            match binaries.toolchain.way(*arch) {
                Ok(way) => {
                    let rustc = way.compiler.version();
                    cx.ui.debug(format_args!("{arch}: {}, with Rust {rustc}", way.means));
                    binaries.ways.push(way);
                }
                Err(lacking) => binaries.left_out.push((*arch, lacking_failure(&lacking))),
            }
        }
        Ok(binaries)
    }

    /// Returns the architectures that programs are made for.
    pub(crate) fn archs(&self) -> Vec<Arch> {
        self.ways.iter().map(|way| way.arch).collect()
    }

    /// Returns the architectures that nothing is made for, each with what is
    /// lacking and how to get it, as the failure that it is where nothing else
    /// will do.
    pub(crate) fn left_out(&self) -> &[(Arch, Failure)] {
        &self.left_out
    }

    /// Returns the commands that make the programs, each with what it is for.
    pub(crate) fn commands(&self, cx: &Context<'_>) -> Vec<(Cmd, Arch)> {
        self.ways.iter().map(|way| (self.build(way, cx).command(), way.arch)).collect()
    }

    /// Makes the programs. Those of one architecture that cannot be made keep
    /// back no others.
    ///
    /// # Errors
    ///
    /// Fails where nothing can be written; how each architecture fared says
    /// [`Made::files`].
    pub(crate) fn make(&self, cx: &Context<'_>) -> Result<Made, Failure> {
        host::fs::create_dir_all(&self.directory)?;
        let lock = Lock::exclusive(&self.directory.join("lock"))?;
        let progress = cx.ui.progress("Building Rust programs", self.ways.len());
        // One after another: they share what is compiled for this machine,
        // and cargo has its own ways to keep all processors busy.
        let made = self.ways.iter().map(|way| {
            let made = self.make_one(way, cx);
            progress.step(way.arch.platform());
            (way.arch, made)
        });
        Ok(Made { programs: made.collect(), _lock: lock })
    }

    fn make_one(&self, way: &Way, cx: &Context<'_>) -> Result<Vec<Program>, Failure> {
        if host::interrupted() {
            return Err(Failure::new(Exit::Interrupted, "interrupted"));
        }
        let build = self.build(way, cx);
        let states = || self.programs.iter().map(|name| state(&build.program(name)));
        let before: Vec<_> = states().collect();
        cx.ui.command(build.command());
        let paths = build.run(&mut |line| cx.ui.detail(line)).map_err(build_failure)?;
        let changed = states().zip(before).filter(|(after, before)| after != before).count();
        if changed > 0 {
            let programs = ui::count(changed, "Rust program");
            cx.ui.step("Compiled", format_args!("{programs} for {}", way.arch));
        }
        let below = Path::new("target").join(way.triple).join("release");
        let named = self.programs.iter().zip(paths);
        Ok(named.map(|(name, path)| Program { place: below.join(name), path }).collect())
    }

    fn build<'a>(&'a self, way: &'a Way, cx: &Context<'_>) -> Build<'a> {
        let Binaries { checkout, toolchain, programs, target: output, .. } = self;
        Build { checkout, toolchain, way, programs, jobs: cx.jobs, output }
    }
}

impl Made {
    /// Returns the programs for an architecture: where each is in the build
    /// context of the checkout's Containerfiles, and where it is. None where
    /// the architecture was left out.
    ///
    /// # Errors
    ///
    /// Fails as making them did.
    pub(crate) fn files(&self, arch: Arch) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
        let Some(made) = self.programs.get(&arch) else { return Ok(Vec::new()) };
        let programs = made.clone()?.into_iter();
        Ok(programs.map(|program| (program.place, program.path)).collect())
    }
}

/// Returns the name of cargo's directory for a checkout. Cargo goes by time
/// and by paths inside the checkout: it would take the files of one for those
/// of another that came to the same place.
fn key(checkout: &Path) -> Result<String, Failure> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    let directory = checkout.metadata().io_context("read", checkout)?;
    let identity = format!("{} {} ", directory.dev(), directory.ino());
    let identity = [identity.as_bytes(), checkout.as_os_str().as_bytes()].concat();
    Ok(format!("cargo-{}", &Digest::of(&identity).hex()[..12]))
}

/// Returns what tells whether cargo has made a program anew.
fn state(program: &Path) -> Option<(u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    let file = program.metadata().ok()?;
    Some((file.ino(), file.mtime(), file.mtime_nsec()))
}

fn checkout_failure(error: CheckoutError) -> Failure {
    Failure::usage(error).hint("`--source NAME=DIR` names the top of a checkout")
}

/// Puts into words that there is no Rust.
fn toolchain_failure(error: ToolchainError) -> Failure {
    let (said, hint) = match &error {
        ToolchainError::Pinned { source, .. } => (
            source.stderr.clone(),
            "`rustup toolchain install`, typed in the checkout, installs what it names",
        ),
        ToolchainError::Run { source, .. } => (source.stderr.clone(), "`RUSTC` names another"),
        _ => (String::new(), "`https://rustup.rs` installs Rust"),
    };
    Failure::missing(error).detail(said).hint(hint)
}

/// Puts into words what an architecture lacks.
fn lacking_failure(lacking: &Lacking) -> Failure {
    let mut failure = Failure::missing(lacking.to_string());
    if lacking.kit_would_do() {
        failure = failure.hint(rust_tools::HINT);
    }
    match lacking.rustup_command() {
        Some(command) => failure.hint(format!(
            "`{command}`, typed in the checkout, adds its sources to the Rust of rustup; with \
             `cargo-zigbuild` and `zig` on PATH, that will do as well"
        )),
        None => failure,
    }
}

/// Puts a failed build into words.
fn build_failure(error: BuildError) -> Failure {
    match error {
        BuildError::NoProgram { ref source, .. } => {
            let said = source.stderr.clone();
            Failure::usage(error)
                .detail(said)
                .hint("`--source NAME=DIR` names the top of a checkout")
        }
        BuildError::Cargo { ref source, .. } => {
            let said = source.stderr.clone();
            Failure::from(error).detail(said)
        }
        error => Failure::from(error),
    }
}
