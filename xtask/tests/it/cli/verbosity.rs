//! `-q`, `-qq` and `-v`.

use std::process::Command;

use super::timeless;
use crate::support::{Checkout, finish};

const SOURCE: &str = include_str!("../../../../bpf/xdp_pass.bpf.c");

#[test]
fn quiet_says_results_only_and_very_quiet_nothing() {
    let checkout = Checkout::warm();
    let images: [&[&str]; 4] = [
        &["--to", "oci:out", "xdp_pass"],
        &["--to", "oci:out", "xdp_pass"],
        &["--to", "oci:other", "xdp_pass", "--dry-run"],
        // The selection has something to leave out.
        &["--to", "oci:out", "bpfman-bytecode/go-xdp-counter"],
    ];
    for args in images {
        let quiet = checkout.build_images(&[args, &["-q"]].concat());
        assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""), "{args:?}");
        let aloud = checkout.build_images(args);
        assert_eq!(quiet.stdout, aloud.stdout, "{args:?}");
        assert!(!quiet.stdout.is_empty(), "{args:?}");
        let silent = checkout.build_images(&[args, &["-qq"]].concat());
        assert_eq!((silent.code, silent.stdout + &silent.stderr), (0, String::new()), "{args:?}");
    }
    for args in [&["list-images"][..], &["inspect-images", "out"], &["doctor"]] {
        let quiet = checkout.run(&[args, &["-q"]].concat());
        assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""), "{args:?}");
        assert!(!quiet.stdout.is_empty(), "{args:?}");
        let silent = checkout.run(&[args, &["-qq"]].concat());
        assert_eq!((silent.code, silent.stdout + &silent.stderr), (0, String::new()), "{args:?}");
    }
}

#[test]
fn errors_are_said_even_quietly_but_not_to_who_wants_silence() {
    let checkout = Checkout::with_source("#include <nowhere.h>\n");
    let quiet = checkout.build_images(&["-q"]);
    assert_eq!((quiet.code, quiet.stdout.as_str()), (1, ""));
    assert!(quiet.stderr.starts_with("error: "), "{}", quiet.stderr);
    let silent = checkout.build_images(&["-qq"]);
    assert_eq!((silent.code, silent.stdout + &silent.stderr), (1, String::new()));
}

#[test]
fn verbose_shows_commands_that_a_shell_takes() {
    let checkout = Checkout::with_source(SOURCE);
    let run = checkout.build_images(&["-v", "--jobs", "1", "--to", "oci:out"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (commands, others): (Vec<_>, Vec<_>) =
        run.stderr.lines().partition(|line| line.starts_with("$ "));
    let others: Vec<_> = timeless(&others.join("\n")).lines().map(str::to_owned).collect();
    let last = "     Built 1 image for 2 platforms: 2 compiled, 0 cached, 9 files written in TIME";
    assert_eq!(others.last().map(String::as_str), Some(last));
    let targets = ["bpfel", "bpfeb"];
    assert_eq!(commands.len(), targets.len(), "{commands:?}");
    for target in targets {
        let of_target = format!(" -target {target} ");
        let command = commands.iter().find(|command| command.contains(&of_target)).unwrap();
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", command.trim_start_matches("$ ")]).current_dir("/");
        let typed = finish(shell.output().unwrap());
        assert_eq!((typed.code, typed.stderr.as_str()), (0, ""), "{command}");
        // It writes where clang writes unless told otherwise.
        let path = checkout.path().join("one.bpf.o");
        let object = bpf_object::strip_debug(&std::fs::read(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        let info = bpf_object::read(&object).unwrap();
        assert_eq!(info.programs.len(), 1, "{command}");
        assert_eq!(info.endian.clang_target(), target);
    }
    // With nothing to compile there are no commands.
    let again = checkout.build_images(&["-v", "--to", "oci:out"]);
    assert!(!again.stderr.contains("$ "), "{}", again.stderr);
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    let run = Checkout::cold().run(&["list-images", "-q", "-v"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.starts_with("error: the argument '--quiet...' cannot be used with"));
}
