//! `verify-images`: whether what a registry has is signed, by whom it should
//! be, and who would accept that.

mod check;
mod report;
mod who;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cli::{registry, typed};
use cosign::Format;
use host::fs::IoContext;
use ui::{Exit, Failure, Failures};

use crate::context::Context;
use crate::published::PublishedArgs;
use crate::signing::formats;
use report::{ImageReport, Report};
use who::WhoArgs;

/// Verify the signatures of images in a registry
///
/// Looks up the selected images of images.yaml in their registry and checks
/// each digest's signatures in both formats: legacy, the tag `sha256-….sig`
/// that released versions of bpfman look for, and bundle, which refers to the
/// image. Keys are checked by this program, identities by cosign. Also says
/// which programs would accept the image: bpfman v0.6 (Rust), bpfman (Go)
/// and cosign 3. Exits with 1 where a signature that is required is missing
/// or not as it must be.
///
/// Who must have signed is said by `--key` or by the two certificate options;
/// where none is typed, by the variable COSIGN_PUBLIC_KEY, the key itself, or
/// by CERTIFICATE_IDENTITY and CERTIFICATE_OIDC_ISSUER.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask verify-images --key cosign.pub
  cargo xtask verify-images --key env://KEY --require bundle bpfman/
  cargo xtask verify-images --key cosign.pub --recursive --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    published: PublishedArgs,

    #[command(flatten)]
    who: WhoArgs,

    /// Check the images of an index too, not only the index
    #[arg(long)]
    recursive: bool,

    /// The formats that must be there, with commas between
    #[arg(
        long,
        value_name = "FORMAT",
        value_delimiter = ',',
        value_parser = formats(),
        default_value = "legacy,bundle",
        hide_possible_values = true
    )]
    require: Vec<Format>,

    /// Append the table, as Markdown, to this file, such as that of the
    /// variable GITHUB_STEP_SUMMARY
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let started = Instant::now();
    let required = args.require;
    let summary = args.summary.as_deref().map(typed).transpose()?;
    // All that can be wrong with what was typed comes before any request.
    let who = args.who.who()?;
    let published = args.published.open(cx)?;
    let checker = who.open(&required, published.variables.clone(), args.recursive, cx)?;
    let (subjects, mut failures) = published.subjects(cx);
    let outcomes = checker.check(&published.client, &subjects, cx);
    let (mut images, mut unread) = (Vec::new(), Vec::new());
    for (subject, outcome) in subjects.iter().zip(outcomes) {
        match outcome {
            Ok(manifests) => {
                images.push(ImageReport::new(subject, manifests, args.recursive));
            }
            Err(failure) => unread.push((subject.pinned().to_string(), failure)),
        }
    }
    let not_read = |what: &str| format!("failed to read the signatures of {what}");
    failures.extend(registry::together(unread, "image", not_read));
    failures.extend(not_as_required(&images, &required));
    let time = ui::human_seconds(started.elapsed().as_secs_f64());
    let report = Report::new(&checker, &required, images, failures);
    report.print(cx)?;
    cx.ui.step("Verified", format_args!("{} in {time}", report.count()));
    if let Some(file) = summary {
        append(&file, &report.markdown())?;
    }
    Failures(report.failures).or(())
}

/// Names every signature that is required and not verified; those with one
/// reason together.
fn not_as_required(images: &[ImageReport], required: &[Format]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for format in required {
        let mut faulty = Vec::new();
        for image in images {
            for (name, verdict) in image.verdicts(*format) {
                if !verdict.is_verified() {
                    let failure = Failure::new(Exit::Failed, verdict.reason());
                    let failure = match verdict.is_missing() {
                        true => failure.hint("`cargo xtask sign-images` signs what is not signed"),
                        false => failure,
                    };
                    faulty.push((name, failure));
                }
            }
        }
        let say = |what: &str| format!("the {} signature of {what}", format.word());
        failures.extend(registry::together(faulty, "image", say));
    }
    failures
}

fn append(file: &Path, text: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.create(true).append(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.io_context("write", file).map_err(Failure::from)
}
