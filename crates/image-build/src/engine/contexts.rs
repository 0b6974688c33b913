//! Which named contexts an engine is given, and for which platforms at a time.
//!
//! The command lines of engines know no context for one platform. Where there
//! is one, each platform is built by itself, with the contexts that count
//! for it: those of the platform that the stage is for, which a FROM can set.

use std::collections::{BTreeMap, BTreeSet};

use oci::Platform;

use super::Job;
use super::error::EngineError;
use crate::containerfile::{Containerfile, Copy, Kind};
use crate::native;
use crate::request::familiar;
use crate::scope::Scope;
use crate::{BuildRequest, ContextSource, NamedContext};

/// Contexts by name, each once.
pub(super) type Contexts = BTreeMap<String, ContextSource>;

/// What is built by one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) platforms: Vec<Platform>,
    pub(super) contexts: Contexts,
}

/// Returns what can be built by one command each: everything, if no context is
/// for one platform.
pub(super) fn groups(engine: &'static str, job: &Job) -> Result<Vec<Group>, EngineError> {
    let request = &job.request;
    if request.contexts.iter().all(|context| context.platform().is_none()) {
        // Of two with one name the later counts.
        let contexts = request.contexts.iter().map(named).collect();
        return Ok(vec![Group { platforms: request.platforms.clone(), contexts }]);
    }
    each(engine, job)
}

/// Returns what is built for each platform by itself.
pub(super) fn each(engine: &'static str, job: &Job) -> Result<Vec<Group>, EngineError> {
    let Job { request, file, .. } = job;
    let group = |platform: &Platform| {
        let contexts = contexts(engine, request, file.as_ref(), platform)?;
        Ok(Group { platforms: vec![platform.clone()], contexts })
    };
    request.platforms.iter().map(group).collect()
}

/// Returns the contexts that count in a build for one platform.
fn contexts(
    engine: &'static str,
    request: &BuildRequest,
    file: Option<&Containerfile>,
    platform: &Platform,
) -> Result<Contexts, EngineError> {
    let names: BTreeSet<&str> = request.contexts.iter().map(NamedContext::name).collect();
    let stages = Stages::new(request, file, platform);
    let mut chosen = Contexts::new();
    for name in names {
        let platforms = stages.platforms(name, platform);
        let mut found: Vec<_> =
            platforms.iter().map(|platform| request.find_context(name, platform)).collect();
        found.dedup();
        match found[..] {
            [Some(context)] => chosen.extend([named(context)]),
            [None] => {}
            _ => {
                let what = format!(
                    "build for {platform}: stages for several platforms take the context `{name}`"
                );
                return Err(EngineError::Unable { engine, what });
            }
        }
    }
    Ok(chosen)
}

fn named(context: &NamedContext) -> (String, ContextSource) {
    (context.name().to_owned(), context.source().clone())
}

/// For which platform each stage is, as far as that can be told.
struct Stages {
    /// Name, base and platform.
    stages: Vec<(Option<String>, String, Platform)>,
}

impl Stages {
    fn new(request: &BuildRequest, file: Option<&Containerfile>, platform: &Platform) -> Stages {
        let Some(file) = file else { return Stages { stages: Vec::new() } };
        let scope = Scope::global(file, request, platform).unwrap_or_default();
        let text = |word: &String| scope.text(word).unwrap_or_else(|_| word.clone());
        let stage = |stage: &crate::containerfile::Stage| {
            let own = stage.platform.as_ref().and_then(|word| text(word).parse().ok());
            let base = familiar(&text(&stage.base));
            (stage.name.clone(), base, own.unwrap_or_else(|| platform.clone()))
        };
        Stages { stages: file.stages.iter().map(stage).collect() }
    }

    /// Returns the platforms for which a name is looked up: that of the stage
    /// of that name, else those of the stages that start from it, else that
    /// of the build.
    fn platforms(&self, name: &str, platform: &Platform) -> Vec<Platform> {
        let of = |found: &dyn Fn(&Option<String>, &String) -> bool| {
            let stages = self.stages.iter().filter(|(name, base, _)| found(name, base));
            stages.map(|(_, _, platform)| platform.clone()).collect::<Vec<_>>()
        };
        let mut platforms = of(&|stage, _| stage.as_deref() == Some(name));
        if platforms.is_empty() {
            platforms = of(&|_, base| base == name);
        }
        if platforms.is_empty() {
            platforms.push(platform.clone());
        }
        platforms
    }
}

/// Adds the contexts under every name by which the file calls them, for an
/// engine to which `golang` and `docker.io/library/golang:latest` are two.
pub(super) fn add_spellings(job: &Job, group: &mut Group) {
    let (Some(file), Some(platform)) = (&job.file, group.platforms.first()) else { return };
    let scope = Scope::global(file, &job.request, platform).unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    for stage in &file.stages {
        words.extend(scope.text(&stage.base));
        words.extend(stage.instructions.iter().filter_map(|instruction| match &instruction.kind {
            Kind::Copy(copy) => copy.from.clone(),
            _ => None,
        }));
    }
    for word in words {
        if let Some(source) = group.contexts.get(&familiar(&word)).cloned() {
            group.contexts.entry(word).or_insert(source);
        }
    }
}

/// Returns how a context is used beyond `COPY --from=NAME`, if it is one that
/// `is_meant` says yes to: a phrase that fits after "cannot". `None` also
/// where the file cannot be understood here.
pub(super) fn other_use(
    job: &Job,
    group: &Group,
    is_meant: impl Fn(&ContextSource) -> bool,
) -> Option<String> {
    let (file, platform) = (job.file.as_ref()?, group.platforms.first()?);
    let is_context = |name: &String| group.contexts.get(name).is_some_and(&is_meant);
    let target = native::target(file, &job.request).ok()?;
    if let Some(name) = file.stages[target].name.as_ref().filter(|name| is_context(name)) {
        return Some(format!("build the stage `{name}` from the context of that name"));
    }
    let Stages { stages } = Stages::new(&job.request, Some(file), platform);
    for (stage, (name, base, _)) in file.stages.iter().zip(&stages) {
        if name.as_ref().is_some_and(|name| group.contexts.contains_key(name)) {
            continue;
        }
        if is_context(base) {
            return Some(format!("start a stage from the context `{base}`"));
        }
        for instruction in &stage.instructions {
            let Kind::Copy(Copy { from: Some(from), .. }) = &instruction.kind else { continue };
            let position = from.parse::<usize>().ok();
            let source = position.and_then(|position| file.stages.get(position)?.name.as_ref());
            if let Some(name) = source.filter(|name| is_context(name)) {
                return Some(format!("copy from the context `{name}` by the number of its stage"));
            }
        }
    }
    None
}
