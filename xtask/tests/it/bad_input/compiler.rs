//! Compilers and libbpf checkouts that are absent, old, or something else.

use std::path::{Path, PathBuf};

use super::{dry_run, quiet, said};
use crate::support::{Checkout, LIBBPF, program};

/// What is said where no package manager is known.
const NAMES: &str = "
hint: install the packages: clang (apt-get); clang (dnf); clang (pacman); clang (apk); clang (zypper)
hint: `--clang` or CLANG names another one
";

/// A checkout, and a directory for the only programs that are to be found.
fn checkout() -> (Checkout, PathBuf) {
    let checkout = Checkout::cold();
    let path = checkout.path().join("tools");
    std::fs::create_dir(&path).unwrap();
    (checkout, path)
}

/// Makes a program that says `line` when asked for its version.
fn speaker(path: &Path, line: &str) -> String {
    program(path, &format!("echo '{line}'"));
    path.to_str().unwrap().to_owned()
}

#[test]
fn without_clang_it_says_how_to_get_it() {
    let cases: [(&[&str], &str); 3] = [
        (&[], "`clang` was not found"),
        (&["--clang", "clang-99"], "`clang-99` was not found"),
        (&["--clang", "./no/clang"], "`./no/clang` was not found"),
    ];
    let (checkout, path) = checkout();
    for (args, why) in cases {
        let stderr = format!("error: no compiler for eBPF programs\n  Caused by: {why}\n{NAMES}");
        said(&mut dry_run(&checkout, &path, &[], args), &checkout).is(3, "", &stderr);
    }
    assert!(!checkout.path().join("target/images").exists());
}

#[test]
fn the_hint_is_for_the_package_manager_of_the_machine() {
    let cases = [
        ("apt-get", "apt-get install -y --no-install-recommends clang"),
        ("dnf", "dnf install -y clang"),
        ("pacman", "pacman -S --needed --noconfirm clang"),
        ("apk", "apk add clang"),
        ("zypper", "zypper install -y clang"),
    ];
    let (checkout, path) = checkout();
    for (manager, command) in cases {
        // `--install-deps` knows apt only.
        let more = if manager == "apt-get" { ", and so does `--install-deps`" } else { "" };
        let dir = path.join(manager);
        program(&dir.join(manager), "exit 1");
        let stderr = format!(
            "error: no compiler for eBPF programs\n  Caused by: `clang` was not found\n\n\
             hint: `{command}` installs it{more}\n\
             hint: `--clang` or CLANG names another one\n"
        );
        said(&mut dry_run(&checkout, &dir, &[], &[]), &checkout).is(3, "", &stderr);
    }
}

#[test]
fn what_is_no_clang_or_too_old_is_said() {
    let cases = [
        (
            "clang version 13.0.1",
            3,
            "`CHECKOUT/tools/cc` is clang 13.0.1, older than the oldest supported, 14",
        ),
        (
            "gcc (Debian 12.2.0-14) 12.2.0",
            2,
            "`CHECKOUT/tools/cc` is not clang: its version line is `gcc (Debian 12.2.0-14) 12.2.0`",
        ),
        ("", 2, "`CHECKOUT/tools/cc` is not clang: its version line is ``"),
    ];
    let (checkout, path) = checkout();
    for (line, code, why) in cases {
        let clang = speaker(&path.join("cc"), line);
        let stderr = format!("error: no compiler for eBPF programs\n  Caused by: {why}\n{NAMES}");
        for (envs, args) in
            [(&[][..], &["--clang", &clang][..]), (&[("CLANG", clang.as_str())], &[])]
        {
            said(&mut dry_run(&checkout, &path, envs, args), &checkout).is(code, "", &stderr);
        }
    }
}

#[test]
fn a_compiler_that_does_not_run_is_no_compiler() {
    let (checkout, path) = checkout();
    program(&path.join("clang"), "exit 7");
    let stderr =
        "error: no compiler for eBPF programs\n  Caused by: `clang` exited with status 7\n";
    let stderr = format!("{stderr}{NAMES}");
    said(&mut dry_run(&checkout, &path, &[], &[]), &checkout).is(1, "", &stderr);
}

