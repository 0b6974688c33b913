//! The objects for this machine in its kernel, loaded by aya as bpfman loads
//! them. What libbpf makes of them, and all that needs no kernel, is tested in
//! `it/`.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aya::programs::Program;
use aya::{Btf, EbpfLoader};
use bpf_arch::Arch;
use bpf_build::{Compiler, Libbpf, Request, Source, Workshop};
use bpf_object::ProgramKind;
use host::Cmd;

/// The kernel function that the tracing programs name (`bpf/fentry.bpf.c`).
const TRACED: &str = "do_unlinkat";

/// What is said of a program that was loaded.
const LOADED: &str = "loaded";

/// How the kernel says that it does not let this user, or anyone.
const REFUSED: &str = "Operation not permitted";

/// Names the file for the results to the process that loads.
const RESULTS: &str = "BPF_BUILD_TEST_LOADED";

/// Runs the arguments with an empty bpf file system that the rest of the
/// system does not see: aya pins maps by name below `/sys/fs/bpf`, and what is
/// pinned there would stay.
const PRIVATELY: &str = r#"mount -t bpf bpf /sys/fs/bpf && exec "$@""#;

/// Returns every eBPF source of the workspace, relative to it.
fn sources(root: &Path) -> Vec<PathBuf> {
    let examples = host::fs::read_dir(&root.join("examples")).unwrap();
    let examples = examples.iter().map(|example| example.join("bpf"));
    let dirs = [root.join("bpf"), root.join("dispatchers/bpf")].into_iter().chain(examples);
    let files = dirs.filter_map(|dir| host::fs::read_dir(&dir).ok()).flatten();
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "c"));
    files.map(|path| path.strip_prefix(root).unwrap().to_owned()).collect()
}

/// Compiles them for this machine, writes the objects to `dir` and returns
/// every program as its object's file name and its own name.
fn compile(clang: &Path, arch: Arch, dir: &Path) -> BTreeMap<String, Option<ProgramKind>> {
    let root = test_support::workspace_root();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bpf");
    let compiler = Compiler::find(Some(clang), &cache.join("compilers")).unwrap();
    let libbpf = Libbpf::pinned(&root).unwrap();
    let include = ["bpf/include".into()];
    let workshop = Workshop::open(&root, &cache, compiler, &libbpf, &include).unwrap();
    let request = |path| Request { source: Source::new(path), archs: vec![arch] };
    let requests: Vec<_> = sources(&root).into_iter().map(request).collect();
    assert_eq!(requests.len(), 19);
    let built = workshop.build(&requests, NonZeroUsize::new(2).unwrap(), &|_| {});
    let mut programs = BTreeMap::new();
    for (request, built) in requests.iter().zip(built) {
        let name = request.source.path.display().to_string().replace('/', "-");
        let object = &built.objects[&arch];
        host::fs::write_atomic(&dir.join(&name), &object.bytes).unwrap();
        let of_this = object.info.programs.iter();
        programs.extend(of_this.map(|program| (format!("{name} {}", program.name), program.kind)));
    }
    programs
}

/// Loads every program of an object; returns what the kernel said of each.
fn load(object: &Path) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let mut ebpf = EbpfLoader::new().load_file(object)?;
    let kernel = Btf::from_sys_fs()?;
    let said = ebpf.programs_mut().map(|(name, program)| {
        let loaded = match program {
            Program::Xdp(program) => program.load(),
            Program::SchedClassifier(program) => program.load(),
            Program::TracePoint(program) => program.load(),
            Program::KProbe(program) => program.load(),
            Program::UProbe(program) => program.load(),
            Program::FEntry(program) => program.load(TRACED, &kernel),
            Program::FExit(program) => program.load(TRACED, &kernel),
            other => panic!("`{name}` is a {:?}", other.prog_type()),
        };
        let said = loaded.map_or_else(|error| error.to_string(), |()| LOADED.to_owned());
        (name.to_owned(), said.lines().next().unwrap_or_default().to_owned())
    });
    Ok(said.collect())
}

/// Loads every object in `dir` and writes down what the kernel said.
fn load_all(dir: &Path, results: &Path) {
    let mut text = String::new();
    for object in host::fs::read_dir(dir).unwrap() {
        let name = object.file_name().unwrap().to_string_lossy();
        let said = load(&object)
            .unwrap_or_else(|error| BTreeMap::from([("as a whole".to_owned(), error.to_string())]));
        said.iter().for_each(|(program, said)| text += &format!("{name} {program}: {said}\n"));
    }
    host::fs::write_atomic(results, text.as_bytes()).unwrap();
}

#[test]
fn aya_loads_every_program() {
    if let Some(results) = std::env::var_os(RESULTS) {
        let results = Path::new(&results);
        return load_all(&results.with_file_name("objects"), results);
    }
    let wanted = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let Some(clang) = test_support::tool(&wanted) else { return };
    let Some(arch) = Arch::host() else {
        return test_support::not_run("kernel", "no object is for this machine");
    };
    let dir = tempfile::tempdir().unwrap();
    host::fs::create_dir_all(&dir.path().join("objects")).unwrap();
    let programs = compile(&clang, arch, &dir.path().join("objects"));
    let Some(mut said) = load_privately(&dir.path().join("results")) else { return };
    if said.values().all(|said| said.contains(REFUSED)) {
        return test_support::not_run("kernel", said.values().next().unwrap());
    }
    // Some kernels let nobody look into their functions.
    let tracing = programs.iter().filter(|(_, kind)| **kind == Some(ProgramKind::Tracing));
    for (program, _) in tracing {
        if let Some(said) = said.get_mut(program).filter(|said| said.contains(REFUSED)) {
            test_support::not_run("fentry", &format!("{program}: {said}"));
            *said = LOADED.to_owned();
        }
    }
    let expected = programs.into_keys().map(|program| (program, LOADED.to_owned()));
    assert_eq!(said, expected.collect());
}

/// Lets this test load the objects in a process whose pins nobody sees;
/// returns what was said of each program. `None` where that is not permitted,
/// which is then said.
fn load_privately(results: &Path) -> Option<BTreeMap<String, String>> {
    let test = std::thread::current().name().unwrap().to_owned();
    let this = std::env::current_exe().unwrap();
    let namespace = Cmd::new("unshare").args(["--mount", "sh", "-c", PRIVATELY, "sh"]);
    let namespace = namespace.arg(this).args(["--exact", &test, "--nocapture"]);
    if let Err(error) = namespace.env(RESULTS, results).run() {
        let reason = format!("{error}: {}", error.stderr.trim());
        // Any other reason is a fault of the test.
        assert!(reason.contains("unshare") || reason.contains("mount"), "{reason}");
        test_support::not_run("kernel", &reason);
        return None;
    }
    let text = host::fs::read_to_string(results).unwrap();
    let lines = text.lines().map(|line| line.split_once(": ").unwrap());
    Some(lines.map(|(name, said)| (name.to_owned(), said.to_owned())).collect())
}
