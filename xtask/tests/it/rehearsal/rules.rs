//! What every workflow keeps to, whatever it does: commands of this
//! workspace, pinned actions, no right too many, no image by name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::actions;
use super::read;
use super::workflow::{Permissions, Workflow};
use crate::support::Checkout;

/// The workflows, with what their jobs are allowed beside `contents: read`.
type Rights = &'static [(&'static str, &'static [(&'static str, &'static str)])];
const WORKFLOWS: [(&str, Rights); 2] = [
    ("ci", &[("lint", &[]), ("test", &[])]),
    (
        "image-build",
        &[
            ("build", &[]),
            ("publish", &[("attestations", "write"), ("id-token", "write"), ("packages", "write")]),
            ("verify", &[]),
        ],
    ),
];

/// The longest that a job may take, in minutes.
const LONGEST: u32 = 60;

fn workflows() -> impl Iterator<Item = (Workflow, String, Rights)> {
    WORKFLOWS.into_iter().map(|(name, rights)| {
        let (workflow, text) = read(name);
        (workflow, text, rights)
    })
}

#[test]
fn every_workflow_is_looked_at() {
    let directory = test_support::workspace_root().join(".github/workflows");
    let files = std::fs::read_dir(directory).unwrap();
    let names: BTreeSet<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let known = WORKFLOWS.iter().map(|(name, _)| format!("{name}.yaml"));
    assert_eq!(names, known.collect());
}

#[test]
fn actions_are_listed_and_pinned() {
    for (workflow, text, _) in workflows() {
        // Comments are no part of what was parsed.
        let lines = text.lines().map(|line| line.trim().trim_start_matches("- "));
        let lines: Vec<_> = lines.filter_map(|line| line.strip_prefix("uses: ")).collect();
        let used = workflow.steps().filter(|(_, step)| step.uses.is_some()).count();
        assert_eq!(lines.len(), used, "{}: each on a line of its own", workflow.path);
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for line in lines {
            let (uses, version) = line.split_once(" # ").unwrap_or_else(|| panic!("{line}"));
            let action = actions::find(uses).unwrap();
            let (minor, patch) = version.rsplit_once('.').unwrap_or_default();
            let is_known = action.versions.contains(&minor) && patch.parse::<u32>().is_ok();
            assert!(is_known, "the stand-in for `{}` is not known to do as {version}", action.name);
            versions.entry(action.name).or_default().insert(line);
        }
        assert!(versions.values().all(|lines| lines.len() == 1), "two versions: {versions:#?}");
        for (_, step) in workflow.steps() {
            if let Some(uses) = &step.uses {
                actions::find(uses).unwrap().check(step).unwrap();
            }
        }
    }
}

#[test]
fn every_command_is_one_of_this_workspace() {
    let mut seen = 0;
    for (workflow, _, _) in workflows() {
        for (job, step) in workflow.steps() {
            let Some(run) = &step.run else { continue };
            let place = format!("{}: `{job}`: `{run}`", workflow.path);
            let begins = ["cargo xtask ", ".ci/run"].iter().any(|start| run.0.starts_with(start));
            assert!(begins, "{place} is none of this workspace's commands");
            // What a shell would make of it is not tried on a laptop, and what
            // an expression puts into a script is a way in.
            let special = ["\n", ";", "|", "&", "<", ">", "`", "$(", "${{", "\\", "*"];
            assert!(!special.iter().any(|sign| run.0.contains(sign)), "{place} is more than one");
            assert_eq!((&step.shell, &step.working_directory), (&None, &None), "{place}");
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn jobs_may_do_what_they_must() {
    let read = || Permissions::from([("contents".to_owned(), "read".to_owned())]);
    for (workflow, _, rights) in workflows() {
        assert_eq!(workflow.permissions, read(), "{}", workflow.path);
        let known: BTreeSet<_> = rights.iter().map(|(job, _)| (*job).to_owned()).collect();
        assert_eq!(workflow.jobs.keys().cloned().collect::<BTreeSet<_>>(), known);
        for (name, more) in rights {
            let job = &workflow.jobs[*name];
            let mut expected = read();
            expected.extend(more.iter().map(|(what, how)| ((*what).into(), (*how).into())));
            let has = job.permissions.as_ref().unwrap_or(&workflow.permissions);
            assert_eq!(*has, expected, "{}: `{name}`", workflow.path);
            for uses in job.steps.iter().filter_map(|step| step.uses.as_ref()) {
                for (what, how) in actions::find(uses).unwrap().permissions {
                    assert_eq!(has.get(*what).map(String::as_str), Some(*how), "`{name}`: {uses}");
                }
            }
        }
    }
}

#[test]
fn jobs_end_and_runs_wait() {
    for (workflow, _, _) in workflows() {
        let group = &workflow.concurrency.group.0;
        assert!(group.contains("github.workflow") && group.contains("github.ref"), "{group}");
        for (name, job) in &workflow.jobs {
            let minutes = job.timeout_minutes.unwrap_or(0);
            assert!((1..=LONGEST).contains(&minutes), "{}: `{name}`: {minutes}", workflow.path);
            assert!(!job.runs_on.ends_with("-latest"), "`{name}` runs on what may change");
        }
    }
}

#[test]
fn no_image_is_named() {
    let listed = Checkout::whole().run(&["list-images", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let names = listed["images"].as_array().unwrap().iter().map(|image| {
        let reference = image["reference"].as_str().unwrap();
        let name = reference.rsplit('/').next().unwrap().split(':').next().unwrap();
        name.to_owned()
    });
    // The project and its repository are called so too.
    let names: BTreeSet<_> = names.filter(|name| name != "bpfman").collect();
    assert!(names.len() > 20, "{names:?}");
    for (workflow, text, _) in workflows() {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        for word in text.split(|letter| !is_part(letter)) {
            assert!(!names.contains(word), "{} names the image `{word}`", workflow.path);
        }
        assert!(!text.to_lowercase().contains("qemu"), "{}", workflow.path);
    }
}

#[test]
fn changes_of_an_image_start_its_build() {
    let (workflow, _) = read("image-build");
    let catalogue = Checkout::whole().read("images.yaml");
    let catalogue: serde_yaml::Value = serde_yaml::from_str(&catalogue).unwrap();
    let mut changes = vec![
        ".github/workflows/image-build.yaml".to_owned(),
        "Containerfile.bytecode.multi.arch".to_owned(),
        "images.yaml".to_owned(),
    ];
    for image in catalogue["images"].as_sequence().unwrap() {
        let is_elsewhere = image.get("source").is_some();
        for key in ["bytecode", "containerfile"] {
            let path = image.get(key).and_then(serde_yaml::Value::as_str);
            changes.extend(path.filter(|_| !is_elsewhere).map(str::to_owned));
        }
    }
    assert!(changes.len() > 30, "{}", changes.len());
    for path in changes {
        let event = super::event::Event::pull_request(&[&path]);
        assert!(event.starts(&workflow), "{path}");
    }
}
