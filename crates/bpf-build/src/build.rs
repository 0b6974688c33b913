//! Builds sources for many architectures, each distinct object once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bpf_arch::Arch;
use host::Cmd;
use host::fs::{IoContext, IoError};
use tempfile::TempDir;

use crate::argv::{self, Setting, Source};
use crate::cache::{self, Cache, Kept, Plan};
use crate::compiler::{Compiler, KEPT_ENV};
use crate::depfile;
use crate::inputs::Inputs;
use crate::libbpf::{Libbpf, LibbpfError, Staged};
use crate::object::{self, CompileError, CompileFailure, Object};
use crate::provenance::Names;

/// A source and the architectures it is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The C file and its settings.
    pub source: Source,
    /// What it is wanted for; repeated ones count once.
    pub archs: Vec<Arch>,
}

/// What became of one [`Request`].
#[derive(Debug, Default)]
pub struct Built {
    /// The objects; several architectures may hold the same one.
    pub objects: BTreeMap<Arch, Arc<Object>>,
    /// Why the others have none. Empty if all is well.
    pub failures: Vec<CompileFailure>,
}

/// What happens while building, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// clang is about to run.
    Running(&'a Cmd),
    /// An object is there, compiled or from the cache.
    Finished {
        /// What it was made from.
        source: &'a Source,
        /// What it serves.
        archs: &'a [Arch],
        /// The object.
        object: &'a Object,
    },
}

/// Why a workshop cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkshopError {
    /// There are no libbpf headers.
    #[error(transparent)]
    Libbpf(#[from] LibbpfError),
    /// A directory could not be made.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// A compiler, its headers and a cache.
#[derive(Debug)]
pub struct Workshop {
    root: PathBuf,
    /// libbpf's headers.
    staged: Staged,
    names: Names,
    compiler: Compiler,
    setting: Setting,
    cache: Cache,
}

/// Architectures of one source whose arguments differ in nothing but the
/// architecture's macro.
struct Group {
    /// The arguments without it.
    common: Vec<OsString>,
    variants: Vec<Variant>,
}

/// Architectures whose arguments are the same to the letter.
struct Variant {
    argv: Vec<OsString>,
    archs: Vec<Arch>,
}

/// One run of [`Workshop::build`].
struct Run<'a> {
    workshop: &'a Workshop,
    requests: &'a [Request],
    built: Mutex<Vec<Built>>,
    inputs: Inputs,
    scratch: Result<TempDir, IoError>,
    compilations: AtomicUsize,
    /// Whether clang may run for what the cache lacks.
    compiles: bool,
    observe: &'a (dyn Fn(Event<'_>) + Sync),
}

impl Workshop {
    /// Opens a workshop.
    ///
    /// `root` is the directory that clang runs in and that sources and
    /// `include` directories are relative to: its own path is in no object.
    /// `dir` keeps headers and cache; it is made if it is not there.
    ///
    /// # Errors
    ///
    /// Fails if `dir` cannot be written or libbpf's headers cannot be read.
    pub fn open(
        root: &Path,
        dir: &Path,
        compiler: Compiler,
        libbpf: &Libbpf,
        include: &[PathBuf],
    ) -> Result<Workshop, WorkshopError> {
        let mut staged = libbpf.stage(&dir.join("headers"))?;
        staged.dir = staged.dir.strip_prefix(root).unwrap_or(&staged.dir).to_owned();
        let setting = Setting {
            include: [staged.dir.clone()].into_iter().chain(include.iter().cloned()).collect(),
            prefix_map: vec![(staged.dir.clone(), "libbpf")],
            clang_major: compiler.version().major,
        };
        let cache = Cache::open(dir)?;
        let names = Names::new(root, &staged.dir);
        Ok(Workshop { root: root.to_owned(), staged, names, compiler, setting, cache })
    }

    /// Returns the compiler.
    pub fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// Returns the headers of libbpf.
    pub fn libbpf(&self) -> &Staged {
        &self.staged
    }

    /// Returns the command that makes the object of `source` for `arch`,
    /// without where it writes.
    pub fn command(&self, source: &Source, arch: Arch) -> Cmd {
        self.clang(&argv::argv(source, arch, &self.setting))
    }

