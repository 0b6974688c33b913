//! umoci, which unpacks an image into a directory.

use super::{output, read};
use crate::support::Checkout;

/// A platform and the file that `build-ebpf` writes for it.
const CASES: [(&str, &str); 2] =
    [("linux/amd64", "bpf_x86_bpfel.o"), ("linux/s390x", "bpf_s390_bpfeb.o")];

#[test]
fn umoci_unpacks_the_object_and_nothing_else() {
    let Some(umoci) = test_support::tool("umoci") else { return };
    let checkout = Checkout::warm();
    let run = checkout.build_ebpf(&["examples/go-xdp-counter/bpf/xdp_counter.c"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for (platform, object) in CASES {
        // umoci takes no image of several platforms.
        let to = format!("oci:{object}");
        let image = "bpfman-bytecode/go-xdp-counter";
        let run = checkout.build_images(&["--platform", platform, "--to", &to, image]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let source = format!("{object}/quay.io/{image}:latest");
        let bundle = format!("{object}.bundle");
        read(&umoci, checkout.path(), &["unpack", "--rootless", "--image", &source, &bundle]);
        let root = checkout.path().join(&bundle).join("rootfs");
        let found = read("find", &root, &[".", "-mindepth", "1"]);
        assert_eq!(found, "./xdp_counter.o\n", "{platform}");
        let expected = checkout.path().join(".output/xdp_counter").join(object);
        assert_eq!(
            std::fs::read(root.join("xdp_counter.o")).unwrap(),
            std::fs::read(expected).unwrap(),
            "{platform}"
        );
    }
}

#[test]
fn umoci_reads_what_the_tree_says_of_itself() {
    let Some(umoci) = test_support::tool("umoci") else { return };
    let built = super::Built::get();
    for image in built.images() {
        let layout = built.layout(&image.name);
        let tags = output(&umoci, "/".as_ref(), &["ls", "--layout", layout.to_str().unwrap()]);
        assert_eq!(tags, b"latest\n", "{}", image.name);
    }
}
