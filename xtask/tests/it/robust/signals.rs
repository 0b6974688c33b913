//! The user asks a build to stop: it does, tidily, wherever it is.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use host::Lock;

use super::{assert_same, assert_valid, build, send, several, temporary_files, tree};
use crate::incremental::{files, watched};
use crate::support::{Checkout, Run, finish};

const SIGNALS: [&str; 2] = ["INT", "TERM"];

/// Asserts what must be so after a stopped run, then lets the next finish.
fn assert_tidy(checkout: &Checkout, run: &Run, when: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (130, ""), "{when}: {}", run.stderr);
    assert_eq!(run.stderr.lines().last(), Some("error: interrupted"), "{when}");
    assert_eq!(temporary_files(checkout), [""; 0], "{when}");
    assert_valid(checkout, when);

    let clean = several(7);
    super::succeed(&mut build(&clean, &[]));
    super::succeed(&mut build(checkout, &[]));
    assert_same(&tree(checkout), &tree(&clean), when);
    assert_eq!(temporary_files(checkout), [""; 0], "{when}, and again");
}

#[test]
fn while_compiling() {
    for signal in SIGNALS {
        let checkout = several(7);
        let (clang, log) = (checkout.path().join("tools/clang"), checkout.path().join("log"));
        // The third compilation asks for the stop, while it runs itself.
        let at_third = format!(
            "case \"$*\" in *' -c '*) test $(grep -c ' -c ' '{0}') = 2 && kill -{signal} $PPID;; esac",
            log.display()
        );
        watched::script(&clang, &log, &at_third);
        let mut command = build(&checkout, &["--jobs", "1"]);
        let run = finish(command.env("CLANG", &clang).output().unwrap());
        let runs = std::fs::read_to_string(&log).unwrap().matches(" -c ").count();
        assert_eq!(runs, 3, "nothing is compiled after {signal}");
        assert_tidy(&checkout, &run, &format!("{signal} while compiling"));
    }
}

#[test]
fn while_writing() {
    if !Path::new("/proc/self/fd").is_dir() {
        return test_support::not_run("proc", "no `/proc` tells what a process waits for");
    }
    // What the build waits for, so that it is there when the signal comes:
    // before its first file, and before the first file that names.
    for (name, files_before) in [(".lock", false), (".lock-indexes", true)] {
        for signal in SIGNALS {
            let when = format!("{signal} while waiting for `{name}`");
            let checkout = several(7);
            let images = checkout.path().join("target/images");
            std::fs::create_dir_all(&images).unwrap();
            let lock = Lock::exclusive(&images.join(name)).unwrap();
            let mut command = build(&checkout, &["--prune"]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            wait_until(&when, || has_open(child.id(), name));
            send(signal, child.id());
            let run = finish(child.wait_with_output().unwrap());
            drop(lock);
            assert_eq!(!tree(&checkout).is_empty(), files_before, "{when}");
            assert_eq!(names(&images), [""; 0], "{when}: nothing is named");
            assert_tidy(&checkout, &run, &when);
        }
    }
}

/// Returns the layouts of a tree that have a name in them.
fn names(images: &Path) -> Vec<String> {
    files::contents(images).into_keys().filter(|name| name.ends_with("index.json")).collect()
}

/// Returns whether a process has opened a tree's lock file: then it waits for
/// it, for the test holds it.
fn has_open(pid: u32, name: &str) -> bool {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut files = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    files.any(|path| path.file_name().is_some_and(|file| file == name))
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
