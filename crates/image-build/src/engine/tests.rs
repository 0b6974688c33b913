//! Words and command lines, as values.

use std::path::Path;

use host::Cmd;

use super::contexts::{Group, each, groups};
use super::docker::{self, Buildx};
use super::*;

#[test]
fn engines_have_words() {
    for word in ["native", "docker", "podman"] {
        assert_eq!(word.parse::<Engine>().unwrap().to_string(), word);
    }
    assert_eq!(Engine::default(), Engine::Native);
    for word in ["", "Docker", "buildah"] {
        let error = word.parse::<Engine>().unwrap_err().to_string();
        let known = "write `native`, `docker` or `podman`";
        assert_eq!(error, format!("unknown engine `{word}`: {known}"));
    }
}

#[test]
fn no_two_builds_have_one_name() {
    assert_ne!(unique_name(), unique_name());
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(unique_name().chars().all(good));
}

/// A job in a directory, whose name is not in its texts.
struct Desk {
    dir: tempfile::TempDir,
    job: Job,
}

impl Desk {
    fn new(containerfile: &str, change: impl FnOnce(&mut BuildRequest)) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        host::fs::write_atomic(&at("Containerfile"), containerfile.as_bytes()).unwrap();
        let platforms = ["linux/arm64", "linux/arm"].map(|word| word.parse().unwrap());
        let build_platform = "linux/amd64".parse().unwrap();
        let (file, context) = (at("Containerfile"), at("context"));
        let mut request = BuildRequest::new(file, context, platforms.to_vec(), build_platform);
        change(&mut request);
        let request = BuildRequest {
            contexts: request.contexts.into_iter().map(|it| it.relative_to(dir.path())).collect(),
            ..request
        };
        let mut job = Job::new(&request, dir.path()).unwrap();
        job.name = "NAME".to_owned();
        job.work = "work".into();
        Desk { dir, job }
    }

    fn show(&self, command: &Cmd) -> String {
        self.plain(&command.to_string())
    }

    fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }

    fn only_group(&self) -> Group {
        let [group] = &groups("docker", &self.job).unwrap()[..] else { panic!("several groups") };
        group.clone()
    }

    fn archive(&self, buildx: &Buildx, builder: Option<&str>) -> String {
        let (request, group) = (&self.job.request, self.only_group());
        let start = docker::start(buildx, builder, request, &group, Path::new("m.json"));
        self.show(&docker::to_archive(start, request, Path::new("o,.tar")).arg("CONTEXT"))
    }

    fn load(&self) -> String {
        let (request, group) = (&self.job.request, self.only_group());
        let buildx = Buildx::Alone("buildx".into());
        let start = docker::start(&buildx, None, request, &group, Path::new("m.json"));
        self.show(&docker::to_docker(start, &self.job, "localhost/NAME:latest"))
    }

    fn podman(&self) -> Vec<String> {
        let groups = each("podman", &self.job).unwrap();
        let start = |group| {
            let (program, ignore) = (Path::new("podman"), Path::new("ignore"));
            podman::start(program, &self.job.request, group, ignore, "localhost/NAME:0")
        };
        groups.iter().map(|group| self.show(&start(group))).collect()
    }
}

fn full(request: &mut BuildRequest) {
    let digest = oci::Digest::of(b"");
    let words = [
        "image=docker-image://quay.io/a/b:1".to_owned(),
        "twice=first".to_owned(),
        format!("layout=oci-layout://l@{digest}"),
        "twice=second".to_owned(),
    ];
    request.contexts = words.map(|word| word.parse().unwrap()).to_vec();
    let map = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    request.build_args = map("A", "a=b c");
    request.labels = map("l", "{\"x\":1}");
    request.annotations = map("n", "v");
    request.target = Some("one".to_owned());
    request.created = 7;
}

#[test]
fn the_command_lines_of_docker() {
    let plain = Desk::new("FROM scratch\n", |_| {});
    let environment = "SOURCE_DATE_EPOCH=0 BUILDX_METADATA_PROVENANCE=disabled";
    let fixed = "--provenance=false --sbom=false --progress=plain --metadata-file m.json";
    let output = "--output 'type=oci,rewrite-timestamp=true,\"dest=o,.tar\"' CONTEXT";
    assert_eq!(
        plain.archive(&Buildx::Alone("/x/buildx".into()), None),
        format!(
            "{environment} /x/buildx build --file Containerfile --platform linux/arm64,linux/arm {fixed} {output}"
        )
    );
    let full = Desk::new("FROM scratch AS one\n", full);
    let empty = oci::Digest::of(b"");
    assert_eq!(
        full.archive(&Buildx::Plugin("docker".into()), Some("mine")),
        format!(
            "{} docker buildx build --builder mine --file Containerfile --platform linux/arm64,linux/arm --build-arg 'A=a=b c' --build-context image=docker-image://quay.io/a/b:1 --build-context layout=oci-layout://l@{empty} --build-context twice=second --target one --label 'l={{\"x\":1}}' {fixed} --annotation manifest:n=v {output}",
            environment.replace("=0", "=7")
        )
    );

    let classic = Desk::new("ARG TARGETOS\nARG TARGETARCH=x A\nFROM scratch\n", |request| {
        request.platforms = vec!["linux/arm".parse().unwrap()];
        request.build_args = [("TARGETOS".to_owned(), "mine".to_owned())].into();
    });
    assert_eq!(
        classic.load(),
        format!(
            "{environment} buildx build --file Containerfile --platform linux/arm --build-arg TARGETOS=mine {fixed} --build-arg TARGETARCH=arm --load --tag localhost/NAME:latest"
        )
    );
    let (docker, name) = (Path::new("docker"), "localhost/NAME:latest");
    let others = [
        (
            docker::save(docker, name, Path::new("f")),
            format!("docker image save --output f {name}"),
        ),
        (docker::remove(docker, name), format!("docker image rm {name}")),
    ];
    for (command, expected) in others {
        assert_eq!(command.to_string(), expected);
    }
}

