//! What is compiled again, and what never is.

use bpf_arch::Arch;
use bpf_build::Event;

use crate::support::{Case, INCLUDE, JOBS, SETTLED, build, published, workshop};
use crate::tree::requests;

/// A source that returns what a header says.
const SOURCE: &str = "#include <verdict.h>\n\
    __attribute__((section(\"xdp\"))) int x(void) { return VERDICT; }\n";

/// Two sources, one of which reads a header.
const FILES: [(&str, &str); 3] = [
    ("reads.c", SOURCE),
    ("other.c", "int other(void) { return 0; }\n"),
    ("second/verdict.h", "#define VERDICT 1\n"),
];

const BOTH: [&str; 2] = ["reads.c", "other.c"];

const NOTHING: [&str; 0] = [];

#[test]
fn a_tree_that_did_not_change_compiles_nothing() {
    let (root, dir) = (test_support::workspace_root(), tempfile::tempdir().unwrap());
    let open = || workshop(&root, dir.path(), &[INCLUDE.into()]);
    let Some(first) = open() else { return };
    let requests = &requests()[..3];
    let first = build(&first, requests, JOBS);
    assert!(!first.runs.is_empty());
    let second = build(&open().unwrap(), requests, JOBS);
    assert_eq!(second.runs, NOTHING);
    assert_eq!(second.served, first.served);
    for (first, second) in first.built.iter().zip(&second.built) {
        for (arch, object) in &first.objects {
            assert!(object.compiled && !second.objects[arch].compiled);
            assert!(object.bytes == second.objects[arch].bytes);
            assert_eq!(object.info, second.objects[arch].info);
        }
    }
}

#[test]
fn files_that_were_written_anew_compile_nothing() {
    let Some(case) = Case::new(&FILES) else { return };
    case.build(&BOTH);
    FILES.iter().for_each(|(path, text)| case.put(path, text));
    assert_eq!(case.build(&BOTH).runs, NOTHING);
}

#[test]
fn a_header_that_changed_compiles_what_reads_it() {
    let Some(case) = Case::new(&FILES) else { return };
    let first = case.build(&BOTH);
    assert_eq!(first.runs, ["other.c", "other.c", "reads.c", "reads.c"]);
    case.put("second/verdict.h", "#define VERDICT 2\n");
    let second = case.build(&BOTH);
    assert_eq!(second.runs, ["reads.c", "reads.c"]);
    assert!(first.object().bytes != second.object().bytes);
    case.put("second/verdict.h", "#define VERDICT 1\n");
    let third = case.build(&BOTH);
    assert_eq!(third.runs, NOTHING, "that object is known");
    assert!(first.object().bytes == third.object().bytes);
}

#[test]
fn a_header_that_takes_the_place_of_another_is_noticed() {
    let Some(case) = Case::new(&FILES) else { return };
    let first = case.build(&BOTH);
    case.put("first/verdict.h", "#define VERDICT 2\n");
    let second = case.build(&BOTH);
    assert_eq!(second.runs, ["reads.c", "reads.c"]);
    assert!(first.object().bytes != second.object().bytes);
    host::fs::remove_file(&case.path("first/verdict.h")).unwrap();
    let third = case.build(&BOTH);
    assert!(first.object().bytes == third.object().bytes);
}

#[test]
fn a_header_that_is_gone_is_noticed() {
    let Some(case) = Case::new(&FILES) else { return };
    case.build(&BOTH);
    host::fs::remove_file(&case.path("second/verdict.h")).unwrap();
    let outcome = case.build(&BOTH);
    assert!(outcome.built[0].objects.is_empty());
    let messages = outcome.built[0].failures[0].error.messages().unwrap();
    assert!(messages.contains("'verdict.h' file not found"), "{messages}");
    assert!(!outcome.built[1].objects[&Arch::Amd64].compiled);
}

#[test]
fn what_changes_during_a_run_is_not_kept() {
    let (Some(case), Some(calm)) = (Case::new(&FILES), Case::new(&FILES)) else { return };
    // The plan of the first run has the second one read the header before
    // clang does.
    case.build(&["reads.c"]);
    case.put("second/verdict.h", "#define VERDICT 2\n");
    std::thread::sleep(SETTLED);
    case.workshop().build(&[published("reads.c")], JOBS, &|event| {
        if matches!(event, Event::Running(_)) {
            case.put("second/verdict.h", "#define VERDICT 3\n");
        }
    });
    for files in [&case, &calm] {
        files.put("second/verdict.h", "#define VERDICT 2\n");
    }
    let (found, expected) = (case.build(&["reads.c"]), calm.build(&["reads.c"]));
    assert!(found.object().bytes == expected.object().bytes);
}

