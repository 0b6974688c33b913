//! What a RUN is read as, beside what real shells make of the line.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use image_build::runs;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::World;

/// The environment of all lines.
const ENVIRONMENT: [(&str, &str); 5] =
    [("X", "value"), ("EMPTY", ""), ("BLANKS", " a  b "), ("GLOB", "a*"), ("ODD", "'\"$X;#~=")];

/// A program that shows its arguments, and what it sees of two variables.
const SHOW: &str = "#!/bin/sh\nfor word in \"$@\"; do printf '<%s>' \"$word\"; done\nprintf '[%s|%s]\\n' \"${X-unset}\" \"${NEW-unset}\"\n";

/// Returns what the reader makes of a line: what `show` would say, or why it
/// is refused.
fn read(line: &str) -> Result<String, String> {
    let mut file = String::from("FROM scratch AS s\n");
    for (name, value) in ENVIRONMENT {
        file += &format!("ENV {name}='{}'\n", value.replace('\'', "'\"'\"'"));
    }
    let world = World::new(&format!("{file}RUN {line}\n"));
    let runs = runs(&world.request()).map_err(|error| {
        let text = world.tell(&error);
        text.lines().nth(1).unwrap_or(&text).trim().to_owned()
    })?;
    let show = |command: &image_build::Command| {
        let words: String = command.words[1..].iter().map(|word| format!("<{word}>")).collect();
        let value = |name: &str| command.variables.get(name).map_or("unset", String::as_str);
        format!("{words}[{}|{}]\n", value("X"), value("NEW"))
    };
    if runs[0].commands.iter().any(|command| command.words[0] != "show") {
        return Err("another program".to_owned());
    }
    Ok(runs[0].commands.iter().map(show).collect())
}

/// Real shells, and a directory with files to match and the program.
struct Shells {
    dir: TempDir,
    names: Vec<&'static str>,
}

