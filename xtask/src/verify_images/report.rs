//! What is told of it: a table, the same as Markdown, and JSON.

use std::fmt::Write as _;

use cosign::Format;
use serde::Serialize;
use signature::consumer::RULES;
use signature::{Fault, Verdict};
use ui::{Failure, Table};

use super::check::{Checked, Checker, Proof};
use crate::context::Context;
use crate::published::Subject;

/// The command's JSON.
#[derive(Serialize)]
pub(super) struct Report {
    schema: u32,
    /// What the signatures were checked by: `key` or `identity`.
    checked_by: &'static str,
    required: Vec<&'static str>,
    recursive: bool,
    images: Vec<ImageReport>,
    pub(super) failures: Vec<Failure>,
}

/// One digest of an image.
#[derive(Serialize)]
pub(super) struct ImageReport {
    /// As the catalogue has it.
    image: String,
    references: Vec<String>,
    #[serde(flatten)]
    own: ManifestReport,
    accepted_by: Vec<Acceptance>,
    /// Of what an index lists; absent where that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    children: Option<Vec<ManifestReport>>,
    /// Registry and repository.
    #[serde(skip)]
    repository: String,
}

/// The signatures of one manifest.
#[derive(Serialize)]
struct ManifestReport {
    digest: String,
    legacy: VerdictReport,
    bundle: VerdictReport,
}

/// What checking one format came to.
#[derive(Serialize)]
pub(super) struct VerdictReport {
    /// `verified`, or a reason in one word.
    status: &'static str,
    /// The reason in words.
    reason: Option<String>,
}

/// Whether a program would accept the image.
#[derive(Serialize)]
struct Acceptance {
    consumer: &'static str,
    accepted: bool,
    /// Why not.
    reason: Option<&'static str>,
}

impl VerdictReport {
    fn new(verdict: &Verdict) -> VerdictReport {
        let reason = match verdict {
            Verdict::Verified => None,
            Verdict::Refused(fault) => Some(fault.to_string()),
        };
        VerdictReport { status: verdict.word(), reason }
    }

    pub(super) fn is_verified(&self) -> bool {
        self.reason.is_none()
    }

    pub(super) fn is_missing(&self) -> bool {
        self.status == Fault::Missing.word()
    }

    pub(super) fn reason(&self) -> String {
        self.reason.clone().unwrap_or_default()
    }

    /// Returns it as it stands in a table.
    fn cell(&self) -> &'static str {
        if self.is_verified() { "ok" } else { self.status }
    }
}

impl ManifestReport {
    fn new(checked: &Checked) -> ManifestReport {
        let [legacy, bundle] = [&checked.legacy, &checked.bundle].map(VerdictReport::new);
        ManifestReport { digest: checked.digest.to_string(), legacy, bundle }
    }

    fn verdict(&self, format: Format) -> &VerdictReport {
        match format {
            Format::Legacy => &self.legacy,
            Format::Bundle => &self.bundle,
        }
    }
}

impl ImageReport {
    /// Makes the report of a subject, of its own manifest and then those that
    /// it lists.
    pub(super) fn new(subject: &Subject, manifests: Vec<Checked>, recursive: bool) -> ImageReport {
        let mut reports = manifests.iter().map(ManifestReport::new);
        let own = reports.next().unwrap_or_else(|| unreachable!("a subject has a digest"));
        let accepted = manifests.first().map(|own| own.accepted).into_iter().flatten();
        let accepted_by = RULES.iter().zip(accepted).map(|(rule, accepted)| Acceptance {
            consumer: rule.word,
            accepted: accepted.is_ok(),
            reason: accepted.err(),
        });
        ImageReport {
            image: subject.image.clone(),
            references: subject.references.iter().map(ToString::to_string).collect(),
            own,
            accepted_by: accepted_by.collect(),
            children: recursive.then(|| reports.collect()),
            repository: subject.references[0].name(),
        }
    }

    /// Returns the verdicts of a format: the image's, and those of what it
    /// lists, each with its name.
    pub(super) fn verdicts(&self, format: Format) -> Vec<(String, &VerdictReport)> {
        let children = self.children.iter().flatten();
        let manifests = std::iter::once(&self.own).chain(children);
        let named = |it: &ManifestReport| format!("{}@{}", self.repository, it.digest);
        manifests.map(|it| (named(it), it.verdict(format))).collect()
    }

