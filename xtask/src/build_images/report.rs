//! What `build-images` says it did: lines, or one JSON document.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bpf_build::Workshop;
use cli::compile::Compiled;
use cli::list;
use destination::{Destination, Published};
use oci::Reference;
use oci::registry::{Companion, Link};
use serde::Serialize;
use ui::{Failure, Failures, Format};

use super::make::{Made, shown};
use crate::bench::cost;
use crate::context::Context;
use crate::on_host::{HostCommand, OnHost};
use crate::plan::{LeftOut, Origin, Plan};
use crate::published::Subject;
use crate::signing::SignedReport;

/// The command's JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    #[serde(skip)]
    plan: &'a Plan,
    /// What goes with the images, by their places in the plan.
    #[serde(skip)]
    attached: BTreeMap<usize, Vec<Attached>>,
    /// What a registry has, with the image's place in the plan.
    #[serde(skip)]
    pushed: Vec<(usize, Subject)>,
    schema: u32,
    images: Vec<ImageReport>,
    left_out: &'a [LeftOut],
    /// What was signed, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    signatures: Option<Vec<SignedReport>>,
    summary: Summary,
    failures: Vec<Failure>,
}

/// One image, in the catalogue's order.
#[derive(Debug, Serialize)]
struct ImageReport {
    /// As the catalogue has it, whatever its references are.
    image: String,
    #[serde(skip)]
    index: usize,
    /// Whether this is what went to where one platform is taken.
    #[serde(skip)]
    is_part: bool,
    references: Vec<String>,
    #[serde(skip)]
    repositories: Vec<String>,
    digest: String,
    platforms: Vec<String>,
    size: u64,
    destinations: Vec<DestinationReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attached: Vec<Attached>,
}

/// What goes with an image.
#[derive(Clone, Debug, Serialize)]
struct Attached {
    /// The type of artifact; absent where a tag alone says what it is.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    digest: String,
}

/// What became of one image at one destination.
#[derive(Debug, Serialize)]
struct DestinationReport {
    to: String,
    changed: bool,
    files_written: usize,
    /// Differs from the image's where one platform went there.
    digest: String,
    platforms: Vec<String>,
}

/// The counts of the run.
#[derive(Debug, Default, Serialize)]
struct Summary {
    images: usize,
    platforms: usize,
    compiled: usize,
    cached: usize,
    files_written: usize,
    bytes_sent: u64,
    seconds: f64,
}

impl<'a> Report<'a> {
    pub(super) fn new(plan: &'a Plan, compiled: &Compiled) -> Report<'a> {
        let mut platforms: Vec<_> = plan.images.iter().flat_map(|image| &image.platforms).collect();
        platforms.sort();
        platforms.dedup();
        Report {
            plan,
            attached: BTreeMap::new(),
            pushed: Vec::new(),
            schema: 1,
            images: Vec::new(),
            left_out: &plan.left_out,
            signatures: None,
            summary: Summary {
                platforms: platforms.len(),
                compiled: compiled.compiled,
                cached: compiled.cached,
                ..Summary::default()
            },
            failures: Vec::new(),
        }
    }

    /// Notes what goes with the images.
    pub(super) fn attach(&mut self, made: &[Made]) {
        let attached = |companion: &Companion| Attached {
            kind: match &companion.link {
                Link::Referrer { descriptor, .. } => descriptor
                    .extra
                    .get("artifactType")
                    .and_then(|kind| Some(kind.as_str()?.to_owned())),
                Link::Tag(_) => None,
            },
            digest: companion.artifact.digest().to_string(),
        };
        let of = |made: &Made| (made.index, made.companions.iter().map(attached).collect());
        self.attached = made.iter().map(of).collect();
    }

    /// Adds so many bytes that went to a registry.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.summary.bytes_sent += bytes;
    }

    /// Adds files that were written beside images.
    pub(super) fn wrote(&mut self, files: usize) {
        self.summary.files_written += files;
    }

