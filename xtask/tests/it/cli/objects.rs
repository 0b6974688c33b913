//! Where `build-ebpf` puts objects.

use super::files;
use crate::incremental::PASS;
use crate::support::Checkout;

const OBJECTS: [&str; 4] =
    ["bpf_arm64_bpfel.o", "bpf_powerpc_bpfel.o", "bpf_s390_bpfeb.o", "bpf_x86_bpfel.o"];

#[test]
fn objects_lie_beside_their_sources_where_that_is_asked_for() {
    // The option, a source, the directory of its objects.
    let cases = [
        ("{dir}/..", "new/one/bpf/pass.c", "new/one"),
        ("{dir}", "new/one/bpf/pass.c", "new/one/bpf"),
        ("{dir}/./objects/", "new/one/bpf/pass.c", "new/one/bpf/objects"),
        ("objects", "new/one/bpf/pass.c", "objects/pass"),
    ];
    for (output, source, place) in cases {
        let checkout = Checkout::warm();
        let other = "new/two/bpf/other.c";
        [source, other].iter().for_each(|name| checkout.write(name, PASS));
        let before = files(checkout.path());
        let run = checkout.build_ebpf(&["--output", output, source, other]);
        assert_eq!(run.code, 0, "{output}: {}", run.stderr);
        let paths = OBJECTS.map(|object| format!("{place}/{object}"));
        let printed: Vec<_> = run.stdout.lines().filter(|line| line.starts_with(place)).collect();
        assert_eq!(printed, paths, "{output}");
        let made = files(checkout.path()).into_keys().filter(|path| !before.contains_key(path));
        let mut made: Vec<_> = made.map(|path| path.display().to_string()).collect();
        made.retain(|path| !path.starts_with("target/"));
        made.sort();
        let mut printed: Vec<_> = run.stdout.lines().collect();
        printed.sort_unstable();
        assert_eq!(made, printed, "{output}: what is printed is what there is");
    }
}
