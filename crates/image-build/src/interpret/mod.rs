//! Carries out the stages of a Containerfile for one platform.

mod plan;
mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use oci::Platform;

use plan::{Needed, Origin};
pub use survey::runs;

use crate::base::{Base, Bases};
use crate::containerfile::{self, Containerfile, Copy, Instruction, Kind};
use crate::copy::{Changes, Style, Target};
use crate::glob::Glob;
use crate::scope::Scope;
use crate::stage::Stage;
use crate::tree::{Files, Named, Tree, clean, resolve};
use crate::unknown::{Partial, may_be_in_a_base};
use crate::{Error, InstructionFailed, Place, Problem, Warning};

/// Interprets for one platform.
pub(crate) struct Interpreter<'a> {
    bases: &'a Bases<'a>,
    file: &'a Containerfile,
    platform: &'a Platform,
    global: Scope,
    /// What was carried out, by the stage's position.
    done: BTreeMap<usize, Stage>,
    /// The stages whose base is not got.
    without_base: BTreeSet<usize>,
    warnings: Vec<Warning>,
}

impl<'a> Interpreter<'a> {
    /// Carries out the stage `target` and those that it needs.
    pub(crate) fn run(
        bases: &'a Bases<'a>,
        platform: &'a Platform,
        target: usize,
    ) -> Result<(Stage, Vec<Warning>), Error> {
        let file = bases.file;
        let mut interpreter = Interpreter::new(bases, platform)?;
        let needed = interpreter.needed(target)?;
        interpreter.without_base = interpreter.without_base(&needed, target);
        for (position, needed) in needed {
            let stage = interpreter.stage(position, needed)?;
            interpreter.done.insert(position, stage);
        }
        let stage = interpreter.done.remove(&target).ok_or(Problem::Lost).and_then(Stage::finish);
        let stage = stage.map_err(|problem| interpreter.at_from(&file.stages[target], problem))?;
        Ok((stage, interpreter.warnings))
    }

