//! The catalogue: every image, once, as `images.yaml` names it.
//!
//! Reading it checks all that can be known without looking at any source:
//! what comes out is valid. Not here: what is done with an entry.

mod entry;
mod select;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use host::fs::IoError;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

pub(crate) use entry::{Containerfile, Entry, Kind, Platforms, Stage};
pub(crate) use select::{SelectionError, is_named, select};

/// The file's name, at the top of the checkout.
pub(crate) const FILE: &str = "images.yaml";

/// A valid catalogue.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// The registry of every image, such as `quay.io`.
    pub(crate) registry: String,
    /// The tag of every image unless the command line says others.
    pub(crate) tag: String,
    /// The platforms of every entry that does not narrow them.
    pub(crate) platforms: Platforms,
    /// The major version of clang that published objects are made with.
    pub(crate) clang: Option<u32>,
    /// Who pushes where, by organization.
    pub(crate) organizations: BTreeMap<String, Organization>,
    /// Other checkouts that images are made from.
    pub(crate) sources: BTreeMap<String, OtherCheckout>,
    /// The images, in the order in which they are shown and built.
    pub(crate) images: Vec<Entry>,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    registry: String,
    tag: String,
    platforms: Platforms,
    #[serde(default)]
    clang: Option<u32>,
    #[serde(default, deserialize_with = "no_duplicates")]
    organizations: BTreeMap<String, Organization>,
    #[serde(default, deserialize_with = "no_duplicates")]
    sources: BTreeMap<String, OtherCheckout>,
    images: Vec<entry::Keys>,
}

/// The environment variables that hold an organization's credentials.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Organization {
    /// The variable that holds the user's name.
    pub(crate) username: String,
    /// The variable that holds the password or robot's token.
    pub(crate) password: String,
}

/// A checkout of another repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtherCheckout {
    /// Where it is cloned from.
    pub(crate) repository: String,
    /// The environment variable that may hold its directory.
    pub(crate) variable: String,
}

/// Why a catalogue is not valid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("{}:{message}", path.display())]
    Invalid { path: PathBuf, message: String },
}

impl Catalogue {
    /// Reads and checks the catalogue at `path`.
    pub(crate) fn load(path: &Path) -> Result<Catalogue, CatalogueError> {
        let text = host::fs::read_to_string(path)?;
        Catalogue::parse(&text)
            .map_err(|message| CatalogueError::Invalid { path: path.to_owned(), message })
    }

