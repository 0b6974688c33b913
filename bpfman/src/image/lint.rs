//! `bpfman image lint`: what is wrong with an image or an object, for whom,
//! and how to mend it.

use std::path::Path;

use bpf_arch::{Arch, archs_of_file};
use bytecode_image::{Consumer, Finding, Rule, Severity, lint, lint_object};
use cli::registry::RegistryArgs;
use serde::Serialize;
use ui::{Failure, Failures, Format};

use super::form::FormArgs;
use super::subject::{self, Subject, is_companion};
use super::text::{plain, wrapped};
use crate::context::Context;

/// Check an image, or an object, against all who read such
///
/// Checks what bpfman's two implementations, the libraries that load objects,
/// the kernel and the specification of bytecode images demand. Says for every
/// finding who is affected, and how to mend it.
///
/// Exits with 1 if there are errors; with 0 if there are warnings alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bpfman image lint quay.io/me/pass:latest
  bpfman image lint images
  bpfman image lint oci:images:quay.io/me/pass:latest
  bpfman image lint -o json pass.tar
  bpfman image lint bpf_arm64_bpfel.o
  bpfman image lint --platform linux/s390x pass.o")]
pub(crate) struct Args {
    /// An image of a registry (REFERENCE or docker://REFERENCE), a layout or
    /// a tree of layouts (DIR or oci:DIR[:NAME]), an archive (FILE,
    /// oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME]) or an object
    /// (FILE.o)
    #[arg(value_name = "SUBJECT")]
    subject: String,

    /// What an object is for; unless given, what its name says, if it does
    #[arg(long, value_name = "PLATFORM", value_parser = cli::platform)]
    platform: Option<Arch>,

    #[command(flatten)]
    form: FormArgs,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    errors: usize,
    warnings: usize,
    subjects: Vec<SubjectReport>,
}

/// An image or an object, and what is wrong with it.
#[derive(Serialize)]
struct SubjectReport {
    name: String,
    /// Absent for an object.
    digest: Option<String>,
    findings: Vec<FindingReport>,
}

/// One thing that is wrong, with all platforms where it is.
#[derive(Serialize)]
struct FindingReport {
    id: &'static str,
    severity: Severity,
    message: String,
    /// Empty where it is about the whole.
    platforms: Vec<String>,
    consumers: &'static [Consumer],
    mend: &'static str,
    #[serde(skip)]
    rule: Rule,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let client = args.registries.client(Ok)?;
    let subject = subject::find(&args.subject, &client, cx)?;
    if args.platform.is_some() && !matches!(subject, Subject::Object { .. }) {
        let message = "`--platform` is for an object: an image says what it is for";
        return Err(Failure::usage(message).into());
    }
    let subjects = match subject {
        Subject::Object { path, bytes } => vec![object(&path, &bytes, args.platform)?],
        other => {
            let mut all = other.images(&args.subject)?;
            // Signatures and the like are no images.
            all.retain(|found| !is_companion(found));
            let report = |found: &destination::Found| SubjectReport {
                name: found.label.clone(),
                digest: Some(found.artifact.digest().to_string()),
                findings: together(lint(&found.artifact)),
            };
            all.iter().map(report).collect()
        }
    };
    let count = |severity| {
        let findings = subjects.iter().flat_map(|subject| &subject.findings);
        findings.filter(|finding| finding.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let report = Report { schema: 1, errors, warnings, subjects };
    match args.form.format(cx.ui) {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => {
            let blocks: Vec<_> = report.subjects.iter().filter_map(block).collect();
            if !blocks.is_empty() {
                cx.ui.result(blocks.join("\n\n"))?;
            }
        }
    }
    let name = match report.subjects.as_slice() {
        [one] => format!("`{}`", plain(&one.name)),
        all => ui::count(all.len(), "image"),
    };
    let counts = format!("{}, {}", ui::count(errors, "error"), ui::count(warnings, "warning"));
    match errors {
        0 => {
            cx.ui.step("Checked", format_args!("{name}: {counts}"));
            Ok(())
        }
        _ => Err(Failure::new(ui::Exit::Failed, format!("{name}: {counts}")).into()),
    }
}

/// Checks an object for what it is said to be for, if anything says it.
fn object(path: &Path, bytes: &[u8], arch: Option<Arch>) -> Result<SubjectReport, Failure> {
    let name = path.display().to_string();
    let info = bpf_object::read(bytes)
        .map_err(|error| Failure::from(error).context(format!("`{name}` is no eBPF object")))?;
    let findings = together(lint_object(&info, arch.or_else(|| arch_of(path))));
    Ok(SubjectReport { name, digest: None, findings })
}

/// Returns the architecture that the name of an object says; `None` where it
/// says none, or several that have nothing in common.
fn arch_of(path: &Path) -> Option<Arch> {
    let archs = archs_of_file(path.file_name()?.to_str()?).ok()?;
    let first = *archs.first()?;
    archs.iter().all(|arch| arch.libbpf() == first.libbpf()).then_some(first)
}

/// Puts what is wrong on several platforms in one place.
fn together(findings: Vec<Finding>) -> Vec<FindingReport> {
    let mut reports: Vec<FindingReport> = Vec::new();
    for finding in findings {
        let platform = finding.platform.as_ref().map(ToString::to_string);
        let alike = |report: &&mut FindingReport| {
            report.rule == finding.rule
                && report.message == finding.message
                && report.platforms.is_empty() == platform.is_none()
        };
        match reports.iter_mut().find(alike) {
            Some(report) => report.platforms.extend(platform),
            None => reports.push(FindingReport {
                id: finding.id(),
                severity: finding.severity,
                consumers: finding.consumers(),
                mend: finding.mend(),
                platforms: Vec::from_iter(platform),
                rule: finding.rule,
                message: finding.message,
            }),
        }
    }
    // Errors first; the order of platforms stays.
    reports.sort_by_key(|report| std::cmp::Reverse(report.severity));
    reports
}

/// Returns what is wrong with one image or object, whom it affects and how to
/// mend it; `None` if nothing is.
fn block(subject: &SubjectReport) -> Option<String> {
    if subject.findings.is_empty() {
        return None;
    }
    let mut text = plain(&subject.name);
    for finding in &subject.findings {
        let place = match finding.platforms.as_slice() {
            [] => String::new(),
            platforms => format!(" ({})", platforms.join(", ")),
        };
        let message = plain(&format!("{}: {}{place}", finding.severity, finding.message));
        let consumers: Vec<_> = finding.consumers.iter().map(ToString::to_string).collect();
        text += &format!(
            "\n\n{}\n{}\n{}",
            wrapped("", &message),
            wrapped("    affects  ", &consumers.join(", ")),
            wrapped("    mend     ", finding.mend)
        );
    }
    Some(text)
}
