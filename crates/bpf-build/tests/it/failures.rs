//! What is said where there is no object, and that the others are built.

use bpf_arch::Arch;
use bpf_build::CompileError;

use crate::support::{Case, Outcome};

const GOOD: &str = "int good(void) { return 0; }\n";

/// Returns the one failure of a build of one source: its words, what clang
/// said, and the architectures that have an object all the same.
fn failure(outcome: &Outcome) -> (String, String, Vec<Arch>) {
    let built = &outcome.built[0];
    let [failure] = built.failures.as_slice() else { panic!("{:?}", built.failures) };
    let messages = failure.error.messages().unwrap_or_default().to_owned();
    (failure.to_string(), messages, built.objects.keys().copied().collect())
}

#[test]
fn a_missing_source_is_named_and_clang_is_not_asked() {
    let Some(case) = Case::new(&[("good.c", GOOD)]) else { return };
    let outcome = case.build(&["absent.c", "good.c"]);
    let (words, _, objects) = failure(&outcome);
    assert_eq!(
        words,
        "failed to compile `absent.c` for linux/amd64, linux/arm64, linux/ppc64le, linux/s390x"
    );
    assert_eq!(objects, []);
    let error = &outcome.built[0].failures[0].error;
    assert!(matches!(error, CompileError::NoSource), "{error:?}");
    assert_eq!(outcome.runs, ["good.c", "good.c"]);
    assert_eq!(outcome.built[1].objects.len(), 4);
}

#[test]
fn a_syntax_error_is_told_once_in_clangs_words() {
    let Some(case) = Case::new(&[("bad.c", "int bad(void)\n{\n\treturn 0\n}\n")]) else { return };
    let outcome = case.build(&["bad.c"]);
    let (words, messages, objects) = failure(&outcome);
    assert_eq!(
        words,
        "failed to compile `bad.c` for linux/amd64, linux/arm64, linux/ppc64le, linux/s390x"
    );
    assert_eq!(objects, []);
    assert!(messages.contains("bad.c:3:"), "{messages}");
    assert!(messages.contains("expected ';' after return statement"), "{messages}");
    let clang = case.workshop().compiler().path().file_name().unwrap().display();
    let error = outcome.built[0].failures[0].error.to_string();
    assert_eq!(error, format!("`{clang}` exited with status 1"));
    // Nothing is kept of it, and it is told again.
    assert_eq!(case.build(&["bad.c"]).built[0].failures[0].error.messages(), Some(&*messages));
}

#[test]
fn an_error_of_one_architecture_leaves_the_others_their_objects() {
    let text = format!("#ifdef __TARGET_ARCH_s390\n#error not this one\n#endif\n{GOOD}");
    let Some(case) = Case::new(&[("bad.c", &text)]) else { return };
    let (words, messages, objects) = failure(&case.build(&["bad.c"]));
    assert_eq!(words, "failed to compile `bad.c` for linux/s390x");
    assert!(messages.contains("not this one"), "{messages}");
    assert_eq!(objects, [Arch::Amd64, Arch::Arm64, Arch::Ppc64le]);
}

#[test]
fn a_source_that_gets_well_is_compiled() {
    let Some(case) = Case::new(&[("a.c", "#include <later.h>\n")]) else { return };
    let (_, messages, _) = failure(&case.build(&["a.c"]));
    assert!(messages.contains("'later.h' file not found"), "{messages}");
    case.put("first/later.h", GOOD);
    assert_eq!(case.build(&["a.c"]).built[0].objects.len(), 4);
}
