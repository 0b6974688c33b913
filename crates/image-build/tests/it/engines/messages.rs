//! What is refused before an engine is asked, in whole messages.

use image_build::{BuildRequest, Engine, NamedContext};

use crate::support::{World, same};

const DOCKER: Engine = Engine::Docker { builder: None };

fn with_contexts(world: &World, words: &[&str]) -> BuildRequest {
    let mut request = world.request();
    let context = |word: &&str| word.parse::<NamedContext>().unwrap().relative_to(&world.context());
    request.contexts = words.iter().map(context).collect();
    request
}

#[track_caller]
fn refused(world: &World, engine: &Engine, request: &BuildRequest, expected: &str) {
    let (result, log) = world.build_with(engine, request);
    same(&world.tell(&result.unwrap_err()), expected);
    assert_eq!(log, "", "nothing is run");
}

#[test]
fn a_request_that_nobody_could_build() {
    let world = World::new("FROM scratch AS build\nFROM scratch\n").file("f", "");
    for engine in [DOCKER, Engine::Podman] {
        let mut request = world.request();
        request.target = Some("biuld".to_owned());
        refused(
            &world,
            &engine,
            &request,
            "
            there is no stage `biuld` in `Containerfile`; there are `build`
            hint: did you mean `build`?
            ",
        );
        request.target = None;
        request.platforms.clear();
        refused(&world, &engine, &request, "there is no platform to build for");
        request.containerfile = world.path("no");
        refused(
            &world,
            &engine,
            &request,
            "
            failed to read `context/no`
              No such file or directory (os error 2)
            ",
        );
    }
}

const HINT: &str = "hint: use `--engine native`, which needs no engine, or `--engine docker`";

#[test]
fn contexts_that_podman_would_take_for_something_else() {
    let layout =
        "x=oci-layout://d@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let cases = [
        ("FROM x\n", layout, "take a layout as the context `x`"),
        ("FROM x\n", "x=d", "start a stage from the context `x`"),
        ("ARG B=x\nFROM $B\n", "x=d", "start a stage from the context `x`"),
        (
            "FROM docker.io/library/golang:1.22\n",
            "golang:1.22=d",
            "start a stage from the context `golang:1.22`",
        ),
        ("FROM a AS x\nFROM x\n", "x=d", "start a stage from the context `x`"),
        ("FROM a AS x\n", "x=d", "build the stage `x` from the context of that name"),
        (
            "FROM a AS x\nFROM scratch\nCOPY --from=0 f /\n",
            "x=d",
            "copy from the context `x` by the number of its stage",
        ),
    ];
    for (containerfile, word, what) in cases {
        let world = World::new(containerfile).file("d/f", "");
        let request = with_contexts(&world, &[word]);
        refused(&world, &Engine::Podman, &request, &format!("`podman` cannot {what}\n{HINT}"));
    }
}

#[test]
fn a_context_that_is_another_for_each_stage() {
    let world = World::new(
        "FROM x AS a\nFROM --platform=linux/s390x x AS b\nFROM scratch\nCOPY --from=a f /\nCOPY --from=b f /g\n",
    )
    .file("d/f", "")
    .file("e/f", "");
    let request = with_contexts(&world, &["x=d", "x::linux/s390x=e"]);
    for (engine, other) in [(DOCKER, "podman"), (Engine::Podman, "docker")] {
        refused(
            &world,
            &engine,
            &request,
            &format!(
                "`{engine}` cannot build for linux/amd64: stages for several platforms take the context `x`\nhint: use `--engine native`, which needs no engine, or `--engine {other}`"
            ),
        );
    }
}
