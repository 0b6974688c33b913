//! Bundles of operators among the images that are built: what is wrong with
//! them is said before anyone installs one.

use oci::{Artifact, Reference};
use operator_bundle::{Finding, Severity};
use ui::{Exit, Failure, Failures};

use crate::context::Context;

/// Checks an image if it is a bundle: by itself, and against `built`, the
/// names of all that is built with it. Warnings are printed; `named` is what
/// messages call the image.
///
/// # Errors
///
/// Fails if the bundle cannot be used, or not be read; with one failure for
/// each reason.
pub(crate) fn check(
    image: &Artifact,
    named: &str,
    built: &[Reference],
    cx: &Context<'_>,
) -> Result<(), Failures> {
    let mut failures = Failures::default();
    let mut said: Vec<Finding> = Vec::new();
    for image in image.images().into_iter().filter(|image| operator_bundle::is_bundle(image)) {
        let (bundle, mut findings) = operator_bundle::read(image).map_err(|error| {
            Failure::from(error).context(format!("failed to read the bundle `{named}`"))
        })?;
        findings.extend(operator_bundle::compare(&bundle, built));
        for finding in findings {
            // All platforms have the same manifests, as a rule.
            if said.contains(&finding) {
                continue;
            }
            said.push(finding.clone());
            match finding.severity {
                Severity::Warning => cx.ui.warn(format_args!("`{named}`: {finding}")),
                Severity::Error => failures.0.push(
                    Failure::new(Exit::Failed, finding.to_string())
                        .context(format!("`{named}` is not a usable bundle")),
                ),
            }
        }
    }
    failures.or(())
}
