//! `list-images`, whole.

use super::snapshot;
use crate::support::Checkout;

#[test]
fn the_catalogue_is_shown_as_a_table() {
    let run = Checkout::cold().run(&["list-images"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    snapshot::check("list-images.txt", &run.stdout);
    let expected = "\nPlatforms: linux/amd64, linux/arm64, linux/ppc64le, linux/s390x.\n\
                    * not part of a plain `build-images`\n";
    assert_eq!(run.stderr, expected);
}

#[test]
fn the_catalogue_is_shown_as_json() {
    let run = Checkout::cold().run(&["list-images", "--format", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    snapshot::check("list-images.json", &run.stdout);
}

#[test]
fn a_selection_is_shown_in_the_order_of_the_catalogue() {
    let run = Checkout::cold().run(&["list-images", "mirror", "bpfman-bytecode/xdp_pass"]);
    let images: Vec<_> = run.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    let expected = ["IMAGE", "bpfman-bytecode/xdp_pass", "bpfman/csi-node-driver-registrar"];
    assert_eq!(images, expected);
}
