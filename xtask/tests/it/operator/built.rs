//! What is built, by the built-in builder.

use bpf_arch::Arch;

use super::{NO_BASE, Scene, VERSION, files, is_ready, say, unpack};
use crate::bases::{base, push};
use crate::examples::images::platforms;

#[test]
fn agent_operator_and_bundle_are_built_and_run_for_every_platform() {
    if !is_ready() {
        return;
    }
    let scene = Scene::new();
    let names = ["bpfman-agent", "bpfman-operator", "bpfman-operator-bundle"];
    let args = [&names[..], &["--base", NO_BASE], &VERSION].concat();
    let run = scene.build(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let printed: Vec<_> = run.stdout.lines().map(|line| line.split('@').next().unwrap()).collect();
    assert_eq!(printed, names.map(|name| format!("quay.io/bpfman/{name}:latest")));

    let agent = "0755 0:0 bpfman-agent\n0755 0:0 bpfman-crictl\n0755 0:0 metrics-proxy\n";
    let operator = "0755 0:0 bpfman-operator\n0755 0:0 config/\n0755 0:0 config/bpfman-deployment/\n\
        0644 0:0 config/bpfman-deployment/csidriverinfo.yaml\n\
        0644 0:0 config/bpfman-deployment/daemonset.yaml\n\
        0644 0:0 config/bpfman-deployment/metrics-proxy-daemonset.yaml\n";
    let cases = [
        ("bpfman-agent", agent, "", &["bpfman-agent", "bpfman-crictl", "metrics-proxy"][..]),
        ("bpfman-operator", operator, "65532:65532", &["bpfman-operator"]),
    ];
    for (name, expected, user, programs) in cases {
        let images = scene.images(name);
        let found: Vec<_> = images.iter().map(|image| image.platform().to_string()).collect();
        assert_eq!(found, platforms().map(|(platform, _)| platform));
        for image in &images {
            let platform = image.platform().to_string();
            assert_eq!(files(image), expected, "{name} for {platform}");
            let config = &image.config().config;
            let entrypoint = vec![format!("/{name}")];
            assert_eq!((&config.entrypoint, config.user.as_str()), (&entrypoint, user));
            let root = tempfile::tempdir().unwrap();
            unpack(image, root.path());
            let arch: Arch = platform.parse().unwrap();
            for program in programs {
                let Some(said) = say(root.path(), program, arch) else { continue };
                let first = said.lines().next().unwrap();
                let version = "v1.2.3 (abc, 2024-01-01T00:00:00Z)";
                assert_eq!(first, format!("{program} {version} for {}", arch.goarch()));
            }
        }
    }
    let [bundle] = scene.images("bpfman-operator-bundle").try_into().unwrap();
    assert_eq!(bundle.platform().to_string(), "linux/amd64");
    assert_eq!(bundle.labels().len(), 10, "{:?}", bundle.labels());
    assert_eq!(files(&bundle).lines().filter(|line| line.ends_with(".yaml")).count(), 4);

    // Nothing of it is made again, and nothing was written to the checkout.
    let again = scene.build(&args);
    assert_eq!((again.stdout, again.code), (run.stdout, 0));
    assert!(again.stderr.contains("0 files written"), "{}", again.stderr);
    assert!(!again.stderr.contains("Compiled"), "{}", again.stderr);
    assert!(!scene.operator.path().join("bpfman-agent").exists());
}

#[test]
fn the_bundle_is_for_all_platforms_if_they_are_named() {
    let scene = Scene::new();
    let all = "linux/amd64,linux/arm64,linux/ppc64le,linux/s390x";
    let run = scene.build(&["bpfman-operator-bundle", "--platform", all]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(scene.images("bpfman-operator-bundle").len(), 4);
}

/// The commit says what the user does not: as the operator's makefile has it.
#[test]
fn versions_come_from_the_commit_of_the_checkout() {
    if !is_ready() {
        return;
    }
    let scene = Scene::new();
    let git = |args: &[&str]| {
        let run = std::process::Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=e@example.com"])
            .args(args)
            .current_dir(scene.operator.path())
            .env("GIT_COMMITTER_DATE", "2024-02-03T04:05:06+02:00")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8(run.stdout).unwrap().trim().to_owned()
    };
    let args = ["bpfman-agent", "--base", NO_BASE, "--platform", "host"];
    let version = |scene: &Scene| {
        let run = scene.build(&args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let root = tempfile::tempdir().unwrap();
        unpack(&scene.images("bpfman-agent")[0], root.path());
        let said = say(root.path(), "bpfman-agent", Arch::host().unwrap()).unwrap();
        said.split(" for ").next().unwrap().to_owned()
    };
    assert_eq!(version(&scene), "bpfman-agent 0.0.0-unknown (unknown, 1970-01-01T00:00:00Z)");
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "c"]);
    git(&["tag", "v0.7"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let expected =
        format!("bpfman-agent v0.7-0-g{} ({commit}, 2024-02-03T02:05:06Z)", &commit[..7]);
    assert_eq!(version(&scene), expected);
}

/// As the newest operator has it: no WORKDIR, so that the image of the compiler
/// says where the stage is; of that image nothing else is downloaded.
#[test]
fn the_settings_of_a_compiler_s_image_are_got_alone() {
    let Some(registry) = test_support::Registry::anonymous().filter(|_| is_ready()) else {
        return;
    };
    let scene = Scene::new();
    let name = registry.name("x/golang:1.24");
    let digest = push(&name, &base("go", &["linux/amd64", "linux/s390x"]));
    scene.edit("Containerfile.bpfman-agent", "WORKDIR /usr/src/bpfman-operator\n", "");
    scene.edit("Containerfile.bpfman-agent", "/usr/src/bpfman-operator/", "/srv/");
    let compiler = format!("docker.io/library/golang:1.24={name}");
    let platform = "linux/amd64,linux/s390x";
    let args = ["bpfman-agent", "--base", NO_BASE, "--base", &compiler, "--platform", platform];
    let run = scene.build(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let base = format!("Base {name}@{digest}, its settings alone");
    assert_eq!(run.stderr.matches(&base).count(), 1, "{}", run.stderr);
    // The programs belong to the user that the image names.
    let expected =
        "0755 1000:1000 bpfman-agent\n0755 1000:1000 bpfman-crictl\n0755 1000:1000 metrics-proxy\n";
    assert_eq!(files(&scene.images("bpfman-agent")[0]), expected);
    drop(registry);
    let offline = scene.build(&[&args[..], &["--offline"]].concat());
    assert_eq!((offline.stdout, offline.code), (run.stdout, 0), "{}", offline.stderr);
}

#[test]
fn variants_and_names_by_variables() {
    if !is_ready() {
        return;
    }
    let scene = Scene::new();
    let base = "registry.access.redhat.com/ubi9/ubi-minimal:9.4=scratch";
    let args = ["bpfman-agent", "--variant", "openshift", "--base", base, "--platform", "host"];
    let mut command = scene.command(&["--to", "oci:out"]);
    command.args(args).env("BPFMAN_AGENT_IMG", "localhost:5000/me/agent:test");
    let run = crate::support::finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let name = "localhost:5000/me/agent:test";
    assert!(run.stdout.starts_with(&format!("{name}@sha256:")), "{}", run.stdout);
    let images = crate::examples::images::images(&scene.checkout, "out", name);
    let label = |key: &str| images[0].labels().get(key).map(String::as_str);
    assert_eq!(label("com.redhat.component"), Some("bpfman-agent"));
    assert_eq!(label("name"), Some("bpfman/bpfman-agent"));

    // The variable may name a link to the checkout.
    let link = scene.checkout.path().join("link");
    std::os::unix::fs::symlink(scene.operator.path(), &link).unwrap();
    let mut command = scene.checkout.build_images_command(&["--to", "oci:out"]);
    command.args(args).envs(crate::desk::compilers()).env("BPFMAN_OPERATOR_DIR", &link);
    let run = crate::support::finish(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);

    // What is typed goes before the variable.
    let dry = |args: &[&str]| {
        let mut command = scene.command(&["--dry-run", "bpfman-operator", "--platform", "host"]);
        command.args(args).env("BPFMAN_OPERATOR_IMG", "localhost/me/operator:1");
        crate::support::finish(command.output().unwrap()).stdout
    };
    let cases: [(&[&str], &str); 3] = [
        (&[], "to localhost/me/operator:1 for"),
        (&["--tag", "v2"], "to quay.io/bpfman/bpfman-operator:v2 for"),
        (&["--as", "r.io/o/i:t"], "to r.io/o/i:t for"),
    ];
    for (args, expected) in cases {
        let said = dry(args);
        assert!(said.contains(expected), "{said}");
        let command = "/go build -p ";
        assert!(said.contains(command) && said.contains("-mod=vendor"), "{said}");
    }
}