    /// Reads and checks a catalogue; the error begins with `line:column:`.
    fn parse(text: &str) -> Result<Catalogue, String> {
        let keys: Keys = serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map_or((1, 1), |at| (at.line(), at.column()));
            let message = error.to_string();
            // The parser appends the place; it stands in front here.
            let message = message.split(" at line ").next().unwrap_or_default();
            format!("{}:{}: {message}{}", place.0, place.1, nearest_key(message))
        })?;
        Catalogue::new(keys).map_err(|(index, message)| {
            let (line, column) = entry_place(text, index).unwrap_or((1, 1));
            format!("{line}:{column}: {message}")
        })
    }

    /// Makes a catalogue of its keys; an error comes with its entry's index.
    fn new(keys: Keys) -> Result<Catalogue, (usize, String)> {
        let Keys { registry, tag, platforms, clang, organizations, sources, images } = keys;
        let images = images.into_iter().enumerate();
        let images = images.map(|(index, keys)| Entry::try_from(keys).map_err(|m| (index, m)));
        let images = images.collect::<Result<Vec<_>, _>>()?;
        let catalogue =
            Catalogue { registry, tag, platforms, clang, organizations, sources, images };
        catalogue.check()?;
        Ok(catalogue)
    }

    /// Checks what serde cannot; an error comes with its entry's index.
    fn check(&self) -> Result<(), (usize, String)> {
        let mut seen = BTreeMap::new();
        let mut programs: BTreeMap<_, (&Stage, String)> = BTreeMap::new();
        for (index, entry) in self.images.iter().enumerate() {
            let fail = |message: String| Err((index, message));
            let full = entry.full_name();
            let reference = format!("{}/{full}:{}", self.registry, self.tag);
            if let Err(error) = reference.parse::<oci::Reference>() {
                return fail(format!("`{reference}` is no image reference: {error}"));
            }
            if seen.insert(full.clone(), index).is_some() {
                return fail(format!("`{full}` is named twice"));
            }
            if let Some(platforms) = &entry.platforms {
                let beyond = platforms.iter().find(|arch| !self.platforms.contains(arch));
                if let Some(arch) = beyond {
                    return fail(format!("`{full}` adds {arch}, which is not among `platforms`"));
                }
            }
            let Kind::Containerfile(file) = &entry.kind else { continue };
            if let Some(source) = file.source.as_ref()
                && !self.sources.contains_key(source)
            {
                return fail(format!("`{full}` names `{source}`, which is not among `sources`"));
            }
            for stage in file.stages.values() {
                // All programs of a module lie in one directory while they are built.
                let place = (&stage.module, stage.program());
                let (other, of) = programs.entry(place).or_insert((stage, full.clone()));
                if (&other.go, &other.ldflags) != (&stage.go, &stage.ldflags) {
                    let program = stage.program();
                    return fail(format!(
                        "`{full}` and `{of}` make two programs named `{program}`"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Returns the variables that hold the organizations' credentials.
    pub(crate) fn variables(&self) -> Vec<String> {
        let pairs = self.organizations.values().map(|own| [&own.username, &own.password]);
        pairs.flatten().cloned().collect()
    }

    /// Returns the platforms that `entry` is made for where `wanted` are asked
    /// for; without any, those that a plain run takes.
    pub(crate) fn platforms_of(&self, entry: &Entry, wanted: &[Arch]) -> Vec<Arch> {
        let all = entry.platforms.as_deref().unwrap_or(&self.platforms).iter().copied();
        match wanted {
            [] if entry.one_platform => all.take(1).collect(),
            [] => all.collect(),
            wanted => all.filter(|arch| wanted.contains(arch)).collect(),
        }
    }
}

/// YAML wants keys to differ, the parser takes the last of equal ones.
fn no_duplicates<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Unique<V>(std::marker::PhantomData<V>);
    impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a mapping")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((key, value)) = map.next_entry::<String, V>()? {
                if all.contains_key(&key) {
                    return Err(A::Error::custom(format!("duplicate key `{key}`")));
                }
                all.insert(key, value);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_map(Unique(std::marker::PhantomData))
}

/// Returns `; did you mean …` for serde's message about an unknown key, which
/// names it first and then those it knows.
fn nearest_key(message: &str) -> String {
    let Some((_, rest)) = message.split_once("unknown field ") else { return String::new() };
    let mut names = rest.split('`').skip(1).step_by(2);
    let Some(unknown) = names.next() else { return String::new() };
    match cli::nearest(unknown, names) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

/// Returns line and column of the entry `index` of `images:`, whose items
/// begin with a dash at one depth.
fn entry_place(text: &str, index: usize) -> Option<(usize, usize)> {
    let mut lines = text.lines().enumerate();
    lines.find(|(_, line)| line.starts_with("images:"))?;
    let mut items = lines.filter_map(|(number, line)| {
        let depth = line.len() - line.trim_start().len();
        line.trim_start().starts_with("- ").then_some((number + 1, depth + 1))
    });
    let first = items.next()?;
    std::iter::once(first).chain(items.filter(|(_, column)| *column == first.1)).nth(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "registry: quay.io\ntag: latest\nplatforms: [linux/amd64, linux/s390x]\n";

    fn message(rest: &str) -> String {
        Catalogue::parse(&format!("{HEAD}{rest}")).map(|_| String::new()).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let entry = |lines: &str| {
            format!(
                "images:\n  - name: a\n    organization: o\n    description: d\n    licenses: MIT\n{lines}"
            )
        };
        let cases = [
            ("imagess: []\n".to_owned(), "4:1: unknown field `imagess`, expected one of `registry`, `tag`, `platforms`, `clang`, `organizations`, `sources`, `images`; did you mean `images`?"),
            (entry("    bytecod: x.c\n"), "9:5: images[0]: unknown field `bytecod`, expected one of `name`, `organization`, `description`, `licenses`, `default`, `private`, `platforms`, `one-platform`, `variable`, `bytecode`, `include`, `define`, `cpu`, `headers`, `containerfile`, `stages`, `source`, `variants`, `cargo`, `mirror`; did you mean `bytecode`?"),
            (entry("    bytecode: x.c\n    platforms: [linux/arm64]\n"), "5:3: `o/a` adds linux/arm64, which is not among `platforms`"),
            (entry("    bytecode: x.c\n    platforms: [linux/amd46]\n"), "10:16: images[0].platforms: unknown platform `linux/amd46`; known are linux/386, linux/amd64, linux/arm, linux/arm64, linux/loong64, linux/mips, linux/mipsle, linux/mips64, linux/mips64le, linux/ppc64, linux/ppc64le, linux/riscv64, linux/s390x; did you mean `linux/amd64`?"),
            (entry("    bytecode: x.c\n    name: b\n"), "5:5: images[0]: duplicate field `name`"),
            (entry("    bytecode: x.c\n  - name: a\n    organization: o\n    description: d\n    licenses: MIT\n    bytecode: y.c\n"), "10:3: `o/a` is named twice"),
            ("organizations:\n  o: {username: U, password: P}\n  o: {username: U, password: P}\nimages: []\n".to_owned(), "5:3: organizations: duplicate key `o`"),
            (entry(""), "5:3: `o/a` says neither `bytecode`, `containerfile` nor `mirror`"),
            (entry("    bytecode: x.c\n    mirror: r/i:t\n"), "5:3: `o/a` says both `bytecode` and `mirror`"),
            (entry("    mirror: r/i:t\n    cpu: v3\n"), "5:3: `o/a` says `cpu`, which goes with `bytecode`"),
            (entry("    mirror: UPPER/x\n"), "5:3: `o/a`: invalid reference `UPPER/x`: the repository has uppercase letters"),
            (entry("    bytecode: ../x.c\n"), "5:3: `o/a`: the source `../x.c` is not inside the checkout"),
            (entry("    bytecode: /x.c\n"), "5:3: `o/a`: the source `/x.c` is not inside the checkout"),
            (entry("    containerfile: x\n    stages: {b: {go: ., module: m, to: /out}}\n"), "5:3: `o/a`: stage `b`: the Go package `.` is not written as `./NAME`"),
            (entry("    containerfile: x\n    stages: {b: {go: ./../p, module: m, to: /out}}\n"), "5:3: `o/a`: stage `b`: the Go package `./../p` is not written as `./NAME`"),
            (entry("    containerfile: x\n    stages: {b: {go: ./p, module: /m, to: /out}}\n"), "5:3: `o/a`: stage `b`: the Go module `/m` is not inside the checkout"),
            (entry("    containerfile: x\n    stages: {b: {go: ./p, module: m, to: out}}\n"), "5:3: `o/a`: stage `b`: `out` is not a directory of the stage"),
            (entry("    containerfile: x\n    stages: {b: {go: ./p, module: m, to: /out}, c: {go: ./q/p, module: m, to: /out}}\n"), "5:3: `o/a` and `o/a` make two programs named `p`"),
            (entry("    containerfile: x\n    stages: {b: {go: ./p, module: m, to: /out}}\n  - {name: b, organization: o, description: d, licenses: MIT, containerfile: x, stages: {b: {go: ./p, ldflags: -s, module: m, to: /out}}}\n"), "11:3: `o/b` and `o/a` make two programs named `p`"),
            (entry("    containerfile: x\n    source: s\n"), "5:3: `o/a` names `s`, which is not among `sources`"),
            (entry("    containerfile: x\n    cargo: [p]\n"), "5:3: `o/a` says `cargo`, which goes with `source`"),
            (entry("    containerfile: x\n    source: s\n    stages: {b: {go: ./p, module: m, to: /out}}\n"), "5:3: `o/a` says both `stages`, which are of this checkout, and `source`"),
            (entry("    containerfile: x\n    variants: {v: ../x}\n"), "5:3: `o/a`: the Containerfile `../x` is not inside the checkout"),
            (entry("    containerfile: x\n    variants: {v: x, v: y}\n"), "10:15: images[0].variants: duplicate key `v`"),
            (entry("    bytecode: x.c\n    headers: none\n"), "10:14: images[0].headers: unknown variant `none`, expected `system`"),
        ];
        for (rest, expected) in cases {
            assert_eq!(message(&rest), expected, "{rest}");
        }
    }

    #[test]
    fn an_entry_is_found_in_the_text() {
        let text =
            "registry: x\nimages:\n  # first\n  - name: a\n    define:\n      - A\n  - name: b\n";
        assert_eq!(entry_place(text, 0), Some((4, 3)));
        assert_eq!(entry_place(text, 1), Some((7, 3)));
        assert_eq!(entry_place(text, 2), None);
    }
}
