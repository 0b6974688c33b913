//! A RUN in a stage: what it comes to, and what came of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use host::fs::IoContext;

use super::shell::{self, Stop};
use super::{Ran, RunError, mount};
use crate::Problem;
use crate::base::Bases;
use crate::containerfile::{self, Command};
use crate::copy::{Changes, Target, absolute};
use crate::owner::Owner;
use crate::stage::{Stage, with_shell};
use crate::tree::{Content, Node, NodeKind, clean};

impl Stage {
    /// Returns what a RUN comes to.
    pub(crate) fn commands(
        &self,
        written: &containerfile::Run,
        name: Option<&str>,
    ) -> Result<Vec<super::Command>, Problem> {
        let refused = |reason| Problem::NotRun { reason, stage: name.map(str::to_owned) };
        if written.has_document {
            return Err(refused(RunError::Document));
        }
        for cache in self.caches(written, name)? {
            // What was copied there is not there while it runs.
            let is_hidden =
                self.working_directory().is_some_and(|at| Path::new(at).starts_with(&cache));
            if is_hidden {
                return Err(refused(RunError::Flag(format!(
                    "--mount=type=cache,target={}",
                    cache.display()
                ))));
            }
        }
        let commands = match &written.command {
            Command::Exec(words) => shell::exec(words, &self.scope).map(|command| vec![command]),
            Command::Shell(line) => {
                self.is_usual_shell().map_err(refused)?;
                shell::commands(line, &self.scope)
            }
        };
        commands.map_err(|stop| match (stop, self.scope.unknown()) {
            (Stop::Unknown(name), Some(unknown)) => unknown.setting(format!("what `{name}` is")),
            (Stop::Unknown(_), None) => Problem::Lost,
            (Stop::Refused(reason), _) => refused(reason),
        })
    }

    /// Returns the directories that are caches while a RUN runs, as absolute
    /// paths.
    fn caches(
        &self,
        written: &containerfile::Run,
        name: Option<&str>,
    ) -> Result<Vec<PathBuf>, Problem> {
        let caches = mount::caches(written)
            .map_err(|reason| Problem::NotRun { reason, stage: name.map(str::to_owned) })?;
        let place = |path: &String| {
            let path = self.absolute(&self.scope.filled(path)?)?;
            Ok(Path::new("/").join(clean(Path::new(&path))))
        };
        caches.iter().map(place).collect()
    }

    /// Checks that a line is for a shell whose rules are known.
    fn is_usual_shell(&self) -> Result<(), RunError> {
        let words = with_shell(&self.container, &Command::Shell(String::new()));
        let shell = &words[..words.len() - 1];
        let name = shell[0].rsplit('/').next().unwrap_or_default();
        let is_usual = matches!(name, "sh" | "ash" | "dash" | "bash")
            && shell[1..].iter().all(|word| {
                matches!(
                    word.as_str(),
                    "-c" | "-e" | "-x" | "-ec" | "-xc" | "-exc" | "-o" | "pipefail" | "-eo"
                )
            });
        if is_usual { Ok(()) } else { Err(RunError::OtherShell(shell.join(" "))) }
    }

    /// Takes what the host did for a RUN.
    pub(crate) fn take(
        &mut self,
        written: &containerfile::Run,
        ran: &Ran,
        bases: &Bases<'_>,
    ) -> Result<Changes, Problem> {
        if ran.files.is_empty() {
            return Ok(Changes::new());
        }
        if let Some(source) = &ran.source {
            self.check_source(source, bases)?;
        }
        let caches = self.caches(written, None)?;
        let owner = self.runs_as(bases)?;
        let mut target = Target::new(self.tree(bases)?);
        for (path, file) in &ran.files {
            if !path.is_absolute() || mount::is_in(path, &caches) {
                let what = "the absolute path of a file that stays in the stage";
                return Err(Problem::Value { value: path.display().to_string(), what });
            }
            let mut node = Node::of_host(file, "what the host made")?;
            (node.attributes.uid, node.attributes.gid) = (owner.uid, owner.gid);
            target.place(&clean(path), node, owner)?;
        }
        Ok(target.changes())
    }

    /// Returns whose files are that a program makes which runs there. Of a user
    /// by number that nobody knows by name, the group is root's.
    fn runs_as(&mut self, bases: &Bases<'_>) -> Result<Owner, Problem> {
        let is_number = self.container.user.parse::<u32>().is_ok();
        let owner = self.user(bases)?;
        let gid = if is_number && self.scope.unknown().is_some() { 0 } else { owner.gid };
        Ok(Owner { gid, ..owner })
    }

    /// Checks that the files in the directory of the moment are those of
    /// `source`, but for what the host made.
    fn check_source(&mut self, source: &Path, bases: &Bases<'_>) -> Result<(), Problem> {
        // As contexts have it.
        let source = &source.canonicalize().io_context("open the directory", source)?;
        let directory = clean(Path::new(self.working_directory().unwrap_or_default()));
        let made = bases.request.ran.iter().flat_map(|ran| ran.files.values());
        let made: BTreeSet<&Path> = made.map(PathBuf::as_path).collect();
        let differs = |path: &Path, source_path: PathBuf| Problem::OtherSource {
            path: absolute(path),
            source_path,
        };
        let mut has_any = false;
        for (path, node) in self.tree(bases)?.below(&directory) {
            let NodeKind::File(content) = &node.kind else { continue };
            let file = match content {
                Content::Host { path, .. } => Some(&**path),
                Content::Packed { .. } => None,
            };
            if file.is_some_and(|file| made.contains(file)) {
                continue;
            }
            let own = source.join(path.strip_prefix(&directory).unwrap_or(path));
            if file != Some(&own) {
                return Err(differs(path, own));
            }
            has_any = true;
        }
        if has_any { Ok(()) } else { Err(differs(&directory, source.to_owned())) }
    }
}
