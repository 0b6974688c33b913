//! Objects that clang makes and some loader could not use.

use super::{CLANG, LICENSE, PASS, quiet};
use crate::support::{Checkout, program};

const UNUSABLE: &str = "\
error: failed to make `o/one` from `bpf/one.bpf.c`
  Caused by: the object for linux/amd64 cannot be used: ";

#[test]
fn what_libbpf_would_refuse_is_refused() {
    let section = |name: &str| PASS.replace("\"xdp\"", &format!("\"{name}\"")) + LICENSE;
    let hidden = PASS.replace("int pass", "static __attribute__((used)) int pass");
    let (includes, _) = PASS.split_once("SEC").unwrap();
    let cases = [
        (includes.to_owned() + LICENSE, "it has no programs"),
        (
            PASS.to_owned(),
            "it has no section `license`, without which the kernel takes it as proprietary",
        ),
        (hidden + LICENSE, "program `pass` is static, so libbpf refuses the whole object"),
        (section("nonsense/x"), "program `pass`: no loader knows the section `nonsense/x`"),
        (
            String::new(),
            "it has no programs; it has no BTF; compile it with `-g`; it has no section \
             `license`, without which the kernel takes it as proprietary",
        ),
    ];
    for (source, why) in cases {
        let checkout = Checkout::with_source(&source);
        quiet(&checkout, &[]).is(1, "", &format!("{UNUSABLE}{why}\n"));
        assert!(!checkout.path().join("target/images/quay.io").exists(), "nothing is written");
    }
}

#[test]
fn what_one_loader_refuses_is_a_warning() {
    let source = PASS.replace("\"xdp\"", "\"classifier/x\"").replace("xdp_md", "__sk_buff");
    let source = source.replace("XDP_PASS", "0") + LICENSE;
    let warning = "\
warning: `bpf/one.bpf.c`: program `pass`: libbpf infers no type from the section `classifier/x` (`classifier` is known only without a suffix) and loads the program only after it was given a type by hand
";
    let checkout = Checkout::with_source(&source);
    quiet(&checkout, &[]).is(0, "quay.io/o/one:latest@sha256:*\n", warning);
    let run = checkout.build_ebpf(&["-q", "bpf/one.bpf.c"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, warning), "once for all architectures");
}

#[test]
fn build_ebpf_only_warns_for_objects_may_be_no_images() {
    let checkout = Checkout::with_source(PASS);
    let run = checkout.build_ebpf(&["-q", "bpf/one.bpf.c"]);
    let stdout = ".output/one.bpf/bpf_s390_bpfeb.o\n.output/one.bpf/bpf_x86_bpfel.o\n";
    let stderr = "warning: `bpf/one.bpf.c`: it has no section `license`, without which the kernel takes it as proprietary\n";
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, stdout, stderr));
}

/// A compiler that never writes debugging information, and so no BTF.
fn without_btf(checkout: &Checkout) -> String {
    let path = checkout.path().join("tools/clang-without-g");
    let real = CLANG.display();
    let script = format!(
        "for arg do shift; [ \"$arg\" = -g ] || set -- \"$@\" \"$arg\"; done\nexec '{real}' \"$@\""
    );
    program(&path, &script);
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_object_without_btf_is_refused() {
    let map = "struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); \
               __type(key, __u32); __type(value, __u64); } counts SEC(\".maps\");\n";
    let cases = [
        (String::new(), format!("{UNUSABLE}it has no BTF; compile it with `-g`\n")),
        (
            map.to_owned(),
            "\
error: failed to compile `bpf/one.bpf.c` for linux/amd64, linux/s390x
  Caused by: clang wrote an object that cannot be read
  Caused by: section `.maps` without the BTF that describes its maps: compile with `-g`
error: `o/one` is not made: it lacks objects
"
            .to_owned(),
        ),
    ];
    for (map, stderr) in cases {
        let checkout = Checkout::with_source(&format!("{PASS}{map}{LICENSE}"));
        let clang = without_btf(&checkout);
        quiet(&checkout, &["--clang", &clang]).is(1, "", &stderr);
        quiet(&checkout, &[]).is(0, "quay.io/o/one:latest@sha256:*\n", "");
    }
}

/// Compilers that say all is well and write nothing, or nonsense.
#[test]
fn what_a_compiler_writes_is_not_taken_on_trust() {
    let write = "while [ $# -gt 1 ]; do case $1 in -o|-MF) ";
    let done = " ;; esac; shift; done";
    let cases = [
        (format!("{write}echo nonsense >\"$2\"{done}"), "not an ELF file"),
        (format!("{write}: >\"$2\"{done}"), "not an ELF file"),
    ];
    for (script, why) in cases {
        let checkout = Checkout::with_source(&(PASS.to_owned() + LICENSE));
        let path = checkout.path().join("tools/cc");
        let version = "[ \"$1\" = --version ] && { echo 'clang version 18.1.0'; exit; }";
        program(&path, &format!("{version}\n{script}"));
        let stderr = format!(
            "\
error: failed to compile `bpf/one.bpf.c` for linux/amd64, linux/s390x
  Caused by: the object's debugging information cannot be removed
  Caused by: {why}
error: `o/one` is not made: it lacks objects
"
        );
        quiet(&checkout, &["--clang", path.to_str().unwrap()]).is(1, "", &stderr);
    }
}

#[test]
fn architectures_that_differ_are_shown_with_their_difference() {
    let source = "
#ifdef __TARGET_ARCH_s390
#define ENTRIES 2
#else
#define ENTRIES 1
SEC(\"xdp\") int extra(struct xdp_md *ctx) { return XDP_DROP; }
#endif
struct {
\t__uint(type, BPF_MAP_TYPE_ARRAY);
\t__uint(max_entries, ENTRIES);
\t__type(key, __u32);
\t__type(value, __u64);
} counts SEC(\".maps\");
";
    let checkout = Checkout::with_source(&format!("{PASS}{source}{LICENSE}"));
    let stderr = "\
error: failed to make `o/one` from `bpf/one.bpf.c`
  Caused by: the architectures differ: map `counts`: array, key 4, value 8, 1 entries on linux/amd64; array, key 4, value 8, 2 entries on linux/s390x; program `extra`: section `xdp` on linux/amd64; absent on linux/s390x

hint: the labels speak for all platforms: make the source the same for all, or an image of its own for each
";
    quiet(&checkout, &[]).is(1, "", stderr);
    for platform in ["linux/amd64", "linux/s390x"] {
        let alone = quiet(&checkout, &["--platform", platform]);
        alone.is(0, "quay.io/o/one:latest@sha256:*\n", "");
    }
}
