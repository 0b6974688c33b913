//! One object serves all architectures of a byte order only where each of them
//! would get the same one by itself.

use std::collections::BTreeMap;
use std::path::Path;

use bpf_arch::{Arch, Endian};
use bpf_build::{Request, Source, Workshop};
use rayon::prelude::*;

use crate::support::{Case, INCLUDE, workshop};
use crate::tree::{PER_ARCH, SOURCES, WITHOUT_IMAGE, built, objects};

/// Compiles a source for one architecture, as a user would who pastes what
/// `--dry-run` prints.
fn alone(workshop: &Workshop, source: &str, arch: Arch, out: &Path) -> Vec<u8> {
    let out = out.join(format!("{}-{}.o", source.replace('/', "-"), arch.goarch()));
    workshop.command(&Source::new(source), arch).arg("-o").arg(&out).run().unwrap();
    bpf_object::strip_debug(&host::fs::read(&out).unwrap()).unwrap()
}

#[test]
fn a_shared_object_is_what_each_architecture_gets_by_itself() {
    let Some(outcome) = built() else { return };
    let dir = tempfile::tempdir().unwrap();
    let root = test_support::workspace_root();
    let Some(workshop) = workshop(&root, dir.path(), &[INCLUDE.into()]) else { return };
    let differing: Vec<_> = objects(outcome)
        .into_par_iter()
        .filter(|((source, arch), object)| {
            alone(&workshop, source, *arch, dir.path()) != object.bytes
        })
        .map(|((source, arch), _)| format!("{source} for {arch}"))
        .collect();
    assert_eq!(differing, [""; 0]);
}

#[test]
fn only_what_asks_for_its_architecture_is_compiled_for_each() {
    let Some(outcome) = built() else { return };
    let [amd64, arm64, ppc64le, s390x] = Arch::PUBLISHED;
    let shared = [vec![amd64, arm64, ppc64le], vec![s390x]];
    let single = Arch::PUBLISHED.map(|arch| vec![arch]);
    let expected: Vec<_> = SOURCES
        .iter()
        .flat_map(|source| {
            let groups = if PER_ARCH.contains(source) { &single[..] } else { &shared };
            groups.iter().map(|archs| ((*source).to_owned(), archs.clone()))
        })
        .collect();
    assert_eq!(outcome.served, expected);
}

#[test]
fn clang_runs_forty_times_for_the_images() {
    let Some(outcome) = built() else { return };
    let mut runs = BTreeMap::new();
    for source in &outcome.runs {
        *runs.entry(source.as_str()).or_insert(0) += 1;
    }
    assert_eq!(runs.remove(WITHOUT_IMAGE), Some(2));
    assert_eq!(runs.len(), 18);
    assert_eq!(runs.values().sum::<i32>(), 40, "{runs:?}");
}

/// Returns the architectures that each object of a program serves, where the
/// program returns `value` on x86 alone and what `condition` says.
fn shares(condition: &str, x86_differs: bool) -> Option<Vec<Vec<Arch>>> {
    let text = format!(
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n\
         SEC(\"xdp\") int x(struct xdp_md *ctx)\n{{\n\
         {condition}\n\treturn XDP_DROP;\n#else\n\treturn XDP_PASS;\n#endif\n}}\n"
    );
    let case = Case::new(&[("x.c", &text), ("second/linux/types.h", TYPES)])?;
    let outcome = case.build(&["x.c"]);
    let objects = &outcome.built[0].objects;
    let same = objects[&Arch::Amd64].bytes == objects[&Arch::Arm64].bytes;
    assert_eq!(same, !x86_differs, "{condition}");
    assert_eq!(objects[&Arch::Arm64].bytes, objects[&Arch::Ppc64le].bytes, "{condition}");
    assert_eq!(outcome.runs.len(), outcome.served.len());
    Some(outcome.served.into_iter().map(|(_, archs)| archs).collect())
}

/// What `<linux/bpf.h>` needs of a kernel's headers.
const TYPES: &str = "#define __bitwise\n\
    typedef unsigned char __u8;\ntypedef unsigned short __u16;\n\
    typedef unsigned int __u32;\ntypedef unsigned long long __u64;\n\
    typedef signed char __s8;\ntypedef short __s16;\n\
    typedef int __s32;\ntypedef long long __s64;\n\
    typedef __u16 __be16;\ntypedef __u32 __be32;\ntypedef __u16 __le16;\ntypedef __u32 __le32;\n\
    typedef __u64 __be64;\ntypedef __u64 __le64;\ntypedef __u32 __wsum;\ntypedef __u16 __sum16;\n\
    #define __aligned_u64 __u64 __attribute__((aligned(8)))\n";

/// `bpf_tracing.h` says under other names which architecture it is.
#[test]
fn asking_by_another_name_is_seen() {
    let single: Vec<_> = Arch::PUBLISHED.map(|arch| vec![arch]).into();
    for (condition, x86_differs) in
        [("#if defined(bpf_target_x86)", true), ("#ifdef __PT_RC_REG", false)]
    {
        let Some(shares) = shares(condition, x86_differs) else { return };
        assert_eq!(shares, single, "{condition}");
    }
}

#[test]
fn two_objects_serve_all_architectures() {
    let Some(case) = Case::new(&[("a.c", "long a;\n")]) else { return };
    let request = Request { source: Source::new("a.c"), archs: [Arch::ALL, Arch::ALL].concat() };
    let outcome = case.build_requests(&[request]);
    let of = |endian| Arch::ALL.into_iter().filter(|arch| arch.endian() == endian).collect();
    let mut expected = [Endian::Little, Endian::Big].map(|endian| ("a.c".to_owned(), of(endian)));
    expected.sort();
    assert_eq!(outcome.served, expected);
}

#[test]
fn a_directory_for_each_architecture_makes_an_object_for_each() {
    let header = |arch: &str| (format!("vmlinux/{arch}/vmlinux.h"), "int a;\n");
    let headers = ["x86", "arm64"].map(header);
    let Some(case) = Case::new(&[("a.c", "#include <vmlinux.h>\n")]) else { return };
    headers.iter().for_each(|(path, text)| case.put(path, text));
    let include = vec!["vmlinux/{arch}".to_owned()];
    let source = Source { include, ..Source::new("a.c") };
    // 386 and amd64 are one to libbpf; arm has no directory.
    let archs = vec![Arch::I386, Arch::Amd64, Arch::Arm, Arch::Arm64];
    let outcome = case.build_requests(&[Request { source, archs }]);
    let served: Vec<_> = outcome.served.into_iter().map(|(_, archs)| archs).collect();
    assert_eq!(served, [vec![Arch::I386, Arch::Amd64], vec![Arch::Arm64]]);
    let failures = &outcome.built[0].failures;
    assert_eq!(failures.iter().flat_map(|f| &f.archs).collect::<Vec<_>>(), [&Arch::Arm]);
}
