//! Stages: which are needed, what they start from, and their variables.

use image_build::BuildRequest;
use oci::{Artifact, Image};

use crate::support::{World, platform, same};

/// Builds for several platforms, and returns the images.
fn images(world: &World, request: &BuildRequest) -> Vec<Image> {
    let index =
        world.build(request).unwrap_or_else(|e| panic!("{}", crate::support::chain(&e))).index;
    Artifact::Index(index).images().into_iter().cloned().collect()
}

/// Returns the label `x` for amd64.
fn label(containerfile: &str, arguments: &[(&str, &str)]) -> String {
    let world = World::new(containerfile);
    let mut request = world.request();
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    request.build_args = arguments.iter().map(owned).collect();
    images(&world, &request)[0].labels()["x"].clone()
}

#[test]
fn variables_are_where_they_were_declared() {
    let show = "LABEL x=${A-no},${B-no}";
    type Arguments = &'static [(&'static str, &'static str)];
    let cases: [(String, Arguments, &str); 17] = [
        (format!("FROM scratch\n{show}"), &[("A", "1")], "no,no"),
        (format!("ARG A=1\nFROM scratch\n{show}"), &[], "no,no"),
        (format!("ARG A=1\nFROM scratch\nARG A\n{show}"), &[], "1,no"),
        (format!("ARG A=1\nFROM scratch\nARG A=2\n{show}"), &[], "2,no"),
        (format!("ARG A=1\nFROM scratch\nARG A=2\n{show}"), &[("A", "3")], "3,no"),
        (format!("ARG A\nFROM scratch\nARG A\n{show}"), &[("A", "3")], "3,no"),
        (format!("ARG A\nFROM scratch\nARG A\n{show}"), &[], "no,no"),
        (format!("ARG A=1 B=$A$A\nFROM scratch\nARG A B\n{show}"), &[], "1,11"),
        (format!("ARG A=1\nARG B=${{A}}2\nFROM scratch\nARG B\n{show}"), &[("A", "3")], "no,32"),
        (format!("FROM scratch\nARG A=1\nARG B=\"$A 2\"\n{show}"), &[], "1,1 2"),
        (format!("FROM scratch\nARG A=1\nENV A=2\n{show}"), &[("A", "3")], "2,no"),
        (format!("FROM scratch\nENV A=2\nARG A=1\n{show}"), &[], "1,no"),
        (format!("FROM scratch AS a\nARG A=1\nENV B=2\nFROM a\n{show}"), &[], "1,2"),
        (format!("FROM scratch AS a\nARG A=1\nFROM scratch\n{show}"), &[], "no,no"),
        (format!("FROM scratch\nARG A=\n{show}"), &[], ",no"),
        (format!("FROM scratch\nARG A=1\n{show}"), &[("A", "")], ",no"),
        (format!("FROM scratch\nARG A='$B' B=1\n{show}"), &[], "$B,1"),
    ];
    for (containerfile, arguments, expected) in cases {
        assert_eq!(label(&containerfile, arguments), expected, "{containerfile} {arguments:?}");
    }
}

#[test]
fn platforms_are_predefined() {
    let show = "LABEL x=$TARGETPLATFORM,$TARGETOS,$TARGETARCH,$TARGETVARIANT,$BUILDPLATFORM,$BUILDOS,$BUILDARCH,$BUILDVARIANT,$TARGETSTAGE";
    let names = "TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT TARGETSTAGE";
    let of = |containerfile: &str| {
        let world = World::new(containerfile);
        let mut request = world.request();
        request.platforms = ["linux/arm/v7", "linux/s390x"].map(platform).to_vec();
        request.build_platform = platform("linux/arm64/v8");
        let images = images(&world, &request);
        images.iter().map(|image| image.labels()["x"].clone()).collect::<Vec<_>>()
    };
    let host = "linux/arm64/v8,linux,arm64,v8";
    let set = [
        format!("linux/arm/v7,linux,arm,v7,{host},it"),
        format!("linux/s390x,linux,s390x,,{host},it"),
    ];
    assert_eq!(of(&format!("FROM scratch AS it\nARG {names}\n{show}")), set);
    // A line for podman does not blank them.
    let global = "ARG TARGETOS\nARG TARGETARCH TARGETVARIANT";
    assert_eq!(of(&format!("{global}\nFROM scratch AS it\nARG {names}\n{show}")), set);
    // Not declared, not there.
    assert_eq!(of(&format!("{global}\nFROM scratch\n{show}")), [",,,,,,,,"; 2]);
    // A default is one.
    let names = "TARGETPLATFORM TARGETOS TARGETARCH=mine TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT TARGETSTAGE";
    let mine: Vec<_> =
        set.iter().map(|x| x.replace("arm,v7", "mine,v7").replace("s390x,,", "mine,,")).collect();
    assert_eq!(of(&format!("FROM scratch AS it\nARG {names}\n{show}")), mine);
}

