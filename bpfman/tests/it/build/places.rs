//! Where and as whom it runs: another user, no network, a registry.

use bpf_arch::Arch;
use test_support::Registry;

use super::world::{World, describe, finish, open_to_all};

#[test]
fn without_a_destination_it_is_pushed() {
    let Some(registry) = Registry::anonymous() else { return };
    let world = World::with_objects(&Arch::PUBLISHED);
    let name = format!("{}/me/pass:v1", registry.address);
    let run = world.run(&["build", "-t", &name, "-c", "objects"]);
    let said = format!(" => pushing {name} with native\n    Pushed {name}\n");
    assert!(run.stderr.starts_with(&said), "{}", run.stderr);
    let line = run.done();
    let digest = line.trim_end().rsplit_once('@').unwrap().1.to_owned();
    let inspect = ["inspect", "--raw", "--tls-verify=false"];
    let skopeo = host::find_tool("skopeo").expect("skopeo is needed");
    let raw = host::Cmd::new(skopeo).args(inspect).arg(format!("docker://{name}")).run().unwrap();
    assert_eq!(oci::Digest::of(&raw.stdout).to_string(), digest);
    // What is copied was made by nobody here.
    let copied = world.run(&["copy", &name, &format!("{}/me/pass:v2", registry.address)]);
    assert!(!copied.stderr.contains("=> pushing"), "{}", copied.stderr);
    copied.done();
}

#[test]
fn it_needs_neither_network_nor_root() {
    if !host::is_root() {
        // Then every other test shows it.
        return;
    }
    let world = World::with_objects(&[Arch::Amd64]);
    open_to_all(&world.here());
    open_to_all(world.around());
    let unshare = host::find_tool("unshare").expect("unshare (util-linux) is needed");
    let mut command = std::process::Command::new(unshare);
    command.args(["--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args([env!("CARGO_BIN_EXE_bpfman"), "image", "build", "-t", "localhost/p:v1"]);
    command.args(["--to", "oci:out", "-c", "objects", "-f", "Containerfile.bytecode.multi.arch"]);
    command.current_dir(world.here()).env("HOME", world.around());
    finish(command.output().unwrap()).done();
    assert!(
        describe(&world.load("localhost/p:v1")).contains("linux/amd64 bpf_x86_bpfel.o as it was")
    );
}
