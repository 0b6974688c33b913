//! Workshops in temporary directories, and what the tests ask of them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use bpf_arch::Arch;
use bpf_build::{Built, Compiler, Event, Libbpf, Object, Request, Source, Workshop};
use tempfile::TempDir;

/// The project's own headers, relative to the workspace.
pub(crate) const INCLUDE: &str = "bpf/include";

/// One for every core that the test may count on.
pub(crate) const JOBS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// Longer than the kernel's tick, which is what file times are rounded to.
pub(crate) const SETTLED: Duration = Duration::from_millis(40);

/// Finds the compiler under test; `None` where there is none, which is then
/// said.
pub(crate) fn compiler(memory: &Path) -> Option<Compiler> {
    let wanted = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let clang = test_support::tool(&wanted)?;
    Some(Compiler::find(Some(&clang), memory).unwrap())
}

/// Opens a workshop for the sources at `root`, with a cache in `dir`.
pub(crate) fn workshop(root: &Path, dir: &Path, include: &[PathBuf]) -> Option<Workshop> {
    let compiler = compiler(&dir.join("compilers"))?;
    let libbpf = Libbpf::pinned(&test_support::workspace_root()).unwrap();
    Some(Workshop::open(root, dir, compiler, &libbpf, include).unwrap())
}

/// Asks for a source for the four published architectures.
pub(crate) fn published(path: impl Into<PathBuf>) -> Request {
    Request { source: Source::new(path), archs: Arch::PUBLISHED.to_vec() }
}

/// What a run of [`Workshop::build`] did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) built: Vec<Built>,
    /// The source of every run of clang, sorted.
    pub(crate) runs: Vec<String>,
    /// Every object's source and the architectures that it serves, sorted.
    pub(crate) served: Vec<(String, Vec<Arch>)>,
}

impl Outcome {
    /// Returns the one object of a build that wanted one for one architecture
    /// or the same for all.
    pub(crate) fn object(&self) -> &Object {
        let failures = self.built.iter().flat_map(|built| &built.failures);
        assert_eq!(failures.map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
        self.built[0].objects.values().next().unwrap()
    }
}

/// Builds, and notes what happened meanwhile.
pub(crate) fn build(workshop: &Workshop, requests: &[Request], jobs: NonZeroUsize) -> Outcome {
    let (runs, served) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let built = workshop.build(requests, jobs, &|event| match event {
        Event::Running(cmd) => {
            let source = cmd.get_args().last().unwrap().to_string_lossy().into_owned();
            runs.lock().unwrap().push(source);
        }
        Event::Finished { source, archs, .. } => {
            served.lock().unwrap().push((source.path.display().to_string(), archs.to_vec()));
        }
        _ => {}
    });
    let (mut runs, mut served) = (runs.into_inner().unwrap(), served.into_inner().unwrap());
    runs.sort();
    served.sort();
    Outcome { built, runs, served }
}

/// A directory of sources written for one test, and a workshop for it.
pub(crate) struct Case {
    dir: TempDir,
    workshop: Workshop,
}

impl Case {
    /// Makes one whose sources search `first` before `second`; `None` where
    /// there is no clang.
    pub(crate) fn new(files: &[(&str, &str)]) -> Option<Case> {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        host::fs::create_dir_all(&root).unwrap();
        let include = ["first".into(), "second".into()];
        let workshop = workshop(&root, &dir.path().join("cache"), &include)?;
        let case = Case { dir, workshop };
        files.iter().for_each(|(path, text)| case.put(path, text));
        Some(case)
    }

    pub(crate) fn workshop(&self) -> &Workshop {
        &self.workshop
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path)
    }

    /// Returns the entries of the cache: plans and objects.
    pub(crate) fn cache_entries(&self) -> Vec<PathBuf> {
        let part = |part| host::fs::read_dir(&self.dir.path().join("cache").join(part)).unwrap();
        ["plans", "objects"].into_iter().flat_map(part).collect()
    }

    /// Writes a file.
    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        host::fs::create_dir_all(path.parent().unwrap()).unwrap();
        host::fs::write_atomic(&path, text.as_bytes()).unwrap();
    }

    /// Builds these sources for the published architectures.
    pub(crate) fn build(&self, sources: &[&str]) -> Outcome {
        self.build_requests(&sources.iter().map(published).collect::<Vec<_>>())
    }

    /// Builds, after a while: what changed just before is compiled, but not
    /// kept, as it may have changed during the run.
    pub(crate) fn build_requests(&self, requests: &[Request]) -> Outcome {
        std::thread::sleep(SETTLED);
        build(&self.workshop, requests, JOBS)
    }
}
