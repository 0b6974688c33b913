//! Two images under one name: in what they differ. Pure; layers are told
//! apart by their digests, programs and maps by their labels.

use std::collections::{BTreeMap, BTreeSet};

use bytecode_image::Labels;
use oci::{Artifact, Image};
use serde::Serialize;

/// What publishing would change under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    status: Status,
    platforms_added: Vec<String>,
    platforms_removed: Vec<String>,
    /// The platforms whose object, or anything else in a layer, is another.
    objects: Vec<String>,
    /// The platforms where only labels or other settings are.
    settings: Vec<String>,
    programs: Entries,
    maps: Entries,
}

/// In a word; of several that fit the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    #[default]
    Unchanged,
    Absent,
    PlatformsChanged,
    NewObject,
    SettingsOnly,
}

/// What of the programs or maps differs, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Entries {
    /// Name and type.
    added: BTreeMap<String, String>,
    removed: BTreeMap<String, String>,
    /// Name, and the type before and after.
    changed: BTreeMap<String, [String; 2]>,
}

impl Difference {
    /// Compares what would be published with what is.
    pub(super) fn between(ours: &Artifact, theirs: Option<&Artifact>) -> Difference {
        let Some(theirs) = theirs else {
            let status = Status::Absent;
            return Difference { status, ..Difference::default() };
        };
        if ours.digest() == theirs.digest() {
            return Difference::default();
        }
        let (new, old) = (by_platform(ours), by_platform(theirs));
        let only = |one: &BTreeMap<String, &Image>, other: &BTreeMap<String, &Image>| {
            one.keys().filter(|platform| !other.contains_key(*platform)).cloned().collect()
        };
        let both = || new.iter().filter_map(|(name, image)| Some((name, *image, *old.get(name)?)));
        let differing = |is: &dyn Fn(&Image, &Image) -> bool| -> Vec<String> {
            both().filter(|(_, new, old)| is(new, old)).map(|(name, ..)| name.clone()).collect()
        };
        let other_layers = |new: &Image, old: &Image| layers(new) != layers(old);
        let (new_labels, old_labels) = (labels(ours), labels(theirs));
        let mut difference = Difference {
            status: Status::SettingsOnly,
            platforms_added: only(&new, &old),
            platforms_removed: only(&old, &new),
            objects: differing(&other_layers),
            settings: differing(&|new, old| {
                !other_layers(new, old) && new.digest() != old.digest()
            }),
            programs: Entries::between(&new_labels.programs, &old_labels.programs),
            maps: Entries::between(&new_labels.maps, &old_labels.maps),
        };
        if !difference.platforms_added.is_empty() || !difference.platforms_removed.is_empty() {
            difference.status = Status::PlatformsChanged;
        } else if !difference.objects.is_empty() {
            difference.status = Status::NewObject;
        }
        difference
    }

    /// Returns whether publishing would change anything.
    pub(super) fn is_any(&self) -> bool {
        self.status != Status::Unchanged
    }

    /// Returns the status in words.
    pub(super) fn status(&self) -> &'static str {
        match self.status {
            Status::Unchanged => "unchanged",
            Status::Absent => "not published",
            Status::PlatformsChanged => "other platforms",
            Status::NewObject => "new object",
            Status::SettingsOnly => "labels or other settings only",
        }
    }

    /// Returns what differs, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let platforms = [
            ("platform added", &self.platforms_added),
            ("platform removed", &self.platforms_removed),
            ("new object for", &self.objects),
            ("other settings for", &self.settings),
        ];
        for (what, names) in platforms.iter().filter(|(_, names)| !names.is_empty()) {
            lines.push(format!("{what} {}", names.join(", ")));
        }
        self.programs.say("program", &mut lines);
        self.maps.say("map", &mut lines);
        lines
    }
}

impl Entries {
    fn between(new: &BTreeMap<String, String>, old: &BTreeMap<String, String>) -> Entries {
        let only = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            let absent = one.iter().filter(|(name, _)| !other.contains_key(*name));
            absent.map(|(name, kind)| (name.clone(), kind.clone())).collect()
        };
        let changed = new.iter().filter_map(|(name, new)| {
            let old = old.get(name).filter(|old| *old != new)?;
            Some((name.clone(), [old.clone(), new.clone()]))
        });
        Entries { added: only(new, old), removed: only(old, new), changed: changed.collect() }
    }

    fn say(&self, what: &str, lines: &mut Vec<String>) {
        for (verb, entries) in [("added", &self.added), ("removed", &self.removed)] {
            lines.extend(
                entries.iter().map(|(name, kind)| format!("{what} {verb}: {name} ({kind})")),
            );
        }
        let changed = self.changed.iter();
        lines
            .extend(changed.map(|(name, [old, new])| format!("{what} {name}: {old} is now {new}")));
    }
}

fn by_platform(artifact: &Artifact) -> BTreeMap<String, &Image> {
    artifact.images().into_iter().map(|image| (image.platform().to_string(), image)).collect()
}

fn layers(image: &Image) -> BTreeSet<String> {
    image.layers().iter().map(|layer| layer.blob().digest().to_string()).collect()
}

/// The labels of one platform speak for all; what has none holds nothing.
fn labels(artifact: &Artifact) -> Labels {
    let first = artifact.images().first().map(|image| Labels::parse(image.labels()));
    first.and_then(Result::ok).unwrap_or_default()
}
