//! `inspect-images`: what layouts hold, checked to the last byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use bpf_object::ObjectInfo;
use bytecode_image::{Contents, Severity, difference, inspect, is_bytecode};
use host::fs::IoContext;
use oci::layout::Tree;
use oci::registry::Companion;
use oci::spec::Descriptor;
use oci::verify::{self, Finding, Limits};
use oci::{Artifact, Digest, Image, Layout, archive};
use operator_bundle::Bundle;
use serde::Serialize;
use ui::{Exit, Failure, Failures, Format};

use crate::context::Context;

/// Check images and show what is in them
///
/// Reads every blob of a tree of layouts, of one layout or of an archive,
/// checks it against its digest and the images against what bpfman's
/// consumers demand, and shows images, platforms, programs and maps. Exits
/// with 1 if anything is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask inspect-images
  cargo xtask inspect-images /srv/images
  cargo xtask inspect-images --format json images.tar")]
pub(crate) struct Args {
    /// A directory or an archive; target/images of the checkout unless given
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
}

/// The command's JSON.
#[derive(Default, Serialize)]
struct Report {
    schema: u32,
    images: Vec<ImageReport>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    notes: Vec<String>,
}

/// One name and what it stands for.
#[derive(Serialize)]
struct ImageReport {
    name: String,
    digest: String,
    platforms: Vec<PlatformReport>,
    /// What is said of it: records, signatures.
    attached: Vec<Attached>,
}

/// Something that goes with an image.
#[derive(Serialize)]
struct Attached {
    /// Its artifact type, or how cosign names it.
    kind: String,
    digest: String,
}

/// One platform of an image.
#[derive(Serialize)]
struct PlatformReport {
    platform: String,
    digest: String,
    /// Absent for images that hold no bytecode.
    object: Option<ObjectReport>,
    /// Absent for images that are no bundles of operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<BundleReport>,
}

/// The operator that a bundle installs.
#[derive(Serialize)]
struct BundleReport {
    package: Option<String>,
    channels: Vec<String>,
    csv: Option<String>,
    version: Option<String>,
    /// By name, with their versions.
    crds: BTreeMap<String, Vec<String>>,
    images: Vec<String>,
}

/// The object in an image.
#[derive(Serialize)]
struct ObjectReport {
    file: String,
    size: u64,
    programs: BTreeMap<String, String>,
    maps: BTreeMap<String, String>,
}

/// Something wrong, and where.
#[derive(Clone, Serialize)]
struct Problem {
    place: String,
    message: String,
    /// What the user can do, where it is not to build again.
    #[serde(skip)]
    hint: Option<String>,
}

impl Problem {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { place: place.into(), message: message.into(), hint: None }
    }
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let path = place(args.path.as_deref(), cx)?;
    let mut report = Report { schema: 1, ..Report::default() };
    for (name, layout) in layouts(&path, &mut report, cx)? {
        examine(&name, &layout, &mut report);
    }
    for note in &report.notes {
        cx.ui.note(note);
    }
    if report.images.is_empty() && report.problems.is_empty() {
        return Err(no_images(&path, cx).into());
    }
    match cx.ui.format() {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => report.images.iter().try_for_each(|image| cx.ui.result(block(image)))?,
    }
    finish(report, cx)
}

/// Returns where the images are: where the user says, which must be there, or
/// else where `build-images` puts them; that it was not run yet is no mistake.
pub(crate) fn place(typed: Option<&Path>, cx: &Context<'_>) -> Result<PathBuf, Failure> {
    let Some(path) = typed else { return Ok(cx.target().join("images")) };
    let path = cli::typed(path)?;
    std::fs::metadata(&path).io_context("open", &path)?;
    Ok(path)
}

/// Returns what is said of a place without images.
pub(crate) fn no_images(path: &Path, cx: &Context<'_>) -> Failure {
    let message = format!("`{}` holds no images", cx.shown(path));
    Failure::new(Exit::Empty, message).hint("`cargo xtask build-images` makes them")
}

/// Returns the layouts at `path`, each with the beginning of its images'
/// names: empty where the layout itself knows full names.
fn layouts(
    path: &Path,
    report: &mut Report,
    cx: &Context<'_>,
) -> Result<Vec<(String, Layout)>, Failure> {
    let unread = |error: oci::Error| {
        Failure::from(error).context(format!("failed to read `{}`", cx.shown(path)))
    };
    let whole = |error: oci::Error| {
        let hint = error.hint();
        hint.into_iter().fold(unread(error), Failure::hint)
    };
    if path.is_file() {
        // Any file may be named here: that it is no archive is no reason to
        // advise that it be removed.
        return Ok(vec![(String::new(), archive::open(path).map_err(unread)?)]);
    }
    if path.join("oci-layout").is_file() {
        return Ok(vec![(String::new(), Layout::open(path).map_err(whole)?)]);
    }
    let tree = Tree::new(path);
    for unfinished in tree.unfinished().map_err(whole)? {
        report
            .notes
            .push(format!("`{}` was never finished; the next build completes it", unfinished.name));
    }
    let mut layouts = Vec::new();
    for repository in tree.layouts().map_err(whole)? {
        match Layout::open(&repository.path) {
            Ok(layout) => layouts.push((repository.name, layout)),
            Err(error) => {
                let problem = Problem::new(repository.name, error.to_string());
                report.problems.push(Problem { hint: error.hint(), ..problem });
            }
        }
    }
    Ok(layouts)
}

