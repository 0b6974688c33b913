//! `--preflight`: whether the push would be let in, asked before anything is
//! compiled.

use bpf_build::Workshop;
use cli::registry;
use oci::Digest;
use oci::registry::{Client, Intent, Looks};
use ui::{Failure, Failures};

use super::make::{Assembled, ELSEWHERE, assembled};
use crate::context::Context;
use crate::plan::{Origin, Plan, Planned};

/// Asks for every image; all refusals come together.
pub(super) fn run(
    plan: &Plan,
    workshop: Option<&Workshop>,
    client: &Client,
    looks: &Looks,
    cx: &Context<'_>,
) -> Result<(), Failures> {
    let mut failures = Failures::default();
    let mut intents = Vec::new();
    let kept = workshop.map(|workshop| workshop.kept(&plan.requests, cx.jobs)).unwrap_or_default();
    for image in &plan.images {
        // Known without compiling, or taken for changed.
        let digest: Option<Digest> = match &image.origin {
            Origin::Objects { .. } => match assembled(image, &kept) {
                Assembled::Made { index, .. } => Some(index.digest()),
                Assembled::Incomplete | Assembled::Failed(_) => None,
            },
            Origin::Containerfile { .. } | Origin::Stored => None,
            Origin::Mirror(source) => match client.resolve(source) {
                Ok(Some(found)) => Some(found.digest),
                Ok(None) => {
                    let reason = format!("there is no `{source}`");
                    failures.0.push(uncopied(image, Failure::new(ui::Exit::Failed, reason)));
                    continue;
                }
                Err(error) => {
                    failures.0.push(uncopied(image, registry::failure(error)));
                    continue;
                }
            },
        };
        let references = image.references.iter().cloned();
        intents.extend(references.map(|reference| Intent { reference, digest }));
    }
    let ends = client.preflight(&intents, looks);
    let failed = intents.iter().zip(ends).filter_map(|(intent, end)| {
        Some((intent.reference.to_string(), registry::failure(end.err()?)))
    });
    let refused =
        registry::together(failed.collect(), "name", |what| format!("{what} cannot be pushed"));
    failures.0.extend(refused);
    if failures.0.is_empty() {
        cx.ui.step(
            "Asked",
            format_args!("for the right to push {}", ui::count(intents.len(), "name")),
        );
    }
    failures.or(())
}

fn uncopied(image: &Planned, reason: Failure) -> Failure {
    reason.context(format!("`{}` cannot be copied", image.image)).hint(ELSEWHERE)
}
