//! Which RUNs a build needs, and what they come to.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::path::Path;

use oci::{Image, Platform, Reference};

use super::Interpreter;
use super::plan::{Needed, Origin, line_of};
use crate::base::{Base, Bases};
use crate::containerfile::{Containerfile, Kind};
use crate::stage::Stage;
use crate::{BuildRequest, Command, ContextSource, Error, Problem, Resolve, Run, native};

/// Tells which RUNs a build needs and what they come to: for every platform,
/// in order, those of the stages that the target needs. What is replaced by a
/// context is not looked into, and no image is got. Of a stage's base,
/// `settings` gets the settings, as an image without files, where they decide
/// what a RUN does or where.
///
/// A RUN is understood if it is a JSON array of words, or simple commands that
/// are joined by `&&`: the words are then those that `/bin/sh` makes of them.
/// Its variables are those of ARG and ENV. What an image sets that a stage
/// starts from is not known; an ARG without a value counts as not set.
///
/// # Errors
///
/// Fails if the Containerfile is not understood, if a RUN is more than that,
/// and if it takes a variable that the file does not set.
pub fn runs(request: &BuildRequest, settings: Option<&Resolve<'_>>) -> Result<Vec<Run>, Error> {
    let file = Containerfile::read(&request.containerfile)?;
    let target = native::target(&file, request)?;
    let none = |_: &Reference, _: &Platform| -> Result<Image, Box<dyn StdError + Send + Sync>> {
        Err("a survey gets no images".into())
    };
    let bases = Bases::new(request, &file, Path::new(""), &none, settings);
    let mut runs = Vec::new();
    for platform in &request.platforms {
        runs.extend(Interpreter::survey(&bases, platform, target)?);
    }
    Ok(runs)
}

/// Returns whether it matters to a RUN in which directory it runs, and that
/// is not known.
fn needs_place(run: &&Run) -> bool {
    run.directory.is_none() && !run.commands.iter().all(Command::only_speaks)
}

impl<'a> Interpreter<'a> {
    /// Finds what the RUNs of the stages come to that `target` needs.
    fn survey(
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

    /// Finds the RUNs of a stage; gets the settings of its base if they cannot
    /// be told without.
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
        let stage = match &origin {
            Origin::Stage(base) => match self.done.get(base) {
                Some(stage) => stage.go_on(),
                None => return Err(self.at_from(written, Problem::Lost)),
            },
            _ if is_nothing => Stage::start(Base::Nothing, written, &platform, &self.global)
                .map_err(|problem| self.at_from(written, problem))?,
            _ => Stage::without_base(self.unknown(position), &platform, &self.global),
        };
        match origin {
            Origin::Replaced(_) => Ok(stage),
            Origin::Other(name) if !is_nothing => {
                let before = runs.len();
                let found = self.note_runs(position, stage, is_target, runs);
                let found = found.and_then(|stage| match runs[before..].iter().find(needs_place) {
                    Some(run) if self.bases.gets_settings() => {
                        Err(self.unknown_place(run, position))
                    }
                    _ => Ok(stage),
                });
                found.or_else(|error| {
                    match self.with_settings(&error, position, &name, &platform)? {
                        Some(stage) => {
                            runs.truncate(before);
                            self.note_runs(position, stage, is_target, runs)
                        }
                        None => Err(error),
                    }
                })
            }
            _ => self.note_runs(position, stage, is_target, runs),
        }
    }

    /// Says that only the base tells where a RUN runs.
    fn unknown_place(&self, run: &Run, position: usize) -> Error {
        let problem = self.unknown(position).setting("in which directory it runs");
        self.error(run.place.line, &run.text, problem)
    }

    /// Carries out what the instructions of a stage say of variables and
    /// directories, and notes its RUNs.
    fn note_runs(
        &self,
        position: usize,
        mut stage: Stage,
        is_target: bool,
        runs: &mut Vec<Run>,
    ) -> Result<Stage, Error> {
        let written = &self.file.stages[position];
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
}
