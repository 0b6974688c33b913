//! Containerfiles: stages of instructions, read and told apart.
//!
//! The grammar is that of the Dockerfile reference. The crate
//! `parse-dockerfile` cuts the text into instructions; here are stages, lines
//! and words. Not here: variables, files, and what an instruction does.

mod health;
mod instruction;
mod lines;
mod mask;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use parse_dockerfile as ast;

use instruction::InstructionError;
pub(crate) use instruction::{Command, Copy, Instruction, Kind, Run};

use crate::{Error, Place};

/// A Containerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Containerfile {
    pub(crate) path: PathBuf,
    /// `\`, or what the directive `escape` says.
    pub(crate) escape: char,
    /// The ARGs before the first FROM.
    pub(crate) arguments: Vec<Instruction>,
    /// At least one.
    pub(crate) stages: Vec<Stage>,
}

/// A stage: a FROM and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    /// The line of the FROM, from 1.
    pub(crate) line: usize,
    /// How the FROM is written, on one line.
    pub(crate) text: String,
    /// In lower case.
    pub(crate) name: Option<String>,
    /// What it starts from, not expanded.
    pub(crate) base: String,
    /// The flag `--platform`, not expanded.
    pub(crate) platform: Option<String>,
    pub(crate) instructions: Vec<Instruction>,
}

/// Returns whether the directive `syntax` names the language that this is.
fn is_usual(syntax: &str) -> bool {
    let name = syntax.strip_prefix("docker.io/").unwrap_or(syntax);
    let name = name.split(['@', ':']).next().unwrap_or_default();
    matches!(name, "" | "docker/dockerfile" | "docker/dockerfile-upstream")
}

fn foreign_syntax(syntax: &str) -> String {
    format!("its language is that of `{syntax}`, which only `--engine docker` knows")
}

/// The largest Containerfile that is read.
const SIZE_MAX: usize = 4 << 20;

impl Containerfile {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Containerfile, Error> {
        Containerfile::parse(path, &host::fs::read_to_string(path)?)
    }

    /// Parses a text; `path` is what errors call it.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Containerfile, Error> {
        let invalid = |line: usize, reason: String| {
            let place = Place { file: path.to_owned(), line };
            Error::Invalid { place, reason }
        };
        if text.len() > SIZE_MAX {
            return Err(invalid(1, format!("it is larger than {SIZE_MAX} bytes")));
        }
        // The parser forgets a byte order mark, and counts without it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = &lines::without_lone_returns(text);
        let masked = mask::mask(text);
        let file = ast::parse(&masked)
            .map_err(|error| invalid(error.line().max(1), format!("{error:#}")))?;
        if let Some(syntax) = &file.parser_directives.syntax
            && !is_usual(syntax.value.value)
        {
            let line = lines::number(text, syntax.value.span.start);
            return Err(invalid(line, foreign_syntax(syntax.value.value)));
        }
        let escape = file.parser_directives.escape.as_ref().map_or('\\', |it| it.value.value);
        let read = |instruction: &ast::Instruction<'_>| {
            Instruction::new(instruction, text, escape)
                .map_err(|(line, error)| invalid(line, error.to_string()))
        };
        let mut containerfile = Containerfile {
            path: path.to_owned(),
            escape,
            arguments: Vec::new(),
            stages: Vec::new(),
        };
        for instruction in &file.instructions {
            if let ast::Instruction::From(from) = instruction {
                let stage = Stage::new(from, text, escape, &containerfile.stages)
                    .map_err(|reason| invalid(lines::number(text, from.from.span.start), reason))?;
                containerfile.stages.push(stage);
            } else if let Some(instruction) = read(instruction)? {
                match containerfile.stages.last_mut() {
                    Some(stage) => stage.instructions.push(instruction),
                    None => containerfile.arguments.push(instruction),
                }
            }
        }
        Ok(containerfile)
    }

    /// Returns the position of the stage of that name, in any case.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let named = |stage: &Stage| stage.name.as_deref() == Some(&name.to_lowercase());
        self.stages.iter().position(named)
    }

    /// Returns whether an ARG before the first FROM has that name.
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.arguments.iter().any(|instruction| match &instruction.kind {
            Kind::Arg(arguments) => arguments.iter().any(|(argument, _)| argument == name),
            _ => false,
        })
    }

    /// Returns the build arguments that some ARG of the file asks for.
    pub(crate) fn asked(&self) -> BTreeSet<&String> {
        let stages = self.stages.iter().flat_map(|stage| &stage.instructions);
        let arguments =
            self.arguments.iter().chain(stages).filter_map(|instruction| match &instruction.kind {
                Kind::Arg(arguments) => Some(arguments),
                _ => None,
            });
        arguments.flatten().map(|(name, _)| name).collect()
    }
}

impl Stage {
    fn new(
        from: &ast::FromInstruction<'_>,
        text: &str,
        escape: char,
        others: &[Stage],
    ) -> Result<Stage, String> {
        let mut platform = None;
        for flag in &from.options {
            match &*flag.name.value {
                "platform" => {
                    instruction::set_flag(&mut platform, flag)
                        .map_err(|error| error.to_string())?;
                }
                name => return Err(InstructionError::UnknownFlag(name.to_owned()).to_string()),
            }
        }
        let name = from.as_.as_ref().map(|(_, name)| name.value.to_lowercase());
        if let Some(name) = &name {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
            if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(good) {
                let rule = "write letters, digits, `-`, `_` and `.`, a letter first";
                return Err(format!("`{name}` is not a name for a stage: {rule}"));
            }
            if others.iter().any(|stage| stage.name.as_ref() == Some(name)) {
                return Err(format!("there are two stages named `{name}`"));
            }
        }
        Ok(Stage {
            line: lines::number(text, from.from.span.start),
            text: lines::logical(text, from.from.span.start, escape),
            name,
            base: from.image.value.to_string(),
            platform,
            instructions: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests;
