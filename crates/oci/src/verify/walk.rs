//! The walk from a layout's names to its last layer.
//!
//! What is costly (hashing, parsing, decompressing) is done once per blob and
//! remembered; what is cheap (comparing a descriptor with it) is done for
//! each descriptor, of which no more than a number are followed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::measure::{Packing, measure};
use super::{Finding, Limits, Report, VerifiedImage};
use crate::error::check_interrupt;
use crate::image::{DOCUMENT_MAX, parse};
use crate::layout::{DEPTH_MAX, Layout};
use crate::spec::{Descriptor, ImageConfig, Index, Manifest};
use crate::{Blob, Digest, Error, Platform, media};

pub(super) struct Walker<'a> {
    layout: &'a Layout,
    limits: Limits,
    pub(super) report: Report,
    /// Every digest that something names.
    seen: HashSet<Digest>,
    /// How many descriptors and bytes of documents are left to the limits.
    descriptors: usize,
    documents: u64,
    state: State,
    indexes: Memory<Index>,
    manifests: Memory<Manifest>,
    configs: Memory<ImageConfig>,
    /// The tars' digests; `None` where the layer is of no type that can be
    /// decompressed here.
    layers: HashMap<(Digest, Packing), Result<Option<Digest>, Error>>,
}

/// What was found out about documents.
type Memory<T> = HashMap<Digest, Result<Arc<T>, Error>>;

/// How much of the layout was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Everything that is named up to now.
    Whole,
    /// Not what the documents name that could not be read.
    Gaps,
    /// Nothing more: a limit was reached.
    Stopped,
}

