//! Every way to name objects, and the image that comes of it.

use bpf_arch::{Arch, Endian};

use super::world::{PASS, World, describe};

/// What the labels of every image here say.
const SAID: &str = r#"io.ebpf.maps={"packets":"array"} io.ebpf.programs={"pass":"xdp"}"#;

fn expected(kind: &str, platforms: &[(&str, &str)]) -> String {
    let lines =
        platforms.iter().map(|(platform, file)| format!("{platform} {file} as it was {SAID}\n"));
    format!("{kind}\n{}", lines.collect::<String>())
}

#[test]
fn each_way_makes_its_image() {
    let world = World::with_objects(&Arch::PUBLISHED);
    let host = Arch::host().unwrap().platform();
    let host_file = format!("objects/{}", Arch::host().unwrap().object_file());
    let host_name = Arch::host().unwrap().object_file();
    let four = [
        ("linux/amd64", "pass.o"),
        ("linux/arm64", "pass.o"),
        ("linux/ppc64le", "pass.o"),
        ("linux/s390x", "pass.o"),
    ];
    let host_option = format!("{host}={host_file}");
    let cases: Vec<(&str, Vec<&str>, String)> = vec![
        ("one object", vec!["-b", &host_file], expected("image", &[(host, host_name)])),
        ("one bare path", vec![&host_file], expected("image", &[(host, host_name)])),
        (
            "one for another machine",
            vec!["--platform", "linux/s390x", "-b", "objects/bpf_s390_bpfeb.o"],
            expected("image", &[("linux/s390x", "bpf_s390_bpfeb.o")]),
        ),
        ("a directory", vec!["-c", "objects"], expected("index", &four)),
        (
            "some of a directory",
            vec!["-c", "objects/", "--platform", "s390x,arm64"],
            expected("index", &[("linux/arm64", "pass.o"), ("linux/s390x", "pass.o")]),
        ),
        (
            "386 only if asked",
            vec!["-c", "objects", "--platform", "linux/386,linux/amd64"],
            expected(
                "index",
                &[("linux/386", "bpf_x86_bpfel.o"), ("linux/amd64", "bpf_x86_bpfel.o")],
            ),
        ),
        (
            "slots, in the table's order",
            vec![
                "--bc-s390x-eb",
                "objects/bpf_s390_bpfeb.o",
                "--bc-mips64le-el",
                "objects/bpf_x86_bpfel.o",
            ],
            expected("index", &[("linux/mips64le", "pass.o"), ("linux/s390x", "pass.o")]),
        ),
        (
            "words with platforms",
            vec!["linux/s390x=objects/bpf_s390_bpfeb.o", "linux/arm64=objects/bpf_arm64_bpfel.o"],
            expected("index", &[("linux/arm64", "pass.o"), ("linux/s390x", "pass.o")]),
        ),
        (
            "one platform is still an index",
            vec![&host_option],
            expected("index", &[(host, host_name)]),
        ),
    ];
    for (what, args, expected) in cases {
        let all = [&["build", "-t", "localhost/me/pass:v1", "--to", "oci:out"], &*args].concat();
        let line = world.run(&all).done();
        let artifact = world.load("localhost/me/pass:v1");
        assert_eq!(line, format!("localhost/me/pass:v1@{}\n", artifact.digest()), "{what}");
        assert_eq!(describe(&artifact), expected, "{what}");
    }
}

#[test]
fn the_name_may_be_the_first_word_or_several() {
    let world = World::with_objects(&[Arch::Amd64]);
    let x86 = "linux/amd64=objects/bpf_x86_bpfel.o";
    let digest = |lines: &str| lines.lines().next().unwrap().split_once('@').unwrap().1.to_owned();
    let first = world.run(&["build", "--to", "oci:out", "localhost/me/pass", x86]).done();
    assert_eq!(first, format!("localhost/me/pass:latest@{}\n", digest(&first)));
    let args =
        ["build", "--to", "oci:out", "-t", "localhost/me/pass:a", "-t", "localhost/me/pass:b", x86];
    let both = world.run(&args).done();
    let digest = digest(&both);
    assert_eq!(both, format!("localhost/me/pass:a@{digest}\nlocalhost/me/pass:b@{digest}\n"));
}

#[test]
fn only_objects_of_a_directory_are_taken() {
    let world = World::with_objects(&[Arch::Amd64, Arch::S390x]);
    world.write("objects/bpf_x86_bpfel.go", "package main");
    world.write("objects/below/bpf_arm64_bpfel.o", "not looked at");
    let args = ["build", "-t", "localhost/p:v1", "--to", "oci:out", "-c", "objects"];
    world.run(&args).done();
    let names: Vec<_> =
        world.load("localhost/p:v1").platforms().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["linux/amd64", "linux/s390x"]);
}

#[test]
fn an_unchanged_image_is_written_once_and_json_says_so() {
    let world = World::with_objects(&[Arch::Amd64, Arch::S390x]);
    let args =
        ["build", "-t", "localhost/p:v1", "--to", "oci:out", "--format", "json", "-c", "objects"];
    for changed in [true, false] {
        let text = world.run(&args).done();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let artifact = world.load("localhost/p:v1");
        let to = format!("oci:{}", world.here().join("out").display());
        let expected = serde_json::json!({
            "schema": 1,
            "images": [{
                "references": ["localhost/p:v1"],
                "digest": artifact.digest().to_string(),
                "platforms": ["linux/amd64", "linux/s390x"],
                "size": artifact.size(),
                "companions": 0,
                "destinations": [{
                    "to": to,
                    "changed": changed,
                    "digest": artifact.digest().to_string(),
                    "platforms": ["linux/amd64", "linux/s390x"],
                }],
            }],
            "failures": [],
        });
        assert_eq!(json, expected);
    }
}

#[test]
fn labels_and_annotations_are_added_but_not_those_of_the_object() {
    let world = World::with_objects(&[Arch::Amd64]);
    let build = ["build", "-t", "localhost/me/pass:v1", "--to", "oci:out", "-c", "objects"];
    let marks = ["--label", "a=b=c", "--annotation", "org.opencontainers.image.title=other"];
    world.run(&[&build[..], &marks].concat()).done();
    let artifact = world.load("localhost/me/pass:v1");
    let image = artifact.images()[0];
    assert_eq!(image.labels()["a"], "b=c");
    assert_eq!(image.manifest().annotations["org.opencontainers.image.title"], "other");
    let reserved = [&build[..], &["--label", "io.ebpf.maps={}"]].concat();
    let (code, said) = world.run(&reserved).failed(&world);
    let expected = "error: the label `io.ebpf.maps` is read from the object and cannot be set\n";
    assert_eq!((code, said.as_str()), (2, expected));
}

#[test]
fn platforms_that_differ_are_labelled_by_themselves_if_they_may() {
    let world = World::new();
    world.write("a.o", super::world::compiled(PASS, Endian::Little));
    world.write("b.o", super::world::compiled(&PASS.replace("pass(", "drop("), Endian::Little));
    let args = ["build", "-t", "localhost/p:v1", "--to", "oci:out", "--allow-divergence"];
    let run = world.run(&[&args[..], &["linux/amd64=a.o", "linux/arm64=b.o"]].concat());
    assert!(run.stderr.contains("warning: the platforms differ: program `drop`"), "{}", run.stderr);
    run.done();
    let artifact = world.load("localhost/p:v1");
    let programs: Vec<_> =
        artifact.images().iter().map(|image| image.labels()["io.ebpf.programs"].clone()).collect();
    assert_eq!(programs, [r#"{"pass":"xdp"}"#, r#"{"drop":"xdp"}"#]);
}
