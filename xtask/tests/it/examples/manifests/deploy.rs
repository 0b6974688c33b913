//! What `deploy` and `undeploy` tell the cluster: a kubectl that takes notes.

use super::kit::Kit;
use super::{EXAMPLES, Variant};

const APPLY: &str = "apply -f -";
const DELETE: &str = "delete --ignore-not-found=false -f -";
const OWNER: &str = "get clusterbpfapplication go-xdp-counter-example --output name";

#[test]
fn what_is_applied_and_deleted_is_what_render_prints() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    for variant in Variant::all() {
        let word = variant.word();
        let rendered = kit.prints(&[&format!("render-{word}"), "TAG=v9"]);
        assert!(rendered.starts_with(&format!("resources: [../{}]\n", variant.overlay())));
        for (target, call) in [("deploy", APPLY), ("undeploy", DELETE)] {
            kit.write("notes/calls", "");
            let printed = kit.prints(&[&format!("{target}-{word}"), "TAG=v9"]);
            assert_eq!(printed, "", "{target}-{word}: what kubectl prints, and nothing more");
            let shares = target == "deploy" && variant.example.word == "xdp-ms";
            let calls = if shares { vec![OWNER, call] } else { vec![call] };
            assert_eq!(kit.calls(), calls, "{target}-{word}");
            assert_eq!(kit.given(calls.len()), rendered, "{target}-{word}");
        }
    }
}

#[test]
fn what_is_not_there_can_be_no_failure() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    kit.prints(&["undeploy-tc", "ignore-not-found=true"]);
    assert_eq!(kit.calls(), [DELETE.replace("false", "true")]);
}

#[test]
fn what_is_applied_is_rendered_by_kustomize() {
    let Some(kit) = Kit::that_renders() else { return };
    let rendered = kit.prints(&["render-xdp-selinux"]);
    kit.prints(&["deploy-xdp-selinux"]);
    assert_eq!((kit.calls(), kit.given(1)), (vec![APPLY.to_owned()], rendered));
}

/// Returns the directories of the overlays that kubectl was given.
fn given(kit: &Kit) -> Vec<String> {
    let calls = kit.calls().into_iter().enumerate().filter(|(_, call)| call.ends_with('-'));
    let overlay = |text: String| {
        let line = text.lines().next().unwrap();
        line.trim_start_matches("resources: [../default/").trim_end_matches(']').to_owned()
    };
    calls.map(|(number, _)| overlay(kit.given(number + 1))).collect()
}

#[test]
fn all_are_deployed_and_removed_the_other_way_round() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    kit.prints(&["deploy"]);
    let mut directories = EXAMPLES.iter().map(|example| example.directory).collect::<Vec<_>>();
    assert_eq!(given(&kit), directories);
    kit.write("notes/calls", "");
    kit.prints(&["undeploy", "ignore-not-found=true"]);
    directories.reverse();
    assert_eq!(given(&kit), directories);
    assert!(kit.calls().iter().all(|call| call == "delete --ignore-not-found=true -f -"));
}

#[test]
fn one_that_fails_keeps_no_other_from_being_tried() {
    let script = "grep -q 'default/go-t[cr]' \"$NOTES\"/*.yaml && rm \"$NOTES\"/*.yaml && \
                  { echo 'the cluster says no' >&2; exit 4; }\nexit 0";
    for target in ["deploy", "undeploy"] {
        let Some(kit) = Kit::with_stand_ins() else { return };
        let kit = kit.kubectl(script);
        let run = kit.make(&[target]);
        let names = kit.calls().iter().filter(|call| call.ends_with('-')).count();
        assert_eq!((run.code, names), (2, EXAMPLES.len()), "{}", run.stderr);
        assert_eq!(run.stderr.matches("the cluster says no\n").count(), 3, "{}", run.stderr);
        let mut failed = ["tc", "tcx", "tracepoint"].map(|word| format!("{target}-{word}"));
        if target == "undeploy" {
            failed.reverse();
        }
        let line = format!("error: failed: {}\n", failed.join(" "));
        assert!(run.stderr.contains(&line), "{}", run.stderr);
    }
}
