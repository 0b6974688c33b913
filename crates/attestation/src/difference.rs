//! In what two records differ: what was recorded of an image, and what is
//! here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::{FileRecord, ObjectRecord, Record};

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The C source.
    Source,
    /// Another file that was read.
    Header,
    /// libbpf's headers as a whole.
    Libbpf,
    /// The compiler's version, or what it is exactly.
    Compiler,
    /// The compiler's arguments.
    Arguments,
    /// The platforms.
    Platforms,
    /// The image's time.
    Created,
    /// An object.
    Object,
    /// Something of the image beside its objects.
    Image,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// What it is about.
    pub kind: Kind,
    /// What differs: a file, or some platforms.
    pub name: String,
    /// What was recorded; absent where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
    /// What is here; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub here: Option<String>,
}

impl Difference {
    /// Makes a difference if the two values differ.
    pub fn between(
        kind: Kind,
        name: impl Into<String>,
        recorded: Option<String>,
        here: Option<String>,
    ) -> Option<Difference> {
        (recorded != here).then(|| Difference { kind, name: name.into(), recorded, here })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { kind, name, recorded, here } = self;
        let what = match kind {
            Kind::Source => format!("the source `{name}`"),
            Kind::Header => format!("the header `{name}`"),
            Kind::Libbpf => "libbpf".to_owned(),
            Kind::Compiler => "the compiler".to_owned(),
            Kind::Arguments => format!("the compiler's arguments for {name}"),
            Kind::Platforms => "the platforms".to_owned(),
            Kind::Created => "the time".to_owned(),
            Kind::Object => format!("the object for {name}"),
            Kind::Image => name.clone(),
        };
        match (recorded, here) {
            (Some(recorded), Some(here)) => {
                write!(f, "{what} differs: `{recorded}` was recorded, and `{here}` is here")
            }
            (Some(_), None) => write!(f, "{what} was recorded, and is not here"),
            (None, Some(_)) => write!(f, "{what} is here, and was not recorded"),
            (None, None) => write!(f, "{what} differs"),
        }
    }
}

/// Returns in what the records differ: inputs before what comes of them.
pub fn differences(recorded: &Record, here: &Record) -> Vec<Difference> {
    let text = |text: &str| Some(text.to_owned());
    let between = |kind, recorded: String, here: String| {
        Difference::between(kind, "", Some(recorded), Some(here))
    };
    let listed = |record: &Record| Vec::from_iter(platforms(record)).join(", ");
    let mut found: Vec<Difference> = [
        Difference::between(Kind::Source, "", text(&recorded.source), text(&here.source)),
        between(Kind::Platforms, listed(recorded), listed(here)),
        between(Kind::Created, recorded.created.to_string(), here.created.to_string()),
        between(Kind::Compiler, compiler(recorded), compiler(here)),
        between(Kind::Libbpf, libbpf(recorded), libbpf(here)),
    ]
    .into_iter()
    .flatten()
    .collect();
    for platform in platforms(recorded).intersection(&platforms(here)) {
        if let (Some(then), Some(now)) = (object(recorded, platform), object(here, platform)) {
            of_objects(recorded, then, now, platform, &mut found);
        }
    }
    merge_platforms(found)
}

fn platforms(record: &Record) -> BTreeSet<&str> {
    record.platforms().collect()
}

fn compiler(record: &Record) -> String {
    let compiler = &record.compiler;
    let digest = compiler.digest.sha256.get(..12).unwrap_or(&compiler.digest.sha256);
    format!("{} {} ({digest})", compiler.name, compiler.version)
}

fn libbpf(record: &Record) -> String {
    let libbpf = &record.libbpf;
    let digest = libbpf.digest.sha256.get(..12).unwrap_or(&libbpf.digest.sha256);
    match &libbpf.version {
        Some(version) => format!("{version} ({digest})"),
        None => digest.to_owned(),
    }
}

fn object<'r>(record: &'r Record, platform: &str) -> Option<&'r ObjectRecord> {
    record.objects.iter().find(|object| object.platforms.iter().any(|own| own == platform))
}

fn of_objects(
    recorded: &Record,
    then: &ObjectRecord,
    now: &ObjectRecord,
    platform: &str,
    found: &mut Vec<Difference>,
) {
    let files = |object: &ObjectRecord| -> BTreeMap<String, String> {
        let file = |file: &FileRecord| (file.name.clone(), file.digest.sha256.clone());
        object.inputs.iter().map(file).collect()
    };
    let (before, after) = (files(then), files(now));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        let kind = if *name == recorded.source { Kind::Source } else { Kind::Header };
        let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
        found.extend(Difference::between(kind, name, before, after));
    }
    let argv = |object: &ObjectRecord| Some(object.argv.join(" "));
    found.extend(Difference::between(Kind::Arguments, platform, argv(then), argv(now)));
    let digest = |object: &ObjectRecord| Some(object.digest.sha256.clone());
    found.extend(Difference::between(Kind::Object, platform, digest(then), digest(now)));
}

/// Says once what is so for several platforms.
fn merge_platforms(found: Vec<Difference>) -> Vec<Difference> {
    let mut merged: Vec<Difference> = Vec::new();
    for difference in found {
        let is_by_platform = matches!(difference.kind, Kind::Arguments | Kind::Object);
        let is_same = |other: &&mut Difference| {
            other.kind == difference.kind
                && (is_by_platform || other.name == difference.name)
                && other.recorded == difference.recorded
                && other.here == difference.here
        };
        match merged.iter_mut().find(is_same) {
            Some(other) if is_by_platform => other.name += &format!(", {}", difference.name),
            Some(_) => {}
            None => merged.push(difference),
        }
    }
    merged.sort_by_key(|difference| difference.kind);
    merged
}
