//! The same bytes wherever, however and in whatever environment.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use bpf_build::Source;
use host::Cmd;

use crate::support::{Case, INCLUDE, build, published, workshop};
use crate::tree::{DIRS, built, objects, requests};

/// Copies the sources of the workspace and the headers they read.
fn copy_tree(to: &Path) {
    let root = test_support::workspace_root();
    for dir in DIRS.into_iter().chain(["bpf/include/linux", "examples/bpf"]) {
        host::fs::create_dir_all(&to.join(dir)).unwrap();
        let paths = host::fs::read_dir(&root.join(dir)).unwrap();
        for path in paths.iter().filter(|path| path.is_file()) {
            std::fs::copy(path, to.join(path.strip_prefix(&root).unwrap())).unwrap();
        }
    }
}

/// Builds a copy of the sources and compares it with what the checkout gave.
fn assert_same(root: &Path, cache: &Path, jobs: usize) {
    let Some(expected) = built() else { return };
    copy_tree(root);
    let Some(workshop) = workshop(root, cache, &[INCLUDE.into()]) else { return };
    let outcome = build(&workshop, &requests(), NonZeroUsize::new(jobs).unwrap());
    let (expected, found) = (objects(expected), objects(&outcome));
    assert_eq!(found.len(), expected.len());
    for ((source, arch), object) in found {
        assert!(object.compiled, "{source} for {arch}");
        let same = object.bytes == expected[&(source, arch)].bytes;
        assert!(same, "{source} for {arch} differs below {}", root.display());
    }
}

#[test]
fn a_tree_elsewhere_with_its_cache_inside_gives_the_same() {
    let dir = tempfile::tempdir().unwrap();
    assert_same(dir.path(), &dir.path().join("target/bpf"), 1);
}

#[test]
fn a_tree_of_a_long_name_with_its_cache_outside_gives_the_same() {
    let (dir, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_same(&dir.path().join("a longer name = with, such $(things)"), cache.path(), 7);
}

#[test]
fn a_source_outside_the_tree_gives_the_same_anywhere() {
    let text = "#include \"beside.h\"\nconst char a[] = __FILE__ BESIDE;\n";
    let Some(case) = Case::new(&[("a.c", "")]) else { return };
    let made = ["one", "the other one"].map(|name| {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join(name);
        host::fs::create_dir_all(&dir).unwrap();
        host::fs::write_atomic(&dir.join("a.c"), text.as_bytes()).unwrap();
        host::fs::write_atomic(&dir.join("beside.h"), b"#define BESIDE __FILE__\n").unwrap();
        case.build_requests(&[published(dir.join("a.c"))]).object().bytes.clone()
    });
    assert!(made[0] == made[1]);
}

/// Tells the test that it runs in the environment that another made.
const RESULT: &str = "BPF_BUILD_TEST_RESULT";

/// Reads what no directory of the workshop has.
const GREEDY: &str = "#if __has_include(<stranger.h>)\n#include <stranger.h>\n#endif\n\
    #ifdef STRANGE\nint strange;\n#endif\n__attribute__((section(\"xdp\"))) int x(void)\n\
    {\n\treturn 2;\n}\n";

/// The variables from which clang takes headers and options (its manual,
/// "ENVIRONMENT", and `clang/tools/driver/driver.cpp`), pointing at `strange`.
fn strange_environment(strange: &Path) -> Vec<(&'static str, PathBuf)> {
    let paths = ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH"];
    let paths = paths.into_iter().map(|name| (name, strange.to_owned()));
    let other = [
        ("CCC_OVERRIDE_OPTIONS", "+-DSTRANGE"),
        ("SOURCE_DATE_EPOCH", "1"),
        ("LC_ALL", "de_DE.UTF-8"),
        ("CLANG_NO_DEFAULT_CONFIG", "1"),
        ("PWD", "/nowhere"),
    ];
    paths.chain(other.map(|(name, value)| (name, value.into()))).collect()
}

#[test]
fn the_environment_does_not_matter() {
    let Some(case) = Case::new(&[("greedy.c", GREEDY)]) else { return };
    let bytes = case.build(&["greedy.c"]).object().bytes.clone();
    if let Some(result) = std::env::var_os(RESULT) {
        host::fs::write_atomic(Path::new(&result), &bytes).unwrap();
        return;
    }
    case.put("strange/stranger.h", "#define STRANGE\n");
    let result = case.path("result");
    let test = std::thread::current().name().unwrap().to_owned();
    let again = Cmd::new(std::env::current_exe().unwrap()).args(["--exact", &test]);
    let again = again.env(RESULT, &result);
    let strange = strange_environment(&case.path("strange"));
    strange.iter().cloned().fold(again, |cmd, (name, value)| cmd.env(name, value)).run().unwrap();
    assert!(host::fs::read(&result).unwrap() == bytes);
    // The environment is one that matters to a clang that gets it.
    let plain = case.workshop().command(&Source::new("greedy.c"), Arch::Amd64);
    let exposed = Cmd::new(plain.program()).args(plain.get_args()).dir(case.path(""));
    let exposed = exposed.arg("-o").arg(&result);
    strange.into_iter().fold(exposed, |cmd, (name, value)| cmd.env(name, value)).run().unwrap();
    let exposed = bpf_object::strip_debug(&host::fs::read(&result).unwrap()).unwrap();
    assert!(exposed != bytes);
}
