//! What is wrong, in whole messages: where, what, why, and what to do.

use crate::support::{World, platform, same};

/// Checks the message of a Containerfile that has this after `FROM scratch`,
/// in a context with a few files.
#[track_caller]
fn fails(lines: &str, expected: &str) {
    let world = World::new(&format!("FROM scratch\n{lines}\n"))
        .file("prog.bpf.o", "O")
        .file("other.o", "O")
        .file("dir/x", "X")
        .link("loop", "loop")
        .link("gone", "not-there");
    let line = lines.lines().count() + 1;
    let last = lines.lines().last().unwrap();
    let at = format!("`Containerfile`, line {line}: `{last}` failed for linux/amd64");
    same(&world.fail(), &format!("{at}\n{}", indent(expected)));
}

fn indent(text: &str) -> String {
    let line = |line: &str| match line.starts_with("hint:") {
        true => format!("{line}\n"),
        false => format!("  {line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn copies_that_cannot_be_done() {
    fails(
        "COPY prog.o /",
        "there is no `prog.o` in the build context\nhint: did you mean `prog.bpf.o`?",
    );
    fails("COPY x/y.o /", "there is no `x/y.o` in the build context");
    fails("COPY dir/y /", "there is no `dir/y` in the build context\nhint: did you mean `dir/x`?");
    fails("COPY dir/x/y /", "there is no `dir/x/y` in the build context");
    fails("COPY *.c /", "nothing in the build context matches `*.c`");
    fails("COPY prog*/x /", "nothing in the build context matches `prog*/x`");
    fails("COPY [a /", "`[a` is not a pattern: a `[` is not closed");
    fails("COPY gone /", "`gone` in the build context is a link that leads nowhere");
    fails("COPY go* /", "`gone` in the build context is a link that leads nowhere");
    fails("COPY loop /", "`loop` in the build context is a link that leads nowhere");
    fails(
        "COPY *.o /d",
        "`other.o`, `prog.bpf.o` cannot all be copied to `/d`, which is not a directory\nhint: write `/d/` if it is to be a directory",
    );
    fails("COPY other.o /d\nCOPY dir /d", "`/d` is there, and is not a directory");
    fails("COPY other.o /d\nCOPY other.o /d/e", "`/d` is there, and is not a directory");
    fails("COPY other.o /d\nWORKDIR /d", "`/d` is there, and is not a directory");
    fails("COPY dir /other.o/\nCOPY . /", "`/other.o` is there, and is a directory");
    fails(
        "ARG BC_ARM64_EL\nCOPY $BC_ARM64_EL /",
        "`$BC_ARM64_EL` is empty: `BC_ARM64_EL` is not set\nhint: give it with `--build-arg BC_ARM64_EL=…`",
    );
    fails(
        "COPY other.o $A$B",
        "`$A$B` is empty: `A`, `B` are not set\nhint: give it with `--build-arg A=…`",
    );
    fails("COPY other.o ${A", "`${A` cannot be expanded: a `${` is not closed");
    fails(
        "COPY other.o ${A#x}",
        "`${A#x}` cannot be expanded: the built-in builder does not know `${A#…}`\nhint: build with `--engine docker` or `--engine podman`",
    );
    fails("COPY other.o ${A:?is-it?}", "`${A:?is-it?}` cannot be expanded: `A` is-it?");
    let chmod = "the built-in builder takes octal numbers up to 7777";
    for mode in ["u+x", "10000", "8", "-1"] {
        fails(
            &format!("COPY --chmod={mode} other.o /"),
            &format!("the flag `--chmod` is `{mode}`: {chmod}"),
        );
    }
    fails("COPY --chown=bpf other.o /", "the user `bpf` is not in `/etc/passwd` of the stage");
    fails("COPY --chown=0:bpf other.o /", "the group `bpf` is not in `/etc/group` of the stage");
}

#[test]
fn sources_that_are_not_there() {
    fails(
        "COPY --from=nobody x /",
        "failed to get the image `docker.io/library/nobody:latest`\nno such image",
    );
    fails("COPY --from=0 x /", "`--from=0` is not there yet: it must come before");
    fails("COPY --from=7 x /", "`--from=7` is not the number of a stage");
    fails(
        "ARG S\nCOPY --from=$S x /",
        "`--from=$S` has a variable, which is not expanded there: give the image a name with `FROM … AS NAME`",
    );
    fails("COPY --from=scratch x /", "there is no `x` in the stage");
    let world = World::new("FROM scratch AS a\nCOPY --from=b x /\nFROM scratch AS b\n");
    let mut request = world.request();
    request.target = Some("a".to_owned());
    same(
        &world.fail_with(&request),
        "
        `Containerfile`, line 2: `COPY --from=b x /` failed for linux/amd64
          `--from=b` is not there yet: it must come before
        ",
    );
    request.target = Some("aa".to_owned());
    same(
        &world.fail_with(&request),
        "
        there is no stage `aa` in `Containerfile`; there are `a`, `b`
        hint: did you mean `a`?
        ",
    );
    request.target = None;
    request.context = None;
    let world = World::new("FROM scratch\nCOPY x /\n");
    request.containerfile = world.request().containerfile;
    same(
        &world.fail_with(&request),
        "
        `Containerfile`, line 2: `COPY x /` failed for linux/amd64
          there is no `.` in a build without a context
        ",
    );
}

#[test]
fn what_only_an_engine_does_names_both_ways_out() {
    let by_engine = "or build with `--engine docker` or `--engine podman`";
    for (line, name) in [
        ("RUN go build", "RUN"),
        ("ONBUILD COPY x /", "ONBUILD"),
        ("COPY --parents x /", "COPY --parents"),
        ("COPY --exclude=y x /", "COPY --exclude"),
        ("COPY <<E /x\ntext\nE", "COPY with a here-document"),
    ] {
        let world = World::new(&format!("FROM scratch AS build\n{line}\n"));
        let shown = line.lines().next().unwrap();
        same(
            &world.fail(),
            &format!(
                "`Containerfile`, line 2: `{shown}` failed for linux/amd64
  the built-in builder does not do `{name}`
hint: make the files of the stage on the host and put them in its place: `--build-context build=DIR`, or `--build-context build::PLATFORM=DIR` for each platform; {by_engine}"
            ),
        );
    }
    fails(
        "ADD https://x/y.tar /",
        &format!(
            "the built-in builder does not do `ADD`\nhint: write COPY for files that are neither archives nor URLs; or make the files of the stage on the host and put them in its place (name it with `FROM … AS NAME`): `--build-context NAME=DIR`, or `--build-context NAME::PLATFORM=DIR` for each platform; {by_engine}"
        ),
    );
    fails(
        "RUN x",
        &format!(
            "the built-in builder does not do `RUN`\nhint: make the files of the stage on the host and put them in its place (name it with `FROM … AS NAME`): `--build-context NAME=DIR`, or `--build-context NAME::PLATFORM=DIR` for each platform; {by_engine}"
        ),
    );
}

#[test]
fn values_that_are_none() {
    fails("EXPOSE http", "`http` is not a port such as `8080`, `8080/udp` or `8080-8090`");
    fails("STOPSIGNAL SIGNAL", "`SIGNAL` is not a signal");
    fails("USER $U", "`$U` is empty: `U` is not set\nhint: give it with `--build-arg U=…`");
    fails("VOLUME $V", "`$V` is empty: `V` is not set\nhint: give it with `--build-arg V=…`");
    fails("USER bpf\nWORKDIR /x", "the user `bpf` is not in `/etc/passwd` of the stage");
}

#[test]
fn a_from_that_leads_nowhere() {
    let cases = [
        (
            "FROM base:$TAG",
            "`TAG` is not set\nhint: declare it with `ARG TAG` before the first FROM, and give it with `--build-arg TAG=…`",
        ),
        ("FROM ${TAG:-}", "`${TAG:-}` is empty"),
        ("FROM --platform=arm64 x", "`arm64` is not a platform such as `linux/arm64`"),
        (
            "FROM Bad/Name",
            "neither a stage nor an image: invalid reference `Bad/Name`: the repository has uppercase letters",
        ),
        ("FROM base", "failed to get the image `docker.io/library/base:latest`\nno such image"),
        (
            "FROM biuld",
            "failed to get the image `docker.io/library/biuld:latest`\nno such image\nhint: did you mean `build`?",
        ),
    ];
    for (line, expected) in cases {
        let world = World::new(&format!("FROM scratch AS build\n{line}\n"));
        let at = format!("`Containerfile`, line 2: `{line}` failed for linux/amd64");
        // A cause of a cause is one step further in.
        let expected = indent(expected);
        same(&world.fail(), &format!("{at}\n{expected}"));
    }
    let world = World::new("ARG A=\"${B:?is needed}\"\nFROM scratch\n");
    same(
        &world.fail(),
        r#"
        `Containerfile`, line 1: `ARG A="${B:?is needed}"` failed for linux/amd64
          `"${B:?is needed}"` cannot be expanded: `B` is needed
        "#,
    );
}

#[test]
fn containerfiles_that_are_none() {
    let name = "`A B` is not a name for a stage";
    let cases = [
        ("", 1, "expected at least one FROM instruction"),
        ("# nothing\n", 1, "expected at least one FROM instruction"),
        ("COPY a /\n", 1, "expected FROM"),
        ("FROM scratch\n\nHELLO x\n", 3, "unknown instruction 'HELLO'"),
        ("FROM scratch\nCOPY a\n", 2, "COPY instruction requires at least two arguments"),
        ("FROM scratch\nCOPY --form=x a /\n", 2, "it has no flag `--form`"),
        ("FROM scratch\nCOPY --from a /\n", 2, "the flag `--from` has no value"),
        ("FROM scratch\nCOPY --from=a --from=b a /\n", 2, "the flag `--from` stands there twice"),
        ("FROM --plat=x scratch\n", 1, "it has no flag `--plat`"),
        (
            "FROM scratch AS 1x\n",
            1,
            "`1x` is not a name for a stage: write letters, digits, `-`, `_` and `.`, a letter first",
        ),
        ("FROM scratch AS a\nFROM scratch AS A\n", 2, "there are two stages named `a`"),
        ("FROM scratch\nENV A\n", 2, "`A` has no `=`; write `NAME=VALUE`"),
        ("FROM scratch\nLABEL a=b c\n", 2, "`c` has no `=`; write `NAME=VALUE`"),
        ("FROM scratch\nCMD [\"a\", 1]\n", 2, "an array of anything but strings is not a command"),
        (
            "FROM scratch\nHEALTHCHECK --interval=5 CMD x\n",
            2,
            "the flag `--interval` is `5`, not a time such as `1m30s`",
        ),
        (
            "FROM scratch\nHEALTHCHECK --timeout=1us CMD x\n",
            2,
            "the flag `--timeout` is less than `1ms`",
        ),
        (
            "FROM scratch\nHEALTHCHECK --retries=-1 CMD x\n",
            2,
            "the flag `--retries` is `-1`, not a number",
        ),
        ("FROM scratch\nSHELL /bin/sh\n", 2, "expected JSON array"),
        (
            "FROM scratch\nCOPY --link=1 a /\n",
            2,
            "the flag `--link` is `1`, neither `true` nor `false`",
        ),
        (
            "# escape=`\n# syntax=quay.io/my/language:1\nFROM scratch\n",
            2,
            "its language is that of `quay.io/my/language:1`, which only `--engine docker` knows",
        ),
    ];
    assert!(!cases.iter().any(|(_, _, message)| message.contains(name)));
    for (text, line, message) in cases {
        same(&World::new(text).fail(), &format!("`Containerfile`, line {line}: {message}"));
    }
}

#[test]
fn files_that_are_not_there_or_no_use() {
    let world = World::new("FROM scratch\nCOPY . /\n").file(".dockerignore", "\n[a\n");
    same(
        &world.fail(),
        "
        `Containerfile`, line 2: `COPY . /` failed for linux/amd64
          `context/.dockerignore`, line 2: `[a` is not a pattern: a `[` is not closed
        ",
    );
    let mut request = world.request();
    request.context = Some(world.context().join("nowhere"));
    same(
        &world.fail_with(&request),
        "
        `Containerfile`, line 2: `COPY . /` failed for linux/amd64
          failed to open the directory `context/nowhere`
          No such file or directory (os error 2)
        ",
    );
    request.containerfile = world.context().join("Nofile");
    same(
        &world.fail_with(&request),
        "
        failed to read `context/Nofile`
          No such file or directory (os error 2)
        ",
    );
    let mut request = world.request();
    request.platforms.clear();
    same(&world.fail_with(&request), "there is no platform to build for");
    request.platforms = vec![platform("linux/amd64"); 2];
    let world = World::new("FROM scratch\n");
    request.containerfile = world.request().containerfile;
    same(
        &world.fail_with(&request),
        "failed to assemble the image: there are two images for `linux/amd64`",
    );
}

#[test]
fn a_program_for_another_machine_is_named() {
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0".to_vec();
    let world = World::new(
        "FROM scratch AS b\nCOPY app /out/\nFROM scratch\nCOPY --from=b out/app /bin/\n",
    )
    .file("app", &program);
    same(
        &world.fail(),
        "
        `Containerfile`, line 4: `COPY --from=b out/app /bin/` failed for linux/amd64
          `/bin/app` is a program for arm64, not for linux/amd64
        ",
    );
    // A stage that only lends its files may have any.
    let mut request = world.request();
    request.platforms = vec![platform("linux/arm64")];
    assert!(world.build(&request).is_ok());
    // An eBPF object is no program.
    program[16] = 1;
    program[18] = 247;
    assert!(world.file("app", &program).build(&request).is_ok());
}

#[test]
fn warnings_name_what_nobody_uses() {
    let world = World::new(
        "ARG BC_AMD64_EL\nFROM scratch\nARG USED NOT\nLABEL a=$USED b=$NOT c=${NOT:-x}\nENV A=$A\n",
    );
    let mut request = world.request();
    let names = ["USED", "BC_AMD64_EB", "zzz", "TARGETARCH", "http_proxy", "BUILDKIT_INLINE_CACHE"];
    request.build_args = names.map(|name| (name.to_owned(), "1".to_owned())).into();
    let warnings = world.build(&request).unwrap().warnings;
    let file = request.containerfile.display();
    assert_eq!(
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            format!(
                "the build argument `BC_AMD64_EB` is not used: no ARG of `{file}` names it; did you mean `BC_AMD64_EL`?"
            ),
            format!("the build argument `zzz` is not used: no ARG of `{file}` names it"),
            format!("`{file}`, line 4: `NOT` is not set, so nothing stands in its place"),
            format!("`{file}`, line 5: `A` is not set, so nothing stands in its place"),
        ]
    );
}
