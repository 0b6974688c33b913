//! One image of the catalogue.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Component, Path, PathBuf};

use bpf_arch::Arch;
use bpf_build::Source;
use oci::Reference;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// An image: what it is called and what it is made of.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) organization: String,
    pub(crate) description: String,
    /// An SPDX expression.
    pub(crate) licenses: String,
    /// Whether a run that selects nothing takes it.
    pub(crate) default: bool,
    /// Whether its repository is for those alone who have credentials.
    pub(crate) private: bool,
    /// Fewer platforms than the catalogue's.
    pub(crate) platforms: Option<Platforms>,
    /// Whether it holds nothing for a machine: it is made for the first of its
    /// platforms, unless the user names others.
    pub(crate) one_platform: bool,
    /// The environment variable that may hold its whole name.
    pub(crate) variable: Option<String>,
    pub(crate) kind: Kind,
}

/// What an image is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An eBPF C source of this checkout.
    Bytecode(Source),
    /// A Containerfile.
    Containerfile(Containerfile),
    /// An image of another registry, copied.
    Mirror(Reference),
}

/// How a Containerfile makes an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Containerfile {
    /// The file: of this checkout, or of the other one if that is the context
    /// and no programs of cargo go into it.
    pub(crate) path: PathBuf,
    /// Other files for the image, of the same checkout, by what they are
    /// called.
    pub(crate) variants: BTreeMap<String, PathBuf>,
    /// The other checkout that is the context, as `sources` calls it.
    pub(crate) source: Option<String>,
    /// The stages that the host can make, by name.
    pub(crate) stages: BTreeMap<String, Stage>,
    /// The programs of the other checkout that cargo builds, which the
    /// Containerfile finds where cargo puts them.
    pub(crate) cargo: Vec<String>,
}

impl Containerfile {
    /// Returns whether the Containerfiles are in the other checkout.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.source.is_some() && self.cargo.is_empty()
    }
}

impl Kind {
    /// The words that select by kind, in the order in which they are shown.
    pub(crate) const WORDS: [&'static str; 3] = ["bytecode", "containerfile", "mirror"];

    /// Returns the word that selects this kind.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Kind::Bytecode(_) => Kind::WORDS[0],
            Kind::Containerfile(_) => Kind::WORDS[1],
            Kind::Mirror(_) => Kind::WORDS[2],
        }
    }
}

impl Entry {
    /// Returns `organization/name`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.organization, self.name)
    }
}

/// Platforms, in the architecture table's order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platforms(Vec<Arch>);

impl Deref for Platforms {
    type Target = [Arch];

    fn deref(&self) -> &[Arch] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Platforms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Platforms, D::Error> {
        let words = Vec::<Word>::deserialize(deserializer)?;
        let mut archs: Vec<Arch> = words.into_iter().map(|Word(arch)| arch).collect();
        archs.sort();
        archs.dedup();
        Ok(Platforms(archs))
    }
}

/// One platform; an error has its place.
struct Word(Arch);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        let word = String::deserialize(deserializer)?;
        cli::platform(&word).map(Word).map_err(D::Error::custom)
    }
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    name: String,
    organization: String,
    description: String,
    licenses: String,
    #[serde(default = "yes")]
    default: bool,
    #[serde(default)]
    private: bool,
    platforms: Option<Platforms>,
    #[serde(default, rename = "one-platform")]
    one_platform: bool,
    variable: Option<String>,
    bytecode: Option<PathBuf>,
    include: Option<Vec<String>>,
    define: Option<Vec<String>>,
    cpu: Option<String>,
    headers: Option<Headers>,
    containerfile: Option<PathBuf>,
    #[serde(default, deserialize_with = "stages")]
    stages: Option<BTreeMap<String, Stage>>,
    source: Option<String>,
    #[serde(default, deserialize_with = "variants")]
    variants: Option<BTreeMap<String, PathBuf>>,
    cargo: Option<Vec<String>>,
    mirror: Option<String>,
}

/// Whose headers a source may include besides the project's.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Headers {
    System,
}

/// A stage of a Containerfile that the host makes: a program in Go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    /// The Go package: its directory, from that of the module, as `./name`.
    pub(crate) go: String,
    /// Flags for Go's linker.
    pub(crate) ldflags: Option<String>,
    /// The directory of its module.
    pub(crate) module: PathBuf,
    /// The directory of the stage that the program lies in.
    pub(crate) to: PathBuf,
}

impl Stage {
    /// Returns the name of the program.
    pub(crate) fn program(&self) -> &str {
        self.go.rsplit('/').next().unwrap_or(&self.go)
    }

