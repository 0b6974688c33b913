//! docker 20.10 with the BuildKit that is in it: a daemon of the test's own.
//!
//! It writes no archives, knows one platform at a time, and sets no times.

use std::path::Path;
use std::time::Duration;

use host::{Background, Cmd};
use image_build::{Engine as Asked, NamedContext, Warning};

use super::{Engine, cases, requests};
use crate::support::{Variables, World, is_again, path_with, platform, same};

/// A running daemon, ended with the value.
struct Daemon {
    _process: Background,
    variables: Variables,
    _root: tempfile::TempDir,
}

impl Daemon {
    /// Starts one; `None` where it is not installed, or cannot work.
    fn start() -> Option<Daemon> {
        if !test_support::slow() {
            return None;
        }
        let program = test_support::tool("dockerd")?;
        test_support::tool("docker")?;
        let buildx = test_support::go_tool("buildx")?;
        if !host::is_root() {
            test_support::not_run("root", "dockerd needs root");
            return None;
        }
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let address = format!("unix://{}", at("socket").display());
        let log = at("log");
        let process = Cmd::new(program)
            .args(["--data-root".into(), at("data"), "--exec-root".into(), at("exec")])
            .args(["--pidfile".into(), at("pid")])
            .args(["--host", &address, "--bridge=none", "--iptables=false"])
            .start(std::fs::File::create(&log).unwrap())
            .unwrap();
        let variables = vec![
            ("DOCKER_HOST", address.into()),
            ("DOCKER_CONFIG", at("docker").into()),
            ("BUILDX_CONFIG", at("buildx").into()),
            ("PATH", path_with(&[buildx.parent().unwrap_or(Path::new("/"))])),
        ];
        let daemon = Daemon { _process: process, variables, _root: root };
        for _ in 0..600 {
            let ask = Cmd::new("docker").args(["image", "ls"]);
            let ask = daemon
                .variables
                .iter()
                .fold(ask, |command, (name, value)| command.env(*name, value.clone()));
            if ask.run().is_ok() {
                return Some(daemon);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("dockerd does not answer: {}", std::fs::read_to_string(log).unwrap());
    }
}

/// Runs the body in a process whose docker has a daemon; at the end no image
/// must be left there.
fn with_docker(name: &str, body: impl FnOnce()) {
    if is_again(name, || Daemon::start().map(|daemon| (daemon.variables.clone(), daemon))) {
        body();
        let left = Cmd::new("docker").args(["image", "ls", "--quiet"]).run().unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "", "images were left behind");
    }
}

#[test]
fn it_makes_the_same() {
    with_docker("engines::docker::it_makes_the_same", || {
        Engine::ClassicDocker.compare(cases::FILES);
        Engine::ClassicDocker.compare(cases::SETTINGS);
        requests::compare_simple(Engine::ClassicDocker);
    });
}

#[test]
fn it_says_what_it_cannot_do() {
    with_docker("engines::docker::it_says_what_it_cannot_do", || {
        let world = World::new("FROM scratch\nCOPY a /\n").file("a", "A").file("b/a", "B");
        let engine = Asked::Docker { builder: None };
        let mut request = world.request();
        let (built, _) = world.build_with(&engine, &request);
        let [Warning::OtherTime { engine: who, platform: of, found: Some(_) }] =
            &built.unwrap().warnings[..]
        else {
            panic!("no warning of the time")
        };
        assert_eq!((who.as_str(), of), ("docker", &request.platforms[0]));

        request.platforms = ["linux/s390x", "linux/amd64"].map(platform).to_vec();
        same(
            &world.tell(&world.build_with(&engine, &request).0.unwrap_err()),
            "
            this builder of docker builds for one platform at a time, and linux/s390x, linux/amd64 were asked for
            hint: create a builder that builds for several: `docker buildx create --use`; or use `--engine native`, which needs no engine
            ",
        );

        let world = World::new("FROM scratch\nCOPY --from=b a /\n").file("b/a", "B");
        let mut request = world.request();
        let context: NamedContext = "b=b".parse().unwrap();
        request.contexts = vec![context.relative_to(&world.context())];
        let error = world.build_with(&engine, &request).0.unwrap_err();
        let said = world.tell(&error);
        assert!(said.starts_with("`docker buildx build` exited with status 1\n"), "{said}");
        assert!(said.contains("unsupported frontend capability"), "{said}");
    });
}
