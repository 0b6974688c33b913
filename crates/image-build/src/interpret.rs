//! Carries out the stages of a Containerfile for one platform.

use std::collections::{BTreeMap, BTreeSet};

use oci::Platform;

use crate::base::{Base, Bases};
use crate::containerfile::{self, Containerfile, Copy, Instruction, Kind};
use crate::copy::{Changes, Style, Target};
use crate::scope::{Scope, Unknown};
use crate::stage::Stage;
use crate::tree::{Files, Named, Tree};
use crate::{ContextSource, Error, InstructionFailed, NamedContext, Place, Problem, Run, Warning};

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

/// What a stage starts from.
enum Origin<'a> {
    /// A context that stands for it.
    Replaced(&'a NamedContext),
    /// An earlier stage.
    Stage(usize),
    /// Whatever has that name.
    Other(String),
}

/// A needed stage: what it starts from, and the platform it is for.
struct Needed<'a> {
    origin: Origin<'a>,
    platform: Platform,
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

    /// Finds what the RUNs of the stages come to that `target` needs.
    pub(crate) fn survey(
        bases: &'a Bases<'a>,
        platform: &'a Platform,
        target: usize,
    ) -> Result<Vec<Run>, Error> {
        let mut interpreter = Interpreter::new(bases, platform)?;
        let needed = interpreter.needed(target)?;
        let line = line_of(&needed, target);
        let of_runs: BTreeSet<usize> = needed
            .keys()
            .filter(|position| interpreter.has_run(&needed, **position))
            .flat_map(|position| line_of(&needed, *position))
            .collect();
        let mut runs = Vec::new();
        for (position, needed) in needed {
            if of_runs.contains(&position) {
                let is_target = line.contains(&position);
                let stage = interpreter.look_into(position, needed, is_target, &mut runs)?;
                interpreter.done.insert(position, stage);
            }
        }
        Ok(runs)
    }

    /// Returns whether a stage that is not replaced has a RUN.
    fn has_run(&self, needed: &BTreeMap<usize, Needed<'_>>, position: usize) -> bool {
        let is_replaced = |needed: &Needed<'_>| matches!(needed.origin, Origin::Replaced(_));
        !needed.get(&position).is_none_or(is_replaced)
            && self.file.stages[position]
                .instructions
                .iter()
                .any(|it| matches!(it.kind, Kind::Run(_)))
    }

    /// Carries out what a stage says of variables and directories, and notes
    /// its RUNs.
    fn look_into(
        &self,
        position: usize,
        needed: Needed<'_>,
        is_target: bool,
        runs: &mut Vec<Run>,
    ) -> Result<Stage, Error> {
        let written = &self.file.stages[position];
        let Needed { origin, platform } = needed;
        let is_nothing = match &origin {
            Origin::Stage(_) => false,
            Origin::Replaced(context) => matches!(context.source(), ContextSource::Directory(_)),
            Origin::Other(name) => !self.bases.has_settings(name, &platform),
        };
        let mut stage = match &origin {
            Origin::Stage(base) => match self.done.get(base) {
                Some(stage) => stage.go_on(),
                None => return Err(self.at_from(written, Problem::Lost)),
            },
            _ if is_nothing => Stage::start(Base::Nothing, written, &platform, &self.global)
                .map_err(|problem| self.at_from(written, problem))?,
            _ => Stage::without_base(self.unknown(position), &platform, &self.global),
        };
        if matches!(origin, Origin::Replaced(_)) {
            return Ok(stage);
        }
        for instruction in &written.instructions {
            let looked = match &instruction.kind {
                Kind::Arg(arguments) => {
                    stage.scope.declare(arguments, &self.global, &self.bases.request.build_args)
                }
                Kind::Env(_) | Kind::Shell(_) => stage.set(&instruction.kind),
                Kind::Workdir(path) => stage.enter(path).map(drop),
                Kind::Run(run) => stage.commands(run, written.name.as_deref()).map(|commands| {
                    runs.push(Run {
                        place: self.place(instruction.line),
                        text: instruction.text.clone(),
                        stage: written.name.clone(),
                        platform: self.platform.clone(),
                        directory: stage.working_directory().map(str::to_owned),
                        is_target,
                        commands,
                    });
                }),
                _ => Ok(()),
            };
            looked.map_err(|problem| self.at(instruction, problem))?;
        }
        Ok(stage)
    }

    /// Returns what the stage at a position starts from, if that is not got.
    fn unknown(&self, position: usize) -> Unknown {
        let stage = &self.file.stages[position];
        let image = self.expand_from(&stage.base).unwrap_or_else(|_| stage.base.clone());
        Unknown::new(&image, stage.name.as_deref())
    }

    /// Returns the stages whose base is not got: others only copy from them,
    /// and the host did what their RUNs say, or those of stages on them.
    fn without_base(&self, needed: &BTreeMap<usize, Needed<'_>>, target: usize) -> BTreeSet<usize> {
        let kept = line_of(needed, target);
        let host_ran = |position: usize| {
            let instructions = self.file.stages[position].instructions.iter();
            self.has_run(needed, position)
                && instructions
                    .map(|instruction| instruction.line)
                    .any(|line| self.bases.request.find_ran(line, self.platform).is_some())
        };
        let ran = needed.keys().copied().filter(|position| host_ran(*position));
        let lines = ran.map(|position| line_of(needed, position));
        let first = lines.filter_map(|line| line.first().copied());
        first.filter(|position| !kept.contains(position)).collect()
    }

    /// Finds the stages that `target` needs, itself included, from the first
    /// to the last.
    fn needed(&self, target: usize) -> Result<BTreeMap<usize, Needed<'a>>, Error> {
        let mut wanted = BTreeSet::from([target]);
        let mut needed = BTreeMap::new();
        // Each needs only earlier ones.
        while let Some(position) = wanted.pop_last() {
            let stage = &self.file.stages[position];
            let found = self.origin(position).map_err(|problem| self.at_from(stage, problem))?;
            if let Origin::Stage(base) = found.origin {
                wanted.insert(base);
            }
            let is_replaced = matches!(found.origin, Origin::Replaced(_));
            for instruction in stage.instructions.iter().filter(|_| !is_replaced) {
                let Kind::Copy(Copy { from: Some(from), .. }) = &instruction.kind else { continue };
                let source = self.source_stage(from, position);
                wanted.extend(source.map_err(|problem| self.at(instruction, problem))?);
            }
            needed.insert(position, found);
        }
        Ok(needed)
    }

    /// Finds out what the stage at a position starts from.
    fn origin(&self, position: usize) -> Result<Needed<'a>, Problem> {
        let stage = &self.file.stages[position];
        let platform = match &stage.platform {
            Some(word) => {
                let word = self.expand_from(word)?;
                let what = "a platform such as `linux/arm64`";
                word.parse().map_err(|_| Problem::Value { value: word, what })?
            }
            None => self.platform.clone(),
        };
        let request = self.bases.request;
        let context = stage.name.as_deref().and_then(|name| {
            let made = request.find_stage(name, self.platform);
            made.or_else(|| request.find_context(name, &platform))
        });
        if let Some(context) = context {
            return Ok(Needed { origin: Origin::Replaced(context), platform });
        }
        let base = self.expand_from(&stage.base)?;
        let origin = match self.file.find(&base) {
            Some(earlier) if earlier < position => Origin::Stage(earlier),
            _ => Origin::Other(base),
        };
        Ok(Needed { origin, platform })
    }

    /// Expands a word of a FROM, where every variable must be set.
    fn expand_from(&self, word: &str) -> Result<String, Problem> {
        let expansion = self.global.expand(word)?;
        match expansion.unset.into_iter().next() {
            Some(variable) => Err(Problem::Unset { variable }),
            None if expansion.text.is_empty() => {
                Err(Problem::Empty { word: word.to_owned(), unset: Vec::new() })
            }
            None => Ok(expansion.text),
        }
    }

    /// Returns the stage that `--from` means, by its name or number, or
    /// `None` if it means no stage.
    fn source_stage(&self, from: &str, position: usize) -> Result<Option<usize>, Problem> {
        let error = |reason| Problem::From { from: from.to_owned(), reason };
        if from.contains('$') {
            return Err(error(
                "has a variable, which is not expanded there: give the image a name with `FROM … AS NAME`",
            ));
        }
        let found = match from.parse::<usize>() {
            Ok(number) if number < self.file.stages.len() => Some(number),
            Ok(_) => return Err(error("is not the number of a stage")),
            Err(_) => self.file.find(from),
        };
        match found {
            Some(found) if found >= position => Err(error("is not there yet: it must come before")),
            found => Ok(found),
        }
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
                return self.instructions(position, stage);
            }
            Origin::Other(name) => self.bases.find(&name, &platform),
        };
        let stage = base.and_then(|base| Stage::start(base, written, &platform, &self.global));
        let stage = stage.map_err(|problem| self.at_from(written, problem))?;
        if is_replaced { Ok(stage) } else { self.instructions(position, stage) }
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
        let files = match &copy.from {
            None => Box::new(bases.main_context()?),
            Some(from) => self.source(from, position, &stage.platform)?,
        };
        // BuildKit makes an ordinary copy where there is a `--chmod`.
        let linked = copy.link && copy.chmod.is_none();
        let mut nothing = Tree::default();
        let tree = stage.tree(bases)?;
        let mut target = Target::new(if linked { &mut nothing } else { &mut *tree });
        let warnings = target.copy(&*files, &sources, &destination, style)?;
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
            let (files, name) = (source.files(self.bases)?, format!("the stage `{from}`"));
            return Ok(Box::new(Named { files, name }));
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

/// Returns the stage at a position and those that it starts from, from the
/// first of them on.
fn line_of(needed: &BTreeMap<usize, Needed<'_>>, position: usize) -> BTreeSet<usize> {
    let mut line = BTreeSet::from([position]);
    let mut at = position;
    while let Some(Needed { origin: Origin::Stage(base), .. }) = needed.get(&at) {
        // A base is an earlier one.
        line.insert(*base);
        at = *base;
    }
    line
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
