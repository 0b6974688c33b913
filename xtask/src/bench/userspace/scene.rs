//! The copy of the checkout, and what is run in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bpf_arch::Arch;
use host::Cmd;
use host::fs::IoContext;
use oci::Reference;
use oci::layout::Tree;
use tempfile::TempDir;
use ui::Failure;

use super::{CHANGED, SELECTION};
use crate::bench::cases::{copy, failed};
use crate::bench::{cost, timed};
use crate::catalogue::{self, Catalogue};
use crate::context::Context;
use crate::plan::{self, Origin, Plan};
use crate::stages::Makers;
use crate::wish::Wish;

/// What the copy has of the checkout.
const PARTS: [&str; 2] = [catalogue::FILE, "examples"];

/// What every run needs.
pub(super) struct Scene<'a> {
    pub(super) cx: &'a Context<'a>,
    program: PathBuf,
    dir: TempDir,
    pub(super) root: PathBuf,
    pub(super) target: PathBuf,
    pub(super) plan: Plan,
    /// The Go runs.
    pub(super) alone: Vec<Cmd>,
    programs: Vec<PathBuf>,
    pub(super) go: Option<String>,
    /// The source that is changed, as it is.
    source: String,
}

/// An image, and how others come to it.
pub(super) struct Image {
    /// The last of its name, which its program has too.
    pub(super) name: String,
    pub(super) reference: Reference,
    pub(super) containerfile: PathBuf,
}

/// What a piece of work came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) time: Duration,
    /// The processor's time for the processes that did it.
    pub(super) cpu: Option<Duration>,
    /// What they read, from wherever.
    pub(super) bytes_read: Option<u64>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(cx: &'a Context<'a>) -> Result<Scene<'a>, Failure> {
        let dir = tempfile::tempdir().io_context("create a directory in", &std::env::temp_dir())?;
        let path = dir.path().canonicalize().io_context("find", dir.path())?;
        let (root, target) = (path.join("checkout"), path.join("target"));
        host::fs::create_dir_all(&root)?;
        for part in PARTS {
            copy(&cx.root.join(part), &root.join(part))?;
        }
        let catalogue = Catalogue::load(&root.join(catalogue::FILE)).map_err(Failure::usage)?;
        let wish = Wish { selection: vec![SELECTION.into()], ..Wish::default() };
        let plan = plan::plan(&catalogue, &wish)?;
        let there = cx.at(root.clone(), target.clone());
        let makers = Makers::find(&plan, false, &there)?;
        let source = host::fs::read_to_string(&root.join(CHANGED))?;
        let program = std::env::current_exe().io_context("find", Path::new("this program"))?;
        let alone = makers.commands(&there).into_iter().map(|(command, ..)| command).collect();
        let (programs, go) = (makers.programs(), makers.go());
        Ok(Scene { cx, program, dir, root, target, plan, alone, programs, go, source })
    }

    /// Makes a directory for something new.
    pub(super) fn fresh_dir(&self) -> Result<PathBuf, Failure> {
        let path = self.dir.path();
        let dir = tempfile::tempdir_in(path).io_context("create a directory in", path)?;
        Ok(dir.keep())
    }

    /// Returns the command that builds the images in the copy.
    pub(super) fn ours(&self, target: &Path, args: &[&str]) -> Cmd {
        let jobs = self.cx.jobs.to_string();
        Cmd::new(&self.program)
            .args(["build-images", SELECTION, "--jobs", &jobs])
            .args(args.iter().copied())
            .env("CARGO_MANIFEST_DIR", self.root.join("xtask"))
            .env("CARGO_TARGET_DIR", target)
    }

    /// Changes the one program's source to what it never was.
    pub(super) fn change(&self, number: usize) -> Result<(), Failure> {
        // Code that is in the program, and does nothing.
        let change = format!("var change = \"{number}\"\n");
        let used = "func init() {\n\tif change == \"\" {\n\t\tpanic(change)\n\t}\n}\n";
        let text = format!("{}\n{change}\n{used}", self.source);
        Ok(host::fs::write_atomic(&self.root.join(CHANGED), text.as_bytes())?)
    }

    /// Returns how many bytes the programs have.
    pub(super) fn program_bytes(&self) -> u64 {
        self.programs.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum()
    }

    pub(super) fn platforms(&self) -> usize {
        self.plan.images.iter().map(|image| image.platforms.len()).max().unwrap_or(0)
    }

    /// Returns what there is to build.
    pub(super) fn images(&self) -> Vec<Image> {
        let images = self.plan.images.iter().filter_map(|image| {
            let Origin::Containerfile(file) = &image.origin else { return None };
            let reference = image.references.first()?.clone();
            let name = reference.repository().rsplit('/').next()?.to_owned();
            Some(Image { name, reference, containerfile: self.root.join(&file.path) })
        });
        images.collect()
    }

    /// Returns where our images are, below a target directory.
    pub(super) fn layout(&self, target: &Path, image: &Image) -> PathBuf {
        Tree::new(target.join("images")).directory(&image.reference)
    }

    /// Returns the one platform that is compared with others.
    pub(super) fn platform(&self) -> Arch {
        Arch::host().unwrap_or(Arch::Amd64)
    }
}

/// Does a piece of work and says what it came to.
pub(super) fn sample(work: impl FnOnce() -> Result<(), Failure>) -> Result<Sample, Failure> {
    let (cpu, bytes_read) = (cost::of_children(), cost::bytes_read());
    let (time, outcome) = timed(work);
    outcome?;
    let cpu = cost::of_children().zip(cpu).and_then(|(now, then)| now.checked_sub(then));
    let bytes_read = cost::bytes_read().zip(bytes_read).map(|(now, then)| now - then);
    Ok(Sample { time, cpu, bytes_read })
}

/// Runs commands one after another.
pub(super) fn one_by_one(commands: &[Cmd]) -> Result<(), Failure> {
    commands.iter().try_for_each(|command| command.run().map(drop).map_err(failed))
}