/// Checks one layout and adds what it holds.
fn examine(repository: &str, layout: &Layout, report: &mut Report) {
    let verified = verify::layout(layout, Limits::default());
    let place = |finding: &Finding| {
        let trail = finding.trail.join(" ");
        match (repository, finding.trail.first()) {
            ("", Some(_)) => trail,
            ("", None) => layout.path().display().to_string(),
            (_, Some(_)) => format!("{repository}:{trail}"),
            (_, None) => repository.to_owned(),
        }
    };
    // What goes with images is no image, and need not be one.
    let of_image = |note: &&Finding| !note.trail.first().is_some_and(|name| is_companion(name));
    let notes = verified.notes.iter().filter(of_image);
    report.notes.extend(notes.map(|note| format!("{}: {}", place(note), about(note))));
    for problem in &verified.problems {
        report.problems.push(Problem::new(place(problem), about(problem)));
    }
    let broken: BTreeSet<Digest> = verified.problems.iter().filter_map(|p| p.digest).collect();
    for name in &verified.names {
        let tag = name.tag.as_deref().unwrap_or("?");
        if is_companion(tag) {
            continue;
        }
        let full = match repository {
            "" => name.full_name.clone().unwrap_or_else(|| tag.to_owned()),
            repository => format!("{repository}:{tag}"),
        };
        let mut image = ImageReport {
            name: full,
            digest: name.descriptor.digest.to_string(),
            platforms: Vec::new(),
            attached: attached(repository, layout, &name.descriptor),
        };
        let mut objects = Vec::new();
        for verified in &name.images {
            let layers = &verified.manifest.layers;
            let (object, bundle) = match layers.iter().any(|it| broken.contains(&it.digest)) {
                true => (None, None), // What is wrong was said, and nothing follows from it.
                false => contents(&image.name, verified, layout, report),
            };
            let arch: Option<Arch> = verified.platform.to_string().parse().ok();
            objects.extend(arch.zip(object.as_ref().map(|contents| contents.info.clone())));
            image.platforms.push(PlatformReport {
                platform: verified.platform.to_string(),
                digest: verified.descriptor.digest.to_string(),
                object: object.map(ObjectReport::new),
                bundle: bundle.map(BundleReport::new),
            });
        }
        compare(&image.name, &objects, report);
        report.images.push(image);
    }
}

/// Returns whether a tag, or a full name, is that of something which goes
/// with an image.
fn is_companion(name: &str) -> bool {
    name.rsplit(':').next().is_some_and(Companion::has_tag)
}

/// Finds what goes with an image. What cannot be loaded was reported when the
/// layout was checked.
fn attached(repository: &str, layout: &Layout, image: &Descriptor) -> Vec<Attached> {
    let Ok(artifact) = layout.load(image) else { return Vec::new() };
    let repository = (!repository.is_empty()).then_some(repository);
    let companions = layout.companions(repository, &artifact).unwrap_or_default();
    let attached = companions.iter().map(|companion| Attached {
        kind: companion.kind().to_owned(),
        digest: companion.artifact.digest().to_string(),
    });
    attached.collect()
}

fn about(finding: &Finding) -> String {
    match &finding.digest {
        Some(digest) if !finding.message.contains(&digest.to_string()) => {
            format!("{} ({digest})", finding.message)
        }
        _ => finding.message.clone(),
    }
}

/// Checks one platform's image against the contract. What cannot even be
/// loaded was reported when the layout was checked.
fn contents(
    name: &str,
    verified: &verify::VerifiedImage,
    layout: &Layout,
    report: &mut Report,
) -> (Option<Contents>, Option<Bundle>) {
    let Ok(Artifact::Image(image)) = layout.load(&verified.descriptor) else {
        return (None, None);
    };
    if operator_bundle::is_bundle(&image) {
        return (None, bundle(&format!("{name} {}", verified.platform), &image, report));
    }
    if !is_bytecode(&image) {
        return (None, None);
    }
    let (contents, findings) = inspect(&image);
    for finding in findings {
        let place = format!("{name} {}", verified.platform);
        let problem = Problem::new(place, finding.message);
        match finding.severity {
            Severity::Error => report.problems.push(problem),
            Severity::Warning => report.warnings.push(problem),
        }
    }
    (contents, None)
}

