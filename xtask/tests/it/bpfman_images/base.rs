//! Images in the place of those that the Containerfiles build in and upon: a
//! real Debian, put together here, under their names.
//!
//! What is stood in for: `rust:1-slim-trixie` is Debian trixie with Debian's
//! own cargo; the base of OpenShift's file is the same, with a `microdnf` that
//! writes down what it is asked and installs nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{PROGRAMS, read};
use crate::cli::machine::is_root;
use crate::support::{Run, finish, program};

/// What the Containerfile's first stage and its last are called.
pub(crate) const RUST: &str = "docker.io/library/rust:1-slim-trixie";
pub(crate) const DEBIAN: &str = "docker.io/library/debian:trixie-slim";
/// The base for OpenShift's.
pub(crate) const REDHAT: &str = "localhost/redhat:base";

/// What apt puts where the images of Rust have it. OpenShift's base has the
/// rest.
const WITH_RUST: &str = "\
FROM docker.io/library/debian:trixie-slim
ENV CARGO_HOME=/usr/local/cargo
RUN apt-get update && apt-get install -y --no-install-recommends cargo rustc && rm -rf /var/lib/apt/lists/*
";
const WITH_MICRODNF: &str = "\
FROM docker.io/library/rust:1-slim-trixie
RUN apt-get update && apt-get install -y --no-install-recommends libssl-dev && rm -rf /var/lib/apt/lists/*
COPY microdnf /usr/local/bin/
";

/// podman with these images, in a storage of its own.
pub(crate) struct Bases {
    dir: TempDir,
}

impl Bases {
    /// Makes those of `.local`; `None`, and said, where that cannot be, or is
    /// not asked for.
    pub(crate) fn new() -> Option<Bases> {
        if !test_support::slow() {
            return None;
        }
        for name in ["podman", "mmdebstrap", "runc"] {
            test_support::tool(name)?;
        }
        if !is_root() {
            test_support::not_run("root", "a root file system is made by root");
            return None;
        }
        let bases = Bases { dir: tempfile::tempdir().unwrap() };
        let path = bases.path().display();
        let text = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{path}/graph\"\nrunroot = \"{path}/run\"\n"
        );
        std::fs::write(bases.path().join("storage.conf"), text).unwrap();
        let root = bases.path().join("root.tar");
        let mut command = Command::new("mmdebstrap");
        command.args(["--quiet", "--variant=minbase", "trixie"]).arg(&root);
        done(&mut command);
        bases.podman(&["import", "--quiet", &root.display().to_string(), DEBIAN]);
        std::fs::remove_file(root).unwrap();
        bases.make(RUST, WITH_RUST);
        Some(bases)
    }

    /// Makes that of `.openshift`.
    pub(crate) fn add_redhat(&self) {
        program(&self.path().join("microdnf"), "echo \"$@\" >>/microdnf.asked");
        self.make(REDHAT, WITH_MICRODNF);
    }

    fn make(&self, name: &str, containerfile: &str) {
        let file = self.path().join("Containerfile.base");
        std::fs::write(&file, containerfile).unwrap();
        let [file, context] = [file.display().to_string(), self.path().display().to_string()];
        std::fs::write(self.path().join(".dockerignore"), "*\n!microdnf\n").unwrap();
        self.podman(&["build", "--quiet", "--tag", name, "--file", &file, &context]);
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Returns podman, ready to run. RUN works in small machines, too.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.args(args).stdin(Stdio::null());
        let own = [
            ("CONTAINERS_STORAGE_CONF", "storage.conf"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("TMPDIR", ""),
        ];
        command.envs(own.map(|(name, value)| (name, self.path().join(value))));
        command.env("BUILDAH_ISOLATION", "chroot");
        command
    }

    /// Runs podman, which must succeed; returns what it prints.
    pub(crate) fn podman(&self, args: &[&str]) -> String {
        done(&mut self.command(args)).stdout
    }

    /// Runs an image's program as it would start, with these arguments.
    pub(crate) fn run(&self, image: &str, options: &[&str], args: &[&str]) -> String {
        let run = ["run", "--rm", "--runtime", "runc", "--network", "host"];
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
        self.podman(&[&run[..], &limits, options, &[image], args].concat())
    }
}

impl Drop for Bases {
    fn drop(&mut self) {
        // What lies below may be mounted still. Not `system reset`: that takes
        // from all podmans of the machine what they share.
        let _ = self.command(&["rmi", "--all", "--force"]).output();
        let _ = self.command(&["unmount", "--all"]).output();
    }
}

/// Runs a command that must succeed.
pub(crate) fn done(command: &mut Command) -> Run {
    let run = finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{command:?}: {}\n{}", run.stdout, run.stderr);
    run
}

/// Makes a small checkout with the programs of bpfman, one of which needs
/// libssl, and the Containerfiles; with what does not belong into a context.
pub(crate) fn checkout() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "Cargo.toml",
        "[workspace]\nresolver = \"2\"\nmembers = [\"bpfman\", \"bpfman-ns\", \"bpfman-rpc\"]\n",
    );
    for name in PROGRAMS {
        write(
            &format!("{name}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nversion = \"0.5.1\"\nedition = \"2021\"\n"),
        );
        let arguments = "std::env::args().skip(1).collect::<Vec<_>>()";
        let main = format!("fn main() {{ println!(\"{name} {{:?}}\", {arguments}); }}\n");
        write(&format!("{name}/src/main.rs"), &main);
    }
    let with_ssl = "\
#[link(name = \"ssl\")]
extern \"C\" { fn OPENSSL_init_ssl(options: u64, settings: *const u8) -> i32; }
fn main() {
    let is_ready = unsafe { OPENSSL_init_ssl(0, std::ptr::null()) };
    println!(\"bpfman-rpc {:?} {is_ready}\", std::env::args().skip(1).collect::<Vec<_>>());
}
";
    write("bpfman-rpc/src/main.rs", with_ssl);
    let mut lock = Command::new("cargo");
    done(lock.args(["generate-lockfile", "--offline"]).current_dir(dir.path()));
    for file in super::FILES {
        write(file, &read(file));
        let ignored = format!("{file}.dockerignore");
        write(&ignored, &read(&ignored));
    }
    for out in ["target/debug/x", "bpfman/target/x", ".git/config", "libbpf/README", ".output/x.o"]
    {
        write(out, "not for the context");
    }
    dir
}
