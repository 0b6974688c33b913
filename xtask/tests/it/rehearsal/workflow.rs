//! A workflow as it is written. What the runner beside this file does not
//! know is an error, so that nothing of a workflow is left out in silence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// A file of `.github/workflows`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Workflow {
    pub(super) name: String,
    pub(super) on: Triggers,
    pub(super) permissions: Permissions,
    pub(super) concurrency: Concurrency,
    #[serde(default)]
    pub(super) env: Env,
    pub(super) jobs: BTreeMap<String, Job>,
    /// Its path in the checkout.
    #[serde(skip)]
    pub(super) path: String,
}

/// Variables, or what an action is given: texts with expressions in them.
pub(super) type Env = BTreeMap<String, Text>;

/// What the workflow's token may do: a subject, and `read` or `write`.
pub(super) type Permissions = BTreeMap<String, String>;

/// When it runs. An event that is not named is none of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Triggers {
    #[serde(default, deserialize_with = "named")]
    pub(super) push: Option<Push>,
    #[serde(default, deserialize_with = "named")]
    pub(super) pull_request: Option<PullRequest>,
    #[serde(default, deserialize_with = "named")]
    pub(super) workflow_dispatch: Option<Nothing>,
    #[serde(default, deserialize_with = "named")]
    pub(super) merge_group: Option<Nothing>,
}

/// Which pushes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Push {
    pub(super) branches: Option<Vec<String>>,
    pub(super) tags: Option<Vec<String>>,
}

/// Which pull requests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PullRequest {
    pub(super) paths: Option<Vec<String>>,
}

/// An event without filters.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Which runs wait for each other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Concurrency {
    pub(super) group: Text,
    pub(super) cancel_in_progress: Text,
}

/// What runs on one machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Job {
    #[serde(default)]
    pub(super) needs: Names,
    #[serde(rename = "if")]
    pub(super) condition: Option<Text>,
    pub(super) runs_on: String,
    pub(super) container: Option<Container>,
    pub(super) timeout_minutes: Option<u32>,
    pub(super) permissions: Option<Permissions>,
    #[serde(default)]
    pub(super) env: Env,
    #[serde(default)]
    pub(super) outputs: Env,
    pub(super) steps: Vec<Step>,
}

/// A command, or an action.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Step {
    pub(super) name: Option<Text>,
    pub(super) id: Option<String>,
    #[serde(rename = "if")]
    pub(super) condition: Option<Text>,
    pub(super) uses: Option<String>,
    #[serde(default)]
    pub(super) with: Env,
    #[serde(default)]
    pub(super) env: Env,
    pub(super) run: Option<Text>,
    pub(super) shell: Option<String>,
    pub(super) working_directory: Option<String>,
}

/// One name, or several.
#[derive(Debug, Default)]
pub(super) struct Names(pub(super) BTreeSet<String>);

/// Where a job's steps run, if not on the machine itself.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) image: String,
}

/// A scalar as text: `1` and `true` are what they look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
        use serde_yaml::Value;
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Text(text)),
            Value::Bool(value) => Ok(Text(value.to_string())),
            Value::Number(number) => Ok(Text(number.to_string())),
            other => Err(D::Error::custom(format!("no scalar: {other:?}"))),
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Names, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(String),
            Many(BTreeSet<String>),
        }
        Ok(Names(match Form::deserialize(from)? {
            Form::One(name) => BTreeSet::from([name]),
            Form::Many(names) => names,
        }))
    }
}

impl<'de> Deserialize<'de> for Container {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Container, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Long {
            image: String,
            /// What the engine is told: nothing that a step sees.
            #[serde(rename = "options")]
            _options: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Image(String),
            Long(Long),
        }
        Ok(match Form::deserialize(from)? {
            Form::Image(image) | Form::Long(Long { image, .. }) => Container { image },
        })
    }
}

/// Reads an event, which counts with nothing behind its name too.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Ok(Some(Option::<T>::deserialize(from)?.unwrap_or_default()))
}

impl Workflow {
    /// Reads the text of the file at `path`.
    pub(super) fn parse(path: &str, text: &str) -> Result<Workflow, String> {
        let mut workflow: Workflow =
            serde_yaml::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        path.clone_into(&mut workflow.path);
        for (name, job) in &workflow.jobs {
            for need in &job.needs.0 {
                if !workflow.jobs.contains_key(need) {
                    return Err(format!("{path}: `{name}` needs `{need}`, which is no job"));
                }
            }
            for step in &job.steps {
                step.check().map_err(|why| format!("{path}: `{name}`: {why}: {step:?}"))?;
            }
        }
        workflow.order().map(|_| ())?;
        Ok(workflow)
    }

