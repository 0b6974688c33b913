//! THE list of the actions that the workflows use, and what stands in for
//! each. What an action is given is checked against what it knows.

mod artifact;
mod attest;
mod cosign;
mod metadata;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::event::Event;
use super::workflow::Step;

/// What an action is given, expressions replaced.
pub(super) type With = BTreeMap<String, String>;

/// An action.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) name: &'static str,
    /// The versions that the stand-in does as, up to the last dot.
    pub(super) versions: &'static [&'static str],
    /// What it may be given here: of what it knows, that which its stand-in
    /// regards.
    inputs: &'static [&'static str],
    /// What of that must be there.
    required: &'static [&'static str],
    /// What the job's token must be allowed for it.
    pub(super) permissions: &'static [(&'static str, &'static str)],
    stand_in: fn(&mut Call<'_>) -> Outcome,
}

/// One use of an action.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) event: &'a Event,
    pub(super) with: With,
    pub(super) machine: &'a mut Machine,
}

/// The machine of a job: one of its own for each.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) workspace: PathBuf,
    pub(super) home: PathBuf,
    /// What was put before all else on PATH, the last first.
    pub(super) path: Vec<PathBuf>,
    /// A checkout that is only read.
    pub(super) source: PathBuf,
    /// What jobs of the run leave to each other.
    pub(super) artifacts: PathBuf,
    /// Nothing is carried out: where there is nothing, nothing is missed.
    pub(super) pretends: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) outputs: BTreeMap<String, String>,
    /// What it would show in its log.
    pub(super) log: String,
}

/// An action that fails says why.
pub(super) type Outcome = Result<Done, String>;

static ACTIONS: [Action; 7] = [
    Action {
        name: "actions/checkout",
        versions: &["v6.0", "v6.1"],
        inputs: &["persist-credentials"],
        required: &["persist-credentials"],
        permissions: &[("contents", "read")],
        stand_in: check_out,
    },
    Action {
        name: "actions/setup-go",
        versions: &["v6.1", "v6.2"],
        inputs: &["go-version-file", "cache-dependency-path"],
        required: &["go-version-file"],
        permissions: &[],
        stand_in: set_up_go,
    },
    Action {
        name: "actions/upload-artifact",
        versions: &["v6.0"],
        inputs: &["name", "path", "compression-level", "if-no-files-found", "include-hidden-files"],
        required: &["name", "path", "if-no-files-found"],
        permissions: &[],
        stand_in: artifact::upload,
    },
    Action {
        name: "actions/download-artifact",
        versions: &["v7.0"],
        inputs: &["name", "path"],
        required: &["name"],
        permissions: &[],
        stand_in: artifact::download,
    },
    Action {
        name: "docker/metadata-action",
        versions: &["v5.9", "v5.10"],
        inputs: &["tags", "flavor", "sep-tags"],
        required: &["tags"],
        permissions: &[],
        stand_in: metadata::tags,
    },
    Action {
        name: "sigstore/cosign-installer",
        versions: &["v4.0"],
        inputs: &["cosign-release", "install-dir"],
        required: &["cosign-release"],
        permissions: &[],
        stand_in: cosign::install,
    },
    Action {
        name: "actions/attest-build-provenance",
        versions: &["v3.2"],
        inputs: &["subject-checksums"],
        required: &["subject-checksums"],
        permissions: &[("id-token", "write"), ("attestations", "write")],
        stand_in: attest::attest,
    },
];

/// Returns the action that `uses: NAME@COMMIT` names.
pub(super) fn find(uses: &str) -> Result<&'static Action, String> {
    let (name, commit) = uses.split_once('@').ok_or_else(|| format!("`{uses}` is not pinned"))?;
    let is_commit =
        commit.len() == 40 && commit.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f'));
    if !is_commit {
        return Err(format!("`{uses}` is not pinned by a commit"));
    }
    let found = ACTIONS.iter().find(|action| action.name == name);
    found.ok_or_else(|| format!("`{name}` is not on the list of actions that have a stand-in"))
}

impl Action {
    /// Refuses what the action does not know, and misses what it must have.
    pub(super) fn check(&self, step: &Step) -> Result<(), String> {
        let of = |what: &str, key: &str| format!("{what} `{key}` of `{}`", self.name);
        if let Some(key) = step.with.keys().find(|key| !self.inputs.contains(&key.as_str())) {
            return Err(of("unknown input", key));
        }
        match self.required.iter().find(|key| !step.with.contains_key(**key)) {
            Some(key) => Err(of("no input", key)),
            None => Ok(()),
        }
    }

    pub(super) fn run(&self, mut call: Call<'_>) -> Outcome {
        (self.stand_in)(&mut call).map_err(|why| format!("{}: {why}", self.name))
    }
}

impl Call<'_> {
    /// Returns an input, or nothing where it is empty, as actions see it.
    fn input(&self, name: &str) -> Option<&str> {
        self.with.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, String> {
        self.input(name).ok_or_else(|| format!("`{name}` is empty"))
    }

    /// Returns an input that is yes or no.
    fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.input(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(format!("`{name}` is neither true nor false: `{other}`")),
        }
    }
}

/// Puts the repository into the workspace.
fn check_out(call: &mut Call<'_>) -> Outcome {
    if call.flag("persist-credentials", true)? {
        return Err("the token stays in `.git/config`, where every step can read it".to_owned());
    }
    if !call.machine.pretends {
        crate::support::copy(&call.machine.source, &call.machine.workspace);
    }
    Ok(Done::default())
}

/// Takes the Go that is installed.
fn set_up_go(call: &mut Call<'_>) -> Outcome {
    for file in ["go-version-file", "cache-dependency-path"] {
        let Some(name) = call.input(file) else { continue };
        if !call.machine.source.join(name).is_file() {
            return Err(format!("{file}: there is no `{name}`"));
        }
    }
    Ok(Done::default())
}

/// Returns a path as an action reads it: below the workspace, or absolute.
fn resolve(machine: &Machine, path: &str) -> PathBuf {
    machine.workspace.join(Path::new(path))
}

#[test]
fn what_is_not_listed_or_pinned_is_refused() {
    let commit = "8e8c483db84b4bee98b60c0593521ed34d9990e8";
    let cases = [
        (format!("actions/checkout@{commit}"), ""),
        ("actions/checkout".to_owned(), "is not pinned"),
        ("actions/checkout@v6".to_owned(), "is not pinned by a commit"),
        (format!("actions/checkout@{}", commit.to_uppercase()), "is not pinned by a commit"),
        (format!("docker/setup-qemu-action@{commit}"), "is not on the list"),
    ];
    for (uses, expected) in cases {
        let said = find(&uses).map(|_| ()).err().unwrap_or_default();
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{said}");
    }
    let step = |with: &str| {
        let job = format!("  a: {{runs-on: x, steps: [{{uses: a, with: {{{with}}}}}]}}\n");
        super::workflow::of_jobs(&job).jobs.remove("a").unwrap().steps.remove(0)
    };
    let action = find(&format!("actions/download-artifact@{commit}")).unwrap();
    assert_eq!(action.check(&step("name: a, path: b")), Ok(()));
    assert!(action.check(&step("path: b")).unwrap_err().starts_with("no input `name`"));
    assert!(action.check(&step("name: a, pattern: b")).unwrap_err().starts_with("unknown input"));
}
