//! Images, taken to where they are to be: what `build`, `pull` and `copy` have
//! in common.

use std::time::Instant;

use cli::publish::{self, Delivered, Delivery};
use cli::registry;
use destination::{Destination, Published};
use image_build::Engine;
use oci::registry::{Client, Companion, Looks};
use oci::{Named, Platform};
use serde::Serialize;
use ui::{Failure, Failures, Format};

use crate::context::Context;

/// An image, its names, and what goes with it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) named: Named,
    pub(super) companions: Vec<Companion>,
}

/// What takes images anywhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carrier<'a> {
    pub(super) client: &'a Client,
    /// What a destination gets that takes one platform.
    pub(super) platform: &'a Platform,
    /// What made the images, unless they are copied.
    pub(super) engine: Option<&'a Engine>,
}

/// The JSON of the commands.
#[derive(Serialize)]
struct Report {
    schema: u32,
    images: Vec<ImageReport>,
    failures: Vec<Failure>,
}

/// One image.
#[derive(Serialize)]
struct ImageReport {
    references: Vec<String>,
    digest: String,
    platforms: Vec<String>,
    size: u64,
    /// How many signatures and the like went with it.
    companions: usize,
    destinations: Vec<DestinationReport>,
}

/// What became of one image at one destination.
#[derive(Serialize)]
struct DestinationReport {
    to: String,
    changed: bool,
    /// Differs from the image's where one platform went there.
    digest: String,
    platforms: Vec<String>,
}

/// Takes images to destinations and says what came of it: one's failure keeps
/// neither the others nor the other destinations.
pub(super) fn deliver(
    items: &[Item],
    destinations: &[Destination],
    verb: &str,
    carrier: Carrier<'_>,
    cx: &Context<'_>,
) -> Result<(), Failures> {
    let started = Instant::now();
    let mut images: Vec<ImageReport> = items.iter().map(ImageReport::new).collect();
    let mut failures = Failures::default();
    for destination in destinations {
        let outcomes = match place(items, destination, carrier, cx) {
            Ok(outcomes) => outcomes,
            Err(failure) => {
                failures.0.push(failure.context(context(destination)));
                continue;
            }
        };
        let mut failed = Vec::new();
        for ((item, image), outcome) in items.iter().zip(&mut images).zip(outcomes) {
            match outcome {
                Ok(published) => image.add(destination, published),
                Err(failure) => failed.push((item.named.references[0].to_string(), failure)),
            }
        }
        let context = context(destination);
        failures.0.extend(registry::together(failed, "image", |what| match destination {
            Destination::Registry => format!("{context} {what}"),
            _ => format!("{context}: {what}"),
        }));
    }
    // A name that leads nowhere is no result.
    images.retain(|image| !image.destinations.is_empty());
    finish(images, failures, verb, started, cx)
}

fn context(destination: &Destination) -> String {
    match destination {
        Destination::Registry => "failed to push".to_owned(),
        _ => format!("failed to write to `{destination}`"),
    }
}

/// Returns what became of each item at one destination.
fn place(
    items: &[Item],
    destination: &Destination,
    Carrier { client, platform, engine }: Carrier<'_>,
    cx: &Context<'_>,
) -> Result<Vec<Result<Published, Failure>>, Failure> {
    let mut batch: Vec<Named> = items.iter().map(|item| item.named.clone()).collect();
    let looks = match destination {
        Destination::Registry => {
            client.look(&batch.iter().flat_map(|named| &named.references).collect::<Vec<_>>())
        }
        _ => {
            check_tags(&batch)?;
            for Item { named, companions } in items {
                batch.extend(destination.beside(named, companions).map_err(publish::failure)?);
            }
            Looks::default()
        }
    };
    let is_several = |named: &Named| named.artifact.platforms().len() > 1;
    if destination.takes_one_platform() && batch.iter().any(is_several) {
        cx.ui.note(format_args!("`{destination}` gets {platform} only"));
    }
    let delivery = Delivery { client, looks: &looks, platform, durable: true, engine };
    let Delivered { outcomes, .. } = publish::publish(destination, &batch, delivery, cx.ui)?;
    let mut outcomes = outcomes.into_iter();
    let mut own: Vec<Result<Published, Failure>> = outcomes.by_ref().take(items.len()).collect();
    // An image without what should have come along is not what was asked for.
    let others = outcomes.find_map(Result::err);
    for (item, outcome) in items.iter().zip(&mut own) {
        if let (Some(failure), false, Ok(_)) = (&others, item.companions.is_empty(), &outcome) {
            *outcome = Err(failure.clone());
        }
        if *destination != Destination::Registry {
            outcome.iter().for_each(|published| publish::say(published, cx.ui));
        } else if let (Ok(_), Err(failure)) = (&outcome, push_companions(item, client)) {
            *outcome = Err(failure);
        }
    }
    Ok(own)
}

