//! An image as JSON: its documents, and the object of each platform.

use std::collections::BTreeMap;

use bytecode_image::{Labels, extract, is_bytecode};
use destination::Found;
use oci::spec::Descriptor;
use oci::{Artifact, Image, Platform};
use serde::Serialize;
use ui::{Failure, Failures, Ui};

use super::object::ObjectReport;
use crate::image::text::plain;

/// What one name stands for.
#[derive(Serialize)]
pub(super) struct ImageReport {
    /// Its full name, or whatever the place calls it.
    pub(super) reference: String,
    pub(super) digest: String,
    pub(super) media_type: String,
    /// How many bytes its blobs have together, each counted once.
    pub(super) size: u64,
    /// What the labels of the first platform say.
    programs: BTreeMap<String, String>,
    maps: BTreeMap<String, String>,
    /// The layers of a plain image.
    layers: Vec<BlobReport>,
    /// What an index names.
    manifests: Vec<BlobReport>,
    pub(super) platforms: Vec<PlatformReport>,
}

/// Something that a manifest or an index names.
#[derive(Serialize)]
struct BlobReport {
    digest: String,
    media_type: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
}

/// One platform of an image.
#[derive(Serialize)]
pub(super) struct PlatformReport {
    pub(super) platform: String,
    digest: String,
    /// What its labels say.
    programs: BTreeMap<String, String>,
    maps: BTreeMap<String, String>,
    layers: Vec<BlobReport>,
    /// Absent for images that hold no bytecode.
    pub(super) object: Option<ObjectReport>,
}

/// Reads an image. An object that cannot be read is a failure beside the
/// report of the rest.
pub(super) fn read(found: &Found, ui: &Ui) -> (ImageReport, Failures) {
    let Found { label, artifact, .. } = found;
    let mut failures = Failures::default();
    let images = artifact.images().into_iter();
    let platforms = images.map(|image| platform(label, image, &mut failures, ui)).collect();
    let mut report = ImageReport {
        reference: label.clone(),
        digest: artifact.digest().to_string(),
        media_type: artifact.descriptor().media_type.clone(),
        size: artifact.size(),
        programs: BTreeMap::new(),
        maps: BTreeMap::new(),
        layers: Vec::new(),
        manifests: Vec::new(),
        platforms,
    };
    if let Some(first) = report.platforms.iter().find(|platform| !platform.programs.is_empty()) {
        (report.programs, report.maps) = (first.programs.clone(), first.maps.clone());
    }
    match artifact {
        Artifact::Image(image) => report.layers = layers(image),
        Artifact::Index(index) => {
            report.manifests = index.document().manifests.iter().map(BlobReport::new).collect();
        }
    }
    (report, failures)
}

fn platform(label: &str, image: &Image, failures: &mut Failures, ui: &Ui) -> PlatformReport {
    let platform = image.platform().to_string();
    let mut report = PlatformReport {
        digest: image.digest().to_string(),
        programs: BTreeMap::new(),
        maps: BTreeMap::new(),
        layers: layers(image),
        object: None,
        platform,
    };
    if !is_bytecode(image) {
        return report;
    }
    let place = plain(&format!("{label} {}", report.platform));
    match Labels::parse(image.labels()) {
        Ok(labels) => (report.programs, report.maps) = (labels.programs, labels.maps),
        Err(error) => ui.warn(format_args!("{place}: {}", plain(&error.to_string()))),
    }
    match extract(image) {
        Ok(object) => {
            let (file, bytes) = (object.file, object.bytes);
            report.object = Some(ObjectReport::new(file, &bytes, &object.info));
        }
        Err(error) => failures.0.push(Failure::from(error).context(place)),
    }
    report
}

fn layers(image: &Image) -> Vec<BlobReport> {
    image.layers().iter().map(|layer| BlobReport::new(layer.blob().descriptor())).collect()
}

impl BlobReport {
    fn new(descriptor: &Descriptor) -> BlobReport {
        let platform = descriptor.platform.as_ref();
        BlobReport {
            digest: descriptor.digest.to_string(),
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
            platform: platform.map(|own| Platform::from(own).to_string()),
        }
    }
}
