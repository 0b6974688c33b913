//! Containerfiles and checkouts that have changed into something that is not
//! done on the host: an error that names the line, never another image.

use super::{NO_BASE, Scene, is_ready};

const AGENT: &str = "Containerfile.bpfman-agent";

/// An edit of a file, and what is said then, without the places of checkouts.
#[test]
fn what_a_containerfile_says_beyond_go_is_refused_by_its_line() {
    if !is_ready() {
        return;
    }
    let copied = "COPY . .\n";
    let built = "RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} go build -mod vendor \\\n    -ldflags";
    let cases = [
        (
            AGENT,
            copied,
            "COPY . .\nRUN make generate\n",
            &[
                "line 20: `RUN make generate` for linux/amd64 is not done on the host",
                "`make generate` is no `go build`",
                "--build-context bpfman-agent-build=DIR",
                "--engine docker",
            ][..],
        ),
        (
            AGENT,
            copied,
            "COPY . .\nRUN ls | wc -l\n",
            &["line 20", "`RUN ls | wc -l` failed", "`|` takes a shell"],
        ),
        (
            AGENT,
            "go build -mod vendor",
            "go build -race -mod vendor",
            &["line 21", "does not do `-race`"],
        ),
        (AGENT, "CGO_ENABLED=0 ", "", &["line 21", "`CGO_ENABLED` is not set"]),
        (
            AGENT,
            copied,
            "COPY . .\nCOPY cmd/metrics-proxy/main.go cmd/bpfman-agent/main.go\n",
            &["/usr/src/bpfman-operator/cmd/bpfman-agent/main.go` is not a copy of"],
        ),
        (AGENT, copied, "COPY cmd .\n", &["is not a copy of"]),
        (
            AGENT,
            "--from=bpfman-agent-build /usr/src/bpfman-operator/metrics-proxy",
            "--from=bpfman-agent-build /usr/src/bpfman-operator/metrics",
            &["COPY --from=bpfman-agent-build /usr/src/bpfman-operator/metrics .", "metrics-proxy"],
        ),
        (
            AGENT,
            "COPY --from=bpfman-agent-build /usr/src/bpfman-operator/metrics-proxy",
            "COPY --from=agent-build /usr/src/bpfman-operator/metrics-proxy",
            &["agent-build", "did you mean `bpfman-agent-build`?"],
        ),
        (
            AGENT,
            "ENTRYPOINT",
            "RUN microdnf install -y tar\nENTRYPOINT",
            &["`RUN microdnf install -y tar`", "is no `go build`"],
        ),
        (
            AGENT,
            built,
            &built.replace("RUN ", "RUN V=$(git describe) "),
            &["line 21", "`$(` takes a shell"],
        ),
        ("vendor/modules.txt", "v0.1.0", "v0.2.0", &["inconsistent vendoring", "line 21 says"]),
        ("cmd/bpfman-agent/main.go", "package main", "package other", &["bpfman-agent"]),
        (
            "cmd/bpfman-agent/main.go",
            "func main() {",
            "func main() { undefined()",
            &["undefined: undefined"],
        ),
    ];
    for (file, from, to, expected) in cases {
        let scene = Scene::new();
        scene.edit(file, from, to);
        let run = scene.build(&["bpfman-agent", "--base", NO_BASE, "--platform", "linux/amd64"]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{to}: {}", run.stderr);
        for part in expected {
            assert!(run.stderr.contains(part), "{to}: {part}\n{}", run.stderr);
        }
    }
}

/// One image's Containerfile does not keep back another's.
#[test]
fn the_other_images_are_built_all_the_same() {
    if !is_ready() {
        return;
    }
    let scene = Scene::new();
    scene.edit(AGENT, "COPY . .\n", "COPY . .\nRUN make\n");
    let names = ["bpfman-agent", "bpfman-operator"];
    let run = scene.build(&[&names[..], &["--base", NO_BASE, "--platform", "host"]].concat());
    assert_eq!(run.code, 1, "{}", run.stderr);
    let expected = "quay.io/bpfman/bpfman-operator:latest@sha256:";
    assert!(run.stdout.starts_with(expected) && run.stdout.lines().count() == 1, "{}", run.stdout);
}

#[test]
fn what_is_no_checkout_of_the_operator_is_said() {
    let scene = Scene::new();
    std::fs::remove_file(scene.operator.path().join("bundle.Dockerfile")).unwrap();
    std::fs::write(scene.operator.path().join("Containerfile.bundle"), "FROM scratch\n").unwrap();
    let run = scene.build(&["bpfman-operator-bundle"]);
    let place = scene.operator.path().display().to_string();
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert_eq!(
        run.stderr.replace(&place, "OPERATOR"),
        "error: `OPERATOR` is no checkout of `operator`: it has no `bundle.Dockerfile`\n\n\
         hint: it has `Containerfile.bundle`: `--variant containerfile` takes that\n\
         hint: it has `Containerfile.bundle.openshift`: `--variant openshift` takes that\n\
         hint: `git clone https://github.com/bpfman/bpfman-operator` makes one\n"
    );
}

/// A base that cannot be reached leaves two ways out.
#[test]
fn a_base_that_is_not_reached_is_said_with_the_ways_out() {
    if !is_ready() {
        return;
    }
    let scene = Scene::new();
    let nowhere = "quay.io/fedora/fedora-minimal=127.0.0.1:9/x:1";
    let args = ["bpfman-agent", "--platform", "host", "--base", nowhere];
    let run = scene.build(&args);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    for part in ["127.0.0.1:9/x:1", "--base", "scratch"] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    let run = scene.build(&[&args[..], &["--offline"]].concat());
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("offline"), "{}", run.stderr);
}
