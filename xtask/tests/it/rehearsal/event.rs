//! What happens at GitHub, and what a run learns of it: the `github` context
//! and the variables of the runner.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>.

use serde_json::{Value, json};

use super::pattern;
use super::workflow::{Push, Workflow};

/// The repository that the workflows are written for.
pub(super) const REPOSITORY: &str = "bpfman/bpfman";

/// The commit that everything happens to.
pub(super) const SHA: &str = "4f2c1f5a9d7b3e60c8a1d2e3f405162738495a6b";

const SERVER: &str = "https://github.com";

/// The token of a run; nothing may print it.
pub(super) const TOKEN: &str = "ghs_rehearsalTokenOfTheRun";

/// Something that happens to a repository.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Such as `push`.
    pub(super) name: &'static str,
    /// Such as `refs/heads/main`.
    pub(super) reference: String,
    pub(super) repository: String,
    /// The branch that a pull request is from, and whether that is another
    /// repository's.
    head: Option<(&'static str, bool)>,
    /// The files that a pull request changes.
    changed: Vec<String>,
}

impl Event {
    fn new(name: &'static str, reference: &str) -> Event {
        Event {
            name,
            reference: reference.to_owned(),
            repository: REPOSITORY.to_owned(),
            head: None,
            changed: Vec::new(),
        }
    }

    /// Somebody pushes to a branch.
    pub(super) fn push(branch: &str) -> Event {
        Event::new("push", &format!("refs/heads/{branch}"))
    }

    /// Somebody pushes a tag.
    pub(super) fn tag(tag: &str) -> Event {
        Event::new("push", &format!("refs/tags/{tag}"))
    }

    /// Somebody starts the workflow by hand, on a branch.
    pub(super) fn dispatch(branch: &str) -> Event {
        Event::new("workflow_dispatch", &format!("refs/heads/{branch}"))
    }

    /// A merge queue tries what it is about to merge.
    pub(super) fn merge_group() -> Event {
        Event::new("merge_group", "refs/heads/gh-readonly-queue/main/pr-7-4f2c1f5")
    }

    /// Somebody proposes changes of these files, from a fork.
    pub(super) fn pull_request(changed: &[&str]) -> Event {
        Event {
            head: Some(("better", true)),
            changed: changed.iter().map(|path| (*path).to_owned()).collect(),
            ..Event::new("pull_request", "refs/pull/7/merge")
        }
    }

    /// The same, from a branch of the repository itself.
    pub(super) fn own_pull_request(changed: &[&str]) -> Event {
        Event { head: Some(("better", false)), ..Event::pull_request(changed) }
    }

    /// The same in another repository.
    pub(super) fn in_repository(self, repository: &str) -> Event {
        Event { repository: repository.to_owned(), ..self }
    }

    /// Returns the branch or tag, or `7/merge`.
    pub(super) fn ref_name(&self) -> &str {
        let parts: Vec<_> = self.reference.splitn(3, '/').collect();
        parts[2]
    }

