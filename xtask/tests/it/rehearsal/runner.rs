//! Runs a workflow as a runner of GitHub would: jobs behind those that they
//! need, each on a machine of its own, to which nothing comes from others but
//! artifacts and outputs.
//!
//! Nothing is masked: what a step printed is recorded as it is, so that a
//! test finds secrets in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::actions::{self, Call, Done, Machine};
use super::event::Event;
use super::expression::{Scope, Status, condition, interpolate};
use super::files::assignments;
use super::workflow::{Env, Job, Step, Workflow};

/// Where a workflow is run, and for whom.
#[derive(Debug)]
pub(super) struct World {
    /// An empty directory.
    pub(super) dir: PathBuf,
    /// The repository: copied, never changed.
    pub(super) source: PathBuf,
    /// What stands first on every machine's PATH.
    pub(super) programs: PathBuf,
    /// Where the machine keeps compilers and what they keep.
    pub(super) machine: Vec<(String, OsString)>,
    pub(super) vars: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, String>,
    /// Nothing is carried out, and everything goes well.
    pub(super) pretends: bool,
}

/// What came of a run.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) jobs: BTreeMap<String, JobRecord>,
    /// What the steps wrote for the run's page, in Markdown.
    pub(super) summary: String,
}

#[derive(Debug)]
pub(super) struct JobRecord {
    /// `success`, `failure` or `skipped`.
    pub(super) result: &'static str,
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) steps: Vec<StepRecord>,
}

#[derive(Debug)]
pub(super) struct StepRecord {
    /// What it is called, if anything.
    pub(super) name: String,
    /// The command, or the action with its commit.
    pub(super) what: String,
    /// The variables that the workflow gives it.
    pub(super) env: BTreeMap<String, String>,
    /// As of jobs.
    pub(super) result: &'static str,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// A run as far as it came.
struct Run<'a> {
    workflow: &'a Workflow,
    event: &'a Event,
    world: &'a World,
    record: Record,
}

/// A job as far as it came.
struct Progress {
    machine: Machine,
    /// The workflow's variables, the job's, and those of `GITHUB_ENV`.
    env: BTreeMap<String, String>,
    /// The context `steps`.
    outcomes: serde_json::Map<String, Value>,
    status: Status,
    steps: Vec<StepRecord>,
}

/// Runs a workflow for an event that starts it.
///
/// # Errors
///
/// Fails where the workflow itself is wrong; a step that fails is no error.
pub(super) fn run(workflow: &Workflow, event: &Event, world: &World) -> Result<Record, String> {
    if !event.starts(workflow) {
        return Err(format!("`{}` of `{}` does not start it", event.name, event.reference));
    }
    let mut run = Run { workflow, event, world, record: Record::default() };
    for text in [&workflow.concurrency.group, &workflow.concurrency.cancel_in_progress] {
        interpolate(&text.0, &run.scope(&["github", "vars"], None))?;
    }
    for name in workflow.order()? {
        let done = run.job(name).map_err(|why| format!("{}: `{name}`: {why}", workflow.path))?;
        run.record.jobs.insert(name.to_owned(), done);
    }
    Ok(run.record)
}