/// Where a walk stands: the way there, and what was collected on it.
struct Place<'p> {
    trail: &'p mut Vec<String>,
    images: &'p mut Vec<VerifiedImage>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(layout: &'a Layout, limits: Limits) -> Walker<'a> {
        Walker {
            layout,
            limits,
            report: Report::default(),
            seen: HashSet::new(),
            descriptors: limits.descriptors,
            documents: limits.documents,
            state: State::Whole,
            indexes: HashMap::new(),
            manifests: HashMap::new(),
            configs: HashMap::new(),
            layers: HashMap::new(),
        }
    }

    /// Returns the report and, if everything was seen, what is named.
    pub(super) fn finish(self) -> (Report, Option<HashSet<Digest>>) {
        (self.report, (self.state == State::Whole).then_some(self.seen))
    }

    /// Walks what an entry of the layout names.
    pub(super) fn name(
        &mut self,
        entry: &Descriptor,
        first: String,
        is_repeated: bool,
    ) -> Vec<VerifiedImage> {
        let mut images = Vec::new();
        let mut place = Place { trail: &mut vec![clean(first)], images: &mut images };
        if is_repeated {
            self.problem(&place, entry, "another entry has the same tag");
        }
        self.follow(entry, &mut place);
        images
    }

    fn follow(&mut self, descriptor: &Descriptor, place: &mut Place<'_>) {
        if place.trail.len() > DEPTH_MAX + 1 {
            self.state.miss();
            return self.problem(place, descriptor, "the indexes are nested too deep");
        }
        let media_type = &descriptor.media_type;
        if media::is_index(media_type) {
            if let Some(index) =
                self.document(descriptor, "image index", |walker| &mut walker.indexes, place)
            {
                self.index(descriptor, &index, place);
            }
        } else if media::is_manifest(media_type) {
            if let Some(manifest) =
                self.document(descriptor, "image manifest", |walker| &mut walker.manifests, place)
            {
                self.manifest(descriptor, &manifest, place);
            }
        } else if self.find(descriptor, place).is_some() {
            self.state.miss();
            let message = format!("its media type `{media_type}` is none of a manifest");
            self.problem(place, descriptor, &message);
        }
    }

    fn index(&mut self, descriptor: &Descriptor, index: &Index, place: &mut Place<'_>) {
        self.version(descriptor, index.schema_version, index.media_type.as_deref(), place);
        let mut platforms = BTreeSet::new();
        for child in &index.manifests {
            if !distinguishing(child).is_none_or(|platform| platforms.insert(platform)) {
                let message = "the index has several images for this platform";
                self.step(child, place, |walker, place| walker.problem(place, child, message));
            }
            self.step(child, place, |walker, place| walker.follow(child, place));
            if self.state == State::Stopped {
                return;
            }
        }
    }

    /// Does something one step further down.
    fn step(
        &mut self,
        child: &Descriptor,
        place: &mut Place<'_>,
        action: impl FnOnce(&mut Self, &mut Place<'_>),
    ) {
        place.trail.push(match &child.platform {
            Some(platform) => clean(Platform::from(platform).to_string()),
            None => child.digest.to_string(),
        });
        action(self, place);
        place.trail.pop();
    }

    fn manifest(
        &mut self,
        descriptor: &Descriptor,
        manifest: &Arc<Manifest>,
        place: &mut Place<'_>,
    ) {
        self.version(descriptor, manifest.schema_version, manifest.media_type.as_deref(), place);
        if !media::is_config(&manifest.config.media_type) {
            let media_type = &manifest.config.media_type;
            let message = format!("it is no image: its config has the media type `{media_type}`");
            self.note(place, descriptor, message);
            for blob in [&manifest.config].into_iter().chain(&manifest.layers) {
                self.layer(blob, None, place);
            }
            return;
        }
        let config =
            self.document(&manifest.config, "image config", |walker| &mut walker.configs, place);
        if let Some(config) = &config {
            self.platform(descriptor, config, place);
            self.count_layers(manifest, config, place);
        }
        for (number, layer) in manifest.layers.iter().enumerate() {
            let diff_id = config.as_ref().and_then(|config| config.rootfs.diff_ids.get(number));
            self.layer(layer, diff_id, place);
        }
        if let Some(config) = config {
            let Descriptor { media_type, digest, size, .. } = descriptor;
            if !place.images.iter().any(|image| image.descriptor.digest == *digest) {
                place.images.push(VerifiedImage {
                    platform: config.platform(),
                    // Annotations of strangers may be long, and there may be
                    // as many copies as descriptors.
                    descriptor: Descriptor::new(media_type, *digest, *size),
                    manifest: Arc::clone(manifest),
                    config,
                });
            }
        }
    }

    fn version(
        &mut self,
        descriptor: &Descriptor,
        schema_version: u32,
        own: Option<&str>,
        place: &mut Place<'_>,
    ) {
        if schema_version != 2 {
            let message = format!("its schema version is {schema_version}, not 2");
            self.problem(place, descriptor, &message);
        }
        let named = &descriptor.media_type;
        if let Some(own) = own.filter(|own| own != named) {
            let message = format!("its media type is `{own}`, but it is named as `{named}`");
            self.problem(place, descriptor, &message);
        }
    }

    fn platform(&mut self, manifest: &Descriptor, config: &ImageConfig, place: &mut Place<'_>) {
        let own = config.platform();
        if own.os.is_empty() || own.architecture.is_empty() {
            self.problem(place, manifest, "its config names no platform");
        }
        let Some(named) = manifest.platform.as_ref().map(Platform::from) else { return };
        // Either may leave the variant out.
        let differs =
            named.variant.is_some() && own.variant.is_some() && named.variant != own.variant;
        if (&named.os, &named.architecture) != (&own.os, &own.architecture) || differs {
            let message = format!("its config is for `{own}`, but it is named as for `{named}`");
            self.problem(place, manifest, &message);
        }
    }

    fn count_layers(&mut self, manifest: &Manifest, config: &ImageConfig, place: &mut Place<'_>) {
        let (diff_ids, layers) = (config.rootfs.diff_ids.len(), manifest.layers.len());
        if diff_ids != layers {
            let message = format!("its config has {diff_ids} diff_ids for {layers} layers");
            self.problem(place, &manifest.config, &message);
        }
    }

    fn layer(&mut self, descriptor: &Descriptor, diff_id: Option<&Digest>, place: &mut Place<'_>) {
        let Some(blob) = self.find(descriptor, place) else { return };
        let (packing, limit) = (Packing::of(&descriptor.media_type), self.limits.layer);
        let entry = self.layers.entry((descriptor.digest, packing));
        match entry.or_insert_with(|| measure(blob, packing, limit)).clone() {
            Ok(Some(own)) => {
                if let Some(named) = diff_id.filter(|named| **named != own) {
                    let message = format!("its tar is `{own}`, but the config says `{named}`");
                    self.problem(place, descriptor, &message);
                }
            }
            Ok(None) if diff_id.is_some() => {
                let media_type = &descriptor.media_type;
                let message = format!("what is in a layer of type `{media_type}` was not checked");
                self.note(place, descriptor, message);
            }
            Ok(None) => {}
            Err(error) => self.problem(place, descriptor, &error.to_string()),
        }
    }

    /// Finds a document and parses it, unless that was done before.
    fn document<T: DeserializeOwned>(
        &mut self,
        descriptor: &Descriptor,
        what: &'static str,
        memory: fn(&mut Self) -> &mut Memory<T>,
        place: &mut Place<'_>,
    ) -> Option<Arc<T>> {
        let blob = self.find(descriptor, place)?;
        if !memory(self).contains_key(&descriptor.digest) {
            let Some(left) = self.documents.checked_sub(blob.size().min(DOCUMENT_MAX)) else {
                self.stop(place, descriptor, TOO_MUCH);
                return None;
            };
            self.documents = left;
        }
        let entry = memory(self).entry(descriptor.digest);
        match entry.or_insert_with(|| parse(&blob, what).map(Arc::new)).clone() {
            Ok(document) => Some(document),
            Err(error) => {
                self.state.miss();
                self.problem(place, descriptor, &error.to_string());
                None
            }
        }
    }

    /// Finds a blob; says so if it is not there or of another length.
    fn find(&mut self, descriptor: &Descriptor, place: &mut Place<'_>) -> Option<Blob> {
        self.seen.insert(descriptor.digest);
        if self.state == State::Stopped {
            return None;
        }
        if let Err(error) = check_interrupt() {
            self.stop(place, descriptor, &error.to_string());
            return None;
        }
        let Some(left) = self.descriptors.checked_sub(1) else {
            self.stop(place, descriptor, TOO_MUCH);
            return None;
        };
        self.descriptors = left;
        match self.layout.blob(descriptor) {
            Ok(blob) => Some(blob),
            Err(error) => {
                self.state.miss();
                self.problem(place, descriptor, &error.to_string());
                None
            }
        }
    }

    fn problem(&mut self, place: &Place<'_>, about: &Descriptor, message: &str) {
        if self.has_room(place, about) {
            self.report.problems.push(finding(place, about, message.to_owned()));
        }
    }

    fn note(&mut self, place: &Place<'_>, about: &Descriptor, message: String) {
        if self.has_room(place, about) {
            self.report.notes.push(finding(place, about, message));
        }
    }

    fn has_room(&mut self, place: &Place<'_>, about: &Descriptor) -> bool {
        if self.report.problems.len() + self.report.notes.len() >= self.limits.findings {
            self.stop(place, about, "there is too much to report; the rest was not looked at");
        }
        self.state != State::Stopped
    }

    /// Ends the walk, and says why, once.
    fn stop(&mut self, place: &Place<'_>, about: &Descriptor, message: &str) {
        if self.state != State::Stopped {
            self.state = State::Stopped;
            self.report.problems.push(finding(place, about, message.to_owned()));
        }
    }
}

