//! When there are colours.

use crate::support::{Checkout, finish};

#[test]
fn colours_come_when_asked_for() {
    // Option, variables, whether standard error is coloured. It is no
    // terminal here.
    type Case = (&'static [&'static str], &'static [(&'static str, &'static str)], bool);
    const CASES: [Case; 9] = [
        (&[], &[], false),
        (&[], &[("FORCE_COLOR", "1")], true),
        (&[], &[("FORCE_COLOR", "")], false),
        (&[], &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")], false),
        (&[], &[("NO_COLOR", ""), ("FORCE_COLOR", "1")], true),
        (&["--color", "always"], &[("NO_COLOR", "1")], true),
        (&["--color", "always"], &[], true),
        (&["--color", "never"], &[("FORCE_COLOR", "1")], false),
        (&["--color", "auto"], &[("FORCE_COLOR", "1")], true),
    ];
    let checkout = Checkout::warm();
    for (options, variables, expected) in CASES {
        let mut command = checkout.build_images_command(&["xdp_pass"]);
        command.args(options).envs(variables.iter().copied());
        let run = finish(command.output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let coloured = run.stderr.contains("\x1b[");
        assert_eq!(coloured, expected, "{options:?} {variables:?}: {}", run.stderr);
        assert!(!run.stdout.contains('\x1b'), "results are for programs too");
    }
}

#[test]
fn what_clang_says_keeps_its_colours_only_with_ours() {
    let checkout = Checkout::with_source("int x = nothing;\n");
    for (when, expected) in [("always", true), ("never", false)] {
        let run = checkout.build_images(&["--color", when]);
        assert_eq!(run.code, 1);
        let line = run.stderr.lines().find(|line| line.contains("one.bpf.c:1:")).unwrap();
        assert_eq!(line.contains("\x1b["), expected, "{line:?}");
        assert_eq!(run.stderr.contains("\x1b["), expected, "{}", run.stderr);
    }
}
