//! docker's daemon, started for the test: it takes seconds.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use host::{Background, Cmd};
use oci::{Digest, Named, docker_archive};
use tempfile::TempDir;

use crate::elsewhere::{batch, outcomes, publish, told, told_single};

/// A docker daemon; it ends when this is dropped.
struct Dockerd {
    server: Background,
    host: String,
    dir: TempDir,
}

impl Dockerd {
    /// Starts one; `None` where that is not possible here.
    fn start() -> Option<Dockerd> {
        if !test_support::slow() {
            return None;
        }
        let program = test_support::tool("dockerd")?;
        test_support::tool("docker")?;
        if !host::is_root() {
            test_support::not_run("root", "dockerd runs as root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let host = format!("unix://{}", at("socket").display());
        let directories =
            [("--data-root", at("data")), ("--exec-root", at("exec")), ("--pidfile", at("pid"))];
        let command = directories
            .into_iter()
            .fold(Cmd::new(program), |command, (option, path)| command.arg(option).arg(path))
            .args(["--storage-driver", "vfs", "--iptables=false", "--bridge=none", "-H", &host]);
        let log = tempfile::tempfile_in(dir.path()).unwrap();
        let server = command.start(log).unwrap();
        let started = Dockerd { server, host, dir };
        let until = Instant::now() + Duration::from_secs(60);
        while started.docker(&["version"]).run().is_err() {
            assert!(Instant::now() < until, "dockerd does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(started)
    }

    fn docker(&self, args: &[&str]) -> Cmd {
        Cmd::new("docker").env("DOCKER_HOST", &self.host).args(args)
    }

    fn id(&self, name: &str) -> String {
        let output = self.docker(&["image", "inspect", "--format", "{{.Id}}", name]).run().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn publish(&self, which: &str) -> Vec<String> {
        publish("docker", which, &[("DOCKER_HOST", OsStr::new(&self.host))])
    }

    /// Reads what `docker save` makes of an image.
    fn saved(&self, names: &[&str]) -> Vec<Named> {
        let file = self.dir.path().join("saved.tar");
        self.docker(&["save", "-o", file.to_str().unwrap()]).args(names).run().unwrap();
        docker_archive::read(&file, self.dir.path()).unwrap()
    }
}

impl Drop for Dockerd {
    /// It is given longer than others: it ends a containerd of its own, which
    /// would outlive it, and unmounts its data.
    fn drop(&mut self) {
        let _ = Cmd::new("kill").arg(self.server.id().to_string()).run();
        let until = Instant::now() + Duration::from_secs(40);
        while !self.server.has_ended() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn config(named: &Named) -> Digest {
    named.artifact.images()[0].config_blob().digest()
}

#[test]
fn images_are_loaded_once_and_saved_as_they_were() {
    let Some(docker) = Dockerd::start() else { return };
    let two = batch("two");
    let single = |verb| [told_single(verb, &two[0], "linux/amd64"), told(verb, &two[1])];
    assert_eq!(outcomes(&docker.publish("two")), single("changed"));
    let ids = [config(&two[0]), config(&two[0]), config(&two[1])].map(|id| id.to_string());
    let names = ["quay.io/org/index:v1", "quay.io/org/index:v2", "quay.io/org/plain:v1"];
    assert_eq!(names.map(|name| docker.id(name)), ids);
    let lines = docker.publish("two");
    let look = "$ docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'";
    assert_eq!(lines, [vec![look.to_owned()], single("unchanged").to_vec()].concat());

    // Saved, uncompressed: compressed again they are the same images.
    let saved = docker.saved(&[names[0], names[2]]);
    let mut digests: Vec<_> = saved.iter().map(|named| named.artifact.digest()).collect();
    let mut expected = vec![two[0].artifact.images()[0].digest(), two[1].artifact.digest()];
    digests.sort();
    expected.sort();
    assert_eq!(digests, expected);

    let other = batch("other");
    assert_eq!(outcomes(&docker.publish("other"))[1], told("changed", &other[1]));
    assert_eq!(docker.id(names[2]), config(&other[1]).to_string());
}

#[test]
fn where_none_listens_it_is_told() {
    if test_support::tool("docker").is_none() {
        return;
    }
    let absent = Path::new("/no/such/socket").display();
    let host = format!("unix://{absent}");
    let lines = publish("docker", "two", &[("DOCKER_HOST", OsStr::new(&host))]);
    let told = outcomes(&lines)[0];
    assert!(told.starts_with("nothing: `docker image ls "), "{told}");
    assert!(told.contains("; `docker` exited with status 1; detail: "), "{told}");
}
