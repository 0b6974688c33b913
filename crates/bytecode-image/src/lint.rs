//! Everything that is wrong with what a reference names: each platform's image
//! by itself, and all of them beside each other.

use std::collections::BTreeSet;

use bpf_arch::Arch;
use bpf_object::ObjectInfo;
use oci::spec::Descriptor;
use oci::{Artifact, Digest, Image, Index, Platform};

use crate::contract::arch_of;
use crate::registers::readers_by_place;
use crate::{Contents, Finding, Rule, difference, inspect};

/// By this annotation buildx marks what is no image.
const ATTESTATION: &str = "vnd.docker.reference.type";

/// Checks an image or an index against all who read such.
///
/// Findings about the whole come first, then those of each platform in the
/// order of the index.
pub fn lint(artifact: &Artifact) -> Vec<Finding> {
    match artifact {
        Artifact::Image(image) => inspect(image).1,
        Artifact::Index(index) => lint_index(index),
    }
}

/// One platform's object, where it was read.
struct Found {
    arch: Arch,
    layer: Digest,
    contents: Contents,
}

fn lint_index(index: &Index) -> Vec<Finding> {
    let entries = index.document().manifests.iter().zip(index.children());
    let (attestations, entries): (Vec<_>, Vec<_>) =
        entries.partition(|(descriptor, _)| is_attestation(descriptor));
    let mut whole = Vec::new();
    if entries.is_empty() {
        whole.push(Finding::new(Rule::IndexEmpty, "it holds no images"));
    }
    if !attestations.is_empty() {
        let digests: Vec<_> =
            attestations.iter().map(|(entry, _)| format!("`{}`", entry.digest)).collect();
        let message = format!("it names what is no image but attests one: {}", digests.join(", "));
        whole.push(Finding::new(Rule::Attestation, message));
    }
    let (mut single, mut found) = (Vec::new(), Vec::new());
    let mut platforms = BTreeSet::new();
    for (descriptor, child) in entries {
        let Artifact::Image(image) = child else {
            let message = format!("it names another index, `{}`", child.digest());
            whole.push(Finding::new(Rule::IndexNested, message));
            continue;
        };
        whole.extend(check_platform(descriptor, image));
        let platform = image.platform();
        if !platforms.insert((platform.os.clone(), platform.architecture.clone())) {
            let message =
                format!("a second image is for `{}/{}`", platform.os, platform.architecture);
            whole.push(Finding::new(Rule::PlatformTwice, message));
        }
        let (contents, findings) = inspect(image);
        single.extend(findings);
        let layer = image.layers().first().map(|layer| layer.diff_id());
        if let (Some(arch), Some(layer), Some(contents)) = (arch_of(&platform), layer, contents) {
            found.push(Found { arch, layer, contents });
        }
    }
    let objects: Vec<_> = found.iter().map(|found| (found.arch, &found.contents.info)).collect();
    whole.extend(check_agreement(&objects));
    let places: Vec<_> =
        found.iter().map(|found| (found.arch, found.layer, &found.contents.info)).collect();
    whole.extend(check_sharing(&places));
    whole.extend(single);
    whole
}

fn is_attestation(descriptor: &Descriptor) -> bool {
    let is_unknown = |platform: &oci::spec::Platform| {
        platform.os == "unknown" && platform.architecture == "unknown"
    };
    descriptor.annotations.contains_key(ATTESTATION)
        || descriptor.platform.as_ref().is_some_and(is_unknown)
}

/// Compares what the index says of an image with what the image says.
fn check_platform(descriptor: &Descriptor, image: &Image) -> Option<Finding> {
    let own = image.platform();
    let Some(said) = &descriptor.platform else {
        let message = format!("the index does not say that `{}` is for `{own}`", image.digest());
        return Some(Finding::new(Rule::PlatformMissing, message));
    };
    let said = Platform::from(said);
    let is_same = (&said.os, &said.architecture) == (&own.os, &own.architecture);
    (!is_same).then(|| {
        let message = format!("the image for `{said}` says that it is for `{own}`");
        Finding::new(Rule::PlatformMismatch, message)
    })
}

/// Returns in what the platforms' objects differ.
pub(crate) fn check_agreement(objects: &[(Arch, &ObjectInfo)]) -> Vec<Finding> {
    let differences = difference(objects);
    let finding = |difference| {
        Finding::new(Rule::PlatformsDiffer, format!("the platforms differ: {difference}"))
    };
    differences.into_iter().map(finding).collect()
}

/// Returns which programs read registers where one of several architectures
/// has them, though one object serves all. Objects are the same where `same`
/// is.
pub(crate) fn check_sharing<S: PartialEq>(objects: &[(Arch, S, &ObjectInfo)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, (arch, same, info)) in objects.iter().enumerate() {
        let is_alike = |other: &&(Arch, S, &ObjectInfo)| other.1 == *same;
        if objects[..at].iter().any(|other| is_alike(&other)) {
            continue; // Told of the first.
        }
        let sharing = objects[at..].iter().filter(is_alike).map(|(arch, _, _)| *arch);
        let sharing: Vec<_> = sharing.collect();
        if sharing.iter().all(|other| other.libbpf() == arch.libbpf()) {
            continue;
        }
        let archs: Vec<_> = sharing.iter().map(|arch| arch.platform()).collect();
        for program in readers_by_place(info) {
            let message = format!(
                "program `{}` reads registers by where they are, and one object serves {}",
                program.name,
                archs.join(", ")
            );
            findings.push(Finding::new(Rule::RegistersShared, message));
        }
    }
    findings
}
