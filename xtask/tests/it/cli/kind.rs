//! A deployment of bpfman in a kind cluster: its images are loaded under the
//! names that it was told. A stand-in for kind writes down what it is given.

use serde_json::Value;

use crate::desk::compilers;
use crate::docs::others::BASES;
use crate::support::{Checkout, copy, finish, program};

/// The Containerfile of bpfman.
const MULTI_ARCH: &str = "Containerfile.bpfman.multi.arch";

/// Where the small checkouts of other projects are.
const FIXTURES: &str = "xtask/tests/fixtures";

/// Notes its arguments without the archive, and what the archive calls what is
/// in it.
const KIND: &str = "echo \"$1 $2 $4 $5\" >>loads
tar -xOf \"$3\" manifest.json >>manifests
echo >>manifests";

#[test]
fn a_cluster_gets_what_a_deployment_needs_under_the_names_of_variables() {
    let Some(registry) = test_support::Registry::anonymous() else { return };
    if test_support::tool("go").is_none() {
        return;
    }
    let checkout = Checkout::warm();
    let root = test_support::workspace_root();
    for name in ["bpfman", "operator"] {
        copy(&root.join(FIXTURES).join(name), &checkout.path().join("others").join(name));
    }
    copy(&root.join(MULTI_ARCH), &checkout.path().join(MULTI_ARCH));
    // Any image stands for the one that is copied.
    let registrar = registry.name("k/registrar:v1");
    let run = checkout.build_images(&["--push", "tc_pass", "--as", &registrar]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let tools = checkout.path().join("tools");
    program(&tools.join("kind"), KIND);
    let mirror = format!("csi-node-driver-registrar={registrar}");
    let bases = BASES.map(|(_, base)| format!("{base}=scratch"));
    let mut args =
        vec!["--to", "kind:bpfman-deployment", "--platform", "host", "--mirror", &mirror];
    args.extend(["--source", "bpfman=others/bpfman", "--source", "operator=others/operator"]);
    args.extend(["bpfman", "bpfman-agent", "bpfman-operator", "csi-node-driver-registrar"]);
    args.extend(bases.iter().flat_map(|base| ["--base", base.as_str()]));
    let mut command = checkout.build_images_command(&args);
    // Without what is kept to build for other machines, cargo takes the library
    // that this machine's Rust has.
    command.envs(compilers()).env("XDG_CACHE_HOME", checkout.path().join("cache"));
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).env("BPFMAN_IMG", "quay.io/me/bpfman:test");
    let run = finish(command.env("BPFMAN_AGENT_IMG", "localhost/agent:dev").output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let loads = checkout.read("loads");
    assert!(loads.lines().all(|load| load == "load image-archive --name bpfman-deployment"));
    let manifests = checkout.read("manifests");
    let lists = manifests.lines().filter(|line| !line.is_empty());
    let images = lists.flat_map(|line| serde_json::from_str::<Vec<Value>>(line).unwrap());
    let mut names: Vec<_> =
        images.map(|image| image["RepoTags"][0].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    let expected = [
        "localhost/agent:dev",
        "quay.io/bpfman/bpfman-operator:latest",
        "quay.io/bpfman/csi-node-driver-registrar:latest",
        "quay.io/me/bpfman:test",
    ];
    assert_eq!(names, expected);
    let mut printed: Vec<_> =
        run.stdout.lines().map(|line| line.split('@').next().unwrap()).collect();
    printed.sort_unstable();
    assert_eq!(printed, expected);
}
