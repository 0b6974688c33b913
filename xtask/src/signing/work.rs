//! The work: each subject by itself, its formats one after another; what is
//! there is left, what was made is looked for.

use std::time::Duration;

use cli::registry;
use cosign::{Event, Format, Sign};
use oci::registry::{Access, Client};
use oci::{Artifact, Digest, Reference};
use signature::Signatures;
use ui::{Exit, Failure};

use super::report::{How, SignedReport};
use super::{Signing, proof};
use crate::context::Context;
use crate::published::Subject;
use crate::together::together;

/// How often a subject is signed at most: another writer may have put a list
/// into place that it read before.
pub(super) const SIGNINGS: usize = 3;

/// The pauses before a look at what was made: registries take their time.
pub(super) const LOOKS: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(200), Duration::from_millis(1000)];

/// One subject being signed.
pub(super) struct Job<'a> {
    pub(super) signing: &'a Signing,
    pub(super) client: &'a Client,
    pub(super) subject: &'a Subject,
    pub(super) access: Access,
    cx: &'a Context<'a>,
}

/// One manifest of a subject, and what there is of signatures.
struct Manifest {
    name: Reference,
    digest: Digest,
    before: Signatures,
}

/// How many subjects are looked at at once: that is waiting, not work.
const LOOKING: usize = 16;

impl Signing {
    /// Signs subjects, several at once. One's failure does not keep the
    /// others; both come in the order of the subjects.
    pub(crate) fn run(
        &self,
        client: &Client,
        subjects: &[Subject],
        cx: &Context<'_>,
    ) -> (Vec<SignedReport>, Vec<Failure>) {
        let progress = cx.ui.progress("Signing", subjects.len());
        let opened = together(LOOKING, subjects, |subject| {
            let access = client.access(&subject.pinned()).map_err(registry::failure)?;
            let job = Job { signing: self, client, subject, access, cx };
            let manifests = job.manifests()?;
            Ok((job, manifests))
        });
        let pairs: Vec<_> = subjects.iter().zip(opened).collect();
        let outcomes = together(self.at_once.get(), &pairs, |(subject, opened)| {
            let signed = match opened {
                _ if host::interrupted() => {
                    Err(vec![Failure::new(Exit::Interrupted, "interrupted")])
                }
                Ok((job, manifests)) => job.sign(manifests),
                Err(failure) => Err(vec![Failure::clone(failure)]),
            };
            progress.step(&subject.image);
            let context = |failure: Failure| {
                failure.context(format!("failed to sign `{}`", subject.pinned()))
            };
            signed.map_err(|failures| failures.into_iter().map(context).collect::<Vec<_>>())
        });
        let (mut signed, mut failures) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(report) => signed.push(report),
                Err(failed) => failures.extend(failed),
            }
        }
        (signed, failures)
    }
}