impl Run<'_> {
    /// Returns the contexts of these names that are the same everywhere; all
    /// others are the caller's.
    fn scope(&self, names: &[&'static str], status: Option<Status>) -> Scope {
        let secrets = match self.event.has_secrets() {
            true => self.world.secrets.clone(),
            // The token comes along, with fewer rights.
            false => BTreeMap::new(),
        };
        let contexts = names.iter().map(|name| {
            let value = match *name {
                "github" => self.event.github(self.workflow),
                "vars" => json!(self.world.vars),
                "secrets" => json!(secrets),
                "runner" => json!({"os": "Linux", "arch": "X64", "environment": "github-hosted"}),
                other => panic!("no context `{other}`"),
            };
            (*name, value)
        });
        Scope { contexts: contexts.collect(), status, files: false }
    }

    /// Returns how it went with all that a job waits for.
    fn status_before(&self, job: &Job) -> Status {
        let of = |name: &String| {
            let before = self.status_before(&self.workflow.jobs[name]);
            match self.record.jobs[name].result {
                "failure" => Status::Failure,
                "skipped" if before == Status::Success => Status::Skipped,
                _ => before,
            }
        };
        let all: Vec<_> = job.needs.0.iter().map(of).collect();
        let has = |status| all.contains(&status);
        match () {
            () if has(Status::Failure) => Status::Failure,
            () if has(Status::Skipped) => Status::Skipped,
            () => Status::Success,
        }
    }

    fn job(&mut self, name: &str) -> Result<JobRecord, String> {
        let job = &self.workflow.jobs[name];
        let needs = job.needs.0.iter().map(|need| {
            let record = &self.record.jobs[need];
            (need.clone(), json!({"result": record.result, "outputs": record.outputs}))
        });
        let needs = Value::Object(needs.collect());
        let with_needs = |names: &[&'static str], status| {
            let mut scope = self.scope(names, status);
            scope.contexts.insert("needs", needs.clone());
            scope
        };
        let status = self.status_before(job);
        let wanted = job.condition.as_ref().map(|text| text.0.as_str());
        if !condition(wanted, &with_needs(&["github", "vars"], Some(status)))? {
            return Ok(JobRecord { result: "skipped", outputs: BTreeMap::new(), steps: vec![] });
        }

        let workflow_scope = self.scope(&["github", "secrets", "vars"], None);
        let mut env = all(&self.workflow.env, &workflow_scope)?;
        env.extend(all(&job.env, &with_needs(&["github", "secrets", "vars"], None))?);
        let mut progress = Progress {
            machine: self.machine(name),
            env,
            outcomes: serde_json::Map::new(),
            status: Status::Success,
            steps: Vec::new(),
        };
        let base = with_needs(&["github", "runner", "secrets", "vars"], None);
        for step in &job.steps {
            self.step((name, job), step, &base, &mut progress)
                .map_err(|why| format!("{why}, in {step:?}"))?;
        }
        let outputs = all(&job.outputs, &progress.scope(&base, &progress.env))?;
        let failed = progress.status == Status::Failure;
        let result = if failed { "failure" } else { "success" };
        Ok(JobRecord { result, outputs, steps: progress.steps })
    }

    /// Makes the machine of a job.
    fn machine(&self, job: &str) -> Machine {
        let dir = self.world.dir.join(job);
        let repository = self.event.repository.split('/').next_back().unwrap();
        let machine = Machine {
            workspace: dir.join("work").join(repository).join(repository),
            home: dir.join("home"),
            path: Vec::new(),
            source: self.world.source.clone(),
            artifacts: self.world.dir.join("artifacts"),
            pretends: self.world.pretends,
        };
        for dir in [&machine.workspace, &machine.home, &dir.join("temp")] {
            std::fs::create_dir_all(dir).unwrap();
        }
        machine
    }

    fn step(
        &mut self,
        (name, job): (&str, &Job),
        step: &Step,
        base: &Scope,
        progress: &mut Progress,
    ) -> Result<(), String> {
        // Secrets are no part of what a condition may ask.
        let mut asking = progress.scope(base, &progress.env);
        asking.contexts.remove("secrets");
        let wanted = step.condition.as_ref().map(|text| text.0.as_str());
        let runs = condition(wanted, &asking)?;

        let mut env = progress.env.clone();
        env.extend(all(&step.env, &progress.scope(base, &progress.env))?);
        let scope = progress.scope(base, &env);
        let what = step.run.as_ref().map(|run| interpolate(&run.0, &scope)).transpose()?;
        let what = what.or(step.uses.clone()).unwrap();
        let with = all(&step.with, &scope)?;
        let title = step.name.as_ref().map(|name| interpolate(&name.0, &scope)).transpose()?;
        let mut record = StepRecord {
            name: title.unwrap_or_default(),
            what,
            env: env.clone(),
            result: "skipped",
            stdout: String::new(),
            stderr: String::new(),
        };
        let mut outputs = BTreeMap::new();
        if runs {
            let done = match &step.uses {
                Some(uses) => {
                    let action = actions::find(uses)?;
                    action.check(step)?;
                    let machine = &mut progress.machine;
                    action.run(Call { event: self.event, with, machine })
                }
                None if self.world.pretends => Ok(Done::default()),
                None => self.shell((name, job), step, &mut record, progress),
            };
            match done {
                Ok(done) => {
                    record.result = "success";
                    record.stdout.push_str(&done.log);
                    outputs = done.outputs;
                }
                Err(why) => {
                    record.result = "failure";
                    record.stderr.push_str(&why);
                    progress.status = Status::Failure;
                }
            }
        }
        if let Some(id) = &step.id {
            let outcome = json!({
                "outputs": outputs, "outcome": record.result, "conclusion": record.result,
            });
            progress.outcomes.insert(id.clone(), outcome);
        }
        progress.steps.push(record);
        Ok(())
    }

    /// Runs a command in a shell.
    fn shell(
        &mut self,
        (name, job): (&str, &Job),
        step: &Step,
        record: &mut StepRecord,
        progress: &mut Progress,
    ) -> Result<Done, String> {
        let machine = &progress.machine;
        let temp = self.world.dir.join(name).join("temp");
        let script = temp.join(format!("{}.sh", progress.steps.len()));
        std::fs::write(&script, &record.what).unwrap();
        let shell: &[&str] = match (step.shell.as_deref(), &job.container) {
            (Some("bash"), _) => &["bash", "--noprofile", "--norc", "-eo", "pipefail"],
            (None, None) => &["bash", "-e"],
            // Whatever else an image lacks, it has this one.
            (Some("sh"), _) | (None, Some(_)) => &["sh", "-e"],
            (Some(other), _) => return Err(format!("no shell `{other}`")),
        };
        let directory = step.working_directory.as_deref().unwrap_or(".");
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(&script).current_dir(machine.workspace.join(directory));
        command.env_clear().envs(self.world.machine.iter().cloned());
        command.envs(self.event.variables(self.workflow)).envs(self.of_job(name, machine));
        let told = ["ENV", "OUTPUT", "PATH", "STEP_SUMMARY"].map(|what| {
            let path = temp.join(format!("{}.{what}", progress.steps.len()));
            std::fs::write(&path, "").unwrap();
            command.env(format!("GITHUB_{what}"), &path);
            path
        });
        let output = command.envs(&record.env).stdin(Stdio::null()).output().unwrap();
        record.stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        record.stderr = String::from_utf8_lossy(&output.stderr).into_owned();

        let [env, outputs, paths, summary] =
            told.map(|path| std::fs::read_to_string(path).unwrap());
        progress.env.extend(assignments(&env)?);
        for path in paths.lines() {
            progress.machine.path.insert(0, path.into());
        }
        self.record.summary.push_str(&summary);
        match output.status.success() {
            true => Ok(Done {
                outputs: assignments(&outputs)?.into_iter().collect(),
                ..Done::default()
            }),
            false => Err(format!("`{}`: {}", record.what, output.status)),
        }
    }

    /// Returns the variables that each job has to itself.
    fn of_job(&self, name: &str, machine: &Machine) -> Vec<(&'static str, OsString)> {
        let temp = self.world.dir.join(name).join("temp");
        let event = temp.join("event.json");
        let text = self.event.github(self.workflow)["event"].to_string();
        std::fs::write(&event, text).unwrap();
        let own = [self.world.programs.clone()];
        let rest = std::env::var_os("PATH").unwrap();
        let path = machine.path.iter().cloned().chain(own).chain(std::env::split_paths(&rest));
        vec![
            ("GITHUB_EVENT_PATH", event.into()),
            ("GITHUB_JOB", name.into()),
            ("GITHUB_WORKSPACE", machine.workspace.clone().into()),
            ("HOME", machine.home.clone().into()),
            ("PATH", std::env::join_paths(path).unwrap()),
            ("RUNNER_TEMP", temp.into()),
        ]
    }
}

