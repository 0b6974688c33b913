//! What real engines do not do on demand: programs in their place, which note
//! how they were called.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use image_build::{BuildRequest, Built, Engine, Error};
use oci::layout::WriteOptions;
use oci::{Artifact, Image, Index, Named};

use crate::support::{World, is_again, platform, same};

const DOCKER: Engine = Engine::Docker { builder: None };

/// A world whose `PATH` has nothing but stand-ins.
struct Desk {
    world: World,
    bin: PathBuf,
}

/// Runs the body in a process whose `PATH` is a directory of its own.
fn with_desk(name: &str, body: impl FnOnce(&Desk)) {
    let prepare = || {
        let bin = tempfile::tempdir().unwrap();
        Some((vec![("PATH", bin.path().into())], bin))
    };
    if is_again(name, prepare) {
        let world = World::new("FROM scratch\nCOPY f /\n").file("f", "F");
        body(&Desk { world, bin: std::env::var_os("PATH").unwrap().into() });
    }
}

/// What every stand-in begins with: `$out` is the file that it is to write,
/// `$meta` that for metadata, `$bin` where the stand-ins are.
const START: &str = r#"#!/bin/sh
bin=$PATH PATH=/usr/bin:/bin
while [ $# -gt 0 ]; do
  case $1 in
    --output) out=${2##*dest=};;
    --metadata-file) meta=$2;;
    build|save|rm|version|--load) did="$did $1";;
  esac
  shift
done
"#;

