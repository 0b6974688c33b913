//! Which stages a build needs, and what each starts from.

use std::collections::{BTreeMap, BTreeSet};

use oci::Platform;

use super::Interpreter;
use crate::containerfile::{Copy, Kind};
use crate::unknown::Unknown;
use crate::{Error, NamedContext, Problem};

/// What a stage starts from.
pub(super) enum Origin<'a> {
    /// A context that stands for it.
    Replaced(&'a NamedContext),
    /// An earlier stage.
    Stage(usize),
    /// Whatever has that name.
    Other(String),
}

/// A needed stage: what it starts from, and the platform it is for.
pub(super) struct Needed<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) platform: Platform,
}

impl<'a> Interpreter<'a> {
    /// Finds the stages that `target` needs, itself included, from the first
    /// to the last.
    pub(super) fn needed(&self, target: usize) -> Result<BTreeMap<usize, Needed<'a>>, Error> {
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
    pub(super) fn origin(&self, position: usize) -> Result<Needed<'a>, Problem> {
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
    pub(super) fn expand_from(&self, word: &str) -> Result<String, Problem> {
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
    pub(super) fn source_stage(
        &self,
        from: &str,
        position: usize,
    ) -> Result<Option<usize>, Problem> {
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

    /// Returns whether a stage that is not replaced has a RUN.
    pub(super) fn has_run(&self, needed: &BTreeMap<usize, Needed<'_>>, position: usize) -> bool {
        let is_replaced = |needed: &Needed<'_>| matches!(needed.origin, Origin::Replaced(_));
        !needed.get(&position).is_none_or(is_replaced)
            && self.file.stages[position]
                .instructions
                .iter()
                .any(|it| matches!(it.kind, Kind::Run(_)))
    }

    /// Returns what the stage at a position starts from, if that is not got.
    pub(super) fn unknown(&self, position: usize) -> Unknown {
        let stage = &self.file.stages[position];
        let image = self.expand_from(&stage.base).unwrap_or_else(|_| stage.base.clone());
        Unknown::new(&image, stage.name.as_deref())
    }

    /// Returns the stages whose base is not got: others only copy from them,
    /// and the host did what their RUNs say, or those of stages on them.
    pub(super) fn without_base(
        &self,
        needed: &BTreeMap<usize, Needed<'_>>,
        target: usize,
    ) -> BTreeSet<usize> {
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
}

/// Returns the stage at a position and those that it starts from, from the
/// first of them on.
pub(super) fn line_of(needed: &BTreeMap<usize, Needed<'_>>, position: usize) -> BTreeSet<usize> {
    let mut line = BTreeSet::from([position]);
    let mut at = position;
    while let Some(Needed { origin: Origin::Stage(base), .. }) = needed.get(&at) {
        // A base is an earlier one.
        line.insert(*base);
        at = *base;
    }
    line
}
