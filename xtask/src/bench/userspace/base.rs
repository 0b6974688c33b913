//! The image in which the Containerfiles compile, made of what the machine has:
//! its Go, the module's dependencies and a shell.
//!
//! The real one cannot be had everywhere, and is none of what is compared.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use host::Cmd;
use host::fs::IoContext;
use image_build::{BuildRequest, ContextSource, NamedContext, native};
use oci::layout::{Tree, WriteOptions};
use oci::{Artifact, Digest, Named, Reference};
use ui::Failure;

use super::scene::Scene;
use crate::bench::buildx::installed;
use crate::bench::cases::failed;

/// What the Containerfiles call it.
pub(super) const NAME: &str = "docker.io/library/golang:1.26";

/// The same without the defaults, as BuildKit looks for what stands for it.
pub(super) const FAMILIAR_NAME: &str = "golang:1.26";

const CONTAINERFILE: &str = "\
FROM scratch
COPY --from=go / /usr/local/go/
COPY --from=modules / /modules/
COPY . /
ENV PATH=/usr/local/go/bin:/bin HOME=/root GOPATH=/go GOCACHE=/root/.cache/go-build
ENV GOPROXY=file:///modules GOSUMDB=off GOTOOLCHAIN=local
";

/// The image, alone in a layout.
pub(super) struct Base {
    pub(super) layout: PathBuf,
    pub(super) digest: Digest,
}

impl Base {
    /// Makes it, or says why it cannot be made here.
    pub(super) fn make(scene: &Scene<'_>) -> Result<Result<Base, String>, Failure> {
        let shell = match installed("busybox").and_then(is_static) {
            Ok(shell) => shell,
            Err(why) => return Ok(Err(why)),
        };
        let state = scene.fresh_dir()?;
        let go = state.join("go");
        link(&asked(scene, "GOROOT")?, &go)?;
        let Ok(modules) = modules(scene, &state.join("modules")) else {
            return Ok(Err("the modules of `examples` are not in Go's cache".to_owned()));
        };
        let files = state.join("files");
        for directory in ["bin", "tmp", "root"] {
            host::fs::create_dir_all(&files.join(directory))?;
        }
        host::fs::link_or_copy(&shell, &files.join("bin/busybox"))?;
        std::os::unix::fs::symlink("busybox", files.join("bin/sh"))
            .io_context("make a link in", &files)?;
        let containerfile = state.join("Containerfile");
        host::fs::write_atomic(&containerfile, CONTAINERFILE.as_bytes())?;
        let platform: oci::Platform = scene.platform().platform().parse()?;
        let mut request = BuildRequest::new(containerfile, files, vec![platform.clone()], platform);
        request.contexts = [("go", go), ("modules", modules)]
            .map(|(name, path)| NamedContext::new(name, None, ContextSource::Directory(path)))
            .to_vec();
        write(&request, &state).map(Ok)
    }
}

fn write(request: &BuildRequest, state: &Path) -> Result<Base, Failure> {
    let work = state.join("work");
    host::fs::create_dir_all(&work)?;
    let nothing = |reference: &Reference, _: &oci::Platform| {
        Err(format!("`{reference}` is not to be had here").into())
    };
    let built = native::Builder::new(&work).build(request, &nothing)?;
    let reference: Reference = NAME.parse()?;
    let tree = Tree::new(state.join("base"));
    let layout = tree.directory(&reference);
    let artifact = Artifact::Index(built.index);
    let digest = artifact.digest();
    let named = Named { references: vec![reference], artifact };
    for outcome in tree.write(&[named], WriteOptions { durable: false })? {
        outcome?;
    }
    Ok(Base { layout, digest })
}

/// Puts what is below a directory into another one, but for what Go's own tests
/// read: among it are programs for other machines.
fn link(from: &Path, to: &Path) -> Result<(), Failure> {
    host::fs::create_dir_all(to)?;
    for path in host::fs::read_dir(from)? {
        let name = path.file_name().unwrap_or_default();
        if !path.is_dir() {
            host::fs::link_or_copy(&path, &to.join(name))?;
        } else if name != "testdata" {
            link(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Returns what Go says of itself.
fn asked(scene: &Scene<'_>, variable: &str) -> Result<PathBuf, Failure> {
    let said = go(scene).args(["env", variable]).run().map_err(failed)?;
    Ok(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()))
}

/// Returns a directory of the module's dependencies, as a proxy has them; they
/// are taken from Go's cache.
fn modules(scene: &Scene<'_>, directory: &Path) -> Result<PathBuf, Failure> {
    let cache = asked(scene, "GOMODCACHE")?.join("cache/download");
    go(scene)
        .args(["mod", "download", "-modcacherw"])
        .env("GOMODCACHE", directory)
        .env("GOPROXY", format!("file://{}", cache.display()))
        .env("GOSUMDB", "off")
        .run()
        .map_err(failed)?;
    Ok(directory.join("cache/download"))
}

fn go(scene: &Scene<'_>) -> Cmd {
    let go = scene.alone.first().map_or(Path::new("go"), |command| command.program());
    Cmd::new(go).dir(scene.root.join("examples")).env("GOTOOLCHAIN", "local")
}

/// Refuses a program that needs libraries: there are none in the image. The
/// name of what would load them is at the start.
fn is_static(program: PathBuf) -> Result<PathBuf, String> {
    let mut head = Vec::new();
    let read = File::open(&program).and_then(|file| file.take(4096).read_to_end(&mut head));
    let loads = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    if read.is_err() || loads(b"/ld-linux") || loads(b"/ld64.so") || loads(b"/ld-musl") {
        return Err(format!("`{}` is not linked statically", program.display()));
    }
    Ok(program)
}
