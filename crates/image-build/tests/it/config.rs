//! Instructions that set how a container runs: the whole config.

use crate::support::{World, same, show};

/// Builds the lines after `FROM scratch`, and returns the config without PATH
/// and what the history says.
fn config(lines: &str) -> (String, Vec<String>) {
    let world = World::new(&format!("FROM scratch\n{lines}"));
    let image = world.only(&world.request());
    let text = serde_json::to_string(&image.config().config).unwrap();
    let path = r#""PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin""#;
    let text = text.replace(&format!("\"Env\":[{path}],"), "").replace(&format!("{path},"), "");
    let history = image.config().history.iter().map(|step| {
        assert!(step.empty_layer);
        step.created_by.clone().unwrap()
    });
    (text, history.collect())
}

#[test]
fn each_instruction_sets_its_part() {
    let cases = [
        ("LABEL a=b", r#"{"WorkingDir":"/","Labels":{"a":"b"}}"#),
        (
            "LABEL \"b\"='x y' a=\"1\"\nLABEL b=2",
            r#"{"WorkingDir":"/","Labels":{"a":"1","b":"2"}}"#,
        ),
        ("LABEL old form of it", r#"{"WorkingDir":"/","Labels":{"old":"form of it"}}"#),
        ("ENV A=1 B=${A-}\nENV C=${A}2 A=3", r#"{"Env":["A=3","B=","C=12"],"WorkingDir":"/"}"#),
        ("ENV A b c", r#"{"Env":["A=b c"],"WorkingDir":"/"}"#),
        ("ARG A=x\nLABEL a=$A", r#"{"WorkingDir":"/","Labels":{"a":"x"}}"#),
        ("USER 65532:65532", r#"{"User":"65532:65532","WorkingDir":"/"}"#),
        ("ENV U=bpf\nUSER $U", r#"{"User":"bpf","Env":["U=bpf"],"WorkingDir":"/"}"#),
        ("WORKDIR /", r#"{"WorkingDir":"/"}"#),
        ("CMD [\"a\", \"b c\"]", r#"{"Cmd":["a","b c"],"WorkingDir":"/"}"#),
        ("CMD a \"b  c\" $D", r#"{"Cmd":["/bin/sh","-c","a \"b  c\" $D"],"WorkingDir":"/"}"#),
        ("ENTRYPOINT [\"./x\",\"--crd\"]", r#"{"Entrypoint":["./x","--crd"],"WorkingDir":"/"}"#),
        ("ENTRYPOINT x", r#"{"Entrypoint":["/bin/sh","-c","x"],"WorkingDir":"/"}"#),
        ("CMD [\"c\"]\nENTRYPOINT [\"e\"]", r#"{"Entrypoint":["e"],"Cmd":["c"],"WorkingDir":"/"}"#),
        // Nothing is left of what was there.
        ("ENTRYPOINT [\"e\"]\nENTRYPOINT []", r#"{"WorkingDir":"/"}"#),
        ("CMD [\"c\"]\nENTRYPOINT [ ]\nCMD []", r#"{"WorkingDir":"/"}"#),
        (
            "SHELL [\"/bin/bash\",\"-ec\"]\nCMD x",
            r#"{"Cmd":["/bin/bash","-ec","x"],"WorkingDir":"/","Shell":["/bin/bash","-ec"]}"#,
        ),
        (
            "EXPOSE 80 53/udp 8-9",
            r#"{"ExposedPorts":{"53/udp":{},"8/tcp":{},"80/tcp":{},"9/tcp":{}},"WorkingDir":"/"}"#,
        ),
        (
            "ENV P=\"1 2\"\nEXPOSE $P",
            r#"{"ExposedPorts":{"1/tcp":{},"2/tcp":{}},"Env":["P=1 2"],"WorkingDir":"/"}"#,
        ),
        ("VOLUME /a /b", r#"{"Volumes":{"/a":{},"/b":{}},"WorkingDir":"/"}"#),
        ("VOLUME [\"/a b\"]", r#"{"Volumes":{"/a b":{}},"WorkingDir":"/"}"#),
        ("STOPSIGNAL SIGUSR1", r#"{"WorkingDir":"/","StopSignal":"SIGUSR1"}"#),
        (
            "HEALTHCHECK --interval=1m30s --retries=3 CMD curl x",
            r#"{"WorkingDir":"/","Healthcheck":{"Interval":90000000000,"Retries":3,"Test":["CMD-SHELL","curl x"]}}"#,
        ),
        ("HEALTHCHECK CMD [\"x\"]", r#"{"WorkingDir":"/","Healthcheck":{"Test":["CMD","x"]}}"#),
        ("HEALTHCHECK NONE", r#"{"WorkingDir":"/","Healthcheck":{"Test":["NONE"]}}"#),
    ];
    for (lines, expected) in cases {
        let (found, history) = config(lines);
        assert_eq!(found, expected, "{lines}");
        assert_eq!(history, lines.lines().collect::<Vec<_>>());
    }
}

#[test]
fn history_says_what_was_written_on_one_line() {
    let (_, history) = config("label a=1 \\\n  # why\n\n  b=2\nCMD  x   # not a comment  \n");
    assert_eq!(history, ["label a=1   b=2", "CMD  x   # not a comment"]);
}

#[test]
fn the_escape_character_can_be_another() {
    let world = World::new("# escape=`\nFROM scratch\nLABEL a=b` c `\n d=C:\\x\n");
    let image = world.only(&world.request());
    let labels: Vec<_> = image.labels().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(labels, [("a", "b c"), ("d", r"C:\x")]);
}

#[test]
fn the_usual_language_can_be_named() {
    for name in ["docker/dockerfile:1", "docker.io/docker/dockerfile-upstream@sha256:1"] {
        let world = World::new(&format!("# syntax={name}\nFROM scratch\nLABEL a=b\n"));
        assert!(world.show().ends_with("LABEL a=b\n"));
    }
}

#[test]
fn options_of_the_request_are_in_the_image() {
    let world = World::new("FROM scratch\nMAINTAINER Jane <j@x>\nLABEL a=1 b=1\n");
    let mut request = world.request();
    request.labels = [("b", "2"), ("c", "3")].map(|(k, v)| (k.into(), v.into())).into();
    request.annotations = [("t".to_owned(), "u".to_owned())].into();
    request.created = 951_782_400;
    let built = world.build(&request).unwrap();
    assert_eq!(built.index.document().annotations, request.annotations);
    let image = world.only(&request);
    assert_eq!(image.annotations(), &request.annotations);
    same(
        &show(&image),
        r#"
        linux/amd64 2000-02-29T00:00:00Z
        {"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"WorkingDir":"/","Labels":{"a":"1","b":"2","c":"3"}}
        author: "Jane <j@x>"
        MAINTAINER Jane <j@x>
        LABEL a=1 b=1
        "#,
    );
}
