//! Puts objects together to an image, for one architecture or for several.

use std::collections::BTreeMap;
use std::fmt;

use bpf_arch::{Arch, Endian};
use bpf_object::ObjectInfo;
use oci::{Image, Index, Layer, Platform};

use crate::lint::{check_agreement, check_sharing};
use crate::object::check_contents;
use crate::{Difference, Finding, Labels, Severity, difference};

/// What the labels that are read from objects begin with.
const RESERVED: &str = "io.ebpf.";

/// What an image says of itself. It depends on content alone, so an image
/// whose object did not change keeps its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// The object's name in the image, such as `xdp_counter.o`: one name for
    /// all platforms, so that those with equal objects share a layer.
    pub file: String,
    /// `org.opencontainers.image.title`.
    pub title: String,
    /// `org.opencontainers.image.description`.
    pub description: String,
    /// `org.opencontainers.image.licenses`: an SPDX expression.
    pub licenses: String,
    /// The time of creation, in seconds since 1970.
    pub created: u64,
    /// Further labels; those of bytecode are read from the object.
    pub labels: BTreeMap<String, String>,
    /// Further annotations, of the index and of every image; they replace
    /// those above.
    pub annotations: BTreeMap<String, String>,
    /// Whether programs and maps may differ between architectures. Each
    /// image's labels then speak for itself alone.
    pub allow_divergence: bool,
}

impl Recipe {
    /// Returns every annotation of the index and of the images. Keys: the OCI
    /// image specification, annotations.md.
    pub fn all_annotations(&self) -> BTreeMap<String, String> {
        let Recipe { title, description, licenses, .. } = self;
        let pairs = [("title", title), ("description", description), ("licenses", licenses)];
        let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let own =
            given.map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.clone()));
        own.chain(self.annotations.clone()).collect()
    }
}

/// One platform's object.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// The architecture it is for.
    pub arch: Arch,
    /// The ELF file.
    pub bytes: &'a [u8],
    /// What it holds.
    pub info: &'a ObjectInfo,
}

/// Why objects make no image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// There are no objects.
    #[error("there are no objects")]
    Nothing,
    /// An object has the byte order of other machines.
    #[error("the object for {arch} is {found}")]
    Endian {
        /// What it was to be for.
        arch: Arch,
        /// Its byte order.
        found: Endian,
    },
    /// An object cannot be used.
    #[error("the object for {} cannot be used: {}", arch, Lines(findings))]
    Unusable {
        /// What it is for.
        arch: Arch,
        /// Why.
        findings: Vec<Finding>,
    },
    /// The objects differ in what the labels say of all.
    #[error("the architectures differ: {}", Lines(differences))]
    Differ {
        /// In what.
        differences: Vec<Difference>,
    },
    /// A further label would take the place of one that is read from the
    /// object.
    #[error("the label `{key}` is read from the object and cannot be set")]
    ReservedLabel {
        /// The label.
        key: String,
    },
    /// The image could not be made of its parts.
    #[error(transparent)]
    Oci(#[from] oci::Error),
}

/// Prints items one after another.
struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Makes the image of `slots`, and returns with it what some loader will not
/// like, each thing once.
///
/// # Errors
///
/// Fails if an object is of the wrong byte order or cannot be used, if
/// programs or maps differ between architectures and may not, or if a further
/// label is one of bytecode's.
pub fn assemble(
    recipe: &Recipe,
    slots: &[Slot<'_>],
) -> Result<(Index, Vec<Finding>), AssembleError> {
    let warnings = check(recipe, slots)?;
    let first = slots.first().ok_or(AssembleError::Nothing)?;
    // Where all agree, the labels of one are those of all.
    let speaker = |slot| if recipe.allow_divergence { slot } else { first };
    let image = |slot| image(recipe, slot, &Labels::of(speaker(slot).info));
    let images = slots.iter().map(image).collect::<Result<_, _>>()?;
    Ok((Index::new(images, recipe.all_annotations())?, warnings))
}

/// Makes the image of one object, without an index around it, and returns
/// with it what some loader will not like.
///
/// # Errors
///
/// As [`assemble`].
pub fn assemble_one(
    recipe: &Recipe,
    slot: &Slot<'_>,
) -> Result<(Image, Vec<Finding>), AssembleError> {
    let warnings = check(recipe, std::slice::from_ref(slot))?;
    Ok((image(recipe, slot, &Labels::of(slot.info))?, warnings))
}

/// Returns what is not as it should be, if an image can be made all the same.
fn check(recipe: &Recipe, slots: &[Slot<'_>]) -> Result<Vec<Finding>, AssembleError> {
    if let Some(key) = recipe.labels.keys().find(|key| key.starts_with(RESERVED)) {
        return Err(AssembleError::ReservedLabel { key: key.clone() });
    }
    let mut warnings = Vec::new();
    for Slot { arch, info, .. } in slots {
        if info.endian != arch.endian() {
            return Err(AssembleError::Endian { arch: *arch, found: info.endian });
        }
        let findings = check_contents(info, Some(*arch));
        let (errors, others): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| finding.severity == Severity::Error);
        if !errors.is_empty() {
            return Err(AssembleError::Unusable { arch: *arch, findings: errors });
        }
        warnings.extend(others);
    }
    let infos: Vec<_> = slots.iter().map(|slot| (slot.arch, slot.info)).collect();
    if recipe.allow_divergence {
        warnings.extend(check_agreement(&infos));
    } else {
        let differences = difference(&infos);
        if !differences.is_empty() {
            return Err(AssembleError::Differ { differences });
        }
    }
    let objects: Vec<_> = slots.iter().map(|slot| (slot.arch, slot.bytes, slot.info)).collect();
    warnings.extend(check_sharing(&objects));
    warnings.sort();
    warnings.dedup();
    Ok(warnings)
}

fn image(recipe: &Recipe, slot: &Slot<'_>, labels: &Labels) -> Result<Image, oci::Error> {
    let layer = Layer::single_file(&recipe.file, slot.bytes, recipe.created)?;
    let mut image = Image::builder(platform_of(slot.arch))
        .created(recipe.created)
        .layer(layer, format!("COPY {} /", recipe.file));
    for (key, value) in &recipe.labels {
        image = image.label(key, value);
    }
    for (key, value) in labels.to_pairs() {
        image = image.label(key, value);
    }
    for (key, value) in recipe.all_annotations() {
        image = image.annotation(key, value);
    }
    image.build()
}

/// Returns the platform of images for an architecture.
pub fn platform_of(arch: Arch) -> Platform {
    Platform { os: "linux".to_owned(), architecture: arch.goarch().to_owned(), variant: None }
}
