//! The workflows of `.github/workflows`, run here: their YAML is read, every
//! command is carried out with what a runner of GitHub would give it, against
//! a registry on this machine, and what came of it is compared.
//!
//! Not here: what the commands do by themselves, and GitHub's own actions,
//! for each of which something stands in ([`actions`]).

mod actions;
mod event;
mod expression;
mod files;
mod lint;
mod pattern;
mod plans;
mod published;
mod quay;
mod rehearsals;
mod rules;
mod runner;
mod runs;
mod stage;
mod workflow;

/// Returns the workflow of this name.
fn read(name: &str) -> (workflow::Workflow, String) {
    let path = format!(".github/workflows/{name}.yaml");
    let text = std::fs::read_to_string(test_support::workspace_root().join(&path)).unwrap();
    (workflow::Workflow::parse(&path, &text).unwrap(), text)
}
