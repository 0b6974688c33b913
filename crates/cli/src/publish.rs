//! Destinations: which were typed, and what is shown while images go there.

use std::sync::atomic::{AtomicU64, Ordering};

use bpf_arch::Arch;
use destination::{Destination, Options, Published};
use host::Cmd;
use image_build::Engine;
use oci::registry::{Client, Event, Looks};
use oci::{Named, Platform};
use ui::{Failure, Ui};

use crate::registry;
use crate::words::typed;

/// How images are taken to a destination.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// What speaks with registries.
    pub client: &'a Client,
    /// What is known already of the names there.
    pub looks: &'a Looks,
    /// What a destination gets that takes one platform.
    pub platform: &'a Platform,
    /// Whether files must survive a power cut.
    pub durable: bool,
    /// What made the images; nothing did where they are copied.
    pub engine: Option<&'a Engine>,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Delivered {
    /// What became of each image, in order.
    pub outcomes: Vec<Result<Published, Failure>>,
    /// How many bytes of blobs were sent to registries.
    pub sent: u64,
}

/// Returns the destinations of the words of `--to`, each once, and the
/// registry too if `push`.
///
/// # Errors
///
/// Fails if a word is no destination.
pub fn destinations(words: &[String], push: bool) -> Result<Vec<Destination>, Failure> {
    let here = typed(".".as_ref())?;
    let parse = |text: &String| {
        let parsed: Result<Destination, _> = text.parse();
        parsed.map(|destination| destination.relative_to(&here)).map_err(Failure::usage)
    };
    let mut destinations = words.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    if push {
        destinations.push(Destination::Registry);
    }
    let mut seen = std::collections::BTreeSet::new();
    destinations.retain(|destination| seen.insert(destination.clone()));
    Ok(destinations)
}

/// Returns the platform for destinations that take one: the one that was asked
/// for, or this machine's.
pub fn one_platform(asked: &[Arch]) -> Platform {
    let arch = if let [arch] = asked { Some(*arch) } else { Arch::host() };
    let architecture = arch.map_or(std::env::consts::ARCH, Arch::goarch).to_owned();
    Platform { os: "linux".to_owned(), architecture, variant: None }
}

/// Takes images to one destination and shows what happens meanwhile.
///
/// # Errors
///
/// Fails if the destination cannot be used at all.
pub fn publish(
    destination: &Destination,
    batch: &[Named],
    delivery: Delivery<'_>,
    ui: &Ui,
) -> Result<Delivered, Failure> {
    let Delivery { client, looks, platform, durable, engine } = delivery;
    if let (Destination::Registry, Some(engine)) = (destination, engine) {
        // For every name, whether the registry has it already or not: who
        // asked for a push reads here where the image is to be found.
        for reference in batch.iter().flat_map(|named| &named.references) {
            ui.note(format_args!(" => pushing {reference} with {engine}"));
        }
    }
    let progress = ui.progress_bytes("Pushing");
    let sent = AtomicU64::new(0);
    let report = |event: Event<'_>| match event {
        Event::Planned { bytes } => progress.expect_bytes(bytes),
        Event::Blob { bytes, sent: was_sent } => {
            progress.bytes(bytes);
            if was_sent {
                sent.fetch_add(bytes, Ordering::Relaxed);
            }
        }
        Event::Tagged(reference) => ui.step("Pushed", reference),
        _ => {}
    };
    let command = |command: &Cmd| ui.command(command);
    let options = Options { durable, client, looks, report: &report, platform, command: &command };
    let outcomes = destination.publish(batch, options).map_err(failure)?;
    let outcomes = outcomes.into_iter().map(|outcome| outcome.map_err(failure)).collect();
    Ok(Delivered { outcomes, sent: sent.into_inner() })
}

/// Says what is new at a destination on this machine.
pub fn say(published: &Published, ui: &Ui) {
    if published.changed {
        let names: Vec<_> = published.references.iter().map(ToString::to_string).collect();
        let platforms = ui::count(published.platforms.len(), "platform");
        let size = ui::human_bytes(published.size);
        ui.step("Packaged", format_args!("{} ({platforms}, {size})", names.join(", ")));
    }
}

/// Puts into words why something was not read or published.
pub fn failure(error: destination::Error) -> Failure {
    let error = match error {
        destination::Error::Registry(error) => return registry::failure(error),
        error => error,
    };
    let (hint, detail) = (error.hint(), error.detail());
    let failure = match &error {
        destination::Error::Tool { .. } => Failure::missing(error),
        _ => Failure::from(error),
    };
    let failure = detail.into_iter().fold(failure, Failure::detail);
    hint.into_iter().fold(failure, Failure::hint)
}
