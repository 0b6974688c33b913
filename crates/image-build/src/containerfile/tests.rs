//! What Containerfiles are read as.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Containerfile, Error> {
    Containerfile::parse(Path::new("F"), text)
}

/// Returns the kinds of the instructions after `FROM scratch`.
fn kinds(lines: &str) -> Vec<Kind> {
    let file = parse(&format!("FROM scratch\n{lines}")).unwrap();
    file.stages[0].instructions.iter().map(|instruction| instruction.kind.clone()).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn instructions_are_told_apart() {
    let copy = |from: Option<&str>, sources: &[&str], destination: &str| {
        let (from, destination) = (from.map(str::to_owned), destination.to_owned());
        Kind::Copy(Copy { from, sources: words(sources), destination, ..Copy::default() })
    };
    let link = |link: bool| {
        let destination = "/".to_owned();
        Kind::Copy(Copy { link, sources: words(&["a"]), destination, ..Copy::default() })
    };
    let beyond = |name: &str| Kind::Beyond(name.to_owned());
    let shell = |line: &str| Command::Shell(line.to_owned());
    let run = |command, has_document| Kind::Run(Run { flags: Vec::new(), command, has_document });
    let cases = [
        ("COPY a /", copy(None, &["a"], "/")),
        ("copy a b c/", copy(None, &["a", "b"], "c/")),
        ("COPY --from=x $A \\\n  \"q\" /", copy(Some("x"), &["$A", "\"q\""], "/")),
        ("COPY [\"a b\", \"c\\\"\"]", copy(None, &["a b"], "c\"")),
        ("COPY a\rb /", copy(None, &["a", "b"], "/")),
        (
            "COPY --chmod=$M --chown=1:2 a /",
            Kind::Copy(Copy {
                chmod: Some("$M".to_owned()),
                chown: Some("1:2".to_owned()),
                sources: words(&["a"]),
                destination: "/".to_owned(),
                ..Copy::default()
            }),
        ),
        ("COPY --link a /", link(true)),
        ("COPY --link=true a /", link(true)),
        ("COPY --link=false a /", link(false)),
        ("COPY --link --parents a /", beyond("COPY --parents")),
        ("COPY <<X /y\nlines\nX\n", beyond("COPY with a here-document")),
        ("ADD a /", beyond("ADD")),
        (
            "RUN --mount=type=cache,target=/x --network=none \\\n # no\n make \\\n # no\n  x",
            Kind::Run(Run {
                flags: vec![
                    ("mount".to_owned(), Some("type=cache,target=/x".to_owned())),
                    ("network".to_owned(), Some("none".to_owned())),
                ],
                command: shell("make   x"),
                has_document: false,
            }),
        ),
        ("RUN [\"a\", \"b c\"]", run(Command::Exec(words(&["a", "b c"])), false)),
        ("RUN [\"a\", 1]", run(shell("[\"a\", 1]"), false)),
        ("RUN <<X\nFROM y\nX\n", run(shell("<<X"), true)),
        ("RUN cat <<X >/y\nFROM y\nX\n", run(shell("cat <<X >/y"), true)),
        ("ONBUILD RUN x", beyond("ONBUILD")),
        ("CMD [\"a\",\\\n \"b\"]", Kind::Cmd(Command::Exec(words(&["a", "b"])))),
        ("CMD []", Kind::Cmd(Command::Exec(Vec::new()))),
        ("CMD ['a']", Kind::Cmd(shell("['a']"))),
        ("CMD a && \\\n b", Kind::Cmd(shell("a &&  b"))),
        ("ENTRYPOINT [ ]", Kind::Entrypoint(Command::Exec(Vec::new()))),
        ("ENTRYPOINT a", Kind::Entrypoint(shell("a"))),
        ("SHELL [\"a\"]", Kind::Shell(words(&["a"]))),
        ("VOLUME a b", Kind::Volume(words(&["a", "b"]))),
        ("VOLUME [\"a b\"]", Kind::Volume(words(&["a b"]))),
        ("EXPOSE 1 2/udp", Kind::Expose(words(&["1", "2/udp"]))),
        ("USER a:b", Kind::User("a:b".to_owned())),
        ("WORKDIR /a b", Kind::Workdir("/a b".to_owned())),
        ("STOPSIGNAL 9", Kind::Stopsignal("9".to_owned())),
        ("MAINTAINER A B <c>", Kind::Maintainer("A B <c>".to_owned())),
    ];
    for (line, expected) in cases {
        assert_eq!(kinds(line), [expected], "{line}");
    }
}

#[test]
fn stages_have_lines_names_and_instructions() {
    let text = "\u{feff}# escape=`\r\n\r\nARG A=1\r\nFrom --platform=$B x`\r\n  as Build\r\nUSER `\r\n# no\r\n 1\r\nFROM build\r\n";
    let file = parse(text).unwrap();
    let instruction = |line, text: &str, kind| Instruction { line, text: text.to_owned(), kind };
    let arg = Kind::Arg(vec![("A".to_owned(), Some("1".to_owned()))]);
    assert_eq!(file.arguments, [instruction(3, "ARG A=1", arg)]);
    assert_eq!(file.escape, '`');
    let expected = [
        Stage {
            line: 4,
            text: "From --platform=$B x  as Build".to_owned(),
            name: Some("build".to_owned()),
            base: "x".to_owned(),
            platform: Some("$B".to_owned()),
            instructions: vec![instruction(6, "USER  1", Kind::User("1".to_owned()))],
        },
        Stage {
            line: 9,
            text: "FROM build".to_owned(),
            name: None,
            base: "build".to_owned(),
            platform: None,
            instructions: Vec::new(),
        },
    ];
    assert_eq!(file.stages, expected);
    assert_eq!((file.find("BUILD"), file.find("x")), (Some(0), None));
    assert_eq!(file.asked().into_iter().collect::<Vec<_>>(), ["A"]);
}

#[test]
fn the_project_s_own_are_understood() {
    let root = test_support::workspace_root();
    for (name, stages) in [("Containerfile.bytecode", 1), ("Containerfile.bytecode.multi.arch", 14)]
    {
        assert_eq!(Containerfile::read(&root.join(name)).unwrap().stages.len(), stages);
    }
}

/// Pieces of which more Containerfiles are made than of characters.
const PIECES: [&str; 40] = [
    "FROM",
    "COPY",
    "RUN",
    "ARG",
    "ENV",
    "LABEL",
    "CMD",
    "SHELL",
    "HEALTHCHECK",
    "ONBUILD",
    "VOLUME",
    "EXPOSE",
    "ENTRYPOINT",
    "WORKDIR",
    "USER",
    "STOPSIGNAL",
    "MAINTAINER",
    "ADD",
    "AS",
    "NONE",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\\\n",
    "\\",
    "`",
    "#",
    "# escape=`\n",
    "<<X",
    "[",
    "]",
    "\"",
    "'",
    "=",
    "--from=",
    "$A",
    "é",
];

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        let _ = parse(&text);
        let _ = parse(&format!("FROM x\n{text}"));
    }

    #[test]
    fn no_pieces_panic(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
        let text = pieces.concat();
        let _ = parse(&text);
        let _ = parse(&format!("FROM x\n{text}"));
    }

    #[test]
    fn every_instruction_is_on_the_line_that_it_names(
        lines in prop::collection::vec("(LABEL a=b|  USER x|# c|ENV A=1 \\\\\n B=2||CMD a b)", 0..12)
    ) {
        let text = format!("FROM x\n{}", lines.join("\n"));
        for instruction in &parse(&text).unwrap().stages[0].instructions {
            let line = text.lines().nth(instruction.line - 1).unwrap().trim();
            prop_assert!(instruction.text.starts_with(line.trim_end_matches(" \\")), "{line}");
        }
    }
}
