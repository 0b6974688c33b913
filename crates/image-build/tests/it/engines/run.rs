//! RUN, by an engine and by the host: a program that is made in a stage, or
//! beside it, is the same in the image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host::Cmd;
use image_build::{Ran, runs};

use super::Engine;
use super::requests::compare_one;
use crate::support::{World, platform};

/// What is built: a stage with a shell that writes files.
const CONTAINERFILE: &str = "FROM scratch AS build
COPY root /
ARG TARGETARCH
WORKDIR /usr/src/x
COPY a.txt config/
RUN [\"/bin/sh\", \"-c\", \"echo for $TARGETARCH > agent\"]
RUN echo \"nothing of ${TARGETARCH}\" && true
USER 5:6
WORKDIR /w
RUN [\"/bin/sh\", \"-c\", \"umask 077; echo own > own\"]
FROM scratch
LABEL a=b
COPY --from=build /usr/src/x/agent /usr/src/x/config/a.txt ./
COPY --from=build /usr/src/x/config /w ./all/
ENTRYPOINT [\"/agent\"]
";

/// Returns the shell of this machine and the libraries that it needs.
fn shell() -> Option<Vec<PathBuf>> {
    test_support::tool("ldd")?;
    let said = Cmd::new("ldd").arg("/bin/sh").run().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let libraries = said.split_whitespace().filter(|word| word.starts_with('/'));
    Some(libraries.map(PathBuf::from).chain(["/bin/sh".into()]).collect())
}

/// Builds by an engine, and in process from what the host did.
pub(super) fn compare(engine: Engine) {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let Some(shell) = shell() else { return };
    let mut world = World::new(CONTAINERFILE)
        .file("a.txt", "A")
        .file("../out/agent", format!("for {architecture}\n"))
        .file("../out/own", "own\n")
        .mode("../out/own", 0o600);
    for file in shell {
        let path = format!("root{}", file.display());
        world = world.file(&path, std::fs::read(&file).unwrap()).mode(&path, 0o755);
    }
    let mut request = world.request();
    request.platforms = vec![platform(&format!("linux/{architecture}"))];
    request.created = 1_700_000_000;
    let made: BTreeMap<usize, (&str, &str)> =
        [(6, ("/usr/src/x/agent", "agent")), (10, ("/w/own", "own"))].into();
    for run in runs(&request).unwrap() {
        let file = |(path, name): &(&str, &str)| {
            (Path::new(path).to_owned(), world.path(&format!("../out/{name}")))
        };
        let files = made.get(&run.place.line).map(file).into_iter().collect();
        let (line, platform) = (run.place.line, run.platform);
        request.ran.push(Ran { line, platform, files, source: None });
    }
    assert_eq!(request.ran.len(), 3);
    compare_one(engine, ("what ran", world, request));
}