impl Shells {
    fn new() -> Shells {
        let dir = tempfile::tempdir().unwrap();
        let show = dir.path().join("show");
        std::fs::write(&show, SHOW).unwrap();
        std::fs::set_permissions(&show, PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["a1", "a2", "b"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let is_there = |name: &&str| Path::new(name).exists();
        let names = ["/bin/sh", "/bin/dash", "/bin/bash"].into_iter().filter(is_there).collect();
        Shells { dir, names }
    }

    /// Returns what each shell makes of a line.
    fn run(&self, line: &str) -> Vec<String> {
        let run = |shell: &&str| {
            let output = Command::new(shell)
                .args(["-c", line])
                .env_clear()
                .envs(ENVIRONMENT)
                .env("PATH", format!("{}:/usr/bin:/bin", self.dir.path().display()))
                .current_dir(self.dir.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{shell}: {line}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        self.names.iter().map(run).collect()
    }
}

#[test]
fn words_are_those_that_a_shell_makes() {
    let lines = [
        "show",
        "show a  b\tc",
        "show $X ${X} a${X}b $Xb \"$X\" '$X' \\$X",
        "show \"a b\" 'c d' e\\ f \"\" ''",
        "show \"a\"'b'c\\\"",
        "show \"\\$X \\\\ \\\" \\` \\a \\'\" '\\'",
        "show $EMPTY \"$EMPTY\" a$EMPTY $UNSET \"$UNSET\" x",
        "show ${X:-w} ${X-w} ${EMPTY:-w} ${EMPTY-w} ${UNSET:-w} ${UNSET-w}",
        "show ${X:+w} ${X+w} ${EMPTY:+w} ${EMPTY+w} ${UNSET:+w} ${UNSET+w} ${X:?w}",
        "show \"${UNSET:-a b}\" ${UNSET:-$X} ${UNSET:-${EMPTY:-deep}} ${UNSET:-} \"${UNSET:-}\"",
        "show \"$BLANKS\" \"$GLOB\" \"$ODD\" $ODD",
        "show $ $. a$ \"$\" \"a$\" $/x $,",
        "show a=b -X=$X --x=\"y z\" %s @ + , : ! a!b ^ ] a#b é",
        "X=1 show $UNSET",
        "NEW=$BLANKS show",
        "NEW=\"a b\"c X= show \"$EMPTY\"",
        "NEW=a=b X=$ODD show",
        "NEW='*' X=${GLOB} show",
        "show a && show b&&show c",
        "NEW=1 show && show",
        "\"show\" a && sh\\ow b",
        "$EMPTY show a",
        "NEW=1 && show \"$NEW\"",
        "X=1 && show \"$X\" ${X}",
        "show ${X:=a} ${UNSET:=b} && show $UNSET",
        ": \"${X:=$(never || show \"(never)\")}\" && show \"${X}\"",
        ": \"${UNSET:=word one}\" && show \"$UNSET\"",
        ": ${NEW=a} && P=p && L=\"-X '${P}.v=${NEW}' -X $P.w=${X}\" && NEW=1 show \"${L}\"",
        ": \"${EMPTY:+$(never)}\" && show ${X:-$(never ')' \"\\\")\" ${X:-a})}",
        "show -ldflags \"-X a.b=${X} -X 'c.d=e f'\" -o out ./cmd/x/main.go",
    ];
    let shells = Shells::new();
    for line in lines {
        let found = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        for said in shells.run(line) {
            assert_eq!(found, said, "{line}");
        }
    }
}

#[test]
fn what_takes_more_of_a_shell_is_refused() {
    let shell =
        |what: &str| format!("`{what}` takes a shell; simple commands joined by `&&` do not");
    let lines = [
        ("show | show", shell("|")),
        ("show || show", shell("|")),
        ("show; show", shell(";")),
        ("show &", shell("&")),
        ("show > f", shell(">")),
        ("show 2>&1", shell(">")),
        ("show < f", shell("<")),
        ("(show)", shell("(")),
        ("{ show && show }", shell("{")),
        ("show {a,b}", shell("{")),
        ("show a*", shell("*")),
        ("show a?", shell("?")),
        ("show [ab]1", shell("[")),
        ("show ~", shell("~")),
        ("show a=~/x", shell("~")),
        ("show $(show)", shell("$(")),
        ("show `show`", shell("`")),
        ("show \"`show`\"", shell("`")),
        ("show \"$(show)\"", shell("$(")),
        ("show $((1+1))", shell("$(")),
        ("show $[1+1]", shell("$[")),
        ("show $'a'", shell("$'")),
        ("show $\"a\"", shell("$\"")),
        ("show $1", shell("$1")),
        ("show \"$@\"", shell("$@")),
        ("show $$", shell("$$")),
        ("show $?", shell("$?")),
        ("show $HOME", shell("$HOME")),
        ("show ${PWD}", shell("$PWD")),
        ("show $BASH_VERSION", shell("$BASH_VERSION")),
        ("show # comment", shell("#")),
        ("show ${#X}", shell("${#")),
        ("show ${X%e}", shell("${X%")),
        ("show ${X:0:1}", shell("${X:0")),
        ("show ${UNSET:-a b}", shell("${… ")),
        ("show ${UNSET:-\"a\"}", shell("${…\"")),
        ("NEW=1 X=$NEW show", shell("NEW=… $NEW")),
        ("X=1 show $X", shell("X=… $X")),
        ("if show", shell("if")),
        ("! show", shell("!")),
        ("cd /x && show", "`cd` is for the shell itself".to_owned()),
        ("export X=1 && show", "`export` is for the shell itself".to_owned()),
        ("set -e && show", "`set` is for the shell itself".to_owned()),
        ("show $BLANKS", split("$BLANKS")),
        ("show a${GLOB}", split("${GLOB}")),
        ("show ${UNSET:-$BLANKS}", split("$BLANKS")),
        ("show 'a", "a `'` is not closed".to_owned()),
        ("show \"a", "a `\"` is not closed".to_owned()),
        ("show ${X", "a `${` is not closed".to_owned()),
        ("show ${UNSET:?no}", "`UNSET` must be set".to_owned()),
        ("show &&", "a command is missing".to_owned()),
        ("&& show", "a command is missing".to_owned()),
        ("show ${UNSET:-$(show)}", default("UNSET")),
        (": \"${UNSET:=$(show)}\" && show", default("UNSET")),
        ("show ${X:-`show`}", shell("`")),
        ("show ${X:-$(show; show)}", shell(";")),
        ("show ${X:-$(show}", "a `$(` is not closed".to_owned()),
        ("X=1 :", "`:` is for the shell itself".to_owned()),
        ("X=1 $UNSET && show", "a command is missing".to_owned()),
    ];
    for (line, expected) in lines {
        assert_eq!(read(line), Err(format!("the host does not run it: {expected}")), "{line}");
    }
}

fn default(variable: &str) -> String {
    format!("`{variable}` is not set, and only a shell tells what it is then")
}

fn split(variable: &str) -> String {
    format!("the value of `{variable}` is not quoted, and has blanks, wildcards or backslashes")
}

/// Pieces of which lines are made.
const PIECES: [&str; 51] = [
    "${X:=",
    "${UNSET:=",
    "$(",
    ")",
    "; ",
    " && : ",
    " && X=3 && NEW=$X && show ",
    "a",
    "b",
    "1",
    "-x",
    "=",
    " ",
    " ",
    " ",
    "\t",
    "\"",
    "\"",
    "'",
    "'",
    "\\",
    "$",
    "$X",
    "${X}",
    "$EMPTY",
    "$UNSET",
    "\"$BLANKS\"",
    "$BLANKS",
    "$GLOB",
    "\"$ODD\"",
    "$ODD",
    "${X:-",
    "${UNSET:-",
    "${EMPTY:+",
    "${UNSET-",
    "}",
    ":",
    "/",
    ".",
    "#",
    "!",
    "^",
    "]",
    "%",
    "&& show ",
    "&&",
    "NEW=",
    " X=2 show ",
    "~",
    "*",
    "é",
];

proptest! {
    #[test]
    fn what_is_read_is_what_shells_make_of_it(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12),
        before in prop::sample::select(vec!["", "", "NEW=", "NEW=1 ", "X=$EMPTY ", "$EMPTY "]),
    ) {
        let line = format!("{before}show {} end", pieces.concat());
        if let Ok(found) = read(&line) {
            for said in Shells::new().run(&line) {
                prop_assert_eq!(&found, &said, "{}", line);
            }
        }
    }

    #[test]
    fn no_line_panics(line in "[^\\r\\n]{0,60}", flags in "(--[a-z]{1,8}(=[^ \\r\\n]{0,30})? ){0,2}") {
        let world = World::new(&format!("FROM base AS s\nENV A=b\nRUN {flags}{line}\nWORKDIR {line}\n"));
        let mut request = world.request();
        request.build_args = BTreeMap::from([("A".to_owned(), line)]);
        let _ = runs(&request).map_err(|error| (error.to_string(), error.hint()));
    }
}
