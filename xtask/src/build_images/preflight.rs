//! `--preflight`: whether the push would be let in, asked before anything is
//! compiled.

use bpf_build::Workshop;
use oci::Digest;
use oci::registry::{Client, Intent};
use ui::{Failure, Failures};

use super::make::{Assembled, assembled};
use crate::context::Context;
use crate::plan::{Origin, Plan};
use crate::registry;

/// Asks for every image; all refusals come together.
pub(super) fn run(
    plan: &Plan,
    workshop: &Workshop,
    client: &Client,
    cx: &Context<'_>,
) -> Result<(), Failures> {
    let mut failures = Failures::default();
    let mut intents = Vec::new();
    let kept = workshop.kept(&plan.requests, cx.jobs);
    for image in &plan.images {
        // Known without compiling, or taken for changed.
        let digest: Option<Digest> = match &image.origin {
            Origin::Objects { .. } => match assembled(image, &kept) {
                Assembled::Made { index, .. } => Some(index.digest()),
                Assembled::Incomplete | Assembled::Failed(_) => None,
            },
            Origin::Mirror(source) => match client.resolve(source) {
                Ok(Some(found)) => Some(found.digest),
                Ok(None) => {
                    let message = format!("`{}`: there is no `{source}` to copy", image.image);
                    failures.0.push(Failure::new(ui::Exit::Failed, message));
                    continue;
                }
                Err(error) => {
                    let context = format!("`{}` cannot be copied", image.image);
                    failures.0.push(registry::failure(error).context(context));
                    continue;
                }
            },
        };
        let references = image.references.iter().cloned();
        intents.extend(references.map(|reference| Intent { reference, digest }));
    }
    let ends = client.preflight(&intents);
    for (intent, end) in intents.iter().zip(ends) {
        if let Err(error) = end {
            let context = format!("`{}` cannot be pushed", intent.reference);
            failures.0.push(registry::failure(error).context(context));
        }
    }
    if failures.0.is_empty() {
        cx.ui.step(
            "Asked",
            format_args!("for the right to push {}", ui::count(intents.len(), "name")),
        );
    }
    failures.or(())
}
