//! podman, and BuildKit, carry the Containerfiles out: a real package manager,
//! a real compiler, over a small checkout. See `base` for what is stood in for.

use std::collections::BTreeSet;
use std::path::Path;

use oci::{Artifact, EntryLimits, Image, Layout};
use serde_json::json;

use super::base::{self, Bases, DEBIAN, REDHAT};
use super::{LOCAL, OPENSHIFT, PROGRAMS, buildx};
use crate::support::finish;

/// What a package manager and an engine leave in a layer beside packages: what
/// is known of these, and places where something is mounted.
const STATE: [&str; 8] = [
    "etc/ca-certificates.conf",
    "etc/hosts",
    "etc/resolv.conf",
    "etc/ssl/certs/",
    "var/cache/apt/archives/",
    "var/cache/debconf/",
    "var/lib/apt/",
    "var/lib/dpkg/",
];

/// The packages that `.local` may add to its base: what the programs load, and
/// the certificates, with what Debian wants for these.
const PACKAGES: [&str; 3] = ["ca-certificates", "libssl3t64", "openssl"];

/// Returns an image of podman's.
fn image(bases: &Bases, name: &str) -> Image {
    // Layers are read when they are looked at: each image has its place.
    let layout = bases.path().join("layouts").join(name.replace([':', '/'], "-"));
    std::fs::create_dir_all(layout.parent().unwrap()).unwrap();
    bases.podman(&["push", "--quiet", name, &format!("oci:{}:it", layout.display())]);
    load(&layout)
}

/// Returns the only image of a layout.
pub(super) fn load(layout: &Path) -> Image {
    let layout = Layout::open(layout).unwrap();
    let Artifact::Image(image) = layout.load(&layout.index().manifests[0]).unwrap() else {
        panic!("one image")
    };
    image
}

/// Returns the files of the layers above the `base` lowest: no directories,
/// and what is not there any more with its mark.
pub(super) fn files(image: &Image, base: usize) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for layer in &image.layers()[base..] {
        let entries = layer.entries(EntryLimits::default()).unwrap();
        let names = entries.into_iter().filter(|entry| entry.kind != oci::EntryKind::Directory);
        files.extend(names.map(|entry| entry.name.trim_start_matches("./").to_owned()));
    }
    files
}

/// Asserts that beyond its base, an image holds the programs, and what the
/// packages of that set have; returns those packages that it has.
pub(super) fn assert_holds_programs(image: &Image, base: usize, listed: &str) {
    let links = PROGRAMS.map(|program| format!("usr/local/bin/{program}"));
    let owned: BTreeSet<_> = listed.lines().map(|line| line.trim_start_matches('/')).collect();
    let files = files(image, base);
    for program in PROGRAMS.map(str::to_owned).iter().chain(&links) {
        assert!(files.contains(program), "{program}: {files:?}");
    }
    let is_known = |file: &&String| {
        PROGRAMS.contains(&file.as_str())
            || links.contains(file)
            || owned.contains(file.as_str())
            || STATE.iter().any(|known| file.starts_with(known))
    };
    let more: Vec<_> = files.iter().filter(|file| !is_known(file)).collect();
    assert!(more.is_empty(), "{more:?}");
    // The lists of packages are gone.
    let lists = files.iter().filter(|file| file.starts_with("var/lib/apt/lists/"));
    let lists: Vec<_> = lists.filter(|file| !file.contains("/.wh.")).collect();
    assert!(lists.is_empty(), "{lists:?}");
}

pub(super) fn assert_starts_rpc(image: &Image) {
    let config = serde_json::to_value(&image.config().config).unwrap();
    let started = [&config["Entrypoint"], &config["WorkingDir"], &config["Cmd"], &config["User"]];
    let expected = [json!(["./bpfman-rpc", "--timeout=0"]), json!("/")];
    assert_eq!(started[..2], expected.each_ref()[..]);
    assert!(started[2].is_null() && started[3].as_str().unwrap_or_default().is_empty());
}

#[test]
fn engines_build_them_from_source() {
    let Some(bases) = Bases::new() else { return };
    let listed = local(&bases);
    buildx::local(&bases, &listed);
    bases.add_redhat();
    openshift(&bases);
}

