//! The work: what is about each manifest, read and checked, many at once.

use std::num::NonZeroUsize;

use cli::registry;
use cosign::{Event, Format, Session, Verifier, Verify};
use oci::registry::Client;
use oci::{Digest, Reference, media, spec};
use rayon::prelude::*;
use signature::consumer::{self, Consumer, RULES};
use signature::{Fault, PublicKey, Signatures, Verdict};
use ui::{Exit, Failure};

use crate::context::Context;
use crate::published::Subject;
use crate::together::together;

/// How many manifests are asked about at once where nothing but the registry
/// has work: as many as a client has requests under way.
const REQUESTS: usize = 16;

/// What signatures are checked by.
#[derive(Debug)]
pub(super) enum Proof {
    Key(PublicKey),
    Identity(Box<Session>, Verifier),
}

/// Checks manifests.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) proof: Proof,
    recursive: bool,
    at_once: usize,
}

/// What came of one manifest.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) digest: Digest,
    pub(super) legacy: Verdict,
    pub(super) bundle: Verdict,
    /// What each consumer says, in the order of [`RULES`].
    pub(super) accepted: [Result<(), &'static str>; RULES.len()],
}

impl Checker {
    pub(super) fn new(proof: Proof, recursive: bool, cx: &Context<'_>) -> Checker {
        let at_once = match proof {
            Proof::Key(_) => REQUESTS,
            Proof::Identity(..) => cx.jobs.get(),
        };
        let at_once = cx.typed_jobs.map_or(at_once, NonZeroUsize::get);
        Checker { proof, recursive, at_once }
    }

    /// Checks the manifests of each subject, the subject's own first.
    pub(super) fn check(
        &self,
        client: &Client,
        subjects: &[Subject],
        cx: &Context<'_>,
    ) -> Vec<Result<Vec<Checked>, Failure>> {
        let progress = cx.ui.progress("Verifying", subjects.len());
        let one = |subject: &Subject| {
            let name = subject.pinned();
            let digests = self.digests(client, &name)?;
            // Those of one image wait for each other no more than images do.
            let checked =
                digests.par_iter().map(|digest| self.manifest(client, &name, *digest, cx));
            let checked = checked.collect();
            progress.step(&subject.image);
            checked
        };
        together(self.at_once, subjects, one)
    }

    /// Returns the subject's digest and, where asked, those of what it lists.
    fn digests(&self, client: &Client, name: &Reference) -> Result<Vec<Digest>, Failure> {
        let mut digests: Vec<Digest> = name.digest().into_iter().collect();
        if !self.recursive {
            return Ok(digests);
        }
        let gone = || Failure::new(Exit::Failed, "the registry has no such image any more");
        let manifest = client.manifest(name).map_err(registry::failure)?.ok_or_else(gone)?;
        if media::is_index(&manifest.descriptor().media_type) {
            let bytes = manifest.read(u64::MAX)?;
            let index: spec::Index = serde_json::from_slice(&bytes)
                .map_err(|error| Failure::new(Exit::Failed, format!("its index: {error}")))?;
            for child in index.manifests {
                if !digests.contains(&child.digest) {
                    digests.push(child.digest);
                }
            }
        }
        Ok(digests)
    }

    fn manifest(
        &self,
        client: &Client,
        name: &Reference,
        digest: Digest,
        cx: &Context<'_>,
    ) -> Result<Checked, Failure> {
        if host::interrupted() {
            return Err(Failure::new(Exit::Interrupted, "interrupted"));
        }
        let signatures = Signatures::read(client, name, digest).map_err(registry::failure)?;
        let name = name.with_digest(digest);
        let (legacy, bundle, cosign) = match &self.proof {
            Proof::Key(key) => (
                signatures.legacy(key),
                signatures.bundle(key),
                Consumer::Cosign3.accepts(&signatures, key),
            ),
            Proof::Identity(session, verifier) => {
                let [no_legacy, no_bundle] = signatures.absent();
                let ask = |absent: Option<Fault>, format| match absent {
                    Some(fault) => Ok(Verdict::Refused(fault)),
                    None => ask(client, (session, verifier), (&name, format), cx),
                };
                let legacy = ask(no_legacy, Format::Legacy)?;
                let bundle = ask(no_bundle, Format::Bundle)?;
                let facts = signatures.facts();
                let counts = match facts.bundles + facts.attestations {
                    0 => &legacy,
                    _ => &bundle,
                };
                let cosign =
                    if counts.is_verified() { Ok(()) } else { Err("no signature verifies") };
                (legacy, bundle, cosign)
            }
        };
        let accepted = RULES.map(|rule| match rule.consumer {
            Consumer::BpfmanRust => consumer::bpfman_rust(&signatures),
            Consumer::BpfmanGo => consumer::bpfman_go(&signatures),
            Consumer::Cosign3 => cosign,
        });
        Ok(Checked { digest, legacy, bundle, accepted })
    }
}

/// Asks cosign whether the identity made a signature.
fn ask(
    client: &Client,
    (session, verifier): (&Session, &Verifier),
    (subject, format): (&Reference, Format),
    cx: &Context<'_>,
) -> Result<Verdict, Failure> {
    let access = client.access(subject).map_err(registry::failure)?;
    let verify = Verify { format, attests: None, verifier, subject };
    match session.verify(&verify, &access, &|event| tell(event, cx)) {
        Ok(cosign::Verdict::Good) => Ok(Verdict::Verified),
        Ok(cosign::Verdict::Bad(said)) => Ok(Verdict::Refused(Fault::OtherIdentity(said))),
        Err(error) => Err(crate::signing::failure(error)),
    }
}

fn tell(event: Event<'_>, cx: &Context<'_>) {
    match event {
        Event::Run(cmd) => cx.ui.command(cmd),
        Event::Wait(wait) => {
            let seconds = ui::human_seconds(wait.pause.as_secs_f64());
            cx.ui.step("Waiting", format!("{seconds} for `{}`: {}", wait.what, wait.why));
        }
        _ => {}
    }
}