/// What lies in a layout or an archive is found by its tag.
fn check_tags(batch: &[Named]) -> Result<(), Failure> {
    let names = batch.iter().flat_map(|named| named.references.iter());
    match names.into_iter().find(|name| name.tag().is_none()) {
        None => Ok(()),
        Some(name) => {
            Err(Failure::usage(format!("`{name}` has no tag, and an image is found by one"))
                .hint(format!("name both: `{}:TAG@{}`", name.name(), digest_of(name))))
        }
    }
}

fn digest_of(name: &oci::Reference) -> String {
    name.digest().map(|digest| digest.to_string()).unwrap_or_default()
}

fn push_companions(item: &Item, client: &Client) -> Result<(), Failure> {
    let Named { references, .. } = &item.named;
    let pushed = client.push_each_companions(&[(references.as_slice(), &item.companions)]);
    pushed.into_iter().try_for_each(|pushed| pushed.map_err(registry::failure))
}

impl ImageReport {
    fn new(item: &Item) -> ImageReport {
        let Named { references, artifact } = &item.named;
        ImageReport {
            references: references.iter().map(ToString::to_string).collect(),
            digest: artifact.digest().to_string(),
            platforms: artifact.platforms().iter().map(ToString::to_string).collect(),
            size: artifact.size(),
            companions: item.companions.len(),
            destinations: Vec::new(),
        }
    }

    /// Adds what became of it at a destination.
    fn add(&mut self, destination: &Destination, published: Published) {
        let platforms = published.platforms.iter().map(ToString::to_string).collect();
        let at = DestinationReport {
            to: destination.to_string(),
            changed: published.changed,
            digest: published.digest.to_string(),
            platforms,
        };
        // An image is what went where all of it did, if it did anywhere.
        if !destination.takes_one_platform() || self.destinations.is_empty() {
            (self.digest, self.platforms) = (at.digest.clone(), at.platforms.clone());
            self.size = published.size;
        }
        self.destinations.push(at);
    }
}

fn finish(
    images: Vec<ImageReport>,
    failures: Failures,
    verb: &str,
    started: Instant,
    cx: &Context<'_>,
) -> Result<(), Failures> {
    let changed = images.iter().any(|image| image.destinations.iter().any(|at| at.changed));
    let along: usize = images.iter().map(|image| image.companions).sum();
    let count = ui::count(images.len(), "image");
    match cx.ui.format() {
        Format::Json => {
            cx.ui.json(&Report { schema: 1, images, failures: failures.0.clone() })?;
        }
        Format::Human => {
            for ImageReport { references, digest, .. } in &images {
                for name in references {
                    // A name may have its digest already.
                    let name = name.split('@').next().unwrap_or_default();
                    cx.ui.result(format_args!("{name}@{digest}"))?;
                }
            }
        }
    }
    if failures.0.is_empty() {
        let with = match along {
            0 => String::new(),
            1 => " and 1 that refers to it".to_owned(),
            n => format!(" and {n} that refer to it"),
        };
        let unchanged = if changed { "" } else { ", unchanged" };
        let seconds = ui::human_seconds(started.elapsed().as_secs_f64());
        cx.ui.step(verb, format_args!("{count}{with}{unchanged} in {seconds}"));
    }
    failures.or(())
}