#[test]
fn classic_docker_says_what_it_is() {
    let cases = [
        ("ERROR: failed to build: OCI exporter is not supported for the docker driver.", true),
        ("x\nERROR: OCI exporter feature is currently not supported for docker driver. Y", true),
        ("ERROR: Multi-platform build is not supported for the docker driver.", true),
        ("multiple platforms feature is currently not supported for docker driver.", true),
        ("ERROR: failed to solve: no match for platform in manifest", false),
        ("ERROR: Cache export is not supported for the docker driver.", false),
        ("", false),
    ];
    for (said, expected) in cases {
        assert_eq!(docker::is_classic(said), expected, "{said}");
    }
}

#[test]
fn the_command_lines_of_podman() {
    let fixed = "podman build --layers=false --no-cache --identity-label=false";
    let plain = Desk::new("FROM scratch\n", |_| {});
    let end = "--ignorefile ignore --tag localhost/NAME:0";
    let of = |platform: &str| {
        format!("{fixed} --timestamp 0 --file Containerfile --platform {platform} {end}")
    };
    assert_eq!(plain.podman(), [of("linux/arm64"), of("linux/arm")]);
    let full = Desk::new("FROM scratch AS one\n", |request| {
        full(request);
        request.platforms.truncate(1);
    });
    let empty = oci::Digest::of(b"");
    assert_eq!(
        full.podman(),
        [format!(
            "{fixed} --timestamp 7 --file Containerfile --platform linux/arm64 --build-arg 'A=a=b c' --build-context image=docker-image://quay.io/a/b:1 --build-context layout=oci-layout://l@{empty} --build-context twice=second --target one --label 'l={{\"x\":1}}' --annotation n=v {end}"
        )]
    );
    let podman = Path::new("podman");
    let names = ["localhost/NAME:0".to_owned(), "localhost/NAME:1".to_owned()];
    let others = [
        (
            podman::save(podman, &names[0], Path::new("f")),
            "podman image save --quiet --format=oci-archive --output f localhost/NAME:0",
        ),
        (
            podman::remove(podman, &names),
            "podman image rm --ignore localhost/NAME:0 localhost/NAME:1",
        ),
    ];
    for (command, expected) in others {
        assert_eq!(command.to_string(), expected);
    }
}

/// Which contexts count for arm64, and which for arm.
#[test]
fn contexts_for_one_platform_split_a_build() {
    let cases: [(&str, &[&str], [&str; 2]); 5] = [
        ("FROM x AS b\n", &["b::linux/arm64=d", "b=e"], ["b=d", "b=e"]),
        ("FROM x AS b\n", &["b::linux/arm/v7=d", "c=e"], ["c=e", "b=d c=e"]),
        // The platform of a stage is that of its FROM, whatever is built.
        (
            "FROM --platform=$BUILDPLATFORM x AS b\n",
            &["b::linux/arm64=d", "b::linux/amd64=e"],
            ["b=e", "b=e"],
        ),
        (
            "FROM --platform=linux/arm64 golang:1\n",
            &["docker.io/library/golang:1::linux/arm64=d"],
            ["golang:1=d", "golang:1=d"],
        ),
        // What cannot be understood here decides nothing.
        ("FROM <<x\n", &["b::linux/arm64=d"], ["b=d", ""]),
    ];
    for (containerfile, words, expected) in cases {
        let desk = Desk::new(containerfile, |request| {
            request.contexts = words.iter().map(|word| word.parse().unwrap()).collect();
        });
        let show = |group: &Group| {
            let name = |(name, source): (&String, &crate::ContextSource)| {
                crate::NamedContext::new(name, None, source.clone()).to_string()
            };
            desk.plain(&group.contexts.iter().map(name).collect::<Vec<_>>().join(" "))
        };
        let groups = groups("docker", &desk.job).unwrap();
        let shown: Vec<String> = groups.iter().map(show).collect();
        assert_eq!(shown, expected, "{containerfile}");
        assert!(groups.iter().all(|group| group.platforms.len() == 1));
    }
}
