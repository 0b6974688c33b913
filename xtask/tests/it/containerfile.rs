//! Images that a Containerfile makes, and bytecode images that an engine
//! makes.

use std::process::Command;

use oci::layout::Tree;
use oci::{Artifact, Layout, Reference};

use crate::interop::podman::Storage;
use crate::support::{Checkout, Run, finish};

const APP: &str = "  - {name: app, organization: o, description: d, licenses: MIT, containerfile: app/Containerfile}\n";

/// Returns what lies in the tree `out` under a name.
fn load(checkout: &Checkout, name: &str) -> Artifact {
    let reference: Reference = name.parse().unwrap();
    let directory = Tree::new(checkout.path().join("out")).directory(&reference);
    let layout = Layout::open(&directory).unwrap();
    layout.load(&layout.resolve(reference.tag().unwrap()).unwrap()).unwrap()
}

fn files(artifact: &Artifact) -> Vec<String> {
    let images = artifact.images().into_iter().map(|image| {
        let mut names = vec![image.platform().to_string()];
        for layer in image.layers() {
            let entries = layer.entries(oci::EntryLimits::default()).unwrap();
            names.extend(entries.into_iter().map(|entry| entry.name));
        }
        names.join(" ")
    });
    images.collect()
}

#[test]
fn a_containerfile_is_built_with_the_checkout_as_its_context() {
    let checkout = Checkout::cold();
    checkout.catalogue(APP);
    checkout
        .write("app/Containerfile", "FROM scratch\nARG TARGETARCH\nCOPY app/${TARGETARCH}/x /\n");
    checkout.write("app/amd64/x", "1");
    checkout.write("app/s390x/x", "2");
    let run = checkout.build_images(&["--to", "oci:out"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let artifact = load(&checkout, "quay.io/o/app:latest");
    assert_eq!(run.stdout, format!("quay.io/o/app:latest@{}\n", artifact.digest()));
    assert_eq!(files(&artifact), ["linux/amd64 x", "linux/s390x x"]);
    let Artifact::Index(index) = &artifact else { panic!("one for each platform") };
    let annotations = index.annotations();
    let said: Vec<_> = annotations.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(
        said,
        [
            "org.opencontainers.image.description=d",
            "org.opencontainers.image.licenses=MIT",
            "org.opencontainers.image.title=app",
        ]
    );
    let dry = checkout.build_images(&["--dry-run", "--to", "oci:out"]);
    let line = "build app/Containerfile to quay.io/o/app:latest for linux/amd64, linux/s390x\n";
    assert!(dry.stdout.starts_with(line), "{}", dry.stdout);
}

#[test]
fn what_the_builtin_builder_cannot_do_names_both_ways_out() {
    let checkout = Checkout::cold();
    checkout.catalogue(APP);
    checkout.write(
        "app/Containerfile",
        "FROM scratch AS build\nRUN make\nFROM scratch\nCOPY --from=build /x /\n",
    );
    let run = checkout.build_images(&["--to", "oci:out"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let (_, said) = run.stderr.split_once("error: ").unwrap();
    let file = checkout.path().join("app/Containerfile");
    let expected = format!(
        "failed to build `app/Containerfile`\n  \
         Caused by: `{}`, line 2: `RUN make` failed for linux/amd64\n  \
         Caused by: the built-in builder does not do `RUN`\n\n\
         hint: make the files of the stage on the host and put them in its place: \
         `--build-context build=DIR`, or `--build-context build::PLATFORM=DIR` for each platform; \
         or build with `--engine docker` or `--engine podman`\n",
        file.display()
    );
    assert_eq!(said, expected);
    checkout.write("made on/the host/x", "x");
    let by_hand =
        checkout.build_images(&["--to", "oci:out", "--build-context", "build=made on/the host"]);
    assert_eq!(by_hand.code, 0, "{}", by_hand.stderr);
    assert_eq!(files(&load(&checkout, "quay.io/o/app:latest")), ["linux/amd64 x", "linux/s390x x"]);
    checkout.catalogue(&APP.replace("app/Containerfile", "app/Nowhere"));
    let run = checkout.build_images(&["--to", "oci:out"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("app/Nowhere"), "{}", run.stderr);
    checkout.catalogue(&APP.replace("app/Containerfile", "../Containerfile"));
    let run = checkout.build_images(&["--to", "oci:out"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("the Containerfile `../Containerfile` is not inside the checkout"),
        "{}",
        run.stderr
    );
}

fn by_podman(checkout: &Checkout, storage: &Storage, args: &[&str]) -> Run {
    let mut command: Command = checkout.build_images_command(args);
    command.envs(storage.environment());
    finish(command.output().unwrap())
}

#[test]
fn podman_makes_bytecode_images_and_runs_what_containerfiles_run() {
    if test_support::tool("podman").is_none() {
        return;
    }
    let (checkout, storage) = (Checkout::warm(), Storage::new());
    std::fs::copy(
        test_support::workspace_root().join("Containerfile.bytecode.multi.arch"),
        checkout.path().join("Containerfile.bytecode.multi.arch"),
    )
    .unwrap();
    let args =
        ["--to", "oci:out", "--platform", "linux/amd64,linux/s390x", "bpfman-bytecode/xdp_pass"];
    let native = checkout.build_images(&args);
    assert_eq!(native.code, 0, "{}", native.stderr);
    let name = "quay.io/bpfman-bytecode/xdp_pass:latest";
    let seen = |artifact: &Artifact| {
        let images = artifact.images();
        let labels: Vec<_> = images.iter().map(|image| image.labels().clone()).collect();
        let layers = images.iter().map(|image| {
            image.layers()[0]
                .entries(oci::EntryLimits { kept: 1 << 20, ..Default::default() })
                .unwrap()
        });
        let bytes: Vec<_> = layers.map(|mut entries| entries.remove(0).bytes).collect();
        (files(artifact), labels, bytes)
    };
    let expected = seen(&load(&checkout, name));
    let run = by_podman(&checkout, &storage, &[&args[..], &["--engine", "podman"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(seen(&load(&checkout, name)), expected);
}
