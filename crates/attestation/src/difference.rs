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
        // Of a file the value is a digest, which says nothing by itself.
        let is_said = matches!(kind, Kind::Arguments | Kind::Image);
        match (recorded, here) {
            (Some(recorded), Some(here)) => {
                write!(f, "{what}: `{recorded}` was recorded, and `{here}` is here")
            }
            (Some(recorded), None) if is_said => {
                write!(f, "{what}: `{recorded}` was recorded, and is not here")
            }
            (None, Some(here)) if is_said => {
                write!(f, "{what}: `{here}` is here, and was not recorded")
            }
            (Some(_), None) => write!(f, "{what}: recorded, and not here"),
            (None, _) => write!(f, "{what}: here, and not recorded"),
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
    if then.argv != now.argv {
        let (recorded, here) = (beyond(&then.argv, &now.argv), beyond(&now.argv, &then.argv));
        let name = platform.to_owned();
        found.push(Difference { kind: Kind::Arguments, name, recorded, here });
    }
    let digest = |object: &ObjectRecord| Some(object.digest.sha256.clone());
    found.extend(Difference::between(Kind::Object, platform, digest(then), digest(now)));
}

/// Returns the arguments that the others have not; all of them where it is
/// their order that differs.
fn beyond(arguments: &[String], others: &[String]) -> Option<String> {
    let is_in = |list: &[String], argument: &String| list.contains(argument);
    let own: Vec<&str> =
        arguments.iter().filter(|own| !is_in(others, own)).map(String::as_str).collect();
    let is_order = own.is_empty() && others.iter().all(|other| is_in(arguments, other));
    match is_order {
        true => Some(arguments.join(" ")),
        false => (!own.is_empty()).then(|| own.join(" ")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompilerRecord, Digests, LibbpfRecord};

    fn digest(text: &str) -> Digests {
        Digests { sha256: text.to_owned() }
    }

    fn record() -> Record {
        let file = |name: &str| FileRecord { name: name.to_owned(), digest: digest("11") };
        let object = |platforms: &[&str], target: &str| ObjectRecord {
            platforms: platforms.iter().map(|&it| it.to_owned()).collect(),
            file: "x.o".to_owned(),
            digest: digest("22"),
            argv: vec!["-O2".to_owned(), target.to_owned()],
            inputs: vec![file("x.c"), file("x.h")],
        };
        Record {
            source: "x.c".to_owned(),
            created: 0,
            compiler: CompilerRecord {
                name: "clang".to_owned(),
                version: "14.0.6".to_owned(),
                digest: digest("333333333333333"),
            },
            libbpf: LibbpfRecord { version: Some("1.7".to_owned()), digest: digest("44") },
            objects: vec![
                object(&["linux/amd64", "linux/arm64"], "el"),
                object(&["linux/s390x"], "eb"),
            ],
        }
    }

    #[test]
    fn each_difference_has_its_words() {
        type Case = (fn(&mut Record), &'static [&'static str]);
        let cases: [Case; 9] = [
            (|_| {}, &[]),
            (
                |it| it.compiler.version = "16.0.6".to_owned(),
                &[
                    "the compiler: `clang 14.0.6 (333333333333)` was recorded, and `clang 16.0.6 (333333333333)` is here",
                ],
            ),
            (
                |it| it.libbpf = LibbpfRecord { version: None, digest: digest("55") },
                &["libbpf: `1.7 (44)` was recorded, and `55` is here"],
            ),
            (|it| it.created = 7, &["the time: `0` was recorded, and `7` is here"]),
            (
                |it| it.objects[0].inputs[0].digest = digest("12"),
                &["the source `x.c`: `11` was recorded, and `12` is here"],
            ),
            (
                |it| it.objects.iter_mut().for_each(|it| it.inputs[1].name = "y.h".to_owned()),
                &[
                    "the header `x.h`: recorded, and not here",
                    "the header `y.h`: here, and not recorded",
                ],
            ),
            (
                |it| it.objects[0].argv.push("-DA".to_owned()),
                &[
                    "the compiler's arguments for linux/amd64, linux/arm64: `-DA` is here, and was not recorded",
                ],
            ),
            (
                |it| it.objects[0].argv.reverse(),
                &[
                    "the compiler's arguments for linux/amd64, linux/arm64: `-O2 el` was recorded, and `el -O2` is here",
                ],
            ),
            (
                |it| it.objects[1].platforms = vec!["linux/riscv64".to_owned()],
                &[
                    "the platforms: `linux/amd64, linux/arm64, linux/s390x` was recorded, and `linux/amd64, linux/arm64, linux/riscv64` is here",
                ],
            ),
        ];
        for (change, expected) in cases {
            let mut here = record();
            change(&mut here);
            let words: Vec<_> =
                differences(&record(), &here).iter().map(ToString::to_string).collect();
            assert_eq!(words, expected);
        }
    }

    #[test]
    fn a_record_comes_back_from_its_statement() {
        let digest = oci::Digest::of(b"image");
        let bytes = record().statement("o/x", digest);
        assert_eq!(Record::parse(&bytes, digest), Ok((record(), "o/x".to_owned())));
        let fault = |bytes: &[u8]| Record::parse(bytes, digest).unwrap_err().to_string();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let cases = [
            (
                "Statement/v1",
                "Statement/v0",
                "it is a `https://in-toto.io/Statement/v0`, not a `https://in-toto.io/Statement/v1`",
            ),
            (
                "bytecode-build/v1",
                "other/v1",
                "it is a `https://bpfman.io/attestation/other/v1`, not a `https://bpfman.io/attestation/bytecode-build/v1`",
            ),
            ("\"source\"", "\"sauce\"", "it cannot be read: missing field `source`"),
        ];
        for (from, to, expected) in cases {
            assert_eq!(fault(text.replace(from, to).as_bytes()), expected);
        }
        let other = oci::Digest::of(b"other");
        let about = Record::parse(&bytes, other).unwrap_err();
        assert_eq!(about, crate::Fault::Subject(other));
    }

    proptest::proptest! {
        #[test]
        fn damaged_statements_never_panic(at in 0usize..2000, byte: u8, cut in 0usize..2000) {
            let digest = oci::Digest::of(b"image");
            let mut bytes = record().statement("o/x", digest);
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut.max(1));
            let _ = Record::parse(&bytes, digest);
        }
    }
}
