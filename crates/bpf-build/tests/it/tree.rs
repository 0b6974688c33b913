//! The eBPF sources of the workspace, built once for all tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bpf_arch::Arch;
use bpf_build::{Object, Request};

use crate::support::{INCLUDE, JOBS, Outcome, build, compiler, published, workshop};

/// Where the workspace has eBPF sources.
pub(crate) const DIRS: [&str; 10] = [
    "bpf",
    "dispatchers/bpf",
    "examples/go-app-counter/bpf",
    "examples/go-kprobe-counter/bpf",
    "examples/go-tc-counter/bpf",
    "examples/go-tcx-counter/bpf",
    "examples/go-tracepoint-counter/bpf",
    "examples/go-uprobe-counter/bpf",
    "examples/go-uretprobe-counter/bpf",
    "examples/go-xdp-counter/bpf",
];

/// Every source, relative to the workspace.
pub(crate) const SOURCES: [&str; 19] = [
    "bpf/app-test.bpf.c",
    "bpf/fentry.bpf.c",
    "bpf/kprobe.bpf.c",
    "bpf/kprobe_globals.bpf.c",
    "bpf/tc_pass.bpf.c",
    "bpf/tcx_test.bpf.c",
    "bpf/tp_openat.bpf.c",
    "bpf/uprobe.bpf.c",
    "bpf/xdp_pass.bpf.c",
    "dispatchers/bpf/tc_dispatcher.bpf.c",
    "dispatchers/bpf/xdp_dispatcher_v2.bpf.c",
    "examples/go-app-counter/bpf/app_counter.c",
    "examples/go-kprobe-counter/bpf/kprobe_counter.c",
    "examples/go-tc-counter/bpf/tc_counter.c",
    "examples/go-tcx-counter/bpf/tcx_counter.c",
    "examples/go-tracepoint-counter/bpf/tracepoint_counter.c",
    "examples/go-uprobe-counter/bpf/uprobe_counter.c",
    "examples/go-uretprobe-counter/bpf/uretprobe_counter.c",
    "examples/go-xdp-counter/bpf/xdp_counter.c",
];

/// The source that no image is made of.
pub(crate) const WITHOUT_IMAGE: &str = "bpf/kprobe_globals.bpf.c";

/// The sources that read `bpf_tracing.h`, which asks for the architecture.
pub(crate) const PER_ARCH: [&str; 2] = ["bpf/app-test.bpf.c", "bpf/fentry.bpf.c"];

/// Every source for the published architectures.
pub(crate) fn requests() -> Vec<Request> {
    SOURCES.map(published).to_vec()
}

/// Returns what building all sources in the checkout gave; `None` where there
/// is no clang.
pub(crate) fn built() -> Option<&'static Outcome> {
    static BUILT: OnceLock<Outcome> = OnceLock::new();
    let dir = tempfile::tempdir().unwrap();
    // Asked every time, so that every test says that it does not run.
    compiler(dir.path())?;
    Some(BUILT.get_or_init(|| {
        let root = test_support::workspace_root();
        let workshop = workshop(&root, dir.path(), &[INCLUDE.into()]).unwrap();
        let outcome = build(&workshop, &requests(), JOBS);
        if let Some(failure) = outcome.built.iter().flat_map(|built| &built.failures).next() {
            panic!("{failure}: {}", failure.error.messages().unwrap_or_default());
        }
        outcome
    }))
}

/// Returns every object under its source and architecture.
pub(crate) fn objects(outcome: &Outcome) -> BTreeMap<(&'static str, Arch), Arc<Object>> {
    let all = SOURCES.into_iter().zip(&outcome.built);
    all.flat_map(|(source, built)| {
        built.objects.iter().map(move |(arch, object)| ((source, *arch), Arc::clone(object)))
    })
    .collect()
}

#[test]
fn the_list_is_complete() {
    let root = test_support::workspace_root();
    let mut dirs = vec!["bpf".to_owned(), "dispatchers/bpf".to_owned()];
    for example in host::fs::read_dir(&root.join("examples")).unwrap() {
        let name = example.file_name().unwrap().to_string_lossy().into_owned();
        dirs.push(format!("examples/{name}/bpf"));
    }
    let sources_in = |dir: &String| {
        let paths = host::fs::read_dir(&root.join(dir)).unwrap_or_default();
        let is_source = |path: &Path| path.extension().is_some_and(|extension| extension == "c");
        let sources = paths.into_iter().filter(|path| is_source(path));
        sources
            .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
            .collect::<Vec<_>>()
    };
    dirs.retain(|dir| !sources_in(dir).is_empty());
    assert_eq!(dirs, DIRS);
    assert_eq!(dirs.iter().flat_map(sources_in).collect::<Vec<_>>(), SOURCES);
}

#[test]
fn clang_warns_of_nothing() {
    let Some(outcome) = built() else { return };
    for ((source, arch), object) in objects(outcome) {
        assert_eq!(object.warnings, "", "{source} for {arch}");
    }
    assert_eq!(objects(outcome).len(), SOURCES.len() * Arch::PUBLISHED.len());
}
