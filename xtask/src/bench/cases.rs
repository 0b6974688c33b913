//! The builds that are measured, each by running this program.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bpf_arch::Arch;
use bpf_build::{Built, Compiler, Event, Libbpf, Request, Workshop};
use host::Cmd;
use host::fs::IoContext;
use tempfile::TempDir;
use ui::Failure;

use super::{Measurement, timed};
use crate::catalogue::{self, Catalogue};
use crate::context::Context;
use crate::plan;
use crate::wish::Wish;

/// The source that is touched and changed.
const CHANGED: &str = "bpf/xdp_pass.bpf.c";

/// What a copy of the checkout needs to be built from.
const PARTS: [&str; 4] = ["images.yaml", "bpf", "dispatchers/bpf", "examples"];

/// What every case needs.
pub(super) struct Bench<'a> {
    cx: &'a Context<'a>,
    program: PathBuf,
    /// Where things are made; removed at the end.
    scratch: TempDir,
    libbpf: Libbpf,
    workshop: Workshop,
    /// The clang runs of a cold build of all bytecode.
    pub(super) commands: Vec<Cmd>,
    pub(super) requests: Vec<Request>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(cx: &'a Context<'a>) -> Result<Bench<'a>, Failure> {
        let scratch =
            tempfile::tempdir().io_context("create a directory in", &std::env::temp_dir())?;
        let dir = scratch.path().join("workshop");
        let libbpf = Libbpf::pinned(&cx.root)?;
        let compiler = Compiler::find(std::env::var_os("CLANG").as_deref().map(Path::new), &dir)?;
        let workshop = Workshop::open(&cx.root, &dir, compiler, &libbpf, &["bpf/include".into()])?;
        let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
        let wish = Wish { selection: vec!["bytecode".into()], ..Wish::default() };
        let requests = plan::plan(&catalogue, &wish)?.requests;
        let commands = Mutex::new(Vec::new());
        workshop.build(&requests, cx.jobs, &|event| {
            if let (Event::Running(command), Ok(mut commands)) = (event, commands.lock()) {
                commands.push(command.clone());
            }
        });
        let commands = commands.into_inner().unwrap_or_default();
        let program = std::env::current_exe().io_context("find", Path::new("this program"))?;
        Ok(Bench { cx, program, scratch, libbpf, workshop, commands, requests })
    }

    /// Returns the objects of one source, for all published architectures.
    pub(super) fn objects(&self, source: &Path) -> Result<Built, Failure> {
        let request = self.requests.iter().find(|request| request.source.path == source);
        let requests: Vec<_> = request.into_iter().cloned().collect();
        let built = self.workshop.build(&requests, self.cx.jobs, &|_| ());
        built.into_iter().next().filter(|built| built.failures.is_empty()).ok_or_else(|| {
            let message = format!("`{}` cannot be compiled", source.display());
            Failure::new(ui::Exit::Failed, message)
        })
    }

    pub(super) fn clang_version(&self) -> String {
        self.workshop.compiler().version().to_string()
    }

    /// Returns a path for something new.
    pub(super) fn fresh(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Makes a directory for something new.
    pub(super) fn fresh_dir(&self) -> Result<PathBuf, Failure> {
        let dir = tempfile::tempdir_in(self.scratch.path())
            .io_context("create a directory in", self.scratch.path())?;
        Ok(dir.keep())
    }

    /// Returns the commands for every source and architecture, none of them
    /// shared: what a builder runs that does not know better.
    pub(super) fn unshared_commands(&self) -> Vec<Cmd> {
        let each = self.requests.iter().flat_map(|request| {
            let archs = Arch::PUBLISHED.into_iter();
            archs.map(|arch| self.workshop.command(&request.source, arch))
        });
        each.collect()
    }

    /// A cold build beside the same clang runs alone; with it the most
    /// memory that the build held, in KiB.
    pub(super) fn cold(&self, runs: usize) -> Result<(Vec<Measurement>, u64), Failure> {
        let (mut alone, mut cold, mut peak) = (Vec::new(), Vec::new(), 0);
        for run in 0..runs {
            alone.push(timed(|| self.run_all(&self.commands, self.cx.jobs.get())));
            let target = self.fresh(&format!("cold-{run}"));
            let build =
                self.build(&["bytecode", "-vv"]).env("CARGO_TARGET_DIR", target.as_os_str());
            let (time, output) = timed(|| build.run());
            peak = peak.max(peak_memory(&output?.stderr));
            cold.push(time);
        }
        let alone = alone.into_iter().map(|(time, outcome)| outcome.map(|()| time));
        let alone: Vec<Duration> = alone.collect::<Result<_, _>>()?;
        let name = format!("{} clang runs alone", self.commands.len());
        let alone = Measurement::new(name, alone);
        let cold = Measurement::new("cold build of all bytecode", cold).beside(&alone);
        Ok((vec![alone, cold], peak))
    }

    /// Builds where nothing changed: the program, and the command as typed.
    pub(super) fn warm(&self, runs: usize) -> Result<Vec<Measurement>, Failure> {
        let program = self.build(&["bytecode", "-q"]);
        let typed =
            Cmd::new("cargo").args(["xtask", "build-images", "bytecode", "-q"]).dir(&self.cx.root);
        program.run()?;
        let (mut programs, mut typeds) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            programs.push(succeeded(timed(|| program.run()))?);
            typeds.push(succeeded(timed(|| typed.run()))?);
        }
        Ok(vec![
            Measurement::new("warm, nothing changed: the program", programs),
            Measurement::new("warm, nothing changed: as typed", typeds),
        ])
    }

    /// One source touched, and one changed.
    pub(super) fn one_source(&self, runs: usize) -> Result<Vec<Measurement>, Failure> {
        let root = self.copy()?;
        let source = root.join(CHANGED);
        let text = host::fs::read_to_string(&source)?;
        let build = self.build_in(&root, &["-q"]);
        build.run()?;
        let (mut touched, mut changed) = (Vec::new(), Vec::new());
        for run in 0..runs {
            host::fs::write_atomic(&source, text.as_bytes())?;
            build.run()?;
            host::fs::write_atomic(&source, text.as_bytes())?;
            touched.push(succeeded(timed(|| build.run()))?);
            host::fs::write_atomic(&source, format!("{text}\nint extra_{run};\n").as_bytes())?;
            changed.push(succeeded(timed(|| build.run()))?);
        }
        Ok(vec![
            Measurement::new("one source touched", touched),
            Measurement::new("one source changed", changed),
        ])
    }

    /// Builds of many images of few objects, to new trees.
    pub(super) fn many(&self, runs: usize) -> Result<Vec<Measurement>, Failure> {
        let root = self.copy()?;
        self.build_in(&root, &["-q"]).run()?;
        let mut measurements: Vec<Measurement> = Vec::new();
        for count in [250, 500, 1000] {
            host::fs::write_atomic(&root.join(catalogue::FILE), many_images(count).as_bytes())?;
            let mut times = Vec::new();
            for run in 0..runs {
                let to = format!("oci:{}", self.fresh(&format!("many-{count}-{run}")).display());
                times.push(succeeded(timed(|| self.build_in(&root, &["-q", "--to", &to]).run()))?);
            }
            let measurement = Measurement::new(format!("{count} images, objects cached"), times);
            measurements.push(match measurements.first() {
                Some(first) => measurement.beside(first),
                None => measurement,
            });
        }
        Ok(measurements)
    }

    /// Runs commands, so many at a time, each writing its own file.
    pub(super) fn run_all(&self, commands: &[Cmd], jobs: usize) -> Result<(), Failure> {
        let dir = self.fresh("alone");
        host::fs::create_dir_all(&dir)?;
        let to = |(index, command): (usize, &Cmd)| {
            command.clone().arg("-o").arg(dir.join(index.to_string()))
        };
        run_all(&commands.iter().enumerate().map(to).collect::<Vec<_>>(), jobs)
    }

    /// Returns `build-images` of this program, with as many jobs.
    pub(super) fn build(&self, args: &[&str]) -> Cmd {
        let jobs = self.cx.jobs.to_string();
        Cmd::new(&self.program).args(["build-images", "--jobs", &jobs]).args(args.iter().copied())
    }

    fn build_in(&self, root: &Path, args: &[&str]) -> Cmd {
        self.build(args)
            .arg("--libbpf-dir")
            .arg(self.libbpf.dir().as_os_str())
            .env("CARGO_MANIFEST_DIR", root.join("xtask"))
            .env("CARGO_TARGET_DIR", root.join("target"))
    }

    /// Copies the sources, so that a case can change them.
    fn copy(&self) -> Result<PathBuf, Failure> {
        let root = self.fresh_dir()?;
        for part in PARTS {
            copy(&self.cx.root.join(part), &root.join(part))?;
        }
        Ok(root)
    }
}