#[test]
fn the_option_goes_before_the_variable_and_that_before_the_path() {
    let (checkout, path) = checkout();
    let good = |name: &str| speaker(&path.join(name), "clang version 18.1.3");
    let (one, two) = (good("one/clang"), good("two/cc"));
    let numbered = path.join("numbered");
    for major in [14, 9, 16] {
        good(&format!("numbered/clang-{major}"));
    }
    let of_numbered = |name: &str| numbered.join(name).to_str().unwrap().to_owned();
    let (oldest, newest) = (of_numbered("clang-14"), of_numbered("clang-16"));
    let plain = path.join("one");
    type Case<'a> = (&'a Path, Option<&'a str>, Option<&'a str>, &'a str);
    let cases: [Case<'_>; 7] = [
        (&plain, None, None, &one),
        (&numbered, None, None, &newest),
        (&plain, Some(&two), None, &two),
        (&plain, None, Some(&two), &two),
        (&plain, Some("nothing"), Some(&two), &two),
        // An empty variable is no variable.
        (&plain, Some(""), None, &one),
        (&numbered, Some("clang-14"), None, &oldest),
    ];
    for (path, variable, option, expected) in cases {
        let envs: Vec<_> = variable.into_iter().map(|value| ("CLANG", value)).collect();
        let args: Vec<_> = option.into_iter().flat_map(|value| ["--clang", value]).collect();
        let run = said(&mut dry_run(&checkout, path, &envs, &args), &checkout);
        let chosen =
            format!("&& {} ", expected.replace(checkout.path().to_str().unwrap(), "CHECKOUT"));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        let commands = run.stdout.lines().filter(|line| line.contains(" && "));
        let mut count = 0;
        for command in commands {
            count += 1;
            assert!(command.replace('\'', "").contains(&chosen), "{command}");
        }
        assert!(count > 0, "{}", run.stdout);
    }
    let stderr = "error: no compiler for eBPF programs\n  Caused by: `nothing` was not found\n";
    let wrong = said(
        &mut dry_run(&checkout, &plain, &[("CLANG", two.as_str())], &["--clang", "nothing"]),
        &checkout,
    );
    wrong.is(3, "", &format!("{stderr}{NAMES}"));
}

#[test]
fn a_directory_that_is_no_libbpf_is_refused() {
    let checkout = Checkout::warm();
    let half = checkout.path().join("half");
    std::fs::create_dir_all(half.join("src")).unwrap();
    std::fs::copy(LIBBPF.join("src/bpf_helpers.h"), half.join("src/bpf_helpers.h")).unwrap();
    let cases = [
        ("bpf", "CHECKOUT/bpf", "src/bpf_helpers.h"),
        ("nowhere", "CHECKOUT/nowhere", "src/bpf_helpers.h"),
        ("images.yaml", "CHECKOUT/images.yaml", "src/bpf_helpers.h"),
        ("half", "CHECKOUT/half", "src/bpf_helper_defs.h"),
    ];
    for (dir, shown, missing) in cases {
        for command in ["build-images", "build-ebpf"] {
            let mut command = checkout.command(&[command, "-q", "--libbpf-dir", dir]);
            let stderr = format!(
                "error: `{shown}` is no libbpf checkout: it has no `{missing}`\n\n\
                 hint: without `--libbpf-dir` the copy that Cargo.lock pins is used\n"
            );
            said(&mut command, &checkout).is(2, "", &stderr);
        }
    }
}

#[test]
fn another_clang_than_the_catalogues_is_a_warning() {
    let checkout = Checkout::warm();
    let text = checkout.read("images.yaml").replace("\nimages:", "\nclang: 999\nimages:");
    checkout.write("images.yaml", &text);
    let run = quiet(&checkout, &["xdp_pass"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 1));
    let stderr = run.stderr.strip_prefix("warning: the catalogue is built with clang 999; clang ");
    let major = stderr.and_then(|rest| rest.strip_suffix(" gives other bytes\n")).unwrap();
    assert!(major.parse::<u32>().unwrap() >= 14, "{}", run.stderr);
}
