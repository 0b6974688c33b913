//! Which jobs of which workflow run for what, and who gets to see a secret:
//! nothing is carried out.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, TOKEN};
use super::quay::ORGANIZATIONS;
use super::read;
use super::runner::{Record, World, run};

/// Returns the secrets of the repository, which signs with a key.
pub(super) fn secrets() -> BTreeMap<String, String> {
    let pairs = ORGANIZATIONS.iter().flat_map(|(_, pair)| pair.iter().copied());
    let signing = [("COSIGN_PRIVATE_KEY", "private-key-text"), ("COSIGN_PASSWORD", "key-password")];
    pairs.chain(signing).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Goes through a workflow of a repository with these variables; `None` where
/// the event does not start it.
fn plan(workflow: &str, event: &Event, vars: &[(&str, &str)], is_rich: bool) -> Option<Record> {
    let dir = tempfile::tempdir().unwrap();
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let world = World {
        dir: dir.path().join("run"),
        source: test_support::workspace_root(),
        programs: dir.path().join("programs"),
        machine: Vec::new(),
        vars: vars.collect(),
        secrets: if is_rich { secrets() } else { BTreeMap::new() },
        pretends: true,
    };
    let (workflow, _) = read(workflow);
    event.starts(&workflow).then(|| run(&workflow, event, &world).unwrap())
}

const ALL: &str = "build: success, publish: success, verify: success";
const BUILT: &str = "build: success, publish: skipped, verify: skipped";
const NONE: &str = "";

#[test]
fn events_lead_to_jobs() {
    let fork = "somebody/bpfman";
    let own = [("IMAGE_REGISTRY", "127.0.0.1:1")];
    type Case<'a> = (Event, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 11] = [
        (Event::push("main"), &[], ALL),
        (Event::tag("v1.2.3"), &[], ALL),
        (Event::dispatch("main"), &[], ALL),
        (Event::push("wip"), &[], NONE),
        (Event::tag("nightly"), &[], NONE),
        (Event::pull_request(&["images.yaml"]), &own, BUILT),
        (Event::own_pull_request(&["examples/a/b.c"]), &own, BUILT),
        (Event::pull_request(&["README.md"]), &own, NONE),
        // A fork's main branch publishes nothing unless it says where to.
        (Event::push("main").in_repository(fork), &[], BUILT),
        (Event::push("main").in_repository(fork), &own, ALL),
        (Event::tag("v1").in_repository(fork), &[("IMAGE_REGISTRY", "")], BUILT),
    ];
    for (event, vars, expected) in cases {
        let record = plan("image-build", &event, vars, true);
        let results = record.map_or(String::new(), |record| record.results().join(", "));
        assert_eq!(results, expected, "{event:?} {vars:?}");
    }
    let readme = Event::pull_request(&["README.md"]);
    for event in [Event::push("main"), readme, Event::merge_group()] {
        let record = plan("ci", &event, &[], true).unwrap();
        assert_eq!(record.results(), ["lint: success", "test: success"]);
    }
    assert!(plan("ci", &Event::tag("v1"), &[], true).is_none());
}

/// Returns the secrets that each step gets to see, by its command.
fn seen(record: &Record, secrets: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let steps = record.steps().map(|(_, step)| {
        let names = step.env.iter().filter(|(_, value)| secrets.values().any(|s| s == *value));
        (step.what.clone(), names.map(|(name, _)| name.clone()).collect())
    });
    steps.filter(|(_, names): &(_, BTreeSet<String>)| !names.is_empty()).collect()
}

#[test]
fn secrets_reach_the_step_that_pushes_and_no_other() {
    for event in [Event::push("main"), Event::tag("v1.2.3"), Event::dispatch("main")] {
        let record = plan("image-build", &event, &[], true).unwrap();
        let seen = seen(&record, &secrets());
        let commands: Vec<_> = seen.keys().collect();
        assert!(matches!(commands[..], [command] if command.contains("--push")), "{commands:?}");
        // Under the names that the catalogue has for them.
        assert_eq!(seen.into_values().next().unwrap(), secrets().into_keys().collect());
    }
    for event in [Event::pull_request(&["images.yaml"]), Event::own_pull_request(&["bpf/a.c"])] {
        let record = plan("image-build", &event, &[], true).unwrap();
        assert!(seen(&record, &secrets()).is_empty());
    }
}

#[test]
fn the_catalogue_and_the_workflow_agree_on_the_credentials() {
    let catalogue = crate::support::Checkout::whole().read("images.yaml");
    let catalogue: serde_yaml::Value = serde_yaml::from_str(&catalogue).unwrap();
    let organizations = catalogue["organizations"].as_mapping().unwrap();
    let known = organizations.iter().map(|(organization, pair)| {
        let name = |key: &str| pair[key].as_str().unwrap().to_owned();
        (organization.as_str().unwrap().to_owned(), name("username"), name("password"))
    });
    let expected = ORGANIZATIONS.map(|(organization, [name, password])| {
        (organization.to_owned(), name.0.to_owned(), password.0.to_owned())
    });
    assert_eq!(known.collect::<BTreeSet<_>>(), BTreeSet::from(expected));
}

#[test]
fn a_fork_publishes_at_github_with_the_runs_own_token() {
    let fork = Event::push("main").in_repository("somebody/bpfman");
    let registry = [("IMAGE_REGISTRY", "ghcr.io")];
    let record = plan("image-build", &fork, &registry, false).unwrap();
    let push = record.steps().find(|(_, step)| step.what.contains("--push")).unwrap().1;
    for (_, [name, password]) in ORGANIZATIONS {
        assert_eq!((push.env[name.0].as_str(), push.env[password.0].as_str()), ("somebody", TOKEN));
    }
    assert_eq!(push.env["IMAGE_REGISTRY"], "ghcr.io");
    // Elsewhere the token is nobody's business.
    let elsewhere = [("IMAGE_REGISTRY", "registry.example")];
    let record = plan("image-build", &fork, &elsewhere, false).unwrap();
    assert!(record.steps().all(|(_, step)| step.env.values().all(|value| value != TOKEN)));
}