    /// Returns the jobs' names, each behind those that it needs.
    pub(super) fn order(&self) -> Result<Vec<&str>, String> {
        let mut order: Vec<&str> = Vec::new();
        while order.len() < self.jobs.len() {
            let ready = self.jobs.iter().find(|(name, job)| {
                !order.contains(&name.as_str())
                    && job.needs.0.iter().all(|need| order.contains(&need.as_str()))
            });
            match ready {
                Some((name, _)) => order.push(name),
                None => return Err(format!("{}: jobs wait for each other", self.path)),
            }
        }
        Ok(order)
    }

    /// Returns every step with the name of its job.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&str, &Step)> {
        self.jobs
            .iter()
            .flat_map(|(name, job)| job.steps.iter().map(move |step| (name.as_str(), step)))
    }
}

impl Step {
    fn check(&self) -> Result<(), &'static str> {
        match (&self.uses, &self.run) {
            (Some(_), Some(_)) => Err("`uses` and `run`"),
            (None, None) => Err("neither `uses` nor `run`"),
            (Some(_), None) if self.shell.is_some() || self.working_directory.is_some() => {
                Err("an action has no shell")
            }
            (None, Some(_)) if !self.with.is_empty() => Err("`with` is for actions"),
            _ => Ok(()),
        }
    }
}

/// The least that is a workflow, with what it does under `jobs`.
pub(super) fn of_jobs(jobs: &str) -> Workflow {
    let head = "name: test\non: {push: , pull_request: {paths: ['x/**']}}\n\
                permissions: {contents: read}\n\
                concurrency: {group: a, cancel-in-progress: false}\njobs:\n";
    Workflow::parse("test.yaml", &format!("{head}{jobs}")).unwrap()
}

#[test]
fn what_is_not_known_is_refused() {
    let head = "name: n\non: {push: }\npermissions: {}\nconcurrency: {group: g, cancel-in-progress: true}\n";
    let job = |text: &str| format!("{head}jobs: {{a: {{runs-on: x, steps: [], {text}}}}}\n");
    let step = |text: &str| format!("{head}jobs: {{a: {{runs-on: x, steps: [{{{text}}}]}}}}\n");
    let cases = [
        (job(""), ""),
        (step("run: a"), ""),
        (job("needs: b"), "`a` needs `b`, which is no job"),
        (job("needs: [a]"), "jobs wait for each other"),
        (job("strategy: {matrix: {}}"), "unknown field `strategy`"),
        (job("env: {A: [1]}"), "no scalar"),
        (job("permissions: write-all"), "invalid type"),
        (step("run: a, uses: b"), "`uses` and `run`"),
        (step("name: a"), "neither"),
        (step("run: a, with: {b: c}"), "`with` is for actions"),
        (step("uses: a, shell: sh"), "an action has no shell"),
        (step("run: a, continue-on-error: true"), "unknown field `continue-on-error`"),
        (job("").replace("{push: }", "{schedule: }"), "unknown field `schedule`"),
        (job("").replace("{push: }", "{push: {paths: [a]}}"), "unknown field `paths`"),
        (job("").replace("permissions: {}\n", ""), "missing field `permissions`"),
        (job("").replace("name: n", "defaults: {}\nname: n"), "unknown field `defaults`"),
    ];
    for (text, expected) in cases {
        let said = Workflow::parse("w", &text).map(|_| ()).err().unwrap_or_default();
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{text}{said}");
    }
}

#[test]
fn jobs_come_behind_what_they_need() {
    let workflow = of_jobs(
        "  a: {runs-on: x, needs: [c, b], steps: []}\n  b: {runs-on: x, needs: c, steps: []}\n  \
         c: {runs-on: x, container: {image: i, options: o}, env: {N: 1, T: true}, steps: []}\n",
    );
    assert_eq!(workflow.order().unwrap(), ["c", "b", "a"]);
    let job = &workflow.jobs["c"];
    assert_eq!(job.container.as_ref().unwrap().image, "i");
    assert_eq!(job.env.values().map(|text| text.0.as_str()).collect::<Vec<_>>(), ["1", "true"]);
}
