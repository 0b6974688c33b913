//! Programs that fail as real ones cannot be made to: stand-ins that note
//! what they are called with and then do what a script says.

use std::ffi::OsStr;
use std::path::Path;

use crate::elsewhere::{batch, outcomes, publish, told, told_single};

/// Puts a program that a shell runs into `dir`. Another process writes it:
/// a file that is open for writing anywhere cannot be run.
pub(crate) fn program(dir: &Path, name: &str, script: &str) {
    let source = dir.join("source");
    host::fs::write_atomic(&source, format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
    let install = host::Cmd::new("install").args(["-m", "755"]).arg(&source).arg(dir.join(name));
    install.run().unwrap();
    host::fs::remove_file(&source).unwrap();
}

/// Publishes with one program on PATH, which runs the script.
fn with(name: &str, script: &str, destination: &str, which: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    program(dir.path(), name, script);
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    publish(destination, which, &[("PATH", OsStr::new(&path))])
}

#[test]
fn a_missing_program_is_an_error_of_its_own() {
    let cases = [
        (
            "docker",
            "docker",
            "it is in the package `docker.io` (Debian, Ubuntu) or `moby-engine` (Fedora)",
        ),
        ("podman", "podman", "it is in the package `podman`"),
        ("kind:dev", "kind", "`go install sigs.k8s.io/kind@latest` installs it"),
        ("containerd", "ctr", "it is in the package `containerd`"),
    ];
    let empty = tempfile::tempdir().unwrap();
    for (destination, name, how) in cases {
        let lines = publish(destination, "two", &[("PATH", empty.path().as_os_str())]);
        assert_eq!(
            outcomes(&lines),
            [format!(
                "nothing: `{name}` is not installed; hint: {how}; `oci-archive:FILE` needs no program"
            )]
        );
    }
}

/// The first command of each, which looks at what is there.
const LOOK: [(&str, &str, &str); 3] = [
    ("docker", "docker", "docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'"),
    ("podman", "podman", "podman images --all --no-trunc --format json"),
    ("containerd:k8s.io", "ctr", "ctr -n k8s.io images ls"),
];

#[test]
fn a_program_that_fails_at_once_fails_all() {
    for (destination, name, look) in LOOK {
        let script = "echo half; for i in $(seq 30); do echo line $i >&2; done; exit 7";
        let lines = with(name, script, destination, "two");
        let said: Vec<_> = (11..=30).map(|i| format!("line {i}")).collect();
        let said = said.join("\n");
        let ended =
            format!("nothing: `{look}` failed; `{name}` exited with status 7; detail: {said}");
        assert_eq!(lines.join("\n"), format!("$ {look}\n{ended}"));
        let lines = with(name, "kill -9 $$", destination, "two");
        let ended = format!("nothing: `{look}` failed; `{name}` was killed by signal 9");
        assert_eq!(lines, [format!("$ {look}"), ended]);
    }
}

#[test]
fn what_cannot_be_understood_is_an_error() {
    let reasons =
        ["`what?` is no image", "expected value at line 1 column 1", "it is no list of images"];
    for ((destination, name, look), reason) in LOOK.into_iter().zip(reasons) {
        let lines = with(name, "echo 'what?'", destination, "two");
        assert_eq!(
            outcomes(&lines),
            [format!("nothing: cannot understand what `{look}` says: {reason}")]
        );
    }
}

#[test]
fn a_load_that_fails_is_each_image_s() {
    let cases = [
        (
            "docker",
            "docker",
            "case $1 in image) ;; *) cat \"$4\" >/dev/null; echo no space >&2; exit 1; esac",
            "docker load -q -i TMP/images.tar",
        ),
        (
            "containerd",
            "ctr",
            "case $2 in ls) [ $1 = content ] || echo 'REF TYPE DIGEST SIZE'; ;; *) cat $4 >/dev/null; echo no space >&2; exit 1; esac",
            "ctr images import --all-platforms TMP/images.tar",
        ),
    ];
    for (destination, name, script, load) in cases {
        let lines = with(name, script, destination, "two");
        let error =
            format!("error: `{load}` failed; `{name}` exited with status 1; detail: no space");
        assert_eq!(outcomes(&lines), [error.clone(), error], "{lines:#?}");
    }
    // With podman each image is on its own.
    let script = "case $1 in images) echo '[]';; *) echo no space >&2; exit 125; esac";
    let lines = with("podman", script, "podman", "two");
    let two = batch("two");
    let images = two[0]
        .artifact
        .images()
        .into_iter()
        .map(|image| format!("oci-archive:TMP/{}.tar", image.digest().hex()));
    let pulls = [images.collect::<Vec<_>>().join(" "), "oci-archive:TMP/image.tar".to_owned()];
    let errors = pulls.map(|files| {
        format!("error: `podman pull -q {files}` failed; `podman` exited with status 125; detail: no space")
    });
    assert_eq!(outcomes(&lines), errors);
}

#[test]
fn success_with_nothing_there_is_an_error() {
    let two = batch("two");
    let (index, plain) = (&two[0].artifact, &two[1].artifact);
    let absent = |name: &str, program: &str| {
        format!("error: `{name}` is not there, although `{program}` succeeded")
    };
    let both = |program| {
        ["quay.io/org/index:v1", "quay.io/org/plain:v1"].map(|name| absent(name, program))
    };
    assert_eq!(outcomes(&with("docker", ":", "docker", "two")), both("docker"));
    let script = "case $2 in ls) [ $1 = content ] || echo 'REF TYPE DIGEST SIZE'; esac";
    assert_eq!(outcomes(&with("ctr", script, "containerd", "two")), both("ctr"));
    // Podman prints what it pulled.
    let ids = |artifact: &oci::Artifact| {
        let ids = artifact.images().into_iter().map(|image| image.config_blob().digest().hex());
        ids.collect::<Vec<_>>()
    };
    let script = "case $1 in images) echo '[]';; pull) echo 1234; esac";
    let lines = with("podman", script, "podman", "two");
    let errors: Vec<String> =
        outcomes(&lines).iter().map(|line| line.rsplit(": ").next().unwrap().to_owned()).collect();
    let expected =
        [index, plain].map(|artifact| format!("the images are not {}", ids(artifact).join(", ")));
    assert_eq!(errors, expected);

    // The right names, with something else.
    let other = oci::Digest::of(b"other");
    let script = format!(
        "[ $1 = load ] || for n in index:v1 index:v2 plain:v1; do echo quay.io/org/$n {other}; done"
    );
    let lines = with("docker", &script, "docker", "two");
    let configs = [index, plain].map(|artifact| artifact.images()[0].config_blob().digest());
    let mismatch = |name: &str, config, program: &str| {
        format!(
            "error: `{name}` is `{other}` instead of `{config}` there, although `{program}` succeeded"
        )
    };
    let expected = [
        mismatch("quay.io/org/index:v1", configs[0], "docker"),
        mismatch("quay.io/org/plain:v1", configs[1], "docker"),
    ];
    assert_eq!(outcomes(&lines), expected);

    // The right names and digests, and not all that belongs to them.
    let digests = [index.digest(), plain.digest()];
    let script = format!(
        "case $1$2 in imagesls) echo 'REF TYPE DIGEST'; for n in index:v1 index:v2; do \
         echo quay.io/org/$n t {}; done; echo quay.io/org/plain:v1 t {};; esac",
        digests[0], digests[1]
    );
    let lines = with("ctr", &script, "containerd", "two");
    let first = |artifact: &oci::Artifact| artifact.blobs().next().unwrap().digest().to_string();
    assert_eq!(outcomes(&lines), [index, plain].map(|artifact| absent(&first(artifact), "ctr")));
}

#[test]
fn a_staged_list_goes_away_when_it_is_not_right() {
    let two = batch("two");
    let ids = two[0].artifact.images().into_iter().map(|image| image.config_blob().digest().hex());
    let ids = ids.collect::<Vec<_>>();
    let script = format!(
        "case $1$2 in images*) echo '[]';; pull-q) case $3 in */image.tar) exit 3;; esac; printf '{}\\n';; \
         manifestinspect) echo '{{\"manifests\": []}}';; esac",
        ids.join("\\n")
    );
    let lines = with("podman", &script, "podman", "two");
    let manifest: Vec<_> = lines.iter().filter(|line| line.contains(" manifest ")).collect();
    let sources: Vec<_> = ids.iter().map(|id| format!("containers-storage:{id}")).collect();
    assert_eq!(
        manifest,
        [
            &format!("$ podman manifest create localhost/staged-list:PID {}", sources.join(" ")),
            "$ podman manifest inspect containers-storage:localhost/staged-list:PID",
            "$ podman manifest rm localhost/staged-list:PID",
        ]
    );
    let error = outcomes(&lines)[0];
    assert!(
        error.starts_with("error: `quay.io/org/index:v1` is `` instead of `linux/amd64 "),
        "{error}"
    );
}

#[test]
fn what_lacks_the_platform_keeps_no_other() {
    let foreign = batch("foreign");
    let lacks = "error: `quay.io/org/foreign:v1` is not for linux/amd64; it is for linux/s390x; \
                 hint: `--platform` says which one is wanted where only one is taken";
    let id = foreign[1].artifact.images()[0].config_blob().digest();
    let script = format!("[ $1 = load ] || echo quay.io/org/plain:v1 {id}");
    let lines = with("docker", &script, "docker", "foreign");
    assert_eq!(outcomes(&lines), [lacks, &told("unchanged", &foreign[1])]);
    // The newer store of docker knows images by their manifests.
    let script =
        format!("[ $1 = load ] || echo quay.io/org/plain:v1 {}", foreign[1].artifact.digest());
    let lines = with("docker", &script, "docker", "foreign");
    assert_eq!(outcomes(&lines), [lacks, &told("unchanged", &foreign[1])]);
    let lines = with("kind", ":", "kind:dev", "foreign");
    assert_eq!(
        lines,
        [
            "$ kind load image-archive TMP/images.tar --name dev",
            lacks,
            &told("changed", &foreign[1])
        ]
    );
}

#[test]
fn kind_is_believed_and_its_failures_are_told() {
    let two = batch("two");
    let loads = "$ kind load image-archive TMP/images.tar --name dev";
    let lines = with("kind", "[ -s \"$3\" ]", "kind:dev", "two");
    let expected = [
        loads.to_owned(),
        told_single("changed", &two[0], "linux/amd64"),
        told("changed", &two[1]),
    ];
    assert_eq!(lines, expected);
    let script = "echo 'ERROR: no nodes found for cluster \"dev\"' >&2; exit 1";
    let failed = "nothing: `kind load image-archive TMP/images.tar --name dev` failed; \
                  `kind` exited with status 1; detail: ERROR: no nodes found for cluster \"dev\"";
    assert_eq!(with("kind", script, "kind:dev", "two"), [loads, failed]);
}