#[test]
fn a_stage_is_chosen_by_the_platform() {
    let world = World::new(
        "ARG TARGETOS TARGETARCH TARGETVARIANT
        FROM scratch AS linuxamd64
        COPY amd64 /x
        FROM scratch AS linuxarmv7
        COPY arm /x
        FROM scratch AS linuxmips
        COPY not-there /x
        RUN nobody needs this
        FROM ${TARGETOS}${TARGETARCH}$TARGETVARIANT
        LABEL a=b",
    )
    .file("amd64", "64")
    .file("arm", "32");
    let mut request = world.request();
    request.platforms = ["linux/arm/v7", "linux/amd64"].map(platform).to_vec();
    let images = images(&world, &request);
    let steps = |image: &Image| {
        let history = image.config().history.iter();
        history.map(|step| step.created_by.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(steps(&images[0]), ["COPY arm /x", "LABEL a=b"]);
    assert_eq!(steps(&images[1]), ["COPY amd64 /x", "LABEL a=b"]);
    assert_eq!(images[0].platform(), platform("linux/arm/v7"));
}

#[test]
fn only_needed_stages_are_carried_out() {
    let world = World::new(
        "FROM no-such-image AS broken\nRUN x\nFROM scratch AS a\nCOPY f /\nFROM a AS b\nCOPY --from=broken x /\nFROM a AS c\nCOPY --from=A f /g\nCOPY --from=1 f /h\nFROM b\nRUN y\n",
    )
    .file("f", "F");
    let mut request = world.request();
    request.target = Some("C".to_owned());
    same(
        &crate::support::show(&world.only(&request)),
        r#"
        linux/amd64 1970-01-01T00:00:00Z
        {"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"WorkingDir":"/"}
        COPY f /
          f 0644 0:0 f F
        COPY --from=A f /g
          f 0644 0:0 g F
        COPY --from=1 f /h
          f 0644 0:0 h F
        "#,
    );
}

#[test]
fn a_stage_goes_on_where_its_base_ended() {
    let world = World::new(
        "FROM scratch AS a\nWORKDIR /w\nENV A=1\nCMD [\"c\"]\nCOPY f .\nFROM a\nENTRYPOINT [\"e\"]\nCOPY f ./$A/\n",
    )
    .file("f", "F");
    // The CMD is not this stage's, so that the ENTRYPOINT removes it.
    same(
        &world.show(),
        r#"
        linux/amd64 1970-01-01T00:00:00Z
        {"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","A=1"],"Entrypoint":["e"],"WorkingDir":"/w"}
        WORKDIR /w
          d 0755 0:0 w/
        ENV A=1
        CMD ["c"]
        COPY f .
          f 0644 0:0 w/f F
        ENTRYPOINT ["e"]
        COPY f ./$A/
          d 0755 0:0 w/1/
          f 0644 0:0 w/1/f F
        "#,
    );
}

#[test]
fn a_stage_can_be_for_the_machine_that_builds() {
    let arm = Image::builder(platform("linux/arm64")).label("is", "arm64").build().unwrap();
    let containerfile = "FROM --platform=$BUILDPLATFORM tools AS t\nFROM --platform=linux/arm64 tools AS u\nFROM t\n";
    let world = World::new(containerfile).image("tools", arm);
    let mut request = world.request();
    request.build_platform = platform("linux/arm64");
    let image = world.only(&request);
    assert_eq!(image.labels()["is"], "arm64");
    assert_eq!(image.platform(), platform("linux/amd64"));
}

#[test]
fn equal_layers_are_one_blob_in_one_file() {
    let world = World::new("FROM scratch\nCOPY big /\nCOPY big /\n");
    // More than is kept in memory, and hard to compress.
    let bytes: Vec<u8> =
        (0..1_500_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let world = world.file("big", bytes);
    let mut request = world.request();
    request.platforms = ["linux/amd64", "linux/arm64", "linux/s390x"].map(platform).to_vec();
    let images = images(&world, &request);
    let digests = images.iter().flat_map(|image| image.layers().iter().map(|l| l.blob().digest()));
    let mut digests: Vec<_> = digests.collect();
    assert_eq!(digests.len(), 6);
    digests.dedup();
    assert_eq!(digests.len(), 1);
    let work = world.context().join("../work");
    let files: Vec<_> = std::fs::read_dir(work).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, [digests[0].hex().as_str()]);
}

#[test]
fn a_build_depends_on_nothing_else() {
    let build = |shuffle: bool| {
        let world = World::new("FROM scratch\nCOPY . /\nCOPY --chmod=755 b /x/\n");
        let names = ["a", "b", "é", "z/1", "z/2", "B"];
        let order: Vec<_> =
            if shuffle { names.into_iter().rev().collect() } else { names.to_vec() };
        let world = order.into_iter().fold(world, |world, name| world.file(name, name));
        let world = world.mode("z", 0o755);
        if shuffle {
            std::fs::File::open(world.path("a"))
                .unwrap()
                .set_modified(std::time::UNIX_EPOCH)
                .unwrap();
        }
        let mut request = world.request();
        request.platforms = ["linux/amd64", "linux/arm64"].map(platform).to_vec();
        world.build(&request).unwrap().index.digest()
    };
    assert_eq!(build(false), build(true));
    // Published digests hang on this.
    assert_eq!(
        build(false).to_string(),
        "sha256:3b9835983b729eafb3fccd7e97828163ef8fe513e3c3d7458ecde7d3ef1803a0"
    );
}