impl Desk {
    /// Puts a program there; `did` are the words by which it was called.
    fn program(&self, name: &str, script: &str) -> &Desk {
        let path = self.bin.join(name);
        host::fs::write_atomic(&path, format!("{START}{script}\n").as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn remove(&self, name: &str) -> &Desk {
        std::fs::remove_file(self.bin.join(name)).unwrap();
        self
    }

    /// Puts an archive there with an image for each platform, and returns the
    /// digest of what is in it.
    fn archive(&self, name: &str, platforms: &[&str]) -> String {
        let image = |word: &&str| Image::builder(platform(word)).build().unwrap();
        let images: Vec<Image> = platforms.iter().map(image).collect();
        let artifact = match &images[..] {
            [image] => Artifact::Image(image.clone()),
            images => Artifact::Index(Index::new(images.to_vec(), Default::default()).unwrap()),
        };
        let digest = artifact.digest().to_string();
        let named = Named { references: vec!["localhost/x:1".parse().unwrap()], artifact };
        oci::archive::write(&self.bin.join(name), &[named], WriteOptions { durable: false })
            .unwrap();
        digest
    }

    fn build(&self, engine: &Engine) -> (Result<Built, Error>, String) {
        self.build_request(engine, &self.world.request())
    }

    /// Builds, and returns the log without what is different each time.
    fn build_request(
        &self,
        engine: &Engine,
        request: &BuildRequest,
    ) -> (Result<Built, Error>, String) {
        let (result, log) = self.world.build_with(engine, request);
        (result, self.plain(&log))
    }

    /// Returns a text without what is different each time.
    fn plain(&self, text: &str) -> String {
        let text = self.world.without_paths(text);
        let text = text.replace(&format!("{}/", self.bin.display()), "");
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("image-build-") {
            plain.push_str(&rest[..at]);
            plain.push_str("NAME");
            rest = rest[at + "image-build-".len()..]
                .trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-');
        }
        plain + rest
    }

    #[track_caller]
    fn fails(&self, engine: &Engine, expected: &str) -> String {
        self.fails_with(engine, &self.world.request(), expected)
    }

    #[track_caller]
    fn fails_with(&self, engine: &Engine, request: &BuildRequest, expected: &str) -> String {
        let (result, log) = self.build_request(engine, request);
        same(&self.plain(&self.world.tell(&result.unwrap_err())), expected);
        log
    }
}

/// The last command, which removes what the build made.
#[track_caller]
fn assert_removed(log: &str, command: &str) {
    let last = log.lines().rfind(|line| line.starts_with("$ ")).unwrap();
    assert_eq!(last, command, "{log}");
}

const PODMAN_REMOVES: &str = "$ podman image rm --ignore localhost/NAME:0";

#[test]
fn engines_that_are_not_there() {
    with_desk("engines::stand_ins::engines_that_are_not_there", |desk| {
        let podman = "
            `podman` is not installed, and the engine `podman` needs it
            hint: use `--engine native`, which needs no engine; or install podman (the package `podman`)
        ";
        assert_eq!(desk.fails(&Engine::Podman, podman), "");
        let buildx = "
            `docker buildx` is not installed, and the engine `docker` needs it
            hint: use `--engine native`, which needs no engine; or install docker with its plugin buildx (the packages `docker-ce-cli` and `docker-buildx-plugin`, or `docker.io` and `docker-buildx`), or buildx alone
        ";
        assert_eq!(desk.fails(&DOCKER, buildx), "");
        desk.program("docker", "echo \"'buildx' is not a docker command\" >&2; exit 1");
        assert_eq!(desk.fails(&DOCKER, buildx), "$ docker buildx version\n");
        for engine in [DOCKER, Engine::Podman] {
            assert!(desk.build(&engine).0.unwrap_err().is_missing_program());
        }
        // The built-in builder needs none.
        desk.build(&Engine::Native).0.unwrap();
    });
}

#[test]
fn podman_fails_in_every_way() {
    with_desk("engines::stand_ins::podman_fails_in_every_way", |desk| {
        desk.archive("good", &["linux/amd64"]);
        desk.archive("s390x", &["linux/s390x"]);
        desk.archive("both", &["linux/s390x", "linux/amd64"]);
        let unused = "what `podman image save` wrote cannot be used";
        let cases = [
            (
                "echo STEP 1; echo STEP 2 >&2; [ $did != rm ] && { echo no such file >&2; exit 125; }",
                "
                `podman build` exited with status 125
                  it said:
                STEP 1
                STEP 2
                no such file
                "
                .to_owned(),
            ),
            ("[ $did = build ] && kill -9 $$", "`podman build` was killed by signal 9".to_owned()),
            (
                "[ $did = save ] && { echo no space >&2; exit 1; }; exit 0",
                "
                `podman image save` exited with status 1
                  it said:
                no space
                "
                .to_owned(),
            ),
            (
                "[ $did = save ] && echo garbage > $out; exit 0",
                format!(
                    "
                {unused}
                  `work/NAME/0.tar` is not a usable OCI image layout: it is not a tar of one: failed to read entire block
                "
                ),
            ),
            (
                "exit 0",
                format!(
                    "
                {unused}
                  failed to open `work/NAME/0.tar`
                  No such file or directory (os error 2)
                "
                ),
            ),
            (
                "[ $did = save ] && head -c 1600 $bin/good > $out; exit 0",
                format!(
                    "
                {unused}
                  `work/NAME/0.tar` is not a usable OCI image layout: it is not a tar of one: it ends in the middle of an entry
                "
                ),
            ),
            (
                "[ $did = save ] && cp $bin/s390x $out; exit 0",
                "`podman` built linux/s390x, not linux/amd64".to_owned(),
            ),
            (
                "[ $did = save ] && cp $bin/both $out; exit 0",
                "`podman` built linux/s390x, linux/amd64, not linux/amd64".to_owned(),
            ),
        ];
        for (script, expected) in cases {
            desk.program("podman", script);
            assert_removed(&desk.fails(&Engine::Podman, &expected), PODMAN_REMOVES);
        }
    });
}

#[test]
fn podman_makes_something_else() {
    with_desk("engines::stand_ins::podman_makes_something_else", |desk| {
        desk.archive("good", &["linux/amd64"]);
        desk.program("podman", "[ $did = save ] && cp $bin/good $out; [ $did != rm ]");
        let mut request = desk.world.request();
        request.created = 1_000_000_000;
        let warnings = desk.build_request(&Engine::Podman, &request).0.unwrap().warnings;
        let warnings: Vec<_> = warnings.iter().map(|it| desk.plain(&it.to_string())).collect();
        assert_eq!(
            warnings,
            [
                "`podman` could not remove what it made for the build: localhost/NAME:0",
                "the image for linux/amd64 says it was made at 1970-01-01T00:00:00Z: this `podman` sets no other time",
            ]
        );
        request.labels = [("a".to_owned(), "1".to_owned())].into();
        desk.fails_with(
            &Engine::Podman,
            &request,
            "`podman` gave the image for linux/amd64 another label `a` than was asked for",
        );
        // The first platform is there, the second fails: both names go.
        request.labels.clear();
        request.platforms.push(platform("linux/s390x"));
        let expected = "`podman` built linux/amd64, linux/amd64, not linux/s390x";
        let log = desk.fails_with(&Engine::Podman, &request, expected);
        assert_removed(&log, &format!("{PODMAN_REMOVES} localhost/NAME:1"));
    });
}

#[test]
fn a_build_can_be_interrupted() {
    with_desk("engines::stand_ins::a_build_can_be_interrupted", |desk| {
        host::listen_for_interrupts().unwrap();
        let this = std::process::id();
        desk.program(
            "podman",
            &format!("[ $did = build ] && kill {this} && exec sleep 60; exit 0"),
        );
        let start = std::time::Instant::now();
        assert_removed(&desk.fails(&Engine::Podman, "interrupted"), PODMAN_REMOVES);
        assert!(start.elapsed().as_secs() < 30);
    });
}

/// A stand-in that writes what it should, but for the metadata.
const WRITES: &str = "[ \"$did\" = ' build' ] && cp $bin/good $out;";

#[test]
fn buildx_fails_in_every_way() {
    with_desk("engines::stand_ins::buildx_fails_in_every_way", |desk| {
        let good = desk.archive("good", &["linux/amd64"]);
        let unused = "what `docker buildx build` wrote cannot be used";
        let cases = [
            (
                "echo '#1 [internal]'; echo 'ERROR: failed to solve' >&2; exit 1".to_owned(),
                "
                `docker buildx build` exited with status 1
                  it said:
                #1 [internal]
                ERROR: failed to solve
                "
                .to_owned(),
            ),
            ("kill -15 $$".to_owned(), "`docker buildx build` was killed by signal 15".to_owned()),
            (
                "echo garbage > $out".to_owned(),
                format!(
                    "
                {unused}
                  `work/NAME/0.tar` is not a usable OCI image layout: it is not a tar of one: failed to read entire block
                "
                ),
            ),
            (
                WRITES.to_owned(),
                format!("`docker buildx build` names no digest, but wrote an image with {good}"),
            ),
            (
                format!("{WRITES} echo garbage > $meta"),
                format!("`docker buildx build` names no digest, but wrote an image with {good}"),
            ),
            (
                format!("{WRITES} echo '{{\"containerimage.digest\":\"sha256:1\"}}' > $meta"),
                format!("`docker buildx build` names `sha256:1`, but wrote an image with {good}"),
            ),
        ];
        for (script, expected) in cases {
            desk.program("buildx", &script);
            let log = desk.fails(&DOCKER, &expected);
            assert_eq!(log.lines().filter(|line| line.starts_with("$ ")).count(), 1, "{log}");
        }
        let mut request = desk.world.request();
        request.platforms = ["linux/s390x", "linux/amd64", "linux/arm64"].map(platform).to_vec();
        desk.program(
            "buildx",
            &format!("{WRITES} echo '{{\"containerimage.digest\":\"{good}\"}}' > $meta"),
        );
        desk.fails_with(
            &DOCKER,
            &request,
            "`docker` built linux/amd64, not linux/s390x, linux/arm64",
        );
    });
}

#[test]
fn buildx_is_found_wherever_it_is() {
    with_desk("engines::stand_ins::buildx_is_found_wherever_it_is", |desk| {
        let digest = desk.archive("good", &["linux/s390x", "linux/amd64"]);
        let metadata = format!("echo '{{\"containerimage.digest\":\"{digest}\"}}' > $meta");
        let writes = format!("echo building; cp $bin/good $out; {metadata}");
        let mut request = desk.world.request();
        request.platforms = ["linux/amd64", "linux/s390x"].map(platform).to_vec();
        let commands = |builder: Option<&str>| {
            let engine = Engine::Docker { builder: builder.map(str::to_owned) };
            let (built, log) = desk.build_request(&engine, &request);
            let built = built.unwrap();
            assert_eq!(built.warnings, []);
            assert_eq!(Artifact::Index(built.index).platforms(), request.platforms);
            log
        };
        let options = "--file Containerfile --platform linux/amd64,linux/s390x --provenance=false --sbom=false --progress=plain --metadata-file work/NAME/0.json --output type=oci,rewrite-timestamp=true,dest=work/NAME/0.tar context";
        let environment = "SOURCE_DATE_EPOCH=0 BUILDX_METADATA_PROVENANCE=disabled";
        desk.program("buildx", &writes);
        let alone = format!("$ {environment} buildx build --builder b {options}\nbuilding\n");
        assert_eq!(commands(Some("b")), alone);
        desk.program("docker-buildx", &writes);
        let other = format!("$ {environment} docker-buildx build {options}\nbuilding\n");
        assert_eq!(commands(None), other);
        // A docker without the plugin does not disturb.
        desk.program("docker", "exit 1");
        assert_eq!(commands(None), format!("$ docker buildx version\n{other}"));
        desk.remove("buildx").remove("docker-buildx");
        desk.program("docker", &format!("[ $did = version ] || {{ {writes}; }}"));
        let plugin = format!("$ {environment} docker buildx build {options}\nbuilding\n");
        assert_eq!(commands(None), format!("$ docker buildx version\n{plugin}"));
    });
}

/// A buildx of classic docker.
const CLASSIC: &str = "case $did in *--load) echo \"{\\\"containerimage.digest\\\":\\\"$(cat $bin/digest)\\\"}\" > $meta;; *) echo 'ERROR: failed to build: OCI exporter is not supported for the docker driver.' >&2; exit 1;; esac";

#[test]
fn classic_docker_fails_in_every_way() {
    with_desk("engines::stand_ins::classic_docker_fails_in_every_way", |desk| {
        let image = Image::builder(platform("linux/amd64")).build().unwrap();
        let config = image.config_blob().digest();
        let named = Named {
            references: vec!["localhost/x:1".parse().unwrap()],
            artifact: Artifact::Image(image),
        };
        let options = WriteOptions { durable: false };
        oci::docker_archive::write(&desk.bin.join("good"), &[named], options).unwrap();
        let digest = |text: &str| {
            host::fs::write_atomic(&desk.bin.join("digest"), text.as_bytes()).unwrap();
        };
        digest(&config.to_string());
        desk.program("buildx", CLASSIC);
        desk.fails(
            &DOCKER,
            "
            `docker` is not installed, and the engine `docker` needs it
            hint: use `--engine native`, which needs no engine; or install docker with its plugin buildx (the packages `docker-ce-cli` and `docker-buildx-plugin`, or `docker.io` and `docker-buildx`), or buildx alone
            ",
        );
        let removes = "$ docker image rm localhost/NAME:latest";
        let unused = "what `docker image save` wrote cannot be used";
        let cases = [
            (
                "[ $did != save ] || { echo no space >&2; exit 1; }",
                "
                `docker image save` exited with status 1
                  it said:
                no space
                "
                .to_owned(),
            ),
            (
                "[ $did != save ] || echo garbage > $out",
                format!(
                    "
                {unused}
                  `work/NAME/0.tar` is not a usable docker archive: it is not a tar of one: failed to read entire block
                "
                ),
            ),
        ];
        for (script, expected) in cases {
            desk.program("docker", &format!("[ $did = version ] && exit 1; {script}"));
            assert_removed(&desk.fails(&DOCKER, &expected), removes);
        }
        desk.program("docker", "[ $did = save ] && cp $bin/good $out; [ $did = save ]");
        let (built, log) = desk.build(&DOCKER);
        let warnings: Vec<_> =
            built.unwrap().warnings.iter().map(|it| desk.plain(&it.to_string())).collect();
        assert_eq!(
            warnings,
            ["`docker` could not remove what it made for the build: localhost/NAME:latest"]
        );
        assert_removed(&log, removes);
        digest("sha256:1");
        desk.fails(
            &DOCKER,
            &format!("`docker buildx build` names `sha256:1`, but wrote an image with {config}"),
        );
    });
}
