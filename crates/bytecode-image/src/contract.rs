//! What bpfman's two consumers demand of a bytecode image, checked against
//! an image as it lies in a layout or registry.
//!
//! The Rust consumer takes the first entry of the first layer, whatever it
//! is, and knows gzip only; the Go consumer takes the first entry that ends
//! in `.o`. An image that both read alike has one layer with one entry.

use bpf_arch::{Arch, Endian};
use bpf_object::ObjectInfo;
use oci::{Entry, EntryKind, EntryLimits, Image, media};

use crate::{Finding, Labels, check_object};

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
}

/// Reads a bytecode image and checks it against its consumers. Returns what
/// it holds, as far as it can be read, and everything that is wrong.
pub fn inspect(image: &Image) -> (Option<Contents>, Vec<Finding>) {
    let mut findings = Vec::new();
    let labels = match Labels::parse(image.labels()) {
        Ok(labels) => Some(labels),
        Err(error) => {
            findings.push(Finding::error(error.to_string()));
            None
        }
    };
    let arch = architecture(image, &mut findings);
    let Some(entry) = object_entry(image, &mut findings) else { return (None, findings) };
    let info = match bpf_object::read(&entry.bytes) {
        Ok(info) => info,
        Err(error) => {
            findings.push(Finding::error(format!("`{}`: {error}", entry.name)));
            return (None, findings);
        }
    };
    check_endian(arch, info.endian, &entry.name, &mut findings);
    findings.extend(check_object(&info));
    let contents = labels.map(|labels| {
        if labels != Labels::of(&info) {
            let [programs, maps] = Labels::of(&info).to_pairs().map(|(_, value)| value);
            let message = format!(
                "the labels do not say what the object holds: programs {programs}, maps {maps}"
            );
            findings.push(Finding::error(message));
        }
        Contents { file: entry.name.clone(), size: entry.size, info, labels }
    });
    (contents, findings)
}

fn architecture(image: &Image, findings: &mut Vec<Finding>) -> Option<Arch> {
    let platform = image.platform();
    let arch = platform.to_string().parse().ok();
    if arch.is_none() {
        findings.push(Finding::error(format!("`{platform}` is no platform for bytecode")));
    }
    arch
}

fn check_endian(arch: Option<Arch>, found: Endian, file: &str, findings: &mut Vec<Finding>) {
    if let Some(arch) = arch.filter(|arch| arch.endian() != found) {
        let expected = arch.endian();
        findings.push(Finding::error(format!("`{file}` is {found}, but {arch} is {expected}")));
    }
}

/// Returns the one file of the one layer.
fn object_entry(image: &Image, findings: &mut Vec<Finding>) -> Option<Entry> {
    let [layer] = image.layers() else {
        let count = image.layers().len();
        findings.push(Finding::error(format!("it has {count} layers instead of one")));
        return None;
    };
    let media_type = layer.blob().descriptor().media_type.as_str();
    if ![media::LAYER_GZIP, media::DOCKER_LAYER_GZIP].contains(&media_type) {
        findings.push(Finding::error(format!("its layer is `{media_type}`, not gzip")));
        return None;
    }
    let mut entries = match layer.entries(LIMITS) {
        Ok(entries) => entries,
        Err(error) => {
            findings.push(Finding::error(format!("its layer cannot be read: {error}")));
            return None;
        }
    };
    if entries.len() > 1 {
        let names: Vec<_> = entries.iter().map(|entry| format!("`{}`", entry.name)).collect();
        let names = names.join(", ");
        findings.push(Finding::error(format!("its layer holds more than the object: {names}")));
    }
    if entries.is_empty() {
        findings.push(Finding::error("its layer is empty"));
        return None;
    }
    let entry = entries.swap_remove(0);
    check_entry(&entry, findings).then_some(entry)
}

/// Returns whether the entry can be an object.
fn check_entry(entry: &Entry, findings: &mut Vec<Finding>) -> bool {
    let Entry { name, size, .. } = entry;
    if entry.kind != EntryKind::File {
        findings
            .push(Finding::error(format!("the first entry of its layer, `{name}`, is no file")));
        return false;
    }
    if !name.ends_with(".o") {
        findings.push(Finding::error(format!(
            "the name of the object, `{name}`, does not end in `.o`"
        )));
    }
    if name.trim_start_matches("./").contains('/') {
        findings.push(Finding::error(format!("the object, `{name}`, is not at the root")));
    }
    if *size > OBJECT_MAX {
        findings
            .push(Finding::error(format!("the object has {size} bytes; {OBJECT_MAX} are taken")));
        return false;
    }
    true
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
