//! Named contexts: what stands for stages and images.

use image_build::NamedContext;
use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Image, Index, Named};

use crate::support::{World, image_of, platform, same, show};

/// Adds contexts, whose directories are below the world's.
fn request(world: &World, words: &[&str]) -> image_build::BuildRequest {
    let mut request = world.request();
    let context = |word: &&str| word.parse::<NamedContext>().unwrap().relative_to(&world.context());
    request.contexts = words.iter().map(context).collect();
    request
}

#[test]
fn a_directory_stands_for_a_stage() {
    let world = World::new(
        "FROM --platform=$BUILDPLATFORM golang:1.22 AS build\nRUN go build\nFROM scratch\nCOPY --from=build /out/app /\n",
    )
    .file("all/out/app", "all")
    .file("arm/out/app", "arm")
    .file("arm/.dockerignore", "none");
    // Nobody copies that, so nobody minds.
    host::Cmd::new("mkfifo").arg(world.path("all/pipe")).run().unwrap();
    let mut request = request(&world, &["build=all", "build::linux/arm64=arm"]);
    // The platform of a stage is that of its FROM.
    request.build_platform = platform("linux/arm64");
    let image = world.only(&request);
    assert!(show(&image).ends_with("COPY --from=build /out/app /\n  f 0644 0:0 app arm\n"));
    request.build_platform = platform("linux/amd64");
    assert!(show(&world.only(&request)).ends_with("  f 0644 0:0 app all\n"));
}

#[test]
fn a_replaced_stage_may_hold_anything() {
    let world = World::new(
        "FROM x AS build\nRUN cat <<A <<-B >/y\nFROM a\nA\n\tHELLO\n\tB\nADD --checksum=sha256:1 https://x/y /\nCOPY <<C --parents /z\nRUN\nC\nONBUILD RUN cat <<D\nUSER\nD\nENTRYPOINT []\nFROM scratch\nCOPY --from=build app /\n",
    )
    .file("a/app", "a");
    let image = world.only(&request(&world, &["build=a"]));
    assert!(show(&image).ends_with("COPY --from=build app /\n  f 0644 0:0 app a\n"));
}

#[test]
fn each_platform_has_its_directory() {
    let world = World::new("FROM x AS build\nFROM scratch\nCOPY --from=build app /\n")
        .file("a/app", "a")
        .file("b/app", "b");
    let mut request = request(&world, &["build::linux/arm64=a", "build::linux/s390x=b"]);
    request.platforms = ["linux/s390x", "linux/arm64"].map(platform).to_vec();
    let index = Artifact::Index(world.build(&request).unwrap().index);
    let texts: Vec<_> = index.images().into_iter().map(show).collect();
    assert!(texts[0].ends_with("app b\n") && texts[1].ends_with("app a\n"), "{texts:?}");
}

