//! A stage while it is interpreted: what its image has so far.
//!
//! Nothing is written: each step that changes files notes what is where. The
//! layers are made of that at the end, and only for the stage that is asked
//! for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::spec::{ContainerConfig, Empty};
use oci::{Image, Platform};
use serde_json::{Value, json};

use crate::base::{Base, Bases};
use crate::containerfile::{self, Command, Kind};
use crate::copy::{Changes, Target, absolute};
use crate::owner::Owner;
use crate::scope::Scope;
use crate::tree::{Context, Files, Tree, clean, resolve};
use crate::unknown::Unknown;
use crate::{Problem, settings};

/// What a stage has so far.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// The image it starts from.
    pub(crate) base: Option<Image>,
    pub(crate) steps: Vec<Step>,
    pub(crate) container: ContainerConfig,
    pub(crate) author: Option<String>,
    /// The platform of its programs.
    pub(crate) platform: Platform,
    pub(crate) scope: Scope,
    /// The directory it starts from, and the step that this will be.
    directory: Option<(Arc<Context>, Step)>,
    files: Lazy,
    /// Whether it has a CMD of its own, which an ENTRYPOINT then leaves alone.
    has_cmd: bool,
}

/// One instruction that was carried out.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The line on which it starts, from 1.
    pub(crate) line: usize,
    /// How it is written.
    pub(crate) text: String,
    /// What it changed, if it makes a layer.
    pub(crate) changes: Option<Arc<Changes>>,
}

/// Files that are looked at when needed: most stages that start from an image
/// never do, and of a directory only a few files are copied.
#[derive(Clone, Debug)]
enum Lazy {
    Ready(Arc<Tree>),
    Directory(Arc<Context>),
    Image(Image, String),
}

/// The variable without which a shell finds nothing; the value is docker's.
const PATH: (&str, &str) = ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

impl Stage {
    /// Starts a stage; `from` is its FROM.
    pub(crate) fn start(
        base: Base,
        from: &containerfile::Stage,
        platform: &Platform,
        global: &Scope,
    ) -> Result<Stage, Problem> {
        let mut stage = Stage::empty(platform);
        match base {
            Base::Nothing => stage.container.working_dir = "/".to_owned(),
            Base::Directory(context) => {
                stage.container.working_dir = "/".to_owned();
                stage.files = Lazy::Directory(Arc::clone(&context));
                let step = Step { line: from.line, text: from.text.clone(), changes: None };
                stage.directory = Some((context, step));
            }
            Base::Image(image, name) => {
                stage.container = image.config().config.clone();
                if let Some(trigger) = first_trigger(&stage.container) {
                    return Err(Problem::OnBuild { image: name, trigger });
                }
                stage.files = Lazy::Image(image.clone(), name);
                stage.base = Some(image);
            }
        }
        if platform.os != "windows" && !settings::has_env(&stage.container, PATH.0) {
            settings::set_env(&mut stage.container, PATH.0, PATH.1);
        }
        stage.scope = global.of_stage(&stage.container.env);
        Ok(stage)
    }

    /// Starts a stage from an image that was not got.
    pub(crate) fn without_base(unknown: Unknown, platform: &Platform, global: &Scope) -> Stage {
        Stage { scope: global.of_unknown(unknown), ..Stage::empty(platform) }
    }

    /// Starts a stage from an image of which nothing but the settings was got.
    pub(crate) fn without_files(
        settings: &Image,
        unknown: Unknown,
        from: &containerfile::Stage,
        platform: &Platform,
        global: &Scope,
    ) -> Result<Stage, Problem> {
        let base = Base::Image(settings.clone(), from.base.clone());
        let mut stage = Stage::start(base, from, platform, global)?;
        if stage.container.working_dir.is_empty() {
            stage.container.working_dir = "/".to_owned();
        }
        stage.scope = stage.scope.without_files(unknown);
        (stage.base, stage.files) = (None, Lazy::Ready(Arc::default()));
        Ok(stage)
    }

    fn empty(platform: &Platform) -> Stage {
        Stage {
            base: None,
            steps: Vec::new(),
            container: ContainerConfig::default(),
            author: None,
            platform: platform.clone(),
            scope: Scope::default(),
            directory: None,
            files: Lazy::Ready(Arc::default()),
            has_cmd: false,
        }
    }