    pub(super) fn ref_type(&self) -> &'static str {
        if self.reference.starts_with("refs/tags/") { "tag" } else { "branch" }
    }

    /// Returns whether a run gets the repository's secrets.
    pub(super) fn has_secrets(&self) -> bool {
        !matches!(self.head, Some((_, true)))
    }

    /// Returns whether a workflow runs for it.
    pub(super) fn starts(&self, workflow: &Workflow) -> bool {
        let on = &workflow.on;
        match self.name {
            "push" => on.push.as_ref().is_some_and(|push| self.is_among(push)),
            "pull_request" => on.pull_request.as_ref().is_some_and(|filter| match &filter.paths {
                Some(paths) => self.changed.iter().any(|path| pattern::passes(paths, path)),
                None => true,
            }),
            "workflow_dispatch" => on.workflow_dispatch.is_some(),
            "merge_group" => on.merge_group.is_some(),
            name => panic!("no event `{name}`"),
        }
    }

    /// With a filter for branches alone no tag passes, nor the other way
    /// round; without either everything does.
    fn is_among(&self, push: &Push) -> bool {
        let (own, other) = match self.ref_type() {
            "tag" => (&push.tags, &push.branches),
            _ => (&push.branches, &push.tags),
        };
        match own {
            Some(patterns) => pattern::passes(patterns, self.ref_name()),
            None => other.is_none(),
        }
    }

    /// Returns the reference that says which workflow of which commit it is.
    fn workflow_ref(&self, workflow: &Workflow) -> String {
        format!("{}/{}@{}", self.repository, workflow.path, self.reference)
    }

    /// Returns the context `github`, without what is each job's own.
    pub(super) fn github(&self, workflow: &Workflow) -> Value {
        let (owner, name) = self.repository.split_once('/').unwrap();
        let mut event = json!({
            "repository": {"full_name": self.repository, "name": name, "default_branch": "main"},
        });
        if let Some((branch, is_fork)) = self.head {
            let from = if is_fork { "someone/bpfman" } else { &self.repository };
            event["number"] = json!(7);
            event["pull_request"] = json!({
                "number": 7,
                "head": {"ref": branch, "repo": {"full_name": from, "fork": is_fork}},
                "base": {"ref": "main", "repo": {"full_name": self.repository}},
            });
        }
        json!({
            "actor": "somebody",
            "api_url": "https://api.github.com",
            "base_ref": self.head.map_or("", |_| "main"),
            "event": event,
            "event_name": self.name,
            "head_ref": self.head.map_or("", |(branch, _)| branch),
            "ref": self.reference,
            "ref_name": self.ref_name(),
            "ref_type": self.ref_type(),
            "repository": self.repository,
            "repository_owner": owner,
            "run_attempt": "1",
            "run_id": "1234567890",
            "run_number": "17",
            "server_url": SERVER,
            "sha": SHA,
            "token": TOKEN,
            "triggering_actor": "somebody",
            "workflow": workflow.name,
            "workflow_ref": self.workflow_ref(workflow),
            "workflow_sha": SHA,
        })
    }

    /// Returns the variables `GITHUB_…` that say the same, and the others of
    /// a runner that no job has to itself.
    pub(super) fn variables(&self, workflow: &Workflow) -> Vec<(String, String)> {
        let github = self.github(workflow);
        let context = github.as_object().unwrap().iter();
        // The token and the event are told to those that ask for them.
        let context = context.filter(|(name, _)| !["event", "token"].contains(&name.as_str()));
        let github = context.map(|(name, value)| {
            (format!("GITHUB_{}", name.to_uppercase()), value.as_str().unwrap().to_owned())
        });
        let runner = [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("RUNNER_ARCH", "X64"),
            ("RUNNER_ENVIRONMENT", "github-hosted"),
            ("RUNNER_NAME", "GitHub Actions 1"),
            ("RUNNER_OS", "Linux"),
        ];
        let runner = runner.map(|(name, value)| (name.to_owned(), value.to_owned()));
        github.chain(runner).collect()
    }
}

#[test]
fn events_start_what_asks_for_them() {
    let workflow = |on: &str| {
        let rest = "permissions: {}\nconcurrency: {group: g, cancel-in-progress: true}\njobs: {}\n";
        Workflow::parse("w", &format!("name: n\non: {on}\n{rest}")).unwrap()
    };
    let events = [
        Event::push("main"),
        Event::push("wip/x"),
        Event::tag("v1.2.3"),
        Event::pull_request(&["docs/a.md", "examples/a/b.c"]),
        Event::own_pull_request(&["docs/a.md"]),
        Event::dispatch("wip/x"),
        Event::merge_group(),
    ];
    let cases = [
        ("{push: }", "yyynnnn"),
        ("{push: {branches: [main]}}", "ynnnnnn"),
        ("{push: {tags: ['v*']}}", "nnynnnn"),
        ("{push: {branches: [main], tags: ['v*']}, pull_request: , merge_group: }", "ynyyyny"),
        ("{pull_request: {paths: ['examples/**']}, workflow_dispatch: }", "nnnynyn"),
    ];
    for (on, expected) in cases {
        let workflow = workflow(on);
        let started = events.iter().map(|event| if event.starts(&workflow) { 'y' } else { 'n' });
        assert_eq!(started.collect::<String>(), expected, "{on}");
    }
}

#[test]
fn contexts_and_variables_agree() {
    let workflow = super::workflow::of_jobs("  {}");
    let tag = Event::tag("v1.2.3").github(&workflow);
    assert_eq!((&tag["ref_name"], &tag["ref_type"]), (&json!("v1.2.3"), &json!("tag")));
    let request = Event::pull_request(&[]);
    assert!(!request.has_secrets() && Event::own_pull_request(&[]).has_secrets());
    let variables = request.variables(&workflow);
    let named = |name: &str| variables.iter().find(|(known, _)| known == name).unwrap().1.as_str();
    assert_eq!(named("GITHUB_REF_NAME"), "7/merge");
    assert_eq!((named("GITHUB_HEAD_REF"), named("GITHUB_BASE_REF")), ("better", "main"));
    assert_eq!(named("GITHUB_WORKFLOW_REF"), "bpfman/bpfman/test.yaml@refs/pull/7/merge");
    assert!(!variables.iter().any(|(_, value)| value == TOKEN));
}
