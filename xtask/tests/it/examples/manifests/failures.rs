//! A failure is a failure, with its own message; and what is not asked for
//! properly is refused.

use super::EXAMPLES;
use super::kit::Kit;

/// Runs make, which must fail; returns what was said before make's own line.
fn refused(kit: &Kit, args: &[&str]) -> String {
    let run = kit.make(args);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "make {args:?}: {}", run.stderr);
    let lines = run.stderr.lines().filter(|line| !line.starts_with("make: ***"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_does_not_render_whole_reaches_no_cluster() {
    let script = "echo 'apiVersion: v1'; echo 'it ends here' >&2; exit 5";
    for target in ["render-tc", "deploy-tc", "undeploy-tc"] {
        let Some(kit) = Kit::with_stand_ins() else { return };
        let kit = kit.stand_in("kustomize", script);
        let run = kit.make(&[target]);
        assert_eq!(run.code, 2, "{target}");
        assert!(run.stderr.starts_with("it ends here\n"), "{target}: {}", run.stderr);
        assert_eq!(kit.calls(), Vec::<String>::new(), "{target}");
    }
}

#[test]
fn what_the_cluster_refuses_is_a_failure() {
    for target in ["deploy-tc", "undeploy-tc", "deploy-tc-selinux"] {
        let Some(kit) = Kit::with_stand_ins() else { return };
        let kit = kit.kubectl("echo 'not here' >&2; exit 3");
        assert_eq!(refused(&kit, &[target]), "not here\n", "{target}");
    }
}

#[test]
fn maps_of_nobody_cannot_be_shared() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    let kit = kit.kubectl("[ \"$1\" != get ] || { echo 'Error: not found' >&2; exit 1; }");
    for target in ["deploy-xdp-ms", "deploy-xdp-ms-selinux"] {
        let expected = "Error: not found\n\
                        error: go-xdp-counter-example, whose maps are shared, was not found\n\
                        hint: deploy it first: `make deploy-xdp`\n";
        assert_eq!(refused(&kit, &[target]), expected);
    }
    assert!(kit.calls().iter().all(|call| call.starts_with("get ")), "{:?}", kit.calls());
}

#[test]
fn words_that_no_example_has_are_answered_with_those_that_some_have() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    let words: Vec<_> = EXAMPLES.iter().map(|example| example.word).collect();
    for (target, word) in [
        ("deploy", "foo"),
        ("undeploy", "go-xdp-counter"),
        ("render", "xdp-"),
        ("deploy", "target-selinux"),
        ("deploy", "selinux"),
    ] {
        let expected = format!(
            "error: there is no example `{word}`\n\
             hint: there are {}; with `-selinux`, all but target\n",
            words.join(" ")
        );
        assert_eq!(refused(&kit, &[&format!("{target}-{word}")]), expected);
    }
    assert_eq!(kit.calls(), Vec::<String>::new());
}

#[test]
fn images_that_have_no_name_are_refused() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    for (variable, value) in [
        ("IMAGE_XDP_BC", ""),
        ("IMAGE_XDP_US", "two words"),
        ("IMAGE_XDP_US", "it's"),
        ("IMAGE_XDP_BC", "a\", b: \"c"),
        ("TAG_US", ""),
        ("TAG", "a b"),
    ] {
        let said = refused(&kit, &["deploy-xdp", &format!("{variable}={value}")]);
        assert!(said.ends_with("is no reference of an image\n"), "{variable}={value}: {said}");
    }
    assert_eq!(kit.calls(), Vec::<String>::new());
}
