//! containerd, started for the test on a socket of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host::{Background, Cmd};
use tempfile::TempDir;

use crate::elsewhere::{batch, outcomes, publish, told};

/// A containerd; it ends when this is dropped.
pub(crate) struct Containerd {
    _server: Background,
    dir: TempDir,
}

impl Containerd {
    /// Starts one; `None` where that is not possible here.
    pub(crate) fn start() -> Option<Containerd> {
        let program = test_support::tool("containerd")?;
        test_support::tool("ctr")?;
        if !host::is_root() {
            test_support::not_run("root", "containerd runs as root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let config = format!(
            "version = 2\nroot = \"{0}/root\"\nstate = \"{0}/state\"\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = \"{0}/socket\"\n[ttrpc]\naddress = \"{0}/ttrpc\"\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{0}/opt\"\n",
            dir.path().display()
        );
        host::fs::write_atomic(&at("config.toml"), config.as_bytes()).unwrap();
        let log = tempfile::tempfile_in(dir.path()).unwrap();
        let server = Cmd::new(program).arg("-c").arg(at("config.toml")).start(log).unwrap();
        let started = Containerd { _server: server, dir };
        let until = Instant::now() + Duration::from_secs(30);
        while started.ctr(&["version"]).run().is_err() {
            assert!(Instant::now() < until, "containerd does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(started)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    pub(crate) fn ctr(&self, args: &[&str]) -> Cmd {
        Cmd::new("ctr").env("CONTAINERD_ADDRESS", self.socket()).args(args)
    }

    /// All names and digests in a namespace.
    pub(crate) fn images(&self, namespace: &str) -> Vec<String> {
        let output = self.ctr(&["-n", namespace, "images", "ls"]).run().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let cells = |line: &str| {
            let cells: Vec<_> = line.split_whitespace().collect();
            format!("{} {}", cells[0], cells[2])
        };
        text.lines().skip(1).map(cells).collect()
    }

    fn publish(&self, destination: &str, which: &str) -> Vec<String> {
        publish(destination, which, &[("CONTAINERD_ADDRESS", self.socket().as_os_str())])
    }
}

#[test]
fn all_platforms_go_there_under_their_digests() {
    let Some(containerd) = Containerd::start() else { return };
    let two = batch("two");
    let lines = containerd.publish("containerd", "two");
    assert_eq!(outcomes(&lines), [told("changed", &two[0]), told("changed", &two[1])]);
    let (index, plain) = (two[0].artifact.digest(), two[1].artifact.digest());
    let expected = [
        format!("quay.io/org/index:v1 {index}"),
        format!("quay.io/org/index:v2 {index}"),
        format!("quay.io/org/plain:v1 {plain}"),
    ];
    assert_eq!(containerd.images("default"), expected);
    let lines = containerd.publish("containerd", "two");
    let reads = ["$ ctr images ls", "$ ctr content ls -q"].map(str::to_owned);
    let unchanged = [told("unchanged", &two[0]), told("unchanged", &two[1])];
    assert_eq!(lines, [reads, unchanged].concat());

    // Another namespace has images of its own.
    let lines = containerd.publish("containerd:k8s.io", "two");
    assert_eq!(outcomes(&lines), [told("changed", &two[0]), told("changed", &two[1])]);
    let other = batch("other");
    let lines = containerd.publish("containerd:k8s.io", "other");
    assert_eq!(outcomes(&lines), [told("changed", &other[0]), told("changed", &other[1])]);
    assert_eq!(containerd.images("default"), expected);
    let digest = other[0].artifact.digest();
    assert_eq!(containerd.images("k8s.io")[0], format!("quay.io/org/index:v1 {digest}"));
}

#[test]
fn a_blob_that_is_gone_is_put_there_again() {
    let Some(containerd) = Containerd::start() else { return };
    let two = batch("two");
    containerd.publish("containerd", "two");
    let s390x = two[0].artifact.images()[2].digest().to_string();
    containerd.ctr(&["content", "rm", &s390x]).run().unwrap();
    let lines = containerd.publish("containerd", "two");
    assert_eq!(outcomes(&lines), [told("changed", &two[0]), told("unchanged", &two[1])]);
}

#[test]
fn where_none_listens_it_is_told() {
    // `ctr` tries for ten seconds.
    if !test_support::slow() || test_support::tool("ctr").is_none() {
        return;
    }
    let absent = Path::new("/no/such/socket");
    let lines = publish("containerd", "two", &[("CONTAINERD_ADDRESS", absent.as_os_str())]);
    let ended = "nothing: `ctr images ls` failed; `ctr` exited with status 1; detail: ctr: ";
    assert!(outcomes(&lines)[0].starts_with(ended), "{lines:?}");
}