impl Job<'_> {
    /// Returns the subject, and what it lists where that is signed too.
    fn manifests(&self) -> Result<Vec<Manifest>, Failure> {
        let subject = self.subject.pinned();
        let mut digests = vec![self.subject.digest];
        if self.signing.recursive {
            let artifact = self.client.pull(&subject, None).map_err(registry::failure)?;
            add_children(&artifact, &mut digests);
        }
        let manifest = |digest: Digest| {
            let name = subject.with_digest(digest);
            Ok(Manifest { before: self.look(digest)?, name, digest })
        };
        digests.into_iter().map(manifest).collect()
    }

    /// Signs what is not signed. That one format fails does not keep the
    /// other.
    fn sign(&self, manifests: &[Manifest]) -> Result<SignedReport, Vec<Failure>> {
        let mut report = SignedReport::new(self.subject, manifests.len());
        let mut failures = Vec::new();
        for format in &self.signing.formats {
            match self.format(*format, manifests) {
                Ok(how) => report.add(*format, how),
                Err(failure) => failures.push(failure),
            }
        }
        if self.signing.attests && failures.is_empty() {
            match self.attest() {
                Ok(done) => done.into_iter().for_each(|(kind, how)| report.attest(kind, how)),
                Err(failure) => failures.push(failure),
            }
        }
        if report.how() == How::Signed {
            let made = report.made();
            self.cx.ui.step("Signed", format_args!("{} ({made})", self.subject.pinned()));
        }
        if failures.is_empty() { Ok(report) } else { Err(failures) }
    }

    pub(super) fn look(&self, digest: Digest) -> Result<Signatures, Failure> {
        Signatures::read(self.client, &self.subject.pinned(), digest).map_err(registry::failure)
    }

    /// Signs what is not signed in a format.
    fn format(&self, format: Format, manifests: &[Manifest]) -> Result<How, Failure> {
        let mut lacking = Vec::new();
        for manifest in manifests {
            let place = (&self.signing.session, &manifest.name, &self.access);
            let proof = &self.signing.proof;
            if !proof.is_given(format, &manifest.before, place, &|event| self.say(event))? {
                lacking.push(manifest);
            }
        }
        if lacking.is_empty() {
            return Ok(How::Already);
        }
        // One call for the whole, unless a part is signed: it would be again.
        if lacking.len() > 1 && lacking.len() == manifests.len() {
            self.call(format, &self.subject.pinned(), true)?;
            lacking =
                self.missing(format, lacking)?.into_iter().map(|(manifest, _)| manifest).collect();
        }
        for manifest in lacking {
            self.until_there(format, manifest)?;
        }
        Ok(How::Signed)
    }

    /// Signs one manifest, and again if the signature is not to be found.
    fn until_there(&self, format: Format, manifest: &Manifest) -> Result<(), Failure> {
        let mut reason = String::new();
        for _ in 0..SIGNINGS {
            self.call(format, &manifest.name, false)?;
            match self.missing(format, vec![manifest])?.pop() {
                None => return Ok(()),
                Some((_, why)) => reason = why,
            }
            let name = &manifest.name;
            self.cx.ui.detail(format_args!("`{name}`: its {} signature is gone", format.word()));
        }
        let message = format!(
            "cosign made a {} signature {SIGNINGS} times, and it is not there: {reason}",
            format.word()
        );
        Err(Failure::new(Exit::Failed, message).hint("does another process sign the same images?"))
    }

    /// Returns what has no signature though it was made, and why.
    fn missing<'m>(
        &self,
        format: Format,
        mut manifests: Vec<&'m Manifest>,
    ) -> Result<Vec<(&'m Manifest, String)>, Failure> {
        let mut missing = Vec::new();
        for pause in LOOKS {
            std::thread::sleep(pause);
            missing.clear();
            for manifest in manifests {
                let now = self.look(manifest.digest)?;
                if let Some(why) = self.signing.proof.lacks(format, &manifest.before, &now) {
                    missing.push((manifest, why));
                }
            }
            if missing.is_empty() {
                break;
            }
            manifests = missing.iter().map(|(manifest, _)| *manifest).collect();
        }
        Ok(missing)
    }

    fn call(&self, format: Format, subject: &Reference, recursive: bool) -> Result<(), Failure> {
        let Signing { session, signer, .. } = self.signing;
        let sign = Sign { format, signer, subject, recursive };
        let signed = session.sign(&sign, &self.access, &|event| self.say(event));
        signed.map_err(|error| {
            proof::failure(error).context(format!("its {} signature was not made", format.word()))
        })
    }

    pub(super) fn say(&self, event: Event<'_>) {
        match event {
            Event::Run(cmd) => self.cx.ui.command(cmd),
            Event::Wait(wait) => {
                let seconds = ui::human_seconds(wait.pause.as_secs_f64());
                let text = format!("{seconds} to sign `{}` again: {}", wait.what, wait.why);
                self.cx.ui.step("Waiting", text);
            }
            _ => {}
        }
    }
}

/// Adds the digests of all that an index lists, and what that lists.
fn add_children(artifact: &Artifact, digests: &mut Vec<Digest>) {
    let Artifact::Index(index) = artifact else { return };
    for child in index.children() {
        if !digests.contains(&child.digest()) {
            digests.push(child.digest());
        }
        add_children(child, digests);
    }
}
