//! RUN: what it comes to, and how the built-in builder goes on from what the
//! host did.

mod shell;

use std::collections::BTreeMap;
use std::path::PathBuf;

use image_build::{BuildRequest, NamedContext, Ran, Run, runs};
use oci::Image;

use crate::support::{World, image_of, platform, same};

/// Two programs that a stage for the machine that builds makes for another.
const PROGRAMS: &str = "ARG BUILDPLATFORM
FROM --platform=$BUILDPLATFORM nowhere.invalid/golang:1.24 AS agent-build
ARG TARGETOS
ARG TARGETARCH
ARG BUILD_VERSION
ENV GOFLAGS=-mod=vendor PATH=/go/bin:$PATH
RUN echo \"for ${TARGETARCH}, ${BUILD_VERSION}\"
WORKDIR /usr/src/x
COPY . .
RUN --mount=type=cache,target=/root/.cache go mod download && \\
    # the agent
    CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} go build -mod vendor \\
      -ldflags \"-X v.version=${BUILD_VERSION} -X v.b=c\" -o agent ./cmd/agent/main.go
FROM scratch
COPY --from=agent-build /usr/src/x/agent .
COPY --from=agent-build /usr/src/x/config/a.yaml ./config/
ENTRYPOINT [\"/agent\"]
";

fn programs() -> World {
    World::new(PROGRAMS)
        .file("config/a.yaml", "a: 1")
        .file("../out/s390x", "for s390x")
        .mode("../out/s390x", 0o755)
}

/// Asks for what the host did: for a line, where a file is to be, and which
/// of the world it is.
fn ran(world: &World, request: &mut BuildRequest, done: &[(usize, &[(&str, &str)])]) {
    for platform in &request.platforms {
        for (line, files) in done {
            let file = |(path, file): &(&str, &str)| (PathBuf::from(path), world.path(file));
            let files = files.iter().map(file).collect();
            request.ran.push(Ran { line: *line, platform: platform.clone(), files, source: None });
        }
    }
}

/// Returns runs as text.
fn tell(runs: &[Run]) -> String {
    let command = |command: &image_build::Command| {
        let variables: Vec<String> =
            command.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("  [{}] {:?}\n", variables.join(" "), command.words)
    };
    let run = |run: &Run| {
        let commands: String = run.commands.iter().map(command).collect();
        let stage = run.stage.as_deref().unwrap_or("-");
        let directory = run.directory.as_deref().unwrap_or("?");
        let (line, platform, is_target) = (run.place.line, &run.platform, run.is_target);
        format!("{line} {stage} {platform} {directory} {is_target}\n{commands}")
    };
    runs.iter().map(run).collect()
}

#[test]
fn a_survey_tells_words_variables_and_directories() {
    let world = programs();
    let mut request = world.request();
    request.platforms = vec![platform("linux/s390x")];
    request.build_args = BTreeMap::from([("BUILD_VERSION".to_owned(), "1.2 (x)".to_owned())]);
    same(
        &tell(&runs(&request).unwrap()),
        r#"
        7 agent-build linux/s390x ? false
          [BUILD_VERSION=1.2 (x) GOFLAGS=-mod=vendor TARGETARCH=s390x TARGETOS=linux] ["echo", "for s390x, 1.2 (x)"]
        10 agent-build linux/s390x /usr/src/x false
          [BUILD_VERSION=1.2 (x) GOFLAGS=-mod=vendor TARGETARCH=s390x TARGETOS=linux] ["go", "mod", "download"]
          [BUILD_VERSION=1.2 (x) CGO_ENABLED=0 GOARCH=s390x GOFLAGS=-mod=vendor GOOS=linux TARGETARCH=s390x TARGETOS=linux] ["go", "build", "-mod", "vendor", "-ldflags", "-X v.version=1.2 (x) -X v.b=c", "-o", "agent", "./cmd/agent/main.go"]
        "#,
    );
}

#[test]
fn what_the_host_did_stands_for_a_run_and_no_base_is_got() {
    let world = programs();
    let mut request = world.request();
    request.platforms = vec![platform("linux/s390x")];
    ran(&world, &mut request, &[(7, &[]), (10, &[("/usr/src/x/agent", "../out/s390x")])]);
    same(
        &crate::support::show(&world.only(&request)),
        r#"
        linux/s390x 1970-01-01T00:00:00Z
        {"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Entrypoint":["/agent"],"WorkingDir":"/"}
        COPY --from=agent-build /usr/src/x/agent .
          f 0755 0:0 agent for s390x
        COPY --from=agent-build /usr/src/x/config/a.yaml ./config/
          d 0755 0:0 config/
          f 0644 0:0 config/a.yaml a: 1
        ENTRYPOINT ["/agent"]
        "#,
    );
}

/// Returns the request for `PROGRAMS` with everything that the host did.
fn all_ran(world: &World) -> BuildRequest {
    let mut request = world.request();
    request.platforms = vec![platform("linux/s390x")];
    ran(world, &mut request, &[(7, &[]), (10, &[("/usr/src/x/agent", "../out/s390x")])]);
    request
}

const WAYS_OUT: &str = "make the files of the stage on the host and put them in its place: `--build-context agent-build=DIR`, or `--build-context agent-build::PLATFORM=DIR` for each platform; or build with `--engine docker` or `--engine podman`";

#[test]
fn without_what_the_host_did_a_run_is_refused_as_ever() {
    let world = programs();
    let image = Image::builder(platform("linux/amd64")).build().unwrap();
    let world = world.image("nowhere.invalid/golang:1.24", image);
    let refused = |line: usize, text: &str| {
        format!(
            "`Containerfile`, line {line}: `{text}` failed for linux/s390x\n  the built-in builder does not do `RUN`\nhint: {WAYS_OUT}"
        )
    };
    let mut request = all_ran(&world);
    let done = std::mem::take(&mut request.ran);
    let first = "RUN echo \"for ${TARGETARCH}, ${BUILD_VERSION}\"";
    same(&world.fail_with(&request), &refused(7, first));
    // One of two is not enough; nor is what was done for another platform.
    request.ran = vec![done[0].clone()];
    let second = "RUN --mount=type=cache,target=/root/.cache go mod download &&     CGO_EN…";
    same(&world.fail_with(&request), &refused(10, second));
    request.ran = done;
    request.platforms = vec![platform("linux/amd64")];
    same(&world.fail_with(&request), &refused(7, first).replace("s390x", "amd64"));
}

#[test]
fn what_is_replaced_or_not_needed_is_not_surveyed() {
    let world = World::new(
        "FROM x AS a\nRUN a | b\nFROM x AS b\nRUN b $HOME\nFROM x AS c\nRUN c\nFROM a AS d\nWORKDIR y\nRUN d\nFROM scratch AS e\nCOPY --from=b /b /\nCOPY --from=c /c /\nRUN [\"e\", \"$X *\"]\nFROM e\nCOPY --from=d /d /\nRUN f\n",
    )
    .file("made/x", "x");
    let mut request = world.request();
    let replace = |word: &str| word.parse::<NamedContext>().unwrap().relative_to(&world.context());
    request.contexts = vec![replace("a=made")];
    request.stages = vec![replace("b::linux/amd64=made")];
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = format!(
        "6 c linux/amd64 ? false
  [] [\"c\"]
9 d linux/amd64 /y false
  [{path}] [\"d\"]
13 e linux/amd64 / true
  [{path}] [\"e\", \"$X *\"]
16 - linux/amd64 / true
  [{path}] [\"f\"]
"
    );
    assert_eq!(tell(&runs(&request).unwrap()), expected);
    request.target = Some("b".to_owned());
    assert_eq!(runs(&request).unwrap(), []);
    // Where no RUN is, nothing can be wrong with what only a base tells.
    let world = World::new("FROM x\nENV A=$GOPATH/b\nWORKDIR $A\n");
    assert_eq!(runs(&world.request()).unwrap(), []);
}

/// Returns what a stage `s` with these lines fails with, without what is
/// always said: in a survey, else in a build for which the host did all.
fn fails(lines: &str) -> String {
    let world = World::new(&format!("FROM nowhere.invalid/go AS s\n{lines}\n"))
        .file("a.txt", "A")
        .file("dir/x", "X")
        .link("dir/link", "/etc/x")
        .file("passwd", "me:x:5:6::/:\n")
        .file("../out/agent", "agent");
    let mut request = world.request();
    let error = match runs(&request) {
        Err(error) => error,
        Ok(found) => {
            for run in found {
                let files =
                    BTreeMap::from([("/usr/src/x/agent".into(), world.path("../out/agent"))]);
                let (line, platform) = (run.place.line, run.platform);
                request.ran.push(Ran { line, platform, files, source: None });
            }
            match world.build(&request) {
                Ok(_) => return "done".to_owned(),
                Err(error) => error,
            }
        }
    };
    let text = world.tell(&error);
    let ways_out = WAYS_OUT.replace("agent-build", "s");
    let text = text.replace(&format!("\nhint: {ways_out}"), "");
    let text = text.replace("only `nowhere.invalid/go` tells", "ONLY");
    text.replace(", and it was not got: the host did what the RUNs of the stage say", "")
}

#[test]
fn what_depends_on_a_base_that_was_not_got_is_an_error_with_its_line() {
    let stage = "RUN x\nFROM scratch\n";
    let line = |number: usize, text: &str, reason: &str| {
        format!("`Containerfile`, line {number}: `{text}` failed for linux/amd64\n  {reason}")
    };
    // In the stage.
    let cases = [
        ("WORKDIR x", "ONLY which directory `x` is in"),
        ("COPY a.txt .", "ONLY which directory `.` is in"),
        ("COPY a.txt /usr/local/bin", "ONLY whether `/usr/local/bin` is a directory"),
        ("COPY *.txt /etc", "ONLY whether `/etc` is a directory"),
        ("COPY --chown=me a.txt /x/", "ONLY which number the user `me` has"),
        ("COPY --chown=1:us a.txt /x/", "ONLY which number the group `us` has"),
        ("COPY a.txt $GOPATH/", "ONLY what `GOPATH` is"),
        ("ENV A=$GOLANG_VERSION", "ONLY what `GOLANG_VERSION` is"),
        ("ENV A=${GOLANG_VERSION:-1}", "ONLY what `GOLANG_VERSION` is"),
        ("ARG A=$GOLANG_VERSION", "ONLY what `GOLANG_VERSION` is"),
        ("RUN x $GOLANG_VERSION", "ONLY what `GOLANG_VERSION` is"),
        ("RUN x \"${GOFLAGS:-x}\"", "ONLY what `GOFLAGS` is"),
    ];
    for (text, reason) in cases {
        let file = format!("{text}\n{stage}COPY --from=s /usr/src/x/agent /");
        assert_eq!(fails(&file), line(2, text, reason));
    }
    let file = format!("USER me\n{stage}COPY --from=s /usr/src/x/agent /");
    let reason = "ONLY which number the user `me` has";
    assert_eq!(fails(&file), line(3, "RUN x", reason));
    // What is copied from it.
    let given = "COPY dir /usr/src/x/dir\nENV A=b\n";
    let cases = [
        ("/usr/bin/tool", "ONLY whether there is `/usr/bin/tool`"),
        ("/usr/src/*/b", "ONLY what else is in `/usr/src`"),
        ("/usr/src/x/*.txt", "ONLY whether anything matches `/usr/src/x/*.txt`"),
        ("/usr", "ONLY what else is in `/usr`"),
        ("/", "ONLY what else is in `/`"),
        ("/usr/src/x/dir/link", "ONLY where the link `/usr/src/x/dir/link` leads"),
    ];
    for (path, reason) in cases {
        let copy = format!("COPY --from=s {path} /y/");
        assert_eq!(fails(&format!("{given}{stage}{copy}")), line(6, &copy, reason));
    }
    let copy = "COPY --from=s /usr/src/x/agnet /";
    let ways_out = WAYS_OUT.replace("agent-build", "s");
    assert_eq!(
        fails(&format!("{given}{stage}{copy}")),
        format!(
            "{}\nhint: did you mean `usr/src/x/agent`? Else {ways_out}",
            line(6, copy, "ONLY whether there is `/usr/src/x/agnet`")
        )
    );
    // What is known all the same.
    for text in [
        "ENV PATH=/x:$PATH",
        "ARG GOPATH\nWORKDIR /x$GOPATH",
        "ENV GOPATH=/g\nWORKDIR $GOPATH/x",
        "WORKDIR /w\nCOPY a.txt b",
        "COPY a.txt /usr/local/bin/",
        "COPY dir /etc",
        "COPY a.txt /usr/src/x/y",
        "COPY a.txt /own",
        "COPY passwd /etc/\nUSER me",
        "COPY --chown=5:6 a.txt /x/",
    ] {
        let files =
            "/usr/src/x /y/\nCOPY --from=s /usr/src/x/agent /\nCOPY --from=s /usr/src/x/a* /z/";
        assert_eq!(fails(&format!("{text}\n{stage}COPY --from=s {files}")), "done", "{text}");
    }
}

#[test]
fn the_base_of_what_leads_to_the_target_is_got() {
    let base = image_of(&[("etc/passwd", "me:x:5:6::/:"), ("etc/x", "x")]);
    let world = World::new(
        "FROM base AS one\nUSER me\nRUN make\nCOPY a /etc\nFROM one AS two\nRUN more\nFROM two\nCOPY --from=one /etc /e\n",
    )
    .image("base", base)
    .file("a", "A")
    .file("../out/p", "private")
    .mode("../out/p", 0o4750);
    let mut request = world.request();
    ran(&world, &mut request, &[(3, &[("/etc/made/p", "../out/p")]), (6, &[])]);
    same(
        &crate::support::show(&world.only(&request)),
        r#"
        linux/amd64 1970-01-01T00:00:00Z
        {"User":"me","Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}
        old
          f 0644 0:0 etc/passwd me:x:5:6::/:
        old
          f 0644 0:0 etc/x x
        USER me
        RUN make
          d 0755 5:6 etc/made/
          f 0750 5:6 etc/made/p private
        COPY a /etc
          f 0644 0:0 etc/a A
        RUN more
        COPY --from=one /etc /e
          d 0755 0:0 e/
          f 0644 0:0 e/a A
          d 0755 5:6 e/made/
          f 0750 5:6 e/made/p private
          f 0644 0:0 e/passwd me:x:5:6::/:
          f 0644 0:0 e/x x
        "#,
    );
}

#[test]
fn stages_on_a_stage_share_the_base_that_was_not_got() {
    let world = World::new(
        "FROM nowhere.invalid/go AS one\nARG V=1\nENV W=$V\nWORKDIR /usr/src/x\nFROM one AS two\nRUN make $W\nFROM scratch\nCOPY --from=two /usr/src/x/p /\n",
    )
    .file("../out/p", "p");
    let mut request = world.request();
    let found = runs(&request).unwrap();
    assert_eq!(tell(&found), "6 two linux/amd64 /usr/src/x false\n  [V=1 W=1] [\"make\", \"1\"]\n");
    ran(&world, &mut request, &[(6, &[("/usr/src/x/p", "../out/p")])]);
    assert_eq!(world.only(&request).layers().len(), 1);
}

#[test]
fn flags_and_shells_that_a_host_has_not_are_refused() {
    let mount = |flag: &str| format!("it has the flag `{flag}`");
    let cases = [
        ("RUN --mount=type=cache,target=/root/.cache,id=x,sharing=locked x", "done".to_owned()),
        ("RUN --mount=type=cache,dst=/c --mount=target=/d,type=cache x", "done".to_owned()),
        ("SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-ec\"]\nRUN x", "done".to_owned()),
        ("RUN --mount=target=. x", mount("--mount=target=.")),
        ("RUN --mount=type=secret,id=a x", mount("--mount=type=secret,id=a")),
        ("RUN --mount=type=cache x", mount("--mount=type=cache")),
        ("RUN --mount=type=cache,target=/c,from=y x", mount("--mount=type=cache,target=/c,from=y")),
        ("WORKDIR /c/d\nRUN --mount=type=cache,target=/c x", mount("--mount=type=cache,target=/c")),
        ("RUN --network=none x", mount("--network=none")),
        ("RUN --security=insecure x", mount("--security=insecure")),
        ("SHELL [\"/bin/zsh\", \"-c\"]\nRUN x", "its shell is `/bin/zsh -c`".to_owned()),
        ("SHELL [\"/bin/sh\", \"-uc\"]\nRUN x", "its shell is `/bin/sh -uc`".to_owned()),
        ("RUN <<E\nx\nE", "it has a here-document".to_owned()),
        ("RUN cat <<E\nx\nE", "it has a here-document".to_owned()),
    ];
    for (lines, expected) in cases {
        let found = fails(&format!("{lines}\nFROM scratch\nCOPY --from=s /usr/src/x/agent /"));
        let reason = found.lines().nth(1).unwrap_or(&found).trim();
        assert_eq!(reason.trim_start_matches("the host does not run it: "), expected, "{lines}");
    }
    // A program in a cache is not in the stage.
    let lines =
        "RUN --mount=type=cache,target=/usr/src x\nFROM scratch\nCOPY --from=s /usr/src/x/agent /";
    let reason = "`/usr/src/x/agent` is not the absolute path of a file that stays in the stage";
    assert_eq!(fails(lines).lines().nth(1).unwrap().trim(), reason);
}

#[test]
fn a_program_for_another_machine_is_found_where_it_is_copied() {
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0".to_vec();
    let world = programs().file("../out/s390x", &program);
    same(
        &world.fail_with(&all_ran(&world)),
        "
        `Containerfile`, line 15: `COPY --from=agent-build /usr/src/x/agent .` failed for linux/s390x
          `/agent` is a program for arm64, not for linux/s390x
        ",
    );
    program[5] = 2;
    program[16..20].copy_from_slice(&[0, 2, 0, 22]);
    let world = programs().file("../out/s390x", &program);
    world.only(&all_ran(&world));
}

#[test]
fn what_was_made_elsewhere_is_of_what_the_stage_has() {
    let fails = |copies: &str| {
        let world = World::new(&format!(
            "FROM nowhere.invalid/go AS s\nWORKDIR /usr/src/x\n{copies}\nRUN one\nRUN two\nFROM scratch\nCOPY --from=s /usr/src/x/p /\n"
        ))
        .file("go.mod", "module x\n")
        .file("cmd/main.go", "package main\n")
        .file("../out/p", "p");
        let mut request = world.request();
        let line = 3 + copies.lines().count();
        ran(&world, &mut request, &[(line, &[("/usr/src/x/p", "../out/p")])]);
        // The second one finds what the first one made.
        ran(&world, &mut request, &[(line + 1, &[("/usr/src/x/q", "../out/p")])]);
        for ran in &mut request.ran {
            ran.source = Some(world.context().canonicalize().unwrap());
            ran.files.values_mut().for_each(|file| *file = file.canonicalize().unwrap());
        }
        match world.build(&request) {
            Ok(_) => "done".to_owned(),
            Err(error) => world.tell(&error).lines().nth(1).unwrap().trim().to_owned(),
        }
    };
    for copies in [
        "COPY . .",
        "COPY go.mod ./\nCOPY cmd cmd",
        "COPY cmd/ cmd/\nCOPY go.mod /usr/bin/",
        "COPY go.mod .\nCOPY cmd/main.go ./cmd/",
    ] {
        assert_eq!(fails(copies), "done", "{copies}");
    }
    for (copies, path) in [
        ("COPY . src/", "/usr/src/x/src/cmd/main.go"),
        ("COPY cmd .", "/usr/src/x/main.go"),
        ("COPY . .\nCOPY go.mod cmd/main.go", "/usr/src/x/cmd/main.go"),
        ("COPY . /usr/src/y", "/usr/src/x"),
    ] {
        let found = fails(copies);
        assert!(found.contains(&format!("`{path}`")), "{copies}: {found}");
    }
}

#[test]
fn some_commands_only_speak() {
    for (line, expected) in [
        ("echo a", true),
        ("/bin/true", true),
        ("printf x", true),
        ("go build", false),
        ("mkdir -p /x", false),
    ] {
        let world = World::new(&format!("FROM scratch\nRUN {line}\n"));
        let found = runs(&world.request()).unwrap();
        assert_eq!(found[0].commands[0].only_speaks(), expected, "{line}");
    }
}