    /// Goes on from what another stage has.
    pub(crate) fn go_on(&self) -> Stage {
        Stage { has_cmd: false, ..self.clone() }
    }

    /// Puts everything of the directory that it starts from in, as its first
    /// layer.
    pub(crate) fn finish(mut self) -> Result<Stage, Problem> {
        if let Some((context, mut step)) = self.directory.take() {
            let tree = context.tree()?;
            let all = tree.below(Path::new(""));
            step.changes = kept(all.map(|(path, node)| (path.clone(), node.clone())).collect());
            self.steps.insert(0, step);
        }
        Ok(self)
    }

    /// Returns its files, to change them.
    pub(crate) fn tree(&mut self, bases: &Bases<'_>) -> Result<&mut Tree, Problem> {
        if let Lazy::Directory(context) = &self.files {
            self.files = Lazy::Ready(Arc::new(context.tree()?));
        }
        self.files(bases)?;
        match &mut self.files {
            Lazy::Ready(tree) => Ok(Arc::make_mut(tree)),
            Lazy::Directory(_) | Lazy::Image(..) => Err(Problem::Lost),
        }
    }

    /// Returns its files, to look at them.
    pub(crate) fn files(&mut self, bases: &Bases<'_>) -> Result<&dyn Files, Problem> {
        if let Lazy::Image(image, name) = &self.files {
            self.files = Lazy::Ready(bases.tree(image, name)?);
        }
        match &self.files {
            Lazy::Ready(tree) => Ok(tree),
            Lazy::Directory(context) => Ok(context),
            Lazy::Image(..) => Err(Problem::Lost),
        }
    }

    /// Notes that an instruction was carried out.
    pub(crate) fn record(&mut self, line: usize, text: &str, changes: Changes) {
        self.steps.push(Step { line, text: text.to_owned(), changes: kept(changes) });
    }

    /// Carries out an instruction that changes settings alone; the others are
    /// not its business.
    pub(crate) fn set(&mut self, kind: &Kind) -> Result<(), Problem> {
        let Stage { scope, container, .. } = self;
        match kind {
            Kind::Env(pairs) => {
                // All words see what was there before the first.
                let pairs =
                    pairs.iter().map(|(name, value)| variable(scope, &scope.filled(name)?, value));
                for (name, value) in pairs.collect::<Result<Vec<_>, Problem>>()? {
                    let Some(value) = value else {
                        scope.forget(&name);
                        continue;
                    };
                    settings::set_env(container, &name, &value);
                    scope.set(&name, value);
                }
            }
            Kind::Label(pairs) => {
                for (name, value) in pairs {
                    container.labels.insert(scope.filled(name)?, scope.text(value)?);
                }
            }
            Kind::User(user) => container.user = scope.filled(user)?,
            Kind::Volume(paths) => {
                for path in paths {
                    container.volumes.insert(scope.filled(path)?, Empty {});
                }
            }
            Kind::Expose(ports) => {
                for port in ports {
                    for word in scope.text(port)?.split_whitespace() {
                        let ports = settings::ports(word)?;
                        container
                            .exposed_ports
                            .extend(ports.into_iter().map(|port| (port, Empty {})));
                    }
                }
            }
            Kind::Stopsignal(signal) => {
                container.stop_signal = settings::signal(scope.filled(signal)?)?;
            }
            Kind::Cmd(command) => {
                container.cmd = with_shell(container, command);
                self.has_cmd = true;
            }
            Kind::Entrypoint(command) => {
                container.entrypoint = with_shell(container, command);
                if !self.has_cmd {
                    container.cmd.clear();
                }
            }
            Kind::Shell(words) => drop(container.extra.insert(SHELL.to_owned(), json!(words))),
            Kind::Healthcheck(health) => {
                container.extra.insert("Healthcheck".to_owned(), health.to_json());
            }
            Kind::Maintainer(author) => self.author = Some(author.clone()),
            Kind::Arg(_) | Kind::Copy(_) | Kind::Run(_) | Kind::Workdir(_) | Kind::Beyond(_) => {}
        }
        Ok(())
    }