/// Builds `.local`; returns what the packages that it may add have installed.
fn local(bases: &Bases) -> String {
    let checkout = base::checkout();
    let name = "quay.io/me/bpfman:test";
    // As the reference types it for docker.
    let mut build = bases.command(&["build", "-f", &format!("./{LOCAL}"), ".", "-t", name]);
    let run = base::done(build.current_dir(checkout.path()));
    let said = run.stdout + &run.stderr;
    assert!(said.contains("Compiling bpfman-rpc"), "{said}");
    let image = image(bases, name);
    let list = [&["--listfiles"][..], &PACKAGES].concat();
    let listed = bases.run(name, &["--entrypoint", "dpkg-query"], &list);
    assert_holds_programs(&image, 1, &listed);
    assert_starts_rpc(&image);
    assert_eq!(image.labels()["org.opencontainers.image.title"], "bpfman");
    assert_eq!(bases.run(name, &[], &[]), "bpfman-rpc [\"--timeout=0\"] 1\n");
    for program in ["bpfman", "bpfman-ns"] {
        // By name, so it is on PATH.
        let said = bases.run(name, &["--entrypoint", program], &["x"]);
        assert_eq!(said, format!("{program} [\"x\"]\n"));
    }
    assert!(files(&image, 1).contains("etc/ssl/certs/ca-certificates.crt"));
    let mut build =
        bases.command(&["build", "-q", "--target", "build", "-f", LOCAL, "-t", "build", "."]);
    base::done(build.current_dir(checkout.path()));
    assert_stage_is_clean(bases);
    listed
}

/// Asserts that the first stage saw what is to be compiled alone, and has left
/// nothing in a layer but the programs and what they load.
fn assert_stage_is_clean(bases: &Bases) {
    let find = |args: &[&str]| {
        let found = bases.run("build", &["--entrypoint", "find"], args);
        found.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let mut expected: BTreeSet<_> =
        ["/src/Cargo.lock", "/src/Cargo.toml", "/out/packages"].map(str::to_owned).into();
    for program in PROGRAMS {
        expected.extend([
            format!("/out/bin/{program}"),
            format!("/src/{program}/Cargo.toml"),
            format!("/src/{program}/src/main.rs"),
        ]);
    }
    assert_eq!(find(&["/src", "/out", "-type", "f"]), expected);
    // Cargo keeps one wherever it builds.
    assert_eq!(find(&["/", "-xdev", "-name", ".fingerprint"]), BTreeSet::new());
    assert_eq!(find(&["/var/lib/apt/lists", "-type", "f"]), BTreeSet::new());
    let packages = bases.run("build", &["--entrypoint", "cat"], &["/out/packages"]);
    assert!(packages.lines().any(|package| package == "libssl3t64"), "{packages}");
}

fn openshift(bases: &Bases) {
    let checkout = base::checkout();
    let name = "quay.io/me/bpfman:openshift";
    let base = format!("BASE={REDHAT}");
    let args =
        ["build", "-f", OPENSHIFT, "--build-arg", &base, "--build-arg", "VERSION=0.5.2", "-t"];
    let build = |more: &[&str]| {
        let mut command = bases.command(&[&args[..], more, &["."]].concat());
        finish(command.current_dir(checkout.path()).output().unwrap())
    };
    let run = build(&[name]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let whole = image(bases, name);
    let below = image(bases, REDHAT).layers().len();
    assert_holds_programs(&whole, below, "");
    assert_starts_rpc(&whole);
    assert_eq!(whole.labels()["version"], "0.5.2");
    assert_eq!(whole.labels()["name"], "bpfman/bpfman");
    assert_eq!(bases.run(name, &[], &[]), "bpfman-rpc [\"--timeout=0\"] 1\n");
    let run = build(&["build", "--target", "build"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let asked = bases.run("build", &["--entrypoint", "cat"], &["/microdnf.asked"]);
    assert_eq!(asked, "-y install cargo clang gcc openssl-devel rust\nclean all\n");
    // A base without what the programs load makes no image.
    let text = checkout.path().join(OPENSHIFT);
    let other = std::fs::read_to_string(&text).unwrap();
    let (before, after) = other.rsplit_once("FROM ${BASE}").unwrap();
    let without = format!("FROM {DEBIAN}\nRUN rm /usr/lib/*/libssl.so.3");
    std::fs::write(&text, format!("{before}{without}{after}")).unwrap();
    let run = build(&["without"]);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(run.code != 0 && said.contains("libssl.so.3 => not found"), "{said}");
}
