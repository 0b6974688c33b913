//! The variables of a build: those of the whole file, and those of a stage.
//!
//! ARG, ENV and the predefined arguments as in the Dockerfile reference
//! ("Understand how ARG and FROM interact", "Automatic platform ARGs in the
//! global scope"): before the first FROM the predefined ones are there, in a
//! stage only what it declares.

use std::cell::RefCell;
use std::collections::BTreeMap;

use oci::Platform;

use crate::containerfile::{Containerfile, Instruction, Kind};
use crate::expand::{Expansion, Variables, expand};
use crate::unknown::Unknown;
use crate::{BuildRequest, Problem};

/// Variables with their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    variables: BTreeMap<String, String>,
    /// The file's escape character.
    escape: char,
    /// That of a stage whose base is not there to say what it has set.
    unknown: Option<Unknown>,
}

/// A scope that notes what is asked for and may be in a base nobody has.
struct Watched<'a> {
    scope: &'a Scope,
    missed: RefCell<Option<String>>,
}

impl Variables for Watched<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        if self.scope.is_unknown(name) {
            self.missed.borrow_mut().get_or_insert_with(|| name.to_owned());
        }
        self.scope.get(name)
    }
}

impl Variables for Scope {
    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }
}

impl Scope {
    /// Returns the predefined variables of a build for `platform`.
    fn predefined(file: &Containerfile, request: &BuildRequest, platform: &Platform) -> Scope {
        let last = file.stages.last().and_then(|stage| stage.name.clone());
        let target = request.target.clone().or(last).unwrap_or_else(|| "default".to_owned());
        let mut variables = BTreeMap::from([("TARGETSTAGE".to_owned(), target)]);
        for (prefix, platform) in [("BUILD", &request.build_platform), ("TARGET", platform)] {
            let parts = [
                ("PLATFORM", platform.to_string()),
                ("OS", platform.os.clone()),
                ("OSVERSION", String::new()),
                ("ARCH", platform.architecture.clone()),
                ("VARIANT", platform.variant.clone().unwrap_or_default()),
            ];
            variables.extend(parts.map(|(part, value)| (format!("{prefix}{part}"), value)));
        }
        for (name, value) in &mut variables {
            if let Some(given) = request.build_args.get(name) {
                value.clone_from(given);
            }
        }
        Scope { variables, escape: file.escape, unknown: None }
    }

    /// Returns the variables that a FROM sees: the predefined ones, and the
    /// ARGs before the first FROM.
    ///
    /// An ARG without a value leaves a predefined variable as it is: podman
    /// needs `ARG TARGETARCH` there.
    ///
    /// # Errors
    ///
    /// Fails if a default cannot be expanded; returns the ARG with it.
    pub(crate) fn global<'a>(
        file: &'a Containerfile,
        request: &BuildRequest,
        platform: &Platform,
    ) -> Result<Scope, (&'a Instruction, Box<Problem>)> {
        let mut scope = Scope::predefined(file, request, platform);
        for instruction in &file.arguments {
            let Kind::Arg(arguments) = &instruction.kind else { continue };
            for (name, default) in arguments {
                let value = match (request.build_args.get(name), default) {
                    (Some(given), _) => given.clone(),
                    (None, Some(default)) => {
                        scope
                            .expand(default)
                            .map_err(|problem| (instruction, Box::new(problem)))?
                            .text
                    }
                    (None, None) => continue,
                };
                scope.set(name, value);
            }
        }
        Ok(scope)
    }

    /// Returns the variables of a stage that starts from an image with this
    /// environment.
    pub(crate) fn of_stage(&self, environment: &[String]) -> Scope {
        let split = |variable: &String| {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            (name.to_owned(), value.to_owned())
        };
        let variables = environment.iter().map(split).collect();
        Scope { variables, escape: self.escape, unknown: None }
    }

    /// Returns the variables of a stage that starts from what was not got.
    pub(crate) fn of_unknown(&self, unknown: Unknown) -> Scope {
        Scope { variables: BTreeMap::new(), escape: self.escape, unknown: Some(unknown) }
    }

    /// Returns the same variables for a stage that starts from an image whose
    /// files were not got.
    pub(crate) fn without_files(self, unknown: Unknown) -> Scope {
        Scope { unknown: Some(unknown.with_settings()), ..self }
    }

    /// Returns what the stage starts from, if that was not got.
    pub(crate) fn unknown(&self) -> Option<&Unknown> {
        self.unknown.as_ref()
    }

    /// Returns the variables that are known to be set.
    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Returns whether only a base that was not got tells if a variable is
    /// set.
    pub(crate) fn is_unknown(&self, name: &str) -> bool {
        let unknown = |unknown: &Unknown| !unknown.has_settings && !unknown.declared.contains(name);
        !self.variables.contains_key(name) && self.unknown.as_ref().is_some_and(unknown)
    }

    /// Carries out an ARG of a stage; `self` is the scope of the stage.
    ///
    /// # Errors
    ///
    /// Fails if a default cannot be expanded.
    pub(crate) fn declare(
        &mut self,
        arguments: &[(String, Option<String>)],
        global: &Scope,
        given: &BTreeMap<String, String>,
    ) -> Result<(), Problem> {
        for (name, default) in arguments {
            if let Some(unknown) = &mut self.unknown {
                unknown.declared.insert(name.clone());
            }
            let value = match (given.get(name), default, global.get(name)) {
                (Some(given), _, _) => given.clone(),
                (None, Some(default), _) => self.expand(default)?.text,
                (None, None, Some(global)) => global.to_owned(),
                (None, None, None) => continue,
            };
            self.set(name, value);
        }
        Ok(())
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.variables.insert(name.to_owned(), value);
    }

    /// Forgets what a variable is, as only a base that was not got tells it.
    pub(crate) fn forget(&mut self, name: &str) {
        self.variables.remove(name);
        if let Some(unknown) = &mut self.unknown {
            unknown.declared.remove(name);
        }
    }

    /// Expands a word.
    ///
    /// # Errors
    ///
    /// Fails if the word cannot be expanded, and names it; and if it takes a
    /// variable that only a base has which was not got.
    pub(crate) fn expand(&self, word: &str) -> Result<Expansion, Problem> {
        let watched = Watched { scope: self, missed: RefCell::default() };
        let expansion = expand(word, self.escape, &watched);
        if let (Some(name), Some(unknown)) = (watched.missed.into_inner(), &self.unknown) {
            return Err(unknown.setting(format!("what `{name}` is")));
        }
        expansion.map_err(|reason| Problem::Expand { word: word.to_owned(), reason })
    }

    /// Expands a word; what is not set is empty.
    ///
    /// # Errors
    ///
    /// As [`Scope::expand`].
    pub(crate) fn text(&self, word: &str) -> Result<String, Problem> {
        Ok(self.expand(word)?.text)
    }

    /// Expands a word that must not be empty.
    ///
    /// # Errors
    ///
    /// As [`Scope::expand`], and if nothing is left of it; names the
    /// variables that are not set.
    pub(crate) fn filled(&self, word: &str) -> Result<String, Problem> {
        let Expansion { text, unset } = self.expand(word)?;
        if text.is_empty() {
            return Err(Problem::Empty { word: word.to_owned(), unset });
        }
        Ok(text)
    }
}
