//! kind, whose node is containerd itself: what kind runs in a node is run
//! here. No cluster can be made in a test.

use std::ffi::OsStr;

use crate::containerd::Containerd;
use crate::elsewhere::{batch, outcomes, publish, told, told_single};
use crate::stand_ins::program;

#[test]
fn a_node_of_kind_s_has_the_images_under_their_digests() {
    let Some(kind) = test_support::go_tool("kind") else { return };
    let Some(containerd) = Containerd::start() else { return };
    // Kind speaks with its nodes by way of docker: `docker exec … NODE
    // PROGRAM …`.
    let dir = tempfile::tempdir().unwrap();
    let script = "case $1 in\n\
         ps) echo node ;;\n\
         inspect) echo control-plane ;;\n\
         exec) while [ \"$1\" != node ]; do shift; done; shift\n\
           case $1 in\n\
             containerd) printf '%s\\n' 'version = 2' \
               '[plugins.\"io.containerd.grpc.v1.cri\".containerd]' 'snapshotter = \"native\"' ;;\n\
             *) exec \"$@\" ;;\n\
           esac ;;\n\
         esac";
    program(dir.path(), "docker", script);
    let paths = [dir.path(), kind.parent().unwrap(), "/usr/bin".as_ref(), "/bin".as_ref()];
    let path = std::env::join_paths(paths).unwrap();
    let socket = containerd.socket();
    let environment = [
        ("PATH", path.as_os_str()),
        ("CONTAINERD_ADDRESS", socket.as_os_str()),
        ("KIND_EXPERIMENTAL_PROVIDER", OsStr::new("docker")),
    ];
    let two = batch("two");
    let lines = publish("kind:dev", "two", &environment);
    let expected = [told_single("changed", &two[0], "linux/amd64"), told("changed", &two[1])];
    assert_eq!(outcomes(&lines), expected);
    let (index, plain) = (two[0].artifact.images()[0].digest(), two[1].artifact.digest());
    let mut names = containerd.images("k8s.io");
    // Kind asks for names by digest, too, which have the day in them.
    names.retain(|name| !name.starts_with("import-"));
    let expected = [
        format!("quay.io/org/index:v1 {index}"),
        format!("quay.io/org/index:v2 {index}"),
        format!("quay.io/org/plain:v1 {plain}"),
    ];
    assert_eq!(names, expected);
}
