//! Puts objects together to a multi-architecture image.

use std::collections::BTreeMap;
use std::fmt;

use bpf_arch::{Arch, Endian};
use bpf_object::ObjectInfo;
use oci::{Image, Index, Layer, Platform};

use crate::{Difference, Finding, Labels, Severity, check_object, difference};

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
/// Fails if an object is of the wrong byte order or cannot be used, or if
/// programs or maps differ between architectures.
pub fn assemble(
    recipe: &Recipe,
    slots: &[Slot<'_>],
) -> Result<(Index, Vec<Finding>), AssembleError> {
    let mut warnings = Vec::new();
    for Slot { arch, info, .. } in slots {
        if info.endian != arch.endian() {
            return Err(AssembleError::Endian { arch: *arch, found: info.endian });
        }
        let (errors, others): (Vec<_>, Vec<_>) =
            check_object(info).into_iter().partition(|finding| finding.severity == Severity::Error);
        if !errors.is_empty() {
            return Err(AssembleError::Unusable { arch: *arch, findings: errors });
        }
        warnings.extend(others);
    }
    warnings.sort();
    warnings.dedup();
    let infos: Vec<_> = slots.iter().map(|slot| (slot.arch, slot.info)).collect();
    let differences = difference(&infos);
    if !differences.is_empty() {
        return Err(AssembleError::Differ { differences });
    }
    let labels = Labels::of(slots.first().ok_or(AssembleError::Nothing)?.info);
    let images = slots.iter().map(|slot| image(recipe, slot, &labels)).collect::<Result<_, _>>()?;
    Ok((Index::new(images, annotations(recipe))?, warnings))
}

impl Recipe {
    /// Returns the annotations of what is made by it.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        annotations(self)
    }
}

fn image(recipe: &Recipe, slot: &Slot<'_>, labels: &Labels) -> Result<Image, oci::Error> {
    let layer = Layer::single_file(&recipe.file, slot.bytes, recipe.created)?;
    let mut image = Image::builder(platform_of(slot.arch))
        .created(recipe.created)
        .layer(layer, format!("COPY {} /", recipe.file));
    for (key, value) in labels.to_pairs() {
        image = image.label(key, value);
    }
    for (key, value) in annotations(recipe) {
        image = image.annotation(key, value);
    }
    image.build()
}

/// Returns the platform of images for an architecture.
pub fn platform_of(arch: Arch) -> Platform {
    Platform { os: "linux".to_owned(), architecture: arch.goarch().to_owned(), variant: None }
}

/// Keys: the OCI image specification, annotations.md.
fn annotations(recipe: &Recipe) -> BTreeMap<String, String> {
    let Recipe { title, description, licenses, .. } = recipe;
    let pairs = [("title", title), ("description", description), ("licenses", licenses)];
    let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.clone())).collect()
}