/// Checks a bundle by itself.
fn bundle(place: &str, image: &Image, report: &mut Report) -> Option<Bundle> {
    let (bundle, findings) = match operator_bundle::read(image) {
        Ok(read) => read,
        Err(error) => {
            report.problems.push(Problem::new(place, error.to_string()));
            return None;
        }
    };
    for finding in findings {
        let problem = Problem::new(place, finding.to_string());
        match finding.severity {
            operator_bundle::Severity::Error => report.problems.push(problem),
            operator_bundle::Severity::Warning => report.warnings.push(problem),
        }
    }
    Some(bundle)
}

/// The labels of one platform speak for all.
fn compare(name: &str, objects: &[(Arch, ObjectInfo)], report: &mut Report) {
    let objects: Vec<_> = objects.iter().map(|(arch, info)| (*arch, info)).collect();
    for difference in difference(&objects) {
        let message = format!("the platforms differ: {difference}");
        report.problems.push(Problem::new(name, message));
    }
}

impl ObjectReport {
    fn new(contents: Contents) -> ObjectReport {
        let Contents { file, size, labels, .. } = contents;
        ObjectReport { file, size, programs: labels.programs, maps: labels.maps }
    }
}

impl BundleReport {
    fn new(bundle: Bundle) -> BundleReport {
        let Bundle { package, channels, csv, crds, images } = bundle;
        let mut images: Vec<_> = images.iter().map(|image| image.reference.to_string()).collect();
        images.sort_unstable();
        images.dedup();
        BundleReport {
            package,
            channels,
            csv: csv.as_ref().map(|csv| csv.name.clone()),
            version: csv.map(|csv| csv.version),
            crds: crds.into_iter().map(|crd| (crd.name, crd.versions)).collect(),
            images,
        }
    }

    /// Describes it in a few lines that follow its name.
    fn lines(&self) -> String {
        let crds = self.crds.iter().map(|(name, versions)| {
            let versions = versions.join(",");
            format!("{name}:{versions}")
        });
        let version = self.csv.as_deref().unwrap_or("no version");
        let mut text = format!("\n    operator {version} in {}", self.channels.join(", "));
        for (what, words) in [("defines ", crds.collect()), ("images  ", self.images.clone())] {
            if !words.is_empty() {
                text += &format!("\n    {what} {}", words.join(" "));
            }
        }
        text
    }
}

/// Describes one image in a few lines that fit a terminal.
fn block(image: &ImageReport) -> String {
    let digest: String = image.digest.chars().take("sha256:".len() + 12).collect();
    let mut text = format!("{}  {digest}", image.name);
    let mut platforms: Vec<&PlatformReport> = image.platforms.iter().collect();
    // Platforms of one size, little-endian ones mostly, share a line.
    while let Some(first) = platforms.first().copied() {
        let alike = |other: &&PlatformReport| file_of(other) == file_of(first);
        let names: Vec<_> = platforms
            .iter()
            .copied()
            .filter(alike)
            .map(|p| p.platform.trim_start_matches("linux/"))
            .collect();
        text += &format!("\n    {} for {}", file_of(first), names.join(", "));
        platforms.retain(|other| !alike(other));
    }
    if !image.attached.is_empty() {
        let kinds: Vec<_> = image.attached.iter().map(|attached| attached.kind.as_str()).collect();
        text += &format!("\n    attached {}", kinds.join(", "));
    }
    if let Some(object) = image.platforms.iter().find_map(|platform| platform.object.as_ref()) {
        for (what, map) in [("programs", &object.programs), ("maps    ", &object.maps)] {
            let words: Vec<_> = map.iter().map(|(name, kind)| format!("{name}:{kind}")).collect();
            if !words.is_empty() {
                text += &format!("\n    {what} {}", words.join(" "));
            }
        }
    }
    if let Some(bundle) = image.platforms.iter().find_map(|platform| platform.bundle.as_ref()) {
        text += &bundle.lines();
    }
    text
}

fn file_of(platform: &PlatformReport) -> String {
    match (&platform.object, &platform.bundle) {
        (Some(object), _) => format!("{}, {},", object.file, ui::human_bytes(object.size)),
        (None, Some(_)) => "a bundle of an operator".to_owned(),
        (None, None) => "no bytecode".to_owned(),
    }
}

fn finish(report: Report, cx: &Context<'_>) -> Result<(), Failures> {
    for Problem { place, message, .. } in &report.warnings {
        cx.ui.warn(format_args!("{place}: {message}"));
    }
    let platforms: usize = report.images.iter().map(|image| image.platforms.len()).sum();
    let what = format!(
        "{}, {} in all",
        ui::count(report.images.len(), "image"),
        ui::count(platforms, "platform")
    );
    cx.ui.step("Checked", format_args!("{what}: {}", ui::count(report.problems.len(), "problem")));
    let failures = report.problems.into_iter().map(|Problem { place, message, hint }| {
        let again = || "`cargo xtask build-images` writes anew what is missing or corrupt".into();
        Failure::new(Exit::Failed, format!("{place}: {message}")).hint(hint.unwrap_or_else(again))
    });
    Failures(failures.collect()).or(())
}