#[test]
fn a_directory_can_be_copied_from_or_be_an_image() {
    let world = World::new(
        "FROM docker.io/library/base:latest\nCOPY --from=other . /o/\nCOPY --from=base d/f /g\n",
    )
    .file("base/d/f", "F")
    .link("base/l", "d")
    .file("base/no", "")
    .file("base/.dockerignore", "no\n.dockerignore\n")
    .file("other/f", "O");
    same(
        &show(&world.only(&request(&world, &["base=base", "other=other"]))),
        r#"
        linux/amd64 1970-01-01T00:00:00Z
        {"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"WorkingDir":"/"}
        FROM docker.io/library/base:latest
          d 0755 0:0 d/
          f 0644 0:0 d/f F
          l 0777 0:0 l -> d
        COPY --from=other . /o/
          d 0755 0:0 o/
          f 0644 0:0 o/f O
        COPY --from=base d/f /g
          f 0644 0:0 g F
        "#,
    );
}

#[test]
fn an_image_of_a_registry_stands_for_another() {
    let world = World::new("FROM golang:1.22 AS b\nFROM scratch\nCOPY --from=b f /\n")
        .image("quay.io/mine/go:2", image_of(&[("f", "mine")]));
    for word in
        ["golang:1.22=docker-image://quay.io/mine/go:2", "b=docker-image://quay.io/mine/go:2"]
    {
        let image = world.only(&request(&world, &[word]));
        assert!(show(&image).ends_with("COPY --from=b f /\n  f 0644 0:0 f mine\n"));
    }
}

#[test]
fn a_layout_is_read_in_place() {
    let world = World::new("FROM base\nCOPY --from=base f /g\n");
    let images = ["linux/amd64", "linux/arm/v7"].map(|word| {
        let image = Image::builder(platform(word)).label("of", word);
        let layer = oci::Layer::single_file("f", word.as_bytes(), 0).unwrap();
        image.layer(layer, "COPY f /").build().unwrap()
    });
    let index = Index::new(images.to_vec(), Default::default()).unwrap();
    let digest = index.digest();
    let named = Named {
        references: vec!["quay.io/x/y:1".parse().unwrap()],
        artifact: Artifact::Index(index),
    };
    let tree = world.path("tree");
    Tree::new(&tree).write(&[named], WriteOptions { durable: false }).unwrap();
    let word = format!("base=oci-layout://tree/quay.io/x/y@{digest}");
    let mut request = request(&world, &[&word]);
    request.platforms = ["linux/arm", "linux/amd64"].map(platform).to_vec();
    let index = Artifact::Index(world.build(&request).unwrap().index);
    let texts: Vec<_> = index.images().into_iter().map(show).collect();
    same(
        &texts[0],
        r#"
        linux/arm 1970-01-01T00:00:00Z
        {"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Labels":{"of":"linux/arm/v7"}}
        COPY f /
          f 0644 0:0 f linux/arm/v7
        COPY --from=base f /g
          f 0644 0:0 g linux/arm/v7
        "#,
    );
    assert!(texts[1].contains(r#""of":"linux/amd64""#));

    request.platforms = vec![platform("linux/s390x")];
    let layout = world.context().join("tree/quay.io/x/y");
    same(
        &world.fail_with(&request),
        &format!(
            "
        `Containerfile`, line 1: `FROM base` failed for linux/s390x
          `base=oci-layout://{}@{digest}` is for `linux/amd64`, `linux/arm/v7`, not for linux/s390x
        ",
            layout.strip_prefix(world.context().parent().unwrap()).unwrap().display()
        ),
    );
}

#[test]
fn files_from_elsewhere_are_in_the_context() {
    let world = World::new("FROM scratch\nARG FILE\nCOPY ${FILE} /\nCOPY . /all/\n")
        .file("own/f", "own")
        .file("../elsewhere/x.o", "X")
        .file("../elsewhere/y.o", "Y")
        .link("../elsewhere/link.o", "y.o")
        // Nothing that is placed is ignored.
        .file(".dockerignore", "**/*.o\n.dockerignore\n.objects\n");
    let mut request = world.request();
    let elsewhere = world.context().join("../elsewhere");
    request.files = [
        (".objects/amd64/x.o".into(), elsewhere.join("x.o")),
        ("own/link.o".into(), elsewhere.join("link.o")),
    ]
    .into();
    request.build_args = [("FILE".to_owned(), ".objects/amd64/x.o".to_owned())].into();
    let text = show(&world.only(&request));
    same(
        &text[text.find("COPY").unwrap()..],
        r#"
COPY ${FILE} /
  f 0644 0:0 x.o X
COPY . /all/
  d 0755 0:0 all/
  d 0755 0:0 all/.objects/
  d 0755 0:0 all/.objects/amd64/
  f 0644 0:0 all/.objects/amd64/x.o X
  d 0755 0:0 all/own/
  f 0644 0:0 all/own/f own
  f 0644 0:0 all/own/link.o Y
"#,
    );
}

#[test]
fn a_made_stage_is_for_the_platform_of_the_image() {
    let world = World::new(
        "FROM --platform=$BUILDPLATFORM golang:1.22 AS build\nRUN go build\nFROM scratch\nCOPY --from=build /out/app /\n",
    )
    .file("all/out/app", "all")
    .file("a/out/app", "a")
    .file("b/out/app", "b");
    let mut request = request(&world, &["build=all"]);
    let stage = |word: &str| word.parse::<NamedContext>().unwrap().relative_to(&world.context());
    request.stages = ["build::linux/arm64=a", "build::linux/s390x=b"].map(stage).to_vec();
    request.platforms = ["linux/s390x", "linux/arm64", "linux/amd64"].map(platform).to_vec();
    request.build_platform = platform("linux/arm64");
    let index = Artifact::Index(world.build(&request).unwrap().index);
    let texts: Vec<_> = index.images().into_iter().map(show).collect();
    let ends = ["app b\n", "app a\n", "app all\n"];
    assert!(texts.iter().zip(ends).all(|(text, end)| text.ends_with(end)), "{texts:?}");
}

#[test]
fn a_made_stage_must_be_one_of_the_containerfile() {
    let world = World::new(
        "FROM golang:1.22 AS build\nRUN go build\nFROM scratch\nCOPY --from=build /out/app /\n",
    )
    .file("made/out/app", "made");
    let mut request = world.request();
    let stage: NamedContext = "bild::linux/amd64=made".parse().unwrap();
    request.stages = vec![stage.relative_to(&world.context())];
    same(
        &world.fail_with(&request),
        "
        there is no stage `bild` in `Containerfile`; there are `build`
        hint: did you mean `build`?
        ",
    );
}