    fn new(bases: &'a Bases<'a>, platform: &'a Platform) -> Result<Interpreter<'a>, Error> {
        let mut interpreter = Interpreter {
            bases,
            file: bases.file,
            platform,
            global: Scope::default(),
            done: BTreeMap::new(),
            without_base: BTreeSet::new(),
            warnings: Vec::new(),
        };
        interpreter.global = Scope::global(bases.file, bases.request, platform)
            .map_err(|(argument, problem)| interpreter.at(argument, *problem))?;
        Ok(interpreter)
    }

    /// Carries out a stage.
    fn stage(&mut self, position: usize, needed: Needed<'_>) -> Result<Stage, Error> {
        let written = &self.file.stages[position];
        let Needed { origin, platform } = needed;
        let is_replaced = matches!(origin, Origin::Replaced(_));
        let base = match origin {
            Origin::Stage(base) => {
                let stage = self.done.get(&base).map(Stage::go_on).ok_or(Problem::Lost);
                let stage = stage.map_err(|problem| self.at_from(written, problem))?;
                return self.instructions(position, stage);
            }
            Origin::Replaced(context) => self.bases.open(context, &platform),
            Origin::Other(name)
                if self.without_base.contains(&position)
                    && self.bases.is_remote(&name, &platform) =>
            {
                let unknown = self.unknown(position);
                let stage = Stage::without_base(unknown, &platform, &self.global);
                let warnings = self.warnings.len();
                return self.instructions(position, stage).or_else(|error| {
                    self.warnings.truncate(warnings);
                    match self.with_settings(&error, position, &name, &platform)? {
                        Some(stage) => self.instructions(position, stage),
                        None => Err(error),
                    }
                });
            }
            Origin::Other(name) => self.bases.find(&name, &platform),
        };
        let stage = base.and_then(|base| Stage::start(base, written, &platform, &self.global));
        let stage = stage.map_err(|problem| self.at_from(written, problem))?;
        if is_replaced { Ok(stage) } else { self.instructions(position, stage) }
    }

    /// Starts a stage from what its base's settings are, if it failed because
    /// they were not known, and someone gets them.
    fn with_settings(
        &self,
        error: &Error,
        position: usize,
        name: &str,
        platform: &Platform,
    ) -> Result<Option<Stage>, Error> {
        let is_missed = matches!(
            error,
            Error::At(failed) if matches!(failed.problem, Problem::NotGot { is_setting: true, .. })
        );
        let settings = if is_missed { self.bases.settings(name, platform) } else { None };
        let Some(settings) = settings else { return Ok(None) };
        let written = &self.file.stages[position];
        let stage = settings.and_then(|settings| {
            let unknown = self.unknown(position);
            Stage::without_files(&settings, unknown, written, platform, &self.global)
        });
        stage.map(Some).map_err(|problem| self.at_from(written, problem))
    }

    fn instructions(&mut self, position: usize, mut stage: Stage) -> Result<Stage, Error> {
        for instruction in &self.file.stages[position].instructions {
            if host::interrupted() {
                return Err(Error::Interrupted);
            }
            self.instruction(position, instruction, &mut stage)
                .map_err(|problem| self.at(instruction, problem))?;
        }
        Ok(stage)
    }

    fn instruction(
        &mut self,
        position: usize,
        instruction: &Instruction,
        stage: &mut Stage,
    ) -> Result<(), Problem> {
        let mut changes = Changes::new();
        if let Kind::Env(pairs) | Kind::Label(pairs) = &instruction.kind {
            for (_, value) in pairs {
                let place = self.place(instruction.line);
                // What fails here is told below.
                let expansion = stage.scope.expand(value).unwrap_or_default();
                let unset = expansion.unset.into_iter();
                let warning = |variable| Warning::Unset { place: place.clone(), variable };
                self.warnings.extend(unset.map(warning));
            }
        }
        match &instruction.kind {
            Kind::Arg(arguments) => {
                let given = &self.bases.request.build_args;
                stage.scope.declare(arguments, &self.global, given)?;
            }
            Kind::Workdir(path) => changes = stage.set_directory(path, self.bases)?,
            Kind::Copy(copy) => changes = self.copy(position, copy, stage)?,
            Kind::Run(run) => {
                let Some(ran) = self.bases.request.find_ran(instruction.line, self.platform) else {
                    return Err(Problem::Beyond {
                        instruction: "RUN".to_owned(),
                        stage: self.file.stages[position].name.clone(),
                    });
                };
                changes = stage.take(run, ran, self.bases)?;
            }
            Kind::Beyond(name) => {
                return Err(Problem::Beyond {
                    instruction: name.clone(),
                    stage: self.file.stages[position].name.clone(),
                });
            }
            kind => stage.set(kind)?,
        }
        stage.record(instruction.line, &instruction.text, changes);
        Ok(())
    }

    fn copy(
        &mut self,
        position: usize,
        copy: &Copy,
        stage: &mut Stage,
    ) -> Result<Changes, Problem> {
        let bases = self.bases;
        let sources = copy.sources.iter().map(|source| stage.scope.filled(source));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let destination = stage.absolute(&stage.scope.filled(&copy.destination)?)?;
        let mut style = Style::default();
        if let Some(mode) = &copy.chmod {
            style.mode = Some(parse_mode(stage.scope.filled(mode)?)?);
        }
        if let Some(owner) = &copy.chown {
            let owner = stage.scope.filled(owner)?;
            style.owner = Some(stage.owner(&owner, bases)?);
        }
        let from_unknown = match &copy.from {
            None => None,
            Some(from) => self
                .source_stage(from, position)?
                .and_then(|source| self.done.get(&source)?.scope.unknown().cloned()),
        };
        let files = match &copy.from {
            None => Box::new(bases.main_context()?),
            Some(from) => self.source(from, position, &stage.platform)?,
        };
        check_destination(stage, &*files, &sources, &destination, bases)?;
        // BuildKit makes an ordinary copy where there is a `--chmod`.
        let linked = copy.link && copy.chmod.is_none();
        let mut nothing = Tree::default();
        let tree = stage.tree(bases)?;
        let mut target = Target::new(if linked { &mut nothing } else { &mut *tree });
        let warnings = target.copy(&*files, &sources, &destination, style);
        let warnings = warnings.map_err(|problem| match &from_unknown {
            Some(unknown) => unknown.explain(problem),
            None => problem,
        })?;
        let changes = target.changes();
        if linked {
            // As its layer will lie on the others.
            changes.iter().for_each(|(path, node)| tree.put(path, node.clone()));
        }
        drop(files);
        self.warnings.extend(warnings);
        Ok(changes)
    }

    /// Returns the files that `--from` means.
    fn source(
        &mut self,
        from: &str,
        position: usize,
        platform: &Platform,
    ) -> Result<Box<dyn Files + '_>, Problem> {
        if let Some(source) = self.source_stage(from, position)? {
            let source = self.done.get_mut(&source).ok_or(Problem::Lost)?;
            let unknown = source.scope.unknown().cloned();
            let (files, name) = (source.files(self.bases)?, format!("the stage `{from}`"));
            let files = Named { files, name };
            return Ok(match unknown {
                Some(unknown) => Box::new(Partial { files, unknown }),
                None => Box::new(files),
            });
        }
        Ok(match self.bases.find(from, platform)? {
            Base::Nothing => Box::new(Tree::default()),
            Base::Directory(context) => Box::new(context),
            Base::Image(image, name) => {
                let files = self.bases.tree(&image, &name)?;
                Box::new(Named { files, name: format!("the image `{name}`") })
            }
        })
    }