    /// Returns whether all that is required is verified.
    fn is_fine(&self, required: &[&str]) -> bool {
        let formats = Format::ALL.into_iter().filter(|format| required.contains(&format.word()));
        let mut verdicts = formats.flat_map(|format| self.verdicts(format));
        verdicts.all(|(_, verdict)| verdict.is_verified())
    }

    /// Says of how many of what it lists both formats are verified.
    fn children_cell(&self) -> Option<String> {
        let children = self.children.as_ref()?;
        let is_verified = |it: &&ManifestReport| it.legacy.is_verified() && it.bundle.is_verified();
        let n = children.iter().filter(is_verified).count();
        Some(if children.is_empty() { "none".into() } else { format!("{n}/{}", children.len()) })
    }

    fn accepted_cells(&self) -> impl Iterator<Item = String> {
        self.accepted_by.iter().map(|it| if it.accepted { "yes" } else { "no" }.to_owned())
    }
}

/// How much of a digest tells images apart.
const SHORT: usize = 12;

/// The columns of consumers in the order of [`RULES`]: short, as a terminal
/// is narrow.
const CONSUMERS: [&str; RULES.len()] = ["V0.6", "GO", "COSIGN"];

impl Report {
    pub(super) fn new(
        checker: &Checker,
        required: &[Format],
        images: Vec<ImageReport>,
        failures: Vec<Failure>,
    ) -> Report {
        let checked_by = match checker.proof {
            Proof::Key(_) => "key",
            Proof::Identity(..) => "identity",
        };
        let wanted = |format: &Format| required.contains(format);
        let required = Format::ALL.into_iter().filter(wanted).map(Format::word).collect();
        let recursive = images.iter().any(|image| image.children.is_some());
        Report { schema: 1, checked_by, required, recursive, images, failures }
    }

    /// Says how many images are as they must be.
    pub(super) fn count(&self) -> String {
        let fine = self.images.iter().filter(|image| image.is_fine(&self.required)).count();
        format!("{fine} of {}", ui::count(self.images.len(), "image"))
    }

    pub(super) fn print(&self, cx: &Context<'_>) -> Result<(), Failure> {
        if cx.ui.format() == ui::Format::Json {
            return cx.ui.json(self);
        }
        if self.images.is_empty() {
            return Ok(());
        }
        let children: &[&str] = if self.recursive { &["CHILDREN"] } else { &[] };
        let head = [&["IMAGE", "DIGEST", "LEGACY", "BUNDLE"], children, &CONSUMERS].concat();
        let mut table = Table::new(&head);
        for image in &self.images {
            let digest = image.own.digest.trim_start_matches("sha256:").chars().take(SHORT);
            table.row(image.cells(image.image.clone(), digest.collect()));
        }
        cx.ui.table(&table)?;
        let legend =
            CONSUMERS.iter().zip(&RULES).map(|(head, rule)| format!("{head} {}", rule.name));
        let legend: Vec<_> = legend.collect();
        cx.ui.note(format_args!("\nAccepted by: {}.", legend.join(", ")));
        Ok(())
    }

    /// Returns the table, and what is not as it must be, as Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("### Signatures: {} verified\n\n", self.count());
        let children: &[&str] = if self.recursive { &["children"] } else { &[] };
        let names = RULES.map(|rule| rule.name);
        let head = [&["image", "digest", "legacy", "bundle"], children, &names].concat();
        let _ = writeln!(text, "| {} |\n|{}", head.join(" | "), " --- |".repeat(head.len()));
        for image in &self.images {
            let cells =
                image.cells(format!("`{}`", image.image), format!("`{}`", image.own.digest));
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        if !self.failures.is_empty() {
            text.push('\n');
        }
        for failure in &self.failures {
            let names = failure.detail.lines().map(|line| format!(" `{line}`"));
            let message = markdown_line(&failure.chain.join(": "));
            let _ = writeln!(text, "- {message}{}", names.collect::<String>());
        }
        text + "\n"
    }
}

impl ImageReport {
    fn cells(&self, image: String, digest: String) -> Vec<String> {
        let verdicts = [&self.own.legacy, &self.own.bundle].map(|it| it.cell().to_owned());
        let cells = [image, digest].into_iter().chain(verdicts);
        cells.chain(self.children_cell()).chain(self.accepted_cells()).collect()
    }
}

/// Returns a text on one line, in which nothing is taken for markup.
fn markdown_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('<', "&lt;").replace('|', "\\|")
}