#[test]
fn arguments_decide_too() {
    let Some(case) = Case::new(&[("a.c", "int a(int b) { return b + ADD; }\n")]) else { return };
    let with = |define: &str, cpu: Option<&str>| {
        let mut request = published("a.c");
        request.source.define = vec![define.to_owned()];
        request.source.cpu = cpu.map(str::to_owned);
        case.build_requests(&[request])
    };
    let one = with("ADD=1", None);
    for (outcome, runs) in [
        (with("ADD=2", None), 2),
        (with("ADD=1", Some("v3")), 2),
        (with("ADD=1", None), 0),
        (with("ADD=1", Some("v3")), 0),
    ] {
        assert_eq!(outcome.runs.len(), runs);
    }
    assert!(one.object().bytes != with("ADD=2", None).object().bytes);
}

#[test]
fn headers_of_odd_names_are_known_too() {
    let name = "a $dir/it's #1 = \u{e9}.h";
    let source = format!("#include \"{name}\"\n");
    let Some(case) = Case::new(&[("a b.c", &source), (name, "int a;\n")]) else { return };
    let first = case.build(&["a b.c"]);
    assert_eq!(case.build(&["a b.c"]).runs, NOTHING);
    case.put(name, "long a;\n");
    let second = case.build(&["a b.c"]);
    assert_eq!(second.runs, ["a b.c", "a b.c"]);
    assert!(first.object().bytes != second.object().bytes);
}

#[test]
fn two_at_once_share_a_cache() {
    let Some(case) = Case::new(&FILES) else { return };
    std::thread::sleep(SETTLED);
    let requests = BOTH.map(published);
    let work = || build(case.workshop(), &requests, JOBS);
    let (one, other) = std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(work), scope.spawn(work));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert!(one.object().bytes == other.object().bytes);
    assert_eq!(case.build(&BOTH).runs, NOTHING);
    assert_eq!(case.cache_entries().len(), 8, "and no drafts");
}

#[test]
fn damaged_entries_are_made_anew() {
    let Some(case) = Case::new(&FILES) else { return };
    let first = case.build(&BOTH);
    let entries = case.cache_entries();
    assert_eq!(entries.len(), 8, "two sources, two byte orders, plan and object");
    let intact: Vec<_> = entries.iter().map(|path| host::fs::read(path).unwrap()).collect();
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes[0] ^= 1,
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes.fill(0),
    ];
    for damage in damages {
        for (path, bytes) in entries.iter().zip(&intact) {
            let mut bytes = bytes.clone();
            damage(&mut bytes);
            host::fs::write_atomic(path, &bytes).unwrap();
        }
        let again = case.build(&BOTH);
        assert_eq!(again.runs, first.runs);
        assert!(again.object().bytes == first.object().bytes);
        let repaired: Vec<_> = entries.iter().map(|path| host::fs::read(path).unwrap()).collect();
        assert!(repaired == intact);
    }
    assert_eq!(case.build(&BOTH).runs, NOTHING);
}

#[test]
fn warnings_are_told_again_from_the_cache() {
    let text = "static int forgotten(void) { return 1; }\nint a(void) { return 0; }\n";
    let Some(case) = Case::new(&[("a.c", text)]) else { return };
    let first = case.build(&["a.c"]);
    let warnings = &first.object().warnings;
    assert!(warnings.contains("unused function 'forgotten'"), "{warnings}");
    let second = case.build(&["a.c"]);
    assert_eq!(second.runs, NOTHING);
    assert_eq!(&second.object().warnings, warnings);
}

#[test]
fn an_object_made_for_one_architecture_is_found_for_another() {
    let asks = "#ifdef __TARGET_ARCH_arm64\nint arm;\n#endif\nint x(void) { return 0; }\n";
    let Some(case) = Case::new(&[("plain.c", "int x(void) { return 0; }\n"), ("asks.c", asks)])
    else {
        return;
    };
    let runs = |path: &str, arch| {
        let source = bpf_build::Source::new(path);
        case.build_requests(&[bpf_build::Request { source, archs: vec![arch] }]).runs
    };
    for (arch, plain, asks) in [
        (Arch::Arm64, vec!["plain.c"], vec!["asks.c"]),
        (Arch::Amd64, vec![], vec!["asks.c"]),
        (Arch::Ppc64le, vec![], vec!["asks.c"]),
        (Arch::S390x, vec!["plain.c"], vec!["asks.c"]),
        (Arch::Arm64, vec![], vec![]),
    ] {
        assert_eq!(runs("plain.c", arch), plain, "{arch}");
        assert_eq!(runs("asks.c", arch), asks, "{arch}");
    }
}
