//! Images put together by hand, as no build would make them.

use std::io::Write;

use bpf_arch::Arch;
use bytecode_image::{Finding, MAPS, PROGRAMS};
use oci::{Artifact, Blob, Digest, Image, Index, Layer, media, spec};

use crate::objects::compile;

/// The labels of a good object.
pub(crate) const LABELS: [(&str, &str); 2] =
    [(PROGRAMS, r#"{"count":"xdp"}"#), (MAPS, r#"{"counts":"per_cpu_array"}"#)];

/// One platform's image, and what the index says of it.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) platform: String,
    /// What the index says; `None` where it says nothing.
    pub(crate) entry: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) layers: Vec<Layer>,
}

impl Parts {
    /// Returns the parts of an image as it should be, of an object that is
    /// compiled with these macros; `None` where there is no clang.
    pub(crate) fn with(arch: Arch, defines: &[&str]) -> Option<Parts> {
        let object = compile(arch, defines)?;
        let platform = arch.platform().to_owned();
        Some(Parts {
            entry: Some(platform.clone()),
            platform,
            labels: LABELS.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            layers: vec![layer(&[("object.o", &object)])],
        })
    }

    /// Sets what a label says, or removes it.
    pub(crate) fn label(&mut self, key: &str, value: Option<&str>) {
        self.labels.retain(|(own, _)| own != key);
        self.labels.extend(value.map(|value| (key.to_owned(), value.to_owned())));
    }

    fn image(&self) -> Image {
        let mut image = Image::builder(self.platform.parse().unwrap());
        for layer in &self.layers {
            image = image.layer(layer.clone(), "COPY object.o /");
        }
        for (key, value) in &self.labels {
            image = image.label(key, value);
        }
        image.build().unwrap()
    }

    pub(crate) fn alone(&self) -> Artifact {
        Artifact::Image(self.image())
    }

    fn child(&self) -> (spec::Descriptor, Artifact) {
        let artifact = self.alone();
        let platform =
            self.entry.as_ref().map(|word| (&word.parse::<oci::Platform>().unwrap()).into());
        (spec::Descriptor { platform, ..artifact.descriptor().clone() }, artifact)
    }
}

/// Makes an index of these images.
pub(crate) fn index(parts: &[Parts]) -> Artifact {
    index_of(parts.iter().map(Parts::child).collect())
}

/// Makes an index of anything.
pub(crate) fn index_of(children: Vec<(spec::Descriptor, Artifact)>) -> Artifact {
    let (entries, children) = children.into_iter().unzip();
    let text = serde_json::to_vec(&spec::Index::new(entries)).unwrap();
    let blob = Blob::from_bytes(media::INDEX, text);
    Artifact::Index(Index::from_parts(blob, children).unwrap())
}

/// Makes an index of these images and further entries.
pub(crate) fn index_and(parts: &[Parts], more: Vec<(spec::Descriptor, Artifact)>) -> Artifact {
    index_of(parts.iter().map(Parts::child).chain(more).collect())
}

/// Makes the tar of these entries; one whose name ends in `/` is a directory.
pub(crate) fn tar_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        // Past the crate, which refuses some names.
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        let is_directory = name.ends_with('/');
        let kind = if is_directory { tar::EntryType::Directory } else { tar::EntryType::Regular };
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Makes a layer of these entries.
pub(crate) fn layer(entries: &[(&str, &[u8])]) -> Layer {
    let tar = tar_of(entries);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&tar).unwrap();
    Layer::new(Blob::from_bytes(media::LAYER_GZIP, encoder.finish().unwrap()), Digest::of(&tar))
}

/// Makes a layer of any bytes under any type.
pub(crate) fn raw_layer(media_type: &str, bytes: &[u8]) -> Layer {
    Layer::new(Blob::from_bytes(media_type, bytes), Digest::of(bytes))
}

/// Writes down findings, one to a line: how bad, the word, where, for whom,
/// and what, without digests.
pub(crate) fn lines(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let platform = finding.platform.as_ref().map_or("-".to_owned(), ToString::to_string);
        let consumers: Vec<_> = finding.consumers().iter().map(ToString::to_string).collect();
        let (severity, id) = (finding.severity, finding.id());
        let text = format!("{severity} {id} {platform} [{}] {finding}", consumers.join(", "));
        without_digests(&text)
    };
    findings.iter().map(line).collect()
}

fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        format!("{text}sha256:*{rest}")
    })
}
