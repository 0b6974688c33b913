//! The whole catalogue, again and again.

use super::files;
use super::watched::Watched;
use crate::support::Checkout;

/// How often clang runs for all images: 18 sources for two byte orders, and
/// two of them once more for each of the other two architectures.
const RUNS: usize = 40;

#[test]
fn nothing_is_compiled_or_written_twice() {
    let watched = Watched::new(Checkout::cold());
    let cold = watched.build(&[]);
    let files = files::contents(&watched.images()).len();
    assert_eq!(cold.run.counts(), (RUNS, 0, files));
    assert_eq!((cold.compiled.len(), cold.asked), (RUNS, 1), "{:?}", cold.compiled);

    let idle = |why: &str| {
        let warm = watched.build(&[]);
        assert_eq!(warm.run.counts(), (0, RUNS, 0), "{why}");
        assert_eq!((warm.compiled, warm.asked, warm.touched), (vec![], 0, vec![]), "{why}");
        assert_eq!(warm.run.stdout, cold.run.stdout, "{why}");
    };
    idle("nothing changed");
    for part in ["bpf", "dispatchers", "examples"] {
        files::age(&watched.checkout.path().join(part), 86_400);
    }
    idle("all sources were touched");
}

#[test]
fn the_objects_are_shared_with_the_other_command() {
    let checkout = Checkout::warm();
    let objects = checkout.build_ebpf(&[]);
    assert_eq!(objects.code, 0, "{}", objects.stderr);
    // The one source that no image is made of is compiled for two byte orders.
    let (compiled, cached, _) = objects.counts();
    assert_eq!((compiled, cached), (2, RUNS));
    let again = checkout.build_ebpf(&[]);
    assert_eq!(again.counts(), (0, RUNS + 2, 0));
    assert_eq!(again.stdout, objects.stdout);

    let watched = Watched::new(Checkout::with_source(super::PASS));
    let libbpf = crate::support::LIBBPF.to_str().unwrap();
    let args = ["build-ebpf", "--libbpf-dir", libbpf, "bpf/one.bpf.c"];
    let mut command = watched.checkout.command(&args);
    let first =
        watched.watch(command.args(["--platform", "amd64,s390x"]).env("CLANG", watched.clang()));
    assert_eq!(first.compiled, ["bpf/one.bpf.c bpfeb", "bpf/one.bpf.c bpfel"]);
    let then = watched.build(&[]);
    assert_eq!((then.run.counts().0, then.run.counts().1, then.compiled), (0, 2, vec![]));
}