    /// Returns what is wrong with it, to be put behind its name.
    fn problem(&self) -> Option<String> {
        let package = self.go.strip_prefix("./").map(Path::new);
        if package.is_none_or(|path| inside(path).is_err()) {
            return Some(format!("the Go package `{}` is not written as `./NAME`", self.go));
        }
        if inside(&self.module).is_err() {
            return Some(format!(
                "the Go module `{}` is not inside the checkout",
                self.module.display()
            ));
        }
        let mut parts = self.to.components();
        let is_absolute = parts.next() == Some(Component::RootDir);
        if !is_absolute || !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Some(format!("`{}` is not a directory of the stage", self.to.display()));
        }
        None
    }
}

fn yes() -> bool {
    true
}

fn stages<'de, D>(deserializer: D) -> Result<Option<BTreeMap<String, Stage>>, D::Error>
where
    D: Deserializer<'de>,
{
    super::no_duplicates(deserializer).map(Some)
}

fn variants<'de, D>(deserializer: D) -> Result<Option<BTreeMap<String, PathBuf>>, D::Error>
where
    D: Deserializer<'de>,
{
    super::no_duplicates(deserializer).map(Some)
}

impl TryFrom<Keys> for Entry {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Entry, String> {
        let full = format!("{}/{}", keys.organization, keys.name);
        let kind = kind(&keys).map_err(|problem| format!("`{full}`{problem}"))?;
        Ok(Entry {
            name: keys.name,
            organization: keys.organization,
            description: keys.description,
            licenses: keys.licenses,
            default: keys.default,
            private: keys.private,
            platforms: keys.platforms,
            one_platform: keys.one_platform,
            variable: keys.variable,
            kind,
        })
    }
}

/// Returns what the keys make, or what is wrong with them, to be put behind
/// the entry's name.
fn kind(keys: &Keys) -> Result<Kind, String> {
    let given = [
        ("bytecode", keys.bytecode.is_some()),
        ("containerfile", keys.containerfile.is_some()),
        ("mirror", keys.mirror.is_some()),
    ];
    let mut given = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name);
    let chosen =
        given.next().ok_or(" says neither `bytecode`, `containerfile` nor `mirror`".to_owned())?;
    if let Some(other) = given.next() {
        return Err(format!(" says both `{chosen}` and `{other}`"));
    }
    let belongs = [
        ("include", keys.include.is_some(), "bytecode"),
        ("define", keys.define.is_some(), "bytecode"),
        ("cpu", keys.cpu.is_some(), "bytecode"),
        ("headers", keys.headers.is_some(), "bytecode"),
        ("stages", keys.stages.is_some(), "containerfile"),
        ("source", keys.source.is_some(), "containerfile"),
        ("variants", keys.variants.is_some(), "containerfile"),
        ("cargo", keys.cargo.is_some(), "containerfile"),
    ];
    if let Some((key, _, with)) = belongs.iter().find(|(_, is, with)| *is && *with != chosen) {
        return Err(format!(" says `{key}`, which goes with `{with}`"));
    }
    if let Some(path) = &keys.bytecode {
        inside(path).map_err(|()| {
            format!(": the source `{}` is not inside the checkout", path.display())
        })?;
        return Ok(Kind::Bytecode(Source {
            path: path.clone(),
            include: keys.include.clone().unwrap_or_default(),
            define: keys.define.clone().unwrap_or_default(),
            cpu: keys.cpu.clone(),
            system_headers: keys.headers.is_some(),
        }));
    }
    if let Some(path) = &keys.containerfile {
        return containerfile(path, keys).map(Kind::Containerfile);
    }
    let word = keys.mirror.as_deref().unwrap_or_default();
    word.parse().map(Kind::Mirror).map_err(|error: oci::ParseError| format!(": {error}"))
}

/// Returns how the Containerfile at `path` makes the image, or what is wrong.
fn containerfile(path: &Path, keys: &Keys) -> Result<Containerfile, String> {
    let variants = keys.variants.clone().unwrap_or_default();
    for path in std::iter::once(path).chain(variants.values().map(PathBuf::as_path)) {
        inside(path).map_err(|()| {
            format!(": the Containerfile `{}` is not inside the checkout", path.display())
        })?;
    }
    for (name, stage) in keys.stages.iter().flatten() {
        if let Some(problem) = stage.problem() {
            return Err(format!(": stage `{name}`: {problem}"));
        }
    }
    let cargo = keys.cargo.clone().unwrap_or_default();
    if !cargo.is_empty() && keys.source.is_none() {
        return Err(" says `cargo`, which goes with `source`".to_owned());
    }
    if keys.stages.is_some() && keys.source.is_some() {
        return Err(" says both `stages`, which are of this checkout, and `source`".to_owned());
    }
    Ok(Containerfile {
        path: path.to_owned(),
        variants,
        source: keys.source.clone(),
        stages: keys.stages.clone().unwrap_or_default(),
        cargo,
    })
}

/// The path of a file inside the checkout is relative and never goes up.
fn inside(path: &Path) -> Result<(), ()> {
    let down =
        path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if down && path.file_name().is_some() { Ok(()) } else { Err(()) }
}
