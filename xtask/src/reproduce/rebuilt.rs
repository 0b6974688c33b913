//! The image made again, and in what it differs from the one that is there.

use std::collections::{BTreeMap, BTreeSet};

use attestation::{Difference, Kind, Record, differences};
use bpf_build::Workshop;
use oci::{Artifact, Image, Index};
use ui::{Exit, Failure};

use crate::attest::Making;
use crate::build_images::make::{Assembled, assembled};
use crate::catalogue::{Catalogue, Entry, Kind as Made};
use crate::compile;
use crate::context::Context;
use crate::plan::{self, Origin, Plan};
use crate::wish::Wish;

/// What this checkout makes of an image.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) index: Index,
    pub(super) record: Record,
}

/// Plans to make the image that a record is about, for its platforms and of
/// its time.
pub(super) fn plan(catalogue: &Catalogue, record: &Record, name: &str) -> Result<Plan, Failure> {
    let is_it =
        |entry: &Entry| entry.full_name() == name && matches!(entry.kind, Made::Bytecode(_));
    if !catalogue.images.iter().any(is_it) {
        let message = format!("the catalogue of this checkout has no bytecode image `{name}`");
        return Err(Failure::new(Exit::Failed, message).hint(CHECK_OUT));
    }
    let platforms = record.platforms().map(|platform| {
        platform.parse().map_err(|error: bpf_arch::UnknownPlatform| {
            Failure::new(Exit::Failed, error).context("the record names a platform")
        })
    });
    let wish = Wish {
        selection: vec![name.to_owned()],
        platforms: platforms.collect::<Result<_, Failure>>()?,
        created: record.created,
        ..Wish::default()
    };
    let mut plan = plan::plan(catalogue, &wish)?;
    plan.images.retain(|image| matches!(image.origin, Origin::Objects { .. }));
    Ok(plan)
}

/// What helps where the checkout is another one.
pub(super) const CHECK_OUT: &str = "check out the commit that the image was made from";

/// Makes the image.
///
/// # Errors
///
/// Fails if it cannot be compiled or put together here.
pub(super) fn rebuild(
    plan: &Plan,
    workshop: &Workshop,
    cx: &Context<'_>,
) -> Result<Rebuilt, Vec<Failure>> {
    let mut compiled = compile::of_plan(cx, Some(workshop), &plan.requests);
    let failures: Vec<Failure> = compiled
        .built
        .iter_mut()
        .flat_map(|built| std::mem::take(&mut built.failures))
        .map(compile::failure)
        .collect();
    if !failures.is_empty() {
        return Err(failures);
    }
    let Some((image, (request, recipe))) = plan.images.iter().find_map(|image| {
        let Origin::Objects { request, recipe } = &image.origin else { return None };
        Some((image, (*request, recipe)))
    }) else {
        return Err(vec![Failure::new(Exit::Failed, "nothing is to be made")]);
    };
    let index = match assembled(image, &compiled.built) {
        Assembled::Made { index, .. } => index,
        Assembled::Incomplete => {
            return Err(vec![Failure::new(Exit::Failed, "it lacks objects")]);
        }
        Assembled::Failed(error) => return Err(vec![Failure::from(error)]),
    };
    let making = Making {
        source: &plan.requests[request].source,
        recipe,
        platforms: &image.platforms,
        built: &compiled.built[request],
        workshop,
    };
    let record = making.record().map_err(|failure| vec![failure])?;
    Ok(Rebuilt { index, record })
}

impl Rebuilt {
    /// Returns whether it is the image that is there, byte for byte.
    pub(super) fn is(&self, artifact: &Artifact) -> bool {
        self.index.digest() == artifact.digest()
    }

    /// Returns in what it differs. What is in the image is compared only where
    /// all that it was made of is the same: else it follows from that.
    pub(super) fn differences(&self, recorded: &Record, artifact: &Artifact) -> Vec<Difference> {
        let found = differences(recorded, &self.record);
        if !found.is_empty() || self.is(artifact) {
            return found;
        }
        let found = of_images(artifact, &self.index);
        if found.is_empty() {
            let digests = (artifact.digest().to_string(), self.index.digest().to_string());
            let index =
                Difference::between(Kind::Image, "the index", Some(digests.0), Some(digests.1));
            return index.into_iter().collect();
        }
        found
    }
}

/// Returns in what two images differ that were made of the same.
fn of_images(theirs: &Artifact, ours: &Index) -> Vec<Difference> {
    let mut found = Vec::new();
    if let Artifact::Index(theirs) = theirs {
        of_maps("annotation", "the index", theirs.annotations(), ours.annotations(), &mut found);
    }
    let by_platform = |images: Vec<&Image>| -> BTreeMap<String, Image> {
        images.into_iter().map(|image| (image.platform().to_string(), image.clone())).collect()
    };
    let theirs = by_platform(theirs.images());
    let ours = by_platform(Artifact::Index(ours.clone()).images());
    for platform in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        match (theirs.get(platform), ours.get(platform)) {
            (Some(theirs), Some(ours)) => of_platform(platform, theirs, ours, &mut found),
            (theirs, ours) => {
                let digest = |image: Option<&Image>| image.map(|image| image.digest().to_string());
                let name = format!("the image for {platform}");
                found.extend(Difference::between(Kind::Image, name, digest(theirs), digest(ours)));
            }
        }
    }
    found
}

fn of_platform(platform: &str, theirs: &Image, ours: &Image, found: &mut Vec<Difference>) {
    let before = found.len();
    of_maps("label", platform, theirs.labels(), ours.labels(), found);
    of_maps("annotation", platform, theirs.annotations(), ours.annotations(), found);
    let mut differ = |what: &str, theirs: String, ours: String| {
        let name = format!("the {what} for {platform}");
        found.extend(Difference::between(Kind::Image, name, Some(theirs), Some(ours)));
    };
    let layers = |image: &Image| {
        let digests = image.layers().iter().map(|layer| layer.blob().digest().to_string());
        digests.collect::<Vec<_>>().join(", ")
    };
    differ("layer", layers(theirs), layers(ours));
    let created = |image: &Image| image.config().created.clone().unwrap_or_default();
    differ("time", created(theirs), created(ours));
    if found.len() == before {
        let config = |image: &Image| Some(image.config_blob().digest().to_string());
        let name = format!("the config for {platform}");
        found.extend(Difference::between(Kind::Image, name, config(theirs), config(ours)));
    }
}

fn of_maps(
    what: &str,
    place: &str,
    theirs: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
    found: &mut Vec<Difference>,
) {
    for key in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let name = format!("the {what} `{key}` of {place}");
        let (theirs, ours) = (theirs.get(key).cloned(), ours.get(key).cloned());
        found.extend(Difference::between(Kind::Image, name, theirs, ours));
    }
}
