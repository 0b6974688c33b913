//! The objects for this machine in its kernel, loaded by libbpf.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use host::Cmd;

use crate::tree::{PER_ARCH, SOURCES, built, objects};

/// Loads objects, each into an empty bpf file system that the system does not
/// see: libbpf pins maps by name below `/sys/fs/bpf`, and what is pinned there
/// would stay. Writes the programs' pins to `OBJECT.pins` and what bpftool
/// says to `OBJECT.log`.
const LOAD: &str = r#"
bpftool=$1
shift
for object; do
    mount -t bpf bpf /sys/fs/bpf || exit
    "$bpftool" prog loadall "$object" /sys/fs/bpf/it >"$object.log" 2>&1
    ls /sys/fs/bpf/it >"$object.pins" 2>&1
    umount /sys/fs/bpf || exit
done
"#;

/// How the kernel says that it does not let this user, or anyone.
const REFUSED: &str = "Operation not permitted";

/// What became of one object.
#[derive(Debug)]
struct Loaded {
    pins: Vec<String>,
    log: String,
}

/// Loads the objects of all sources; `None` where they cannot be tried, which
/// is then said.
fn load(bpftool: &Path, arch: Arch, dir: &Path) -> Option<BTreeMap<&'static str, Loaded>> {
    let objects = objects(built()?);
    let paths = SOURCES.map(|source| dir.join(source.replace('/', "-")));
    for (source, path) in SOURCES.into_iter().zip(&paths) {
        host::fs::write_atomic(path, &objects[&(source, arch)].bytes).unwrap();
    }
    let namespace = Cmd::new("unshare").args(["--mount", "sh", "-c", LOAD, "sh"]);
    if let Err(error) = namespace.arg(bpftool).args(&paths).run() {
        test_support::not_run("kernel", &format!("{error}: {}", error.stderr.trim()));
        return None;
    }
    let read = |path: &Path, part: &str| {
        let name = format!("{}.{part}", path.display());
        host::fs::read_to_string(&PathBuf::from(name)).unwrap()
    };
    let loaded = paths.iter().map(|path| Loaded {
        pins: read(path, "pins").lines().map(str::to_owned).collect(),
        log: read(path, "log"),
    });
    Some(SOURCES.into_iter().zip(loaded).collect())
}

#[test]
fn libbpf_loads_every_object() {
    let Some(bpftool) = test_support::tool("bpftool") else { return };
    let published = Arch::host().filter(|arch| Arch::PUBLISHED.contains(arch));
    let Some(arch) = published else {
        return test_support::not_run("kernel", "no object is for this machine");
    };
    let dir = tempfile::tempdir().unwrap();
    let Some(mut loaded) = load(&bpftool, arch, dir.path()) else { return };
    if let Some(reason) = all_refused(&loaded) {
        return test_support::not_run("kernel", &reason);
    }
    // Some kernels let nobody look into their functions.
    for (source, program) in PER_ARCH.into_iter().zip(["fentry_test", "test_fentry"]) {
        let Some(reason) = refusal(&loaded[source]) else { continue };
        let expected = format!("libbpf: prog '{program}': BPF program load failed: {REFUSED}");
        assert_eq!(reason, expected, "{source}");
        test_support::not_run("fentry", &format!("{source}: {reason}"));
        loaded.remove(source);
    }
    for (source, Loaded { pins, log }) in loaded {
        let info = &objects(built().unwrap())[&(source, arch)].info;
        let mut programs: Vec<_> = info.programs.iter().map(|program| &program.name).collect();
        programs.sort();
        assert_eq!(pins.iter().collect::<Vec<_>>(), programs, "{source}: {log}");
    }
}

/// Returns the line in which the kernel refused an object.
fn refusal(loaded: &Loaded) -> Option<String> {
    loaded.log.lines().find(|line| line.contains(REFUSED)).map(str::to_owned)
}

/// Returns what the kernel said if it refused every object.
fn all_refused(loaded: &BTreeMap<&str, Loaded>) -> Option<String> {
    let refusals: Option<Vec<_>> = loaded.values().map(refusal).collect();
    refusals?.into_iter().next()
}
