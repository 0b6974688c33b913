//! `doctor --rust-tools`: what builds for other machines is fetched once,
//! whole or not at all, from an apt and a Python that a test has made.

use std::path::PathBuf;

use crate::cli::files;
use crate::cli::machine::Machine;
use crate::support::{Checkout, finish};

const ARGS: [&str; 2] = ["doctor", "--rust-tools"];

/// Offers a version; and says what needs what.
const APT_CACHE: &str = "case \"$1 $2\" in
'policy rustc-web') echo 'rustc-web:'; echo '  Installed: (none)'; echo '  Candidate: 2:1.96.0+x~1' ;;
'depends rustc-web') echo rustc-web; echo '  Depends: libc6'; echo '  Depends: libstd-rust-web-dev' ;;
'depends libstd-rust-web-dev') echo '  Depends: libstd-rust-web-1.96' ;;
'depends libstd-rust-web-1.96') echo '  Depends: libllvm22' ;;
esac";

/// Puts a package of each name where it runs.
const APT_GET: &str = "shift; for name; do echo >\"${name}_1.deb\"; done";

/// Unpacks a package: a compiler, whatever it is.
const DPKG_DEB: &str = "/bin/mkdir -p \"$3/usr/bin\"; /bin/cat \"$2\" >>\"$3/usr/bin/rustc\"";

/// Makes another Python that installs both programs where it is told.
const PYTHON: &str = "if [ \"$2\" = venv ]; then
  /bin/mkdir -p \"$3/bin\"; /bin/cp \"$0\" \"$3/bin/python3\"; exit
fi
while [ \"$1\" != --target ]; do shift; done
/bin/mkdir -p \"$2/bin\" \"$2/ziglang\"
for program in \"$2/bin/cargo-zigbuild\" \"$2/ziglang/zig\"; do
  echo '#!/bin/sh' >\"$program\"; /bin/chmod 755 \"$program\"
done";

fn machine(python: &str) -> Machine {
    Machine::new()
        .stand_in("clang", "")
        .stand_in("apt-cache", APT_CACHE)
        .stand_in("apt-get", APT_GET)
        .stand_in("dpkg-deb", DPKG_DEB)
        .stand_in("python3", python)
}

fn folder(machine: &Machine) -> PathBuf {
    machine.cache().join("bpfman-image-factory/rust-tools")
}

#[test]
fn both_parts_are_fetched_once() {
    let (machine, checkout) = (machine(PYTHON), Checkout::cold());
    let run = machine.run(&checkout, &ARGS);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<_> = run.stderr.lines().map(str::trim_start).collect();
    let [debian, zig] = lines[..] else { panic!("{}", run.stderr) };
    assert_eq!(debian, "Fetching Debian's Rust 2:1.96.0+x~1 with its sources");
    assert!(zig.starts_with("Fetching cargo-zigbuild 0."), "{zig}");
    assert!(run.stdout.contains("2_1.96.0+x~1"), "{}", run.stdout);
    assert!(!run.stdout.contains("not fetched"), "{}", run.stdout);
    let log = machine.log();
    let downloads: Vec<_> = log.lines().filter(|line| line.starts_with("apt-get")).collect();
    let packages = "apt-get download rustc-web libstd-rust-web-dev rust-web-src \
                    libstd-rust-web-1.96 libllvm22";
    assert_eq!(downloads, [packages], "nothing is installed");
    let pinned = log.lines().find(|line| line.contains("pip install")).unwrap();
    let pinned: Vec<_> = pinned.split(' ').filter(|word| word.contains("==")).collect();
    assert_eq!(pinned.len(), 2, "{pinned:?}");
    // Each is there whole, and nothing else.
    let found = files(&folder(&machine));
    let names: Vec<_> = found.keys().map(|path| path.to_str().unwrap()).collect();
    let key = names[3].split('/').next().unwrap();
    let expected = [
        "debian-rust-2_1.96.0+x~1/rustc".to_owned(),
        "debian-rust-2_1.96.0+x~1/usr/bin/rustc".to_owned(),
        "lock".to_owned(),
        format!("{key}/bin/cargo-zigbuild"),
        format!("{key}/ziglang/zig"),
    ];
    assert_eq!(names, expected);
    assert_eq!(found.values().nth(1).unwrap().len(), 5, "all packages are in it");

    let before = log.lines().filter(|line| !line.contains("--version")).count();
    let again = machine.run(&checkout, &ARGS);
    assert_eq!((again.code, again.stderr.as_str(), &again.stdout), (0, "", &run.stdout));
    let after = machine.log().lines().filter(|line| !line.contains("--version")).count();
    assert_eq!(after, before, "nothing is asked again");
}

#[test]
fn several_at_once_share_the_work() {
    let (machine, checkout) = (machine(PYTHON), Checkout::cold());
    let start = || {
        let mut command = machine.command(&checkout, &ARGS);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    for child in [start(), start(), start()] {
        let run = finish(child.wait_with_output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let count = |word: &str| machine.log().lines().filter(|line| line.contains(word)).count();
    assert_eq!((count("apt-get download"), count("pip install")), (1, 1));
}

#[test]
fn a_half_is_left_nowhere_and_the_other_part_is_kept() {
    let python =
        format!("case $* in *install*) echo 'no such release' >&2; exit 1; esac\n{PYTHON}");
    let (machine, checkout) = (machine(&python), Checkout::cold());
    let run = machine.run(&checkout, &ARGS);
    let (_, said) = run.stderr.split_once("error: ").unwrap();
    let expected = "failed to fetch zig\n  Caused by: `python3` exited with status 1\n    \
                    no such release\n\nhint: `cargo-zigbuild` and `zig` of PATH will do as well\n";
    assert_eq!((run.code, said), (1, expected));
    let names: Vec<_> = files(&folder(&machine)).into_keys().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let machine = Machine::new().stand_in("clang", "");
    let run = machine.run(&checkout, &ARGS);
    let expected = "error: `apt-get` is missing to fetch Debian's Rust\n\nhint: `rustup component \
                    add rust-src` adds its sources to the Rust of rustup: that will do\n";
    assert_eq!((run.code, run.stderr.as_str()), (3, expected));
}