    /// Adds what became of the image at `index` of the plan.
    pub(super) fn add(
        &mut self,
        index: usize,
        destination: &Destination,
        published: Published,
        cx: &Context<'_>,
    ) {
        self.summary.files_written += published.files_written;
        if *destination == Destination::Registry {
            let image = self.plan.images[index].image.clone();
            let (references, digest) = (published.references.clone(), published.digest);
            self.pushed.push((index, Subject { image, references, digest }));
        }
        let platforms: Vec<_> = published.platforms.iter().map(ToString::to_string).collect();
        let is_part = destination.takes_one_platform();
        let at = DestinationReport {
            to: shown(destination, cx),
            changed: published.changed,
            files_written: published.files_written,
            digest: published.digest.to_string(),
            platforms: platforms.clone(),
        };
        match self.images.iter_mut().find(|image| image.index == index) {
            // An image is what went where all of it did, if it did anywhere.
            Some(image) if image.is_part && !is_part => {
                let (digest, size) = (at.digest.clone(), published.size);
                image.destinations.push(at);
                (image.digest, image.platforms, image.size) = (digest, platforms, size);
                image.is_part = false;
            }
            Some(image) => image.destinations.push(at),
            None => self.images.push(ImageReport {
                image: self.plan.images[index].image.clone(),
                index,
                is_part,
                references: published.references.iter().map(ToString::to_string).collect(),
                repositories: published.references.iter().map(Reference::name).collect(),
                digest: published.digest.to_string(),
                platforms,
                size: published.size,
                destinations: vec![at],
                attached: self.attached.get(&index).cloned().unwrap_or_default(),
            }),
        }
        self.images.sort_by_key(|image| image.index);
    }

    /// Returns what a registry has, in the catalogue's order.
    pub(super) fn pushed(&self) -> Vec<Subject> {
        let mut pushed = self.pushed.clone();
        pushed.sort_by_key(|(index, _)| *index);
        pushed.into_iter().map(|(_, subject)| subject).collect()
    }

    /// Adds what was signed.
    pub(super) fn signed(&mut self, signed: Vec<SignedReport>) {
        self.signatures = Some(signed);
    }

    /// Returns a line `reference@digest` for each name of each image.
    pub(super) fn references(&self) -> String {
        let mut lines = String::new();
        for image in &self.images {
            for reference in &image.references {
                lines += &format!("{reference}@{}\n", image.digest);
            }
        }
        lines
    }

    /// Returns a line `HEX  registry/repository` for each repository of each
    /// image, as sha256sum(1) writes them.
    pub(super) fn checksums(&self) -> String {
        let mut repositories = BTreeSet::new();
        for image in &self.images {
            let hex = image.digest.trim_start_matches("sha256:");
            repositories.extend(image.repositories.iter().map(|name| (name, hex)));
        }
        repositories.iter().map(|(name, hex)| format!("{hex}  {name}\n")).collect()
    }

    /// Prints the results, then the summary.
    pub(super) fn finish(
        mut self,
        failures: &Failures,
        elapsed: Duration,
        cx: &Context<'_>,
    ) -> Result<(), Failure> {
        self.summary.images = self.images.len();
        self.summary.seconds = elapsed.as_secs_f64();
        self.failures = failures.0.clone();
        match cx.ui.format() {
            Format::Json => cx.ui.json(&self)?,
            Format::Human => {
                self.references().lines().try_for_each(|line| cx.ui.result(line))?;
            }
        }
        let Summary { images, platforms, compiled, cached, files_written, bytes_sent, seconds } =
            self.summary;
        let sent = match bytes_sent {
            0 => String::new(),
            bytes => format!(", {} sent", ui::human_bytes(bytes)),
        };
        let counts = format!(
            "{} for {}: {compiled} compiled, {cached} cached, {} written{sent} in {}",
            ui::count(images, "image"),
            ui::count(platforms, "platform"),
            ui::count(files_written, "file"),
            ui::human_seconds(seconds),
        );
        cx.ui.step("Built", counts);
        if let Some(peak) = peak_memory() {
            cx.ui.debug(format_args!("peak memory: {peak} KiB"));
        }
        if let (Some(own), Some(ran)) = (cost::own(), cost::of_children()) {
            let (own, ran) = (own.as_secs_f64(), ran.as_secs_f64());
            cx.ui.debug(format_args!("processor: {own:.2} s, and {ran:.2} s in what was run"));
        }
        Ok(())
    }
}

/// Returns the most memory that this process has held, in KiB, where the
/// system tells (proc(5), `VmHWM`).
pub(crate) fn peak_memory() -> Option<u64> {
    let status = host::fs::read_to_string("/proc/self/status".as_ref()).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// What is done with images once they are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Then<'a> {
    pub(super) destinations: &'a [Destination],
    /// Whether it is attached how they were made.
    pub(super) attest: bool,
    /// Whether what is pushed is signed.
    pub(super) sign: bool,
}