/// Runs commands, so many at a time.
pub(super) fn run_all(commands: &[Cmd], jobs: usize) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), Failure> {
        while let Some(command) = commands.get(next.fetch_add(1, Ordering::Relaxed)) {
            command.run().map_err(failed)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let panicked = || Err(Failure::new(ui::Exit::Internal, "a thread panicked"));
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| panicked()))
    })
}

/// A failure with what the command said.
pub(super) fn failed(error: host::RunError) -> Failure {
    let said = error.stderr.clone();
    Failure::from(error).detail(said)
}

fn succeeded<T>(
    (time, outcome): (Duration, Result<T, host::RunError>),
) -> Result<Duration, Failure> {
    Ok(outcome.map(|_| time)?)
}

/// Reads what `build-images -vv` says of its memory, in KiB.
pub(super) fn peak_memory(stderr: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().find_map(|line| line.strip_prefix("peak memory: "));
    line.and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn many_images(count: usize) -> String {
    let mut text = "registry: quay.io\ntag: latest\n\
        platforms: [linux/amd64, linux/arm64, linux/ppc64le, linux/s390x]\nimages:\n"
        .to_owned();
    for number in 0..count {
        text += &format!(
            "  - {{name: image-{number}, organization: many, description: Image {number}, \
             licenses: MIT, bytecode: {CHANGED}}}\n"
        );
    }
    text
}

/// Copies a file, or a directory with all that is in it.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if from.is_dir() {
        host::fs::create_dir_all(to)?;
        for path in host::fs::read_dir(from)? {
            copy(&path, &to.join(path.file_name().unwrap_or_default()))?;
        }
    } else {
        host::fs::write_atomic(to, &host::fs::read(from)?)?;
    }
    Ok(())
}
