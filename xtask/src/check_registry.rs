//! `check-registry`: whether a registry is ready for the images of the
//! catalogue, and what a maintainer has to do where it is not.

use std::collections::BTreeSet;

use oci::Reference;
use oci::registry::{Client, Intent, Looks};
use serde::Serialize;
use signature::{Facts, Signatures};
use ui::{Exit, Failure, Failures, Format, Table};

use crate::context::Context;
use crate::published::{Image, Published, PublishedArgs};
use crate::together::together;

/// How many images are asked about at once; the client bounds its requests.
const AT_ONCE: usize = 8;

/// Check that the registry is ready for the images
///
/// Asks for each selected image whether its repository is there, whether
/// everybody may pull from it, whether these credentials may push to it, and
/// whether the image under its first tag is signed; and says what a
/// maintainer has to do where the answer is no. The right to push is asked
/// for by opening an upload, which is cancelled; where there is no repository
/// it is not asked for, because some registries would make one. Nothing is
/// pushed. Exits with 1 where anything is left to do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask check-registry
  cargo xtask check-registry bpfman-bytecode/
  cargo xtask check-registry --registry localhost:5000 --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    published: PublishedArgs,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    images: Vec<Row>,
    steps: Vec<Step>,
}

/// What was found of one image.
#[derive(Clone, Serialize)]
struct Row {
    image: String,
    reference: String,
    /// Whether it is meant for those alone who have credentials.
    private: bool,
    exists: Answer,
    public: Answer,
    writable: Answer,
    signed: Answer,
}

/// What a registry says to a question.
#[derive(Clone, Serialize)]
struct Answer {
    answer: Word,
    /// Why not, where that is more than the question.
    why: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Yes,
    No,
    /// It was not asked, or did not say.
    Unknown,
}

impl Answer {
    fn unknown(why: impl ToString) -> Answer {
        Answer { answer: Word::Unknown, why: Some(why.to_string()) }
    }

    /// Takes an error for a no if it says that something is not allowed.
    fn of_error(error: &oci::registry::Error) -> Answer {
        match error.status() {
            Some(401 | 403) => Answer { answer: Word::No, why: Some(error.to_string()) },
            _ => Answer::unknown(error),
        }
    }

    fn cell(&self) -> String {
        let word = match self.answer {
            Word::Yes => "yes",
            Word::No => "no",
            Word::Unknown => "-",
        };
        word.to_owned()
    }

    fn is_no(&self) -> bool {
        self.answer == Word::No
    }
}

impl From<bool> for Answer {
    fn from(is: bool) -> Answer {
        Answer { answer: if is { Word::Yes } else { Word::No }, why: None }
    }
}

/// Something that a maintainer has to do, once for several images.
#[derive(Serialize)]
struct Step {
    what: String,
    images: Vec<String>,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let published = args.published.open(cx)?;
    let rows = together(AT_ONCE, &published.images, |image| row(image, &published));
    let report = Report { schema: 1, steps: steps(&rows), images: rows };
    match cx.ui.format() {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => print(&report, cx)?,
    }
    finish(&report)
}

fn row(image: &Image, published: &Published) -> Row {
    let Published { client, anonymous, .. } = published;
    let reference = &image.references[0];
    let exists = exists(client, reference);
    let ask = |question: &dyn Fn() -> Answer| match exists.is_no() {
        true => Answer::unknown("there is no repository"),
        false => question(),
    };
    Row {
        image: image.image.clone(),
        reference: reference.to_string(),
        private: image.private,
        public: ask(&|| is_public(anonymous, reference)),
        writable: ask(&|| is_writable(client, reference)),
        signed: ask(&|| is_signed(client, reference)),
        exists,
    }
}

/// Who may not even know gets no answer.
fn exists(client: &Client, reference: &Reference) -> Answer {
    client.has_repository(reference).map_or_else(Answer::unknown, Answer::from)
}

/// Strangers are told that they may not read, or that there is nothing.
fn is_public(anonymous: &Client, reference: &Reference) -> Answer {
    let asked = anonymous.has_repository(reference);
    asked.map_or_else(|error| Answer::of_error(&error), Answer::from)
}