/// Returns what only one image of an index may have. Attestations stand under
/// `unknown/unknown`, any number of them.
fn distinguishing(child: &Descriptor) -> Option<(Platform, String)> {
    let platform = child.platform.as_ref().filter(|platform| platform.os != "unknown")?;
    let version = platform.extra.get("os.version").map(ToString::to_string);
    Some((Platform::from(platform), version.unwrap_or_default()))
}

const TOO_MUCH: &str = "there is too much to look at; the rest was not";

impl State {
    /// Remembers that something could not be read.
    fn miss(&mut self) {
        if *self == State::Whole {
            *self = State::Gaps;
        }
    }
}

fn finding(place: &Place<'_>, about: &Descriptor, message: String) -> Finding {
    // Most messages are about a blob by its name already.
    let digest = about.digest.to_string();
    let message =
        if message.contains(&digest) { message } else { format!("`{digest}`: {message}") };
    Finding { trail: place.trail.clone(), digest: Some(about.digest), message: clean(message) }
}

/// Makes text of a stranger fit to be shown: it may be as long as a document,
/// or command a terminal.
fn clean(text: String) -> String {
    const LENGTH: usize = 1000;
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut cleaned: String = text.chars().take(LENGTH).map(shown).collect();
    if text.chars().nth(LENGTH).is_some() {
        cleaned.push('…');
    }
    cleaned
}