impl Progress {
    /// Returns what a step may ask for.
    fn scope(&self, base: &Scope, env: &BTreeMap<String, String>) -> Scope {
        let mut scope = base.clone();
        scope.contexts.insert("env", json!(env));
        scope.contexts.insert("steps", Value::Object(self.outcomes.clone()));
        let status = if self.status == Status::Failure { "failure" } else { "success" };
        scope.contexts.insert("job", json!({"status": status}));
        Scope { status: Some(self.status), files: true, ..scope }
    }
}

impl Record {
    /// Returns every step that there was, with its job.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&str, &StepRecord)> {
        let jobs = self.jobs.iter();
        jobs.flat_map(|(name, job)| job.steps.iter().map(move |step| (name.as_str(), step)))
    }

    /// Returns how the jobs ended, `NAME: RESULT` for each.
    pub(super) fn results(&self) -> Vec<String> {
        self.jobs.iter().map(|(name, job)| format!("{name}: {}", job.result)).collect()
    }

    /// Returns what the steps printed, as a page of GitHub shows it.
    pub(super) fn log(&self) -> String {
        let lines = self.steps().map(|(job, step)| {
            let StepRecord { name, what, result, stdout, stderr, .. } = step;
            format!("{job}: {name}: {what}: {result}\n{stdout}{stderr}\n")
        });
        lines.collect()
    }
}

/// Returns texts with their expressions replaced.
fn all(texts: &Env, scope: &Scope) -> Result<BTreeMap<String, String>, String> {
    let values = texts.iter().map(|(name, text)| Ok((name.clone(), interpolate(&text.0, scope)?)));
    values.collect()
}

/// Returns a machine with an empty workspace.
pub(super) fn machine_for_tests(dir: &Path) -> Machine {
    let machine = Machine {
        workspace: dir.join("work"),
        home: dir.join("home"),
        path: Vec::new(),
        source: dir.join("source"),
        artifacts: dir.join("artifacts"),
        pretends: false,
    };
    std::fs::create_dir_all(&machine.workspace).unwrap();
    machine
}
