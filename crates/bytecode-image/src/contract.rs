//! What bpfman's two consumers demand of a bytecode image, checked against
//! an image as it lies in a layout or registry.
//!
//! The Rust consumer takes the first entry of the first layer, whatever it
//! is, and knows gzip only; the Go consumer takes the first entry that ends
//! in `.o`. An image that both read alike has one layer with one entry.

use std::collections::BTreeMap;

use bpf_arch::Arch;
use bpf_object::{ObjectInfo, Program};
use oci::{Entry, EntryKind, EntryLimits, Image, Layer, Platform, media};

use crate::labels::{self, MAPS, PROGRAMS};
use crate::object::{check_contents, check_endian};
use crate::{Finding, Labels, Rule};

/// The largest object that the Go consumer takes, in bytes.
const OBJECT_MAX: u64 = 16 << 20;

/// What is read of a layer: more than any object and its tar headers.
const LIMITS: EntryLimits =
    EntryLimits { total: 4 * OBJECT_MAX, entries: 16, kept: OBJECT_MAX + 1 };

/// What one platform's image holds.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The object's name in the image.
    pub file: String,
    /// The object's size in bytes.
    pub size: u64,
    /// The object.
    pub info: ObjectInfo,
    /// What the labels say.
    pub labels: Labels,
    /// Whether only the labels of before say it, for one program.
    pub legacy: bool,
}

/// Reads a bytecode image and checks it against its consumers. Returns what
/// it holds, as far as it can be read, and everything that is wrong.
pub fn inspect(image: &Image) -> (Option<Contents>, Vec<Finding>) {
    let mut findings = Vec::new();
    let contents = read(image, &mut findings);
    let platform = image.platform();
    (contents, findings.into_iter().map(|finding| finding.on(&platform)).collect())
}

fn read(image: &Image, findings: &mut Vec<Finding>) -> Option<Contents> {
    let labels = read_labels(image.labels(), findings);
    let arch = arch_of(&image.platform());
    if arch.is_none() {
        let message = format!("`{}` is no platform for bytecode", image.platform());
        findings.push(Finding::new(Rule::PlatformUnknown, message));
    }
    let entry = object_entry(image, findings)?;
    let info = match bpf_object::read(&entry.bytes) {
        Ok(info) => info,
        Err(error) => {
            let message = format!("`{}`: {error}", entry.name);
            findings.push(Finding::new(Rule::ObjectUnreadable, message));
            return None;
        }
    };
    let what = format!("`{}`", entry.name);
    findings.extend(arch.and_then(|arch| check_endian(&what, &info, arch)));
    findings.extend(check_contents(&info, arch));
    let (labels, legacy) = labels?;
    findings.extend(check_labels(&labels, legacy, &info));
    Some(Contents { file: entry.name, size: entry.size, info, labels, legacy })
}

/// Returns the architecture of a platform. Consumers know no variants.
pub(crate) fn arch_of(platform: &Platform) -> Option<Arch> {
    format!("{}/{}", platform.os, platform.architecture).parse().ok()
}

/// Returns what the labels say, and whether they are those of before.
fn read_labels(
    labels: &BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) -> Option<(Labels, bool)> {
    let mut read = |key| match labels::parse(labels, key) {
        Ok(map) => Some(map),
        Err(error) => {
            findings.push(Finding::new(error.rule(), error.to_string()));
            None
        }
    };
    if let [Some(_), Some(_)] = [PROGRAMS, MAPS].map(|key| labels.get(key)) {
        let (programs, maps) = (read(PROGRAMS), read(MAPS));
        return Some((Labels { programs: programs?, maps: maps? }, false));
    }
    match Labels::parse_legacy(labels) {
        Some(labels) => {
            let message = "it has the labels of before, which name one program and no maps";
            findings.push(Finding::new(Rule::LabelsLegacy, message));
            Some((labels, true))
        }
        None => {
            read(PROGRAMS);
            read(MAPS);
            None
        }
    }
}

/// Compares labels with what they are about. Types may be called as either
/// implementation calls them; the Go one leaves some programs out, which the
/// Rust one then cannot load.
fn check_labels(labels: &Labels, legacy: bool, info: &ObjectInfo) -> Option<Finding> {
    let expected = Labels::of(info);
    let names = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
    let rule = if legacy {
        let known = labels.programs.keys().all(|name| expected.programs.contains_key(name));
        (!known).then_some(Rule::LabelsDiffer)
    } else if names(&labels.programs) != names(&expected.programs) {
        Some(Rule::LabelsDiffer)
    } else {
        let is_called = |program: &Program| {
            let word = labels.programs.get(&program.name).map(String::as_str);
            word.is_none()
                || word == program.kind.map(|kind| kind.label())
                || word == go_label(&program.section)
        };
        // Neither implementation leaves out all that the other does.
        let is_own = |name: &str| name.starts_with('.') || name.contains(".rodata");
        let maps = labels.maps.iter().filter(|(name, _)| !is_own(name));
        let exact = info.programs.iter().all(is_called) && maps.eq(&expected.maps);
        (!exact).then_some(Rule::LabelsInexact)
    };
    rule.map(|rule| {
        let [programs, maps] = expected.to_pairs().map(|(_, value)| value);
        let message = format!(
            "the labels do not say what the object holds: programs {programs}, maps {maps}"
        );
        Finding::new(rule, message)
    })
}