/// Prints the plan: the commands as a shell takes them, then the images, where
/// they go, and whether they are signed there.
pub(super) fn dry_run(
    plan: &Plan,
    workshop: Option<&Workshop>,
    on_host: &OnHost,
    then: Then<'_>,
    cx: &Context<'_>,
) -> Result<(), Failure> {
    let Then { destinations, attest, sign } = then;
    if cx.ui.format() == Format::Json {
        let run = DryRun::new(plan, workshop, on_host, destinations, cx);
        return cx.ui.json(&DryRun { attest, sign, ..run });
    }
    for (request, commands) in all_commands(plan, workshop) {
        for (command, archs) in commands {
            cx.ui.result(format_args!(
                "compile {} for {}",
                request.source.path.display(),
                list(&archs)
            ))?;
            cx.ui.result(format_args!("    {command}"))?;
        }
    }
    for HostCommand { command, makes, arch } in on_host.commands(cx) {
        cx.ui.result(format_args!("build {makes} for {arch}"))?;
        cx.ui.result(format_args!("    {command}"))?;
    }
    if !plan.requests.is_empty() {
        cx.ui.note(
            "One run serves all platforms of a byte order where the source never asks for its \
             architecture.",
        );
    }
    for image in &plan.images {
        for reference in &image.references {
            match &image.origin {
                Origin::Objects { .. } => {
                    cx.ui.result(format_args!("make {reference} for {}", list(&image.platforms)))?
                }
                Origin::Containerfile(file) => {
                    let (path, platforms) = (file.path.display(), list(&image.platforms));
                    cx.ui.result(format_args!("build {path} to {reference} for {platforms}"))?;
                }
                Origin::Mirror(source) => {
                    cx.ui.result(format_args!("copy {source} to {reference}"))?;
                }
                Origin::Stored => {
                    cx.ui.result(format_args!("take {} as {reference}", image.image))?;
                }
            }
            if let Some(documents) = documents(&image.origin).filter(|_| attest) {
                cx.ui.result(format_args!("attach {documents} to {reference}"))?;
            }
        }
    }
    for left_out in &plan.left_out {
        cx.ui.result(format_args!("leave out {}: {}", left_out.name(), left_out.why))?;
    }
    destinations
        .iter()
        .try_for_each(|to| cx.ui.result(format_args!("write to {}", shown(to, cx))))?;
    if sign { cx.ui.result("sign what the registry has then") } else { Ok(()) }
}

/// Returns what is attested of an image that was made like this.
fn documents(origin: &Origin) -> Option<&'static str> {
    match origin {
        Origin::Objects { .. } => Some("a record and a bill of materials"),
        Origin::Containerfile(file) if file.has_cargo_programs() => None,
        Origin::Containerfile(_) => Some("a bill of materials"),
        Origin::Mirror(_) | Origin::Stored => None,
    }
}

/// The JSON of `--dry-run`.
#[derive(Serialize)]
struct DryRun<'a> {
    schema: u32,
    commands: Vec<String>,
    images: BTreeMap<String, Vec<&'static str>>,
    left_out: &'a [LeftOut],
    destinations: Vec<String>,
    /// Whether it is attached how the images are made.
    attest: bool,
    /// Whether what is pushed is signed.
    sign: bool,
}

impl<'a> DryRun<'a> {
    fn new(
        plan: &'a Plan,
        workshop: Option<&Workshop>,
        on_host: &OnHost,
        destinations: &[Destination],
        cx: &Context<'_>,
    ) -> DryRun<'a> {
        let each = all_commands(plan, workshop).flat_map(|(_, commands)| commands);
        let each = each.map(|(command, _)| command);
        let by_host = on_host.commands(cx).into_iter().map(|made| made.command.to_string());
        let images = plan.images.iter().flat_map(|image| {
            let platforms: Vec<_> = image.platforms.iter().map(|arch| arch.platform()).collect();
            image.references.iter().map(move |r| (r.to_string(), platforms.clone()))
        });
        DryRun {
            schema: 1,
            commands: each.chain(by_host).collect(),
            images: images.collect(),
            left_out: &plan.left_out,
            destinations: destinations.iter().map(|to| shown(to, cx)).collect(),
            attest: false,
            sign: false,
        }
    }
}

/// Returns the commands of each request.
fn all_commands<'a>(
    plan: &'a Plan,
    workshop: Option<&'a Workshop>,
) -> impl Iterator<Item = (&'a bpf_build::Request, Vec<(String, Vec<bpf_arch::Arch>)>)> {
    workshop.into_iter().flat_map(|workshop| {
        plan.requests.iter().map(move |request| (request, commands(workshop, request)))
    })
}

/// Returns the distinct commands of a request; which of them need not run is
/// known only when a source has been read.
fn commands(
    workshop: &Workshop,
    request: &bpf_build::Request,
) -> Vec<(String, Vec<bpf_arch::Arch>)> {
    let mut commands: Vec<(String, Vec<bpf_arch::Arch>)> = Vec::new();
    for arch in &request.archs {
        let command = workshop.command(&request.source, *arch).to_string();
        match commands.iter_mut().find(|(other, _)| *other == command) {
            Some((_, archs)) => archs.push(*arch),
            None => commands.push((command, vec![*arch])),
        }
    }
    commands
}
