//! The help of the program and of every command.

use super::{COMMANDS, snapshot};
use crate::support::{Checkout, finish};

/// How wide a terminal may be expected to be.
const WIDTH: usize = 80;

/// The codes that a caller may have to tell apart.
const EXIT_CODES: [&str; 7] = [
    "0  done",
    "1  the work failed",
    "2  bad usage or catalogue",
    "3  a needed tool is missing",
    "4  nothing to do for this selection",
    "70  a bug in this program",
    "130  interrupted",
];

fn help(checkout: &Checkout, args: &[&str]) -> String {
    let mut command = checkout.command(args);
    // The help shows what the variable is.
    command.env("COLUMNS", WIDTH.to_string()).env_remove("CLANG");
    let run = finish(command.output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
    run.stdout
}

/// Returns the lines of a section, without what they are indented by.
fn section<'a>(help: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = help.lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| line.starts_with(' ')).map(str::trim).collect()
}

fn examples(help: &str) -> Vec<&str> {
    [section(help, "Examples:"), section(help, "Example:")].concat()
}

#[test]
fn help_is_as_it_was() {
    let checkout = Checkout::cold();
    snapshot::check("help.txt", &help(&checkout, &["--help"]));
    for command in COMMANDS {
        snapshot::check(&format!("help-{command}.txt"), &help(&checkout, &[command, "--help"]));
    }
}

#[test]
fn help_fits_a_terminal_and_begins_with_what_the_command_does() {
    let checkout = Checkout::cold();
    let whole = help(&checkout, &["--help"]);
    let listed = section(&whole, "Commands:");
    let names: Vec<_> = listed.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, [&COMMANDS[..], &["help"]].concat(), "one line for each command");
    for args in [&[][..]].into_iter().chain(COMMANDS.iter().map(std::slice::from_ref)) {
        for flag in ["--help", "-h"] {
            let help = help(&checkout, &[args, &[flag]].concat());
            for line in help.lines() {
                assert!(line.chars().count() <= WIDTH, "{args:?} {flag}: {line}");
            }
            let mut lines = help.lines();
            let (first, second) = (lines.next().unwrap(), lines.next().unwrap());
            assert_eq!(second, "", "{args:?}: the first line stands alone");
            let verb = first.split(' ').next().unwrap();
            assert!(first.len() < 70 && !first.ends_with('.'), "{args:?}: {first}");
            assert!(verb.starts_with(char::is_uppercase) && !verb.ends_with('s'), "{first}");
        }
    }
}

#[test]
fn every_example_can_be_typed() {
    let checkout = Checkout::cold();
    for args in [&[][..]].into_iter().chain(COMMANDS.iter().map(std::slice::from_ref)) {
        let help = help(&checkout, &[args, &["--help"]].concat());
        let examples = examples(&help);
        assert!(!examples.is_empty(), "{args:?} has no example");
        for example in examples {
            let (_, typed) = example.split_once("cargo xtask ").unwrap();
            let command = args.first().unwrap_or(&"");
            assert!(typed.starts_with(command), "{args:?}: {example}");
            // What stands before `--help` is checked before it is answered.
            let words = typed.split(' ').filter(|word| *word != "--help").chain(["--help"]);
            let run = checkout.run(&words.collect::<Vec<_>>());
            assert_eq!(run.code, 0, "{example}: {}", run.stderr);
        }
    }
}

#[test]
fn the_help_of_the_program_lists_the_exit_codes() {
    let help = help(&Checkout::cold(), &["--help"]);
    assert_eq!(section(&help, "Exit codes:"), EXIT_CODES);
}