    /// Builds all requests, at most `jobs` compilations at a time, and
    /// returns what became of each, in their order. A source belongs in one
    /// request: two of the same are compiled twice. `observe` is called from
    /// several threads.
    pub fn build(
        &self,
        requests: &[Request],
        jobs: NonZeroUsize,
        observe: &(dyn Fn(Event<'_>) + Sync),
    ) -> Vec<Built> {
        self.run(requests, jobs, true, observe)
    }

    /// Returns what of each request the cache has, in their order. Nothing is
    /// compiled; what would have to be is among the failures.
    pub fn kept(&self, requests: &[Request], jobs: NonZeroUsize) -> Vec<Built> {
        self.run(requests, jobs, false, &|_| {})
    }

    fn run(
        &self,
        requests: &[Request],
        jobs: NonZeroUsize,
        compiles: bool,
        observe: &(dyn Fn(Event<'_>) + Sync),
    ) -> Vec<Built> {
        let run = Run {
            workshop: self,
            requests,
            built: Mutex::new(requests.iter().map(|_| Built::default()).collect()),
            inputs: Inputs::new(&self.root, &self.staged.dir),
            scratch: tempfile::tempdir().io_context("create a directory in", &std::env::temp_dir()),
            compilations: AtomicUsize::new(0),
            compiles,
            observe,
        };
        let work = || {
            rayon::scope(|scope| {
                let run = &run;
                for (index, request) in requests.iter().enumerate() {
                    for group in self.groups(request) {
                        scope.spawn(move |scope| run.group(scope, index, group));
                    }
                }
            });
        };
        match rayon::ThreadPoolBuilder::new().num_threads(jobs.get()).build() {
            Ok(pool) => pool.install(work),
            Err(_) => work(),
        }
        let mut built = run.built.into_inner().unwrap_or_else(PoisonError::into_inner);
        built.iter_mut().for_each(merge_failures);
        built
    }

    fn clang(&self, argv: &[OsString]) -> Cmd {
        Cmd::new(self.compiler.path()).args(argv).dir(&self.root).keep_env(&KEPT_ENV)
    }

    /// Groups a request's architectures by what they may share.
    fn groups(&self, request: &Request) -> Vec<Group> {
        let mut archs = request.archs.clone();
        archs.sort();
        archs.dedup();
        let mut groups: Vec<Group> = Vec::new();
        for arch in archs {
            let argv = argv::argv(&request.source, arch, &self.setting);
            let macro_arg = OsString::from(format!("-D__TARGET_ARCH_{}", arch.libbpf()));
            let common: Vec<_> = argv.iter().filter(|arg| **arg != macro_arg).cloned().collect();
            let group = match groups.iter().position(|group| group.common == common) {
                Some(index) => &mut groups[index],
                None => {
                    groups.push(Group { common, variants: Vec::new() });
                    let last = groups.len() - 1;
                    &mut groups[last]
                }
            };
            match group.variants.iter_mut().find(|variant| variant.argv == argv) {
                Some(variant) => variant.archs.push(arch),
                None => group.variants.push(Variant { argv, archs: vec![arch] }),
            }
        }
        groups
    }
}

impl<'a> Run<'a> {
    /// Makes the first variant's object; it serves the others too unless the
    /// source asks for its architecture.
    fn group<'s>(&'s self, scope: &rayon::Scope<'s>, index: usize, group: Group) {
        let Group { common, variants } = group;
        let mut variants = variants.into_iter();
        let Some(first) = variants.next() else { return };
        let mut archs = first.archs.clone();
        let made = self.make(&self.requests[index].source, &first.argv, &common);
        if matches!(made, Ok((_, true))) {
            archs.extend(variants.by_ref().flat_map(|variant| variant.archs));
            archs.sort();
        }
        self.record(index, archs, made.map(|(object, _)| object));
        let common = Arc::new(common);
        for variant in variants {
            let common = Arc::clone(&common);
            scope.spawn(move |_| {
                let made = self.make(&self.requests[index].source, &variant.argv, &common);
                self.record(index, variant.archs, made.map(|(object, _)| object));
            });
        }
    }

    fn record(&self, index: usize, archs: Vec<Arch>, made: Result<Object, CompileError>) {
        let source = &self.requests[index].source;
        if let Ok(object) = &made {
            (self.observe)(Event::Finished { source, archs: &archs, object });
        }
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        match made {
            Ok(object) => {
                let object = Arc::new(object);
                let shares = archs.into_iter().map(|arch| (arch, Arc::clone(&object)));
                built[index].objects.extend(shares);
            }
            Err(error) => {
                let source_path = source.path.clone();
                built[index].failures.push(CompileFailure { source_path, archs, error });
            }
        }
    }

    /// Returns the object that `argv` makes, and whether it serves every
    /// architecture of its byte order. Such a one is kept under the arguments
    /// that they have in common, so that whichever is wanted finds it.
    fn make(
        &self,
        source: &Source,
        argv: &[OsString],
        common: &[OsString],
    ) -> Result<(Object, bool), CompileError> {
        if host::interrupted() {
            return Err(CompileError::Interrupted);
        }
        let cache = &self.workshop.cache;
        let identity = self.workshop.compiler.identity();
        let [shared, own] = [common, argv].map(|argv| cache::request(identity, argv));
        let known = |request: &str| cache.look_up(request, &self.inputs);
        let found = known(&shared).map(|found| (found, true));
        let found = found.or_else(|| known(&own).map(|found| (found, false)));
        let compiled = found.is_none();
        let (kept, read, is_shared) = match found {
            Some(((kept, plan), is_shared)) => (kept, Some(plan.read), is_shared),
            None if !self.compiles => return Err(CompileError::NotKept),
            None => self.compile(source, argv, [&shared, &own])?,
        };
        let Kept { bytes, warnings } = kept;
        let info = bpf_object::read(&bytes)?;
        // Which architecture a shared object was compiled for is chance.
        let argv = if is_shared { common } else { argv };
        let names = &self.workshop.names;
        let provenance = read.and_then(|read| names.provenance(argv, &read, &self.inputs));
        Ok((Object { bytes, info, warnings, compiled, provenance }, is_shared))
    }

    /// Compiles, and keeps the object under the first of `requests` if it is
    /// to be shared, else under the second. Returns with it which files were
    /// read, where they are known to be as they were, and whether it is shared.
    fn compile(
        &self,
        source: &Source,
        argv: &[OsString],
        [shared, own]: [&str; 2],
    ) -> Result<(Kept, Option<Vec<PathBuf>>, bool), CompileError> {
        if !self.workshop.root.join(&source.path).is_file() {
            return Err(CompileError::NoSource);
        }
        let cmd = self.workshop.clang(argv);
        (self.observe)(Event::Running(&cmd));
        let scratch = self.scratch()?;
        let colour = cmd.arg("-fcolor-diagnostics");
        let (bytes, deps, warnings) = object::compile(&colour, &scratch)?;
        let read = depfile::parse(&deps);
        let asks = read.iter().any(|path| self.inputs.get(path).names_arch)
            || source.define.iter().any(|define| define.contains("__TARGET"));
        let request = if asks { own } else { shared };
        let kept = Kept { bytes, warnings };
        // What changed under clang's hands may not be what was hashed, and
        // what was read unseen was not hashed.
        let unseen = read.iter().any(|path| self.inputs.get(path).reads_unseen);
        if unseen || self.inputs.changed_meanwhile(&read) {
            return Ok((kept, None, !asks));
        }
        let plan = Plan::new(read, &searched(argv), &self.inputs);
        self.workshop.cache.keep(request, &plan, &self.inputs, &kept)?;
        Ok((kept, Some(plan.read), !asks))
    }

    /// Makes a directory for one compilation, removed at the end of the run.
    fn scratch(&self) -> Result<PathBuf, IoError> {
        let dir = match &self.scratch {
            Ok(dir) => dir.path(),
            Err(error) => {
                let source = std::io::Error::new(error.source.kind(), error.source.to_string());
                return Err(IoError::new(error.action, &error.path, source));
            }
        };
        let number = self.compilations.fetch_add(1, Ordering::Relaxed);
        let dir = dir.join(number.to_string());
        host::fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

/// Returns the directories that `argv` names for headers.
fn searched(argv: &[OsString]) -> Vec<PathBuf> {
    let pairs = argv.iter().zip(argv.iter().skip(1));
    pairs
        .filter(|(flag, _)| *flag == "-I" || *flag == "-idirafter")
        .map(|(_, dir)| dir.into())
        .collect()
}

/// One failure stands for all architectures that fail in the same words.
fn merge_failures(built: &mut Built) {
    let mut merged: Vec<CompileFailure> = Vec::new();
    for failure in built.failures.drain(..) {
        match merged.iter_mut().find(|other| other.error.same_as(&failure.error)) {
            Some(other) => other.archs.extend(failure.archs),
            None => merged.push(failure),
        }
    }
    merged.iter_mut().for_each(|failure| failure.archs.sort());
    merged.sort_by(|a, b| a.archs.cmp(&b.archs));
    built.failures = merged;
}
