//! Several destinations in one run.

use bpf_arch::Arch;
use serde_json::{Value, json};

use crate::support::{Checkout, finish, program};

#[test]
fn every_destination_gets_every_image() {
    let checkout = Checkout::warm();
    let to = ["oci:one", "oci-archive:two.tar", "oci:three"];
    let args = to.iter().flat_map(|to| ["--to", to]).chain(["xdp_pass", "tc_pass"]);
    let args: Vec<_> = args.collect();
    let run = checkout.build_images(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 2, "a line for an image, not for a destination");
    for place in ["one", "two.tar", "three"] {
        let inspected = checkout.run(&["inspect-images", "--format", "json", place]);
        assert_eq!(inspected.code, 0, "{}", inspected.stderr);
        let report: Value = serde_json::from_str(&inspected.stdout).unwrap();
        let found = report["images"].as_array().unwrap().iter().map(|image| {
            let [name, digest] = ["name", "digest"].map(|key| image[key].as_str().unwrap());
            format!("{name}@{digest}")
        });
        let mut found: Vec<_> = found.collect();
        let mut lines: Vec<_> = run.stdout.lines().map(str::to_owned).collect();
        found.sort();
        lines.sort();
        assert_eq!(found, lines, "{place}");
    }
    // Once more, with one of them gone: only that one changes.
    std::fs::remove_file(checkout.path().join("two.tar")).unwrap();
    let run = checkout.build_images(&[&args[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    for image in report["images"].as_array().unwrap() {
        let changed: Vec<_> = image["destinations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|at| json!([at["to"], at["changed"]]))
            .collect();
        let expected = [
            json!(["oci:one", false]),
            json!(["oci-archive:two.tar", true]),
            json!(["oci:three", false]),
        ];
        assert_eq!(changed, expected);
    }
}

/// The platform of this machine and another one, both of the catalogue's.
fn platforms() -> [&'static str; 2] {
    let host = Arch::host().unwrap();
    let other = if host == Arch::S390x { Arch::Amd64 } else { Arch::S390x };
    [host.platform(), other.platform()]
}

#[test]
fn one_platform_goes_where_one_is_taken_and_it_is_told() {
    let checkout = Checkout::warm();
    let [host, other] = platforms();
    let to = ["--to", "docker-archive:one.tar", "--to", "oci:tree"];
    let run = checkout.build_images(&[&to[..], &["xdp_pass"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let note = format!("`docker-archive:one.tar` gets {host} only\n");
    assert!(run.stderr.contains(&note), "{}", run.stderr);
    let whole = run.stdout;
    let both = format!("{host},{other}");
    let json = ["--format", "json", "xdp_pass"];
    let cases =
        [(vec![], host), (vec!["--platform", other], other), (vec!["--platform", &both], host)];
    for (platform, expected) in cases {
        let run = checkout.build_images(&[&to[..], &platform, &json].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let image = &report["images"][0];
        let at = &image["destinations"][0];
        assert_eq!(at["platforms"], json!([expected]));
        assert_ne!(at["digest"], image["digest"]);
        // The image is what went where all of it did.
        assert_eq!(image["digest"], image["destinations"][1]["digest"]);
        if platform.is_empty() {
            let digest = image["digest"].as_str().unwrap();
            assert!(whole.ends_with(&format!("@{digest}\n")), "{whole}");
        }
    }
    // This machine's is not made.
    let run = checkout.build_images(&[
        "-q",
        "--platform",
        "linux/riscv64,linux/mips",
        "--to",
        "docker-archive:no.tar",
        "xdp_pass",
    ]);
    assert_ne!(run.code, 0, "{}", run.stderr);
    assert!(!checkout.path().join("no.tar").exists());
}

#[test]
fn an_engine_s_commands_are_shown_and_its_failures_told() {
    let checkout = Checkout::warm();
    let tools = checkout.path().join("tools");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let build = |args: &[&str]| {
        let mut command = checkout.build_images_command(args);
        finish(command.env("PATH", &path).output().unwrap())
    };
    program(&tools.join("docker"), "echo 'no daemon' >&2; exit 1");
    let list = "docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'";
    let run = build(&["-v", "--to", "docker", "xdp_pass"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let shown = run.stderr.lines().filter(|line| line.starts_with("$ docker"));
    assert_eq!(shown.collect::<Vec<_>>(), [format!("$ {list}")]);
    let expected = format!(
        "error: failed to write to `docker`\n  Caused by: `{list}` failed\n  \
         Caused by: `docker` exited with status 1\n    no daemon\n"
    );
    assert!(run.stderr.ends_with(&expected), "{}", run.stderr);

    // Without the program the exit code is another.
    let mut command = checkout.build_images_command(&["-q", "--to", "podman", "xdp_pass"]);
    std::fs::create_dir(checkout.path().join("empty")).unwrap();
    let clang = host::find_tool("clang").unwrap();
    command.env("PATH", checkout.path().join("empty")).env("CLANG", clang);
    let run = finish(command.output().unwrap());
    let expected = "\
error: failed to write to `podman`
  Caused by: `podman` is not installed

hint: it is in the package `podman`; `oci-archive:FILE` needs no program
";
    assert_eq!((run.code, run.stderr.as_str()), (3, expected));
}
