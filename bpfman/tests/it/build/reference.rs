//! The command lines of bpfman's documentation, as people type them.

use bpf_arch::Arch;
use test_support::Registry;

use super::world::{World, describe, object};

/// What the documentation has people type, but for the registry.
const COMMANDS: [&str; 4] = [
    "image build -f Containerfile.bytecode -t $REGISTRY/$QUAY_USER/tc-dispatcher:test -b .output/tc_dispatcher.bpf/bpf_x86_bpfel.o",
    "image build -f Containerfile.bytecode -t $REGISTRY/$QUAY_USER/xdp-dispatcher:test -b .output/xdp_dispatcher_v2.bpf/bpf_x86_bpfel.o",
    "image build -f Containerfile.bytecode.multi.arch -t $REGISTRY/$QUAY_USER/tc-dispatcher:test -c .output/tc_dispatcher.bpf/",
    "image build -f Containerfile.bytecode.multi.arch -t $REGISTRY/$QUAY_USER/xdp-dispatcher:test -c .output/xdp_dispatcher_v2.bpf/",
];

#[test]
fn they_push_the_images() {
    let Some(registry) = Registry::anonymous() else { return };
    if Arch::host() != Some(Arch::Amd64) {
        test_support::not_run("an amd64 machine", "the commands for one object are for it");
        return;
    }
    let world = World::with_objects(&[]);
    for stem in ["tc_dispatcher.bpf", "xdp_dispatcher_v2.bpf"] {
        for arch in Arch::PUBLISHED {
            world.write(&format!(".output/{stem}/{}", arch.object_file()), object(arch));
        }
    }
    let client = oci::registry::Client::new(oci::registry::Settings::default());
    for command in COMMANDS {
        let command =
            command.replace("$REGISTRY", &registry.address).replace("$QUAY_USER", "someone");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let line = world.run(&words).done();
        let reference = line.trim_end().parse().unwrap();
        let text = describe(&client.pull(&reference, None).unwrap());
        let expected: &[&str] = match command.contains("multi.arch") {
            true => &["index", "linux/amd64 ", "linux/arm64 ", "linux/ppc64le ", "linux/s390x "],
            false => &["image", "linux/amd64 bpf_x86_bpfel.o as it was io.ebpf.maps="],
        };
        assert_eq!(text.lines().count(), expected.len());
        for (line, start) in text.lines().zip(expected) {
            assert!(line.starts_with(start), "{line}");
        }
    }
}