    fn at(&self, instruction: &Instruction, problem: Problem) -> Error {
        self.error(instruction.line, &instruction.text, problem)
    }

    fn at_from(&self, stage: &containerfile::Stage, problem: Problem) -> Error {
        self.error(stage.line, &stage.text, problem)
    }

    fn place(&self, line: usize) -> Place {
        Place { file: self.file.path.clone(), line }
    }

    fn error(&self, line: usize, text: &str, problem: Problem) -> Error {
        let problem = match problem {
            // It was not the instruction that failed.
            Problem::Other(error) if matches!(*error, Error::Interrupted) => return *error,
            problem => problem,
        };
        Error::At(Box::new(InstructionFailed {
            place: self.place(line),
            instruction: text.to_owned(),
            platform: self.platform.clone(),
            problem,
        }))
    }
}

/// Refuses a COPY of a file to what may be a directory of a base that was not
/// got: the file would then go into it.
fn check_destination(
    stage: &mut Stage,
    files: &dyn Files,
    sources: &[String],
    destination: &str,
    bases: &Bases<'_>,
) -> Result<(), Problem> {
    let Some(unknown) = stage.scope.unknown().cloned() else { return Ok(()) };
    let tree = stage.files(bases)?;
    let place = resolve(tree, &clean(Path::new(destination)))?;
    let is_clear = destination.ends_with('/')
        || destination.ends_with("/.")
        || !may_be_in_a_base(&place)
        || tree.get(&place)?.is_some();
    if is_clear {
        return Ok(());
    }
    // The content of a directory goes there in any case; and what is not there
    // goes nowhere.
    if let [source] = sources
        && !Glob::is_wild(source)
    {
        let path = resolve(files, &clean(Path::new(source)))?;
        if files.get(&path)?.is_none_or(|node| node.is_directory()) {
            return Ok(());
        }
    }
    Err(unknown.problem(format!("whether `{destination}` is a directory")))
}

/// Parses the value of `--chmod`.
fn parse_mode(word: String) -> Result<u32, Problem> {
    let is_octal = !word.is_empty() && word.bytes().all(|c| matches!(c, b'0'..=b'7'));
    let mode = u32::from_str_radix(&word, 8).ok().filter(|mode| is_octal && *mode <= 0o7777);
    mode.ok_or(Problem::Flag {
        flag: "chmod",
        value: word,
        reason: "the built-in builder takes octal numbers up to 7777",
    })
}