fn is_writable(client: &Client, reference: &Reference) -> Answer {
    let intent = Intent { reference: reference.clone(), digest: None };
    let asked = client.preflight(&[intent], &Looks::default()).into_iter().find_map(Result::err);
    asked.map_or(true.into(), |error| Answer::of_error(&error))
}

/// Whoever signed it: `verify-images` knows by whom it must be.
fn is_signed(client: &Client, reference: &Reference) -> Answer {
    let digest = match client.resolve(reference) {
        Ok(Some(found)) => found.digest,
        Ok(None) => return Answer::unknown("nothing is published under this tag"),
        Err(error) => return Answer::unknown(error),
    };
    match Signatures::read(client, reference, digest).map(|signatures| signatures.facts()) {
        Ok(Facts { legacy: 1.., bundles: 1.., .. }) => true.into(),
        Ok(Facts { legacy, bundles, .. }) => Answer {
            answer: Word::No,
            why: Some(format!(
                "it has {} in the old format and {}",
                ui::count(legacy, "signature"),
                ui::count(bundles, "bundle")
            )),
        },
        Err(error) => Answer::unknown(error),
    }
}

/// Returns what is to be done, in the order in which it is done.
fn steps(rows: &[Row]) -> Vec<Step> {
    let step = |is_it: &dyn Fn(&Row) -> bool, what: &str| {
        let images = rows.iter().filter(|row| is_it(row)).map(|row| row.image.clone());
        let images: Vec<_> = images.collect();
        (!images.is_empty()).then(|| Step { what: what.to_owned(), images })
    };
    let all = [
        step(&|row| row.exists.is_no(), "Add the repository to its organization:"),
        step(
            &|row| !row.private && (row.exists.is_no() || row.public.is_no()),
            "Make the repository public, so that everybody can pull:",
        ),
        step(
            &|row| row.private && (row.exists.is_no() || row.public.answer == Word::Yes),
            "Make the repository private, as images.yaml says:",
        ),
        step(
            &|row| row.exists.is_no() || row.writable.is_no(),
            "Give the robot account that pushes (on quay.io `bpfman+github_actions`) the \
             permission Write:",
        ),
        step(
            &|row| row.signed.is_no(),
            "Sign in both formats, with `cargo xtask sign-images ORGANIZATION/NAME`:",
        ),
    ];
    all.into_iter().flatten().collect()
}

fn print(report: &Report, cx: &Context<'_>) -> Result<(), Failure> {
    let mut table = Table::new(&["IMAGE", "EXISTS", "PUBLIC", "WRITABLE", "SIGNED"]);
    for row in &report.images {
        let Row { image, exists, public, writable, signed, .. } = row;
        let answers = [exists, public, writable, signed];
        table.row(std::iter::once(image.clone()).chain(answers.map(Answer::cell)));
        let reasons = answers.into_iter().filter_map(|answer| answer.why.as_ref());
        reasons.for_each(|why| cx.ui.debug(format_args!("{image}: {why}")));
    }
    cx.ui.table(&table)?;
    for Step { what, images } in &report.steps {
        cx.ui.result(format_args!("\n{what}"))?;
        images.iter().try_for_each(|image| cx.ui.result(format_args!("  {image}")))?;
    }
    Ok(())
}

/// Fails where anything is to be done, or the registry did not say.
fn finish(report: &Report) -> Result<(), Failures> {
    let silent = report.images.iter().filter(|row| row.exists.answer == Word::Unknown);
    let silent = silent.map(|row| {
        let why = row.exists.why.clone().unwrap_or_default();
        (row.reference.clone(), Failure::new(Exit::Failed, why))
    });
    let mut failures = Failures(cli::registry::together(silent.collect(), "image", |what| {
        format!("the registry does not say whether it has {what}")
    }));
    let waiting: BTreeSet<_> = report.steps.iter().flat_map(|step| &step.images).collect();
    if !waiting.is_empty() {
        let message =
            format!("{} of {} not ready", waiting.len(), ui::count(report.images.len(), "image"));
        failures.0.push(
            Failure::new(Exit::Failed, message)
                .hint("what is to be done is listed above; docs/publishing.md says who can do it"),
        );
    }
    failures.or(())
}