/// Returns the word that bpfman in Go gives the programs of a section, where
/// it is another than in Rust.
fn go_label(section: &str) -> Option<&'static str> {
    let name = section.strip_prefix('?').unwrap_or(section).split('/').next()?;
    let words = ["kprobe", "kretprobe", "uprobe", "uretprobe", "tcx", "fentry", "fexit"];
    words.into_iter().find(|word| name.strip_suffix(".s").unwrap_or(name) == *word)
}

/// Returns the file that consumers take from the first layer.
fn object_entry(image: &Image, findings: &mut Vec<Finding>) -> Option<Entry> {
    let count = image.layers().len();
    if count != 1 {
        let rule = if count == 0 { Rule::LayerMissing } else { Rule::LayersMany };
        findings.push(Finding::new(rule, format!("it has {count} layers instead of one")));
    }
    findings.extend(image.layers().iter().filter_map(check_type));
    let layer = image.layers().first()?;
    let media_type = media_type(layer);
    if !media::is_gzip_layer(media_type) && !media::is_tar_layer(media_type) {
        return None;
    }
    let entries = match layer.entries(LIMITS) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("its layer cannot be read: {error}");
            findings.push(Finding::new(Rule::LayerUnreadable, message));
            return None;
        }
    };
    if entries.len() > 1 {
        let names: Vec<_> = entries.iter().map(|entry| format!("`{}`", entry.name)).collect();
        let message = format!("its layer holds more than the object: {}", names.join(", "));
        findings.push(Finding::new(Rule::LayerExtraEntries, message));
    }
    let entry = choose(entries, findings)?;
    check_entry(&entry, findings).then_some(entry)
}

fn media_type(layer: &Layer) -> &str {
    &layer.blob().descriptor().media_type
}

fn check_type(layer: &Layer) -> Option<Finding> {
    let media_type = media_type(layer);
    let rule = match media_type {
        _ if media::is_gzip_layer(media_type) => return None,
        _ if media::is_tar_layer(media_type) => Rule::LayerNotCompressed,
        _ => Rule::LayerType,
    };
    Some(Finding::new(rule, format!("its layer is `{media_type}`, not gzip")))
}

/// Returns the entry that is the object: the first, as the Rust consumer has
/// it, or else the first that is called like one, as the Go consumer has it.
fn choose(entries: Vec<Entry>, findings: &mut Vec<Finding>) -> Option<Entry> {
    let is_file = |entry: &Entry| entry.kind == EntryKind::File;
    let Some(first) = entries.first() else {
        findings.push(Finding::new(Rule::LayerEmpty, "its layer is empty"));
        return None;
    };
    let called = entries.iter().position(|entry| is_file(entry) && entry.name.ends_with(".o"));
    if called != Some(0) && (called.is_some() || !is_file(first)) {
        let what = if is_file(first) { "not the object" } else { "no file" };
        let message = format!("the first entry of its layer, `{}`, is {what}", first.name);
        findings.push(Finding::new(Rule::LayerFirstEntry, message));
    }
    let chosen = called.or_else(|| is_file(first).then_some(0))?;
    entries.into_iter().nth(chosen)
}

/// Returns whether the entry can be an object.
fn check_entry(entry: &Entry, findings: &mut Vec<Finding>) -> bool {
    let Entry { name, size, .. } = entry;
    if !name.ends_with(".o") {
        let message = format!("the name of the object, `{name}`, does not end in `.o`");
        findings.push(Finding::new(Rule::ObjectName, message));
    }
    if name.split('/').any(|part| part == "..") {
        let message = format!("the object, `{name}`, is outside of the image");
        findings.push(Finding::new(Rule::ObjectOutside, message));
    } else if name.trim_start_matches("./").contains('/') {
        let message = format!("the object, `{name}`, is not at the root");
        findings.push(Finding::new(Rule::ObjectNotAtRoot, message));
    }
    let fits = *size <= OBJECT_MAX;
    if !fits {
        let message = format!("the object has {size} bytes; {OBJECT_MAX} are taken");
        findings.push(Finding::new(Rule::ObjectTooLarge, message));
    }
    fits
}

/// Returns whether an image is meant to hold bytecode: it has one of the
/// labels, or its first layer begins with an object.
pub fn is_bytecode(image: &Image) -> bool {
    if image.labels().keys().any(|key| key.starts_with("io.ebpf.")) {
        return true;
    }
    let limits = EntryLimits { kept: 0, ..LIMITS };
    let entries = image.layers().first().and_then(|layer| layer.entries(limits).ok());
    entries.is_some_and(|entries| entries.first().is_some_and(|entry| entry.name.ends_with(".o")))
}