    /// Carries out a WORKDIR; makes the directory where it is missing.
    pub(crate) fn set_directory(
        &mut self,
        path: &str,
        bases: &Bases<'_>,
    ) -> Result<Changes, Problem> {
        let path = self.enter(path)?;
        if path.as_os_str().is_empty() {
            return Ok(Changes::new());
        }
        let tree = self.tree(bases)?;
        let place = resolve(tree, &path)?;
        if tree.get(&place)?.is_some_and(|node| node.is_directory()) {
            return Ok(Changes::new());
        }
        let owner = self.user(bases)?;
        let mut target = Target::new(self.tree(bases)?);
        target.make_directory(&place, owner)?;
        Ok(target.changes())
    }

    /// Makes the path of a WORKDIR the directory of the moment, and returns
    /// it.
    pub(crate) fn enter(&mut self, path: &str) -> Result<PathBuf, Problem> {
        let path = self.scope.filled(path)?;
        let path = clean(&self.directory_of(&path)?.join(path));
        self.container.working_dir = absolute(&path);
        Ok(path)
    }

    /// Returns the directory of the moment, unless only a base tells it that
    /// was not got.
    pub(crate) fn working_directory(&self) -> Option<&str> {
        let is_known = self.scope.unknown().is_none() || !self.container.working_dir.is_empty();
        is_known.then_some(&self.container.working_dir)
    }

    /// Returns what a path is to be joined to.
    fn directory_of(&self, path: &str) -> Result<&Path, Problem> {
        let directory = Path::new(&self.container.working_dir);
        match (self.scope.unknown(), self.working_directory()) {
            (Some(unknown), None) if !path.starts_with('/') => {
                Err(unknown.setting(format!("which directory `{path}` is in")))
            }
            _ => Ok(directory),
        }
    }

    /// Returns whose files are that a program makes.
    pub(crate) fn user(&mut self, bases: &Bases<'_>) -> Result<Owner, Problem> {
        match self.container.user.clone() {
            user if user.is_empty() => Ok(Owner::default()),
            user => self.owner(&user, bases),
        }
    }

    /// Reads `USER[:GROUP]`, by the files of the stage.
    pub(crate) fn owner(&mut self, word: &str, bases: &Bases<'_>) -> Result<Owner, Problem> {
        let unknown = self.scope.unknown().cloned();
        Owner::parse(word, self.tree(bases)?).map_err(|problem| match (problem, unknown) {
            (Problem::NoSuchName { kind, name, .. }, Some(unknown)) => {
                unknown.problem(format!("which number the {kind} `{name}` has"))
            }
            (problem, _) => problem,
        })
    }

    /// Returns an absolute path, by the directory of the moment; a slash at
    /// the end stays.
    pub(crate) fn absolute(&self, path: &str) -> Result<String, Problem> {
        if path.starts_with('/') {
            return Ok(path.to_owned());
        }
        self.directory_of(path)?;
        let directory = self.container.working_dir.trim_end_matches('/');
        Ok(match path {
            "" | "." => format!("{directory}/"),
            path => format!("{directory}/{path}"),
        })
    }
}

/// Expands the value of an ENV; `None` if nobody needs to know it. That is
/// so of PATH alone: it tells where programs are, and none runs here.
fn variable(scope: &Scope, name: &str, value: &str) -> Result<(String, Option<String>), Problem> {
    match scope.text(value) {
        Err(Problem::NotGot { .. }) if name == PATH.0 => Ok((name.to_owned(), None)),
        value => Ok((name.to_owned(), Some(value?))),
    }
}

/// Returns changes if there are any: no layer is made of none.
fn kept(changes: Changes) -> Option<Arc<Changes>> {
    Some(changes).filter(|changes| !changes.is_empty()).map(Arc::new)
}

/// Docker's field of a config for SHELL.
const SHELL: &str = "Shell";

/// Returns the words of a command, with the shell before a line for it.
pub(crate) fn with_shell(container: &ContainerConfig, command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(line) => {
            let set = container.extra.get(SHELL).and_then(Value::as_array);
            let words = set.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            let mut shell: Vec<String> = words.collect();
            if shell.is_empty() {
                shell = ["/bin/sh", "-c"].map(str::to_owned).to_vec();
            }
            shell.push(line.clone());
            shell
        }
    }
}

/// Returns the first instruction that an image has for who builds on it.
fn first_trigger(container: &ContainerConfig) -> Option<String> {
    let triggers = container.extra.get("OnBuild")?.as_array()?;
    Some(triggers.first()?.as_str()?.to_owned())
}
