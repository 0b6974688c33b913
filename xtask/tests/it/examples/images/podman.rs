//! podman runs the Containerfiles, and makes the same images as the built-in
//! builder with the programs of the host.
//!
//! The image that they build in is a stand-in without files of its own: it
//! sees the Go, the shell and the downloaded modules of this machine. Nothing
//! comes from the network, and everything is compiled anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oci::{Entry, Image};
use serde_json::Value;
use tempfile::TempDir;

use super::{ALL, Built, PROGRAMS, images, program, reference};
use crate::interop::podman::Storage;
use crate::support::{Checkout, finish};

/// Directories of this machine that a shell needs.
const OF_THE_MACHINE: [&str; 4] = ["/bin", "/lib", "/lib64", "/usr"];

/// podman with an image under the name of that with Go.
struct Podman {
    storage: Storage,
    dir: TempDir,
}

impl Podman {
    /// Makes the image; `None` where there is no podman.
    fn new(checkout: &Checkout) -> Option<Podman> {
        let tool = test_support::tool("podman")?;
        let podman = Podman { storage: Storage::new(), dir: tempfile::tempdir().unwrap() };
        let name = image_of_go(checkout);
        let go = go_env("GOROOT");
        let modules = go_env("GOMODCACHE").join("cache/download");
        // As the real one has it, but for the modules.
        let base = format!(
            "FROM scratch\nCOPY files /\n\
             ENV PATH={}/bin:/usr/bin:/bin HOME=/root GOPATH=/go GOTOOLCHAIN=local \
             GOPROXY=file://{} GOFLAGS=-modcacherw\n",
            go.display(),
            modules.display()
        );
        std::fs::write(podman.dir.path().join("Containerfile"), base).unwrap();
        for name in ["tmp", "root"] {
            std::fs::create_dir_all(podman.dir.path().join("files").join(name)).unwrap();
        }
        let mounts = mounts(&go, &modules).into_iter();
        let mounts: Vec<_> = mounts.map(|path| format!("'{0}:{0}:ro'", path.display())).collect();
        let config = format!("[containers]\nvolumes = [{}]\n", mounts.join(", "));
        std::fs::write(podman.dir.path().join("containers.conf"), config).unwrap();
        let mut build = Command::new(tool);
        build.args(["build", "--quiet", "--tag", &name]).arg(podman.dir.path());
        let output = build.envs(podman.environment()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(podman)
    }

    /// Returns the environment that makes podman use it. RUN works in
    /// containers and small machines, too.
    fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let mut environment = self.storage.environment().to_vec();
        environment.push(("CONTAINERS_CONF", self.dir.path().join("containers.conf")));
        environment.push(("BUILDAH_ISOLATION", "chroot".into()));
        environment
    }

    /// Builds to the tree `podman` of a checkout.
    fn build(&self, checkout: &Checkout, what: &str, platform: &str) {
        let args = [what, "--engine", "podman", "--platform", platform, "--to", "oci:podman"];
        let mut command = checkout.build_images_command(&args);
        let run = finish(command.envs(self.environment()).output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
}

/// Returns what the Containerfiles call the image that they build in.
pub fn image_of_go(checkout: &Checkout) -> String {
    let text = checkout.read("examples/go-target/container-deployment/Containerfile.go-target");
    text.split_whitespace().find(|word| word.contains("/golang:")).unwrap().to_owned()
}

pub fn go_env(name: &str) -> PathBuf {
    let output = Command::new("go").args(["env", name]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// Returns what a container is to see of this machine, each once.
fn mounts(go: &Path, modules: &Path) -> BTreeSet<PathBuf> {
    // A distribution's Go is put together of links.
    let parts = std::fs::read_dir(go).unwrap().map(|entry| entry.unwrap().path());
    let parts = parts.filter(|path| path.is_symlink()).map(|path| path.canonicalize().unwrap());
    let own = [go.to_owned(), modules.to_owned()].into_iter().chain(parts);
    let is_seen = |path: &PathBuf| OF_THE_MACHINE.iter().any(|dir| path.starts_with(dir));
    let own = own.filter(|path| !is_seen(path));
    let machine = OF_THE_MACHINE.map(PathBuf::from).into_iter().filter(|path| path.is_dir());
    machine.chain(own).collect()
}

/// What is compared of an image.
fn seen(image: &Image) -> (String, Value, Value, Entry) {
    let mut config = serde_json::to_value(&image.config().config).unwrap();
    let fields = config.as_object_mut().unwrap();
    // podman leaves it out where it is the root.
    fields.entry("WorkingDir").or_insert("/".into());
    // BuildKit's, for Windows.
    fields.remove("ArgsEscaped");
    let annotations = serde_json::to_value(image.annotations()).unwrap();
    (image.platform().to_string(), config, annotations, program(image))
}

/// Asserts that an engine made of a program, to a tree of the checkout, what
/// the host made.
pub fn assert_same(built: &Built, (checkout, tree): (&Checkout, &str), name: &str, platform: &str) {
    let only = |images: Vec<Image>| {
        let mut images = images.into_iter();
        images.find(|image| image.platform().to_string() == platform).unwrap()
    };
    let made = seen(&only(images(checkout, tree, &reference(name))));
    let ours = seen(&only(built.images(name)));
    let what = format!("{name} for {platform}");
    assert!(made.3.bytes == ours.3.bytes, "{what} is another program");
    assert_eq!(made, ours, "{what}");
}

#[test]
fn all_are_the_same_for_this_machine() {
    let Some(built) = Built::get() else { return };
    let checkout = Checkout::whole();
    let Some(podman) = Podman::new(&checkout) else { return };
    let platform = bpf_arch::Arch::host().unwrap().platform();
    podman.build(&checkout, ALL, platform);
    for name in PROGRAMS {
        assert_same(&built, (&checkout, "podman"), name, platform);
    }
    // The stage that compiles is for this machine, whatever the image is for.
    let foreign = if platform == "linux/s390x" { "linux/arm64" } else { "linux/s390x" };
    podman.build(&checkout, "bpfman-userspace/go-target", foreign);
    assert_same(&built, (&checkout, "podman"), "go-target", foreign);
}
